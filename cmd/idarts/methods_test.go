package main

import (
	"os"
	"strings"
	"testing"

	"idarts/internal/search"
)

// Every method has a section of its own in docs/methods.md, in the words that it takes:
// what it does, its formula, what it departs from; and a line of the wide list.
func TestMethodsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/methods.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, section := range strings.Split(string(text), "\n### ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		sections[name], _, _ = strings.Cut(body, "\n## ")
	}
	out, text2, status := command(t, "list", "methods", "--wide")
	if status != 0 {
		t.Fatalf("status %d, %s", status, text2)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 1+len(search.Methods) {
		t.Fatalf("%d lines, want a head and one of each of %d methods", len(lines), len(search.Methods))
	}
	for i, m := range search.Methods {
		body, ok := sections[m.Name]
		if !ok || !strings.Contains(body, "\nDeparts: ") || !strings.Contains(body, "\n`") {
			t.Errorf("docs/methods.md has no section %q with a formula and what it departs from", m.Name)
		}
		delete(sections, m.Name)
		if !strings.HasPrefix(lines[1+i], m.Name+" ") || m.Traits.Level == "" || m.Traits.Update == "" || m.Traits.Selection == "" || m.Traits.Cost == "" || m.Note == "" {
			t.Errorf("line %q, traits %+v of %q", lines[1+i], m.Traits, m.Name)
		}
	}
	for name := range sections {
		t.Errorf("docs/methods.md has a section %q, and there is no such method", name)
	}
}
