package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// example is one command of a console block with the output printed under it.
type example struct {
	line   int
	args   []string
	output string
}

// examples extracts every line "$ idarts ..." of the console blocks of a Markdown file.
func examples(text string) []example {
	var found []example
	inside := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			var e example
			e.line = i + 1
			if command, ok := strings.CutPrefix(line, "$ idarts "); ok {
				e.args = words(command)
			}
			found = append(found, e)
		case len(found) > 0:
			found[len(found)-1].output += line + "\n"
		}
	}
	return found
}

// words splits a command line at blanks outside of single quotes.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// numbers differ from machine to machine in an example's output where it says
// seconds, hashes or versions; the rest is compared word by word.
var varying = regexp.MustCompile(`[0-9]+(\.[0-9]+)?( ?s\b| MB| GB)|[0-9a-f]{12,}|idarts \S+`)

// TestReadmeExamples runs the examples of the README, in its order and in one
// folder, and compares what they print. A line "..." in the README stands for
// any lines.
func TestReadmeExamples(t *testing.T) {
	content, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	ran := 0
	for _, e := range examples(string(content)) {
		if e.args == nil {
			continue // make and git: CI runs them
		}
		if testing.Short() && e.args[0] == "run" && !strings.Contains(strings.Join(e.args, " "), "--dry-run") {
			t.Skip("the README's searches take a while")
		}
		if needsReferenceData(e.args) {
			shared := filepath.Join(root, "..", "shared", "data")
			if _, err := os.Stat(shared); err != nil {
				t.Logf("README.md:%d is not run: no reference data beside the checkout", e.line)
				continue
			}
			for i, arg := range e.args {
				if rest, ok := strings.CutPrefix(arg, "NATS-Bench"); ok {
					e.args[i] = filepath.Join(shared, "nats-bench-sample") + rest
				}
			}
		}
		out, text, status := command(t, e.args...)
		ran++
		if status != 0 {
			t.Errorf("README.md:%d: idarts %s: status %d: %s", e.line, strings.Join(e.args, " "), status, text)
			continue
		}
		if !matches(out, e.output) {
			t.Errorf("README.md:%d: idarts %s prints\n%s\nthe README says\n%s", e.line, strings.Join(e.args, " "), out, e.output)
		}
	}
	if ran < 5 {
		t.Errorf("only %d examples ran", ran)
	}
}

// needsReferenceData says whether an example uses the folder NATS-Bench, or the
// table that is made of it.
func needsReferenceData(args []string) bool {
	for _, arg := range args {
		if strings.HasPrefix(arg, "NATS-Bench") || arg == "sample.arrow" {
			return true
		}
	}
	return false
}

// matches compares output with what is documented: blanks count once, varying
// parts not at all, and a documented "..." stands for any lines.
func matches(got, documented string) bool {
	normal := func(s string) string {
		return strings.Join(strings.Fields(varying.ReplaceAllString(s, "#")), " ")
	}
	rest := normal(got)
	parts := strings.Split(normal(documented), "...")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at != 0 {
			return false
		}
		rest = strings.TrimSpace(rest[at+len(part):])
	}
	return rest == "" || strings.HasSuffix(strings.TrimSpace(normal(documented)), "...")
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		got, documented string
		want            bool
	}{
		{"a 1.5 s\nb", "a 2 s\nb\n", true},
		{"a\nb\nc", "a\n...\nc", true},
		{"a\nb\nc", "a\n...", true},
		{"a\nb", "a", false},
		{"a\nb", "b", false},
		{"a 1", "a 2", false},
		{"a\nb\nc", "a\n...\nd", false},
	} {
		if got := matches(tt.got, tt.documented); got != tt.want {
			t.Errorf("matches(%q, %q) = %v", tt.got, tt.documented, got)
		}
	}
}
