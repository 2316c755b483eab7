package durable

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSetAside(t *testing.T) {
	root := t.TempDir()
	write := func(path, content string) {
		if err := WriteBytes(filepath.Join(root, path), []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"a.aside-1", "a.aside-2"} {
		write("a", want)
		to, err := SetAside(filepath.Join(root, "a"))
		if content, _ := os.ReadFile(to); err != nil || filepath.Base(to) != want || string(content) != want {
			t.Errorf("set aside as %q with %q, %v; want %q", to, content, err, want)
		}
	}
	for _, want := range []string{"d.aside-1", "d.aside-2"} {
		write("d/.lock", "")
		write("d/x", want)
		to, err := SetContentsAside(filepath.Join(root, "d"))
		if content, _ := os.ReadFile(filepath.Join(to, "x")); err != nil || filepath.Base(to) != want || string(content) != want {
			t.Errorf("set aside as %q with %q, %v; want %q", to, content, err, want)
		}
		if left, _ := os.ReadDir(filepath.Join(root, "d")); len(left) != 1 || left[0].Name() != ".lock" {
			t.Errorf("%v is left, want the lock", left)
		}
	}
	if _, err := SetAside(filepath.Join(root, "none")); err == nil {
		t.Error("what is not there was set aside")
	}
	entries, _ := os.ReadDir(root)
	var aside []string
	for _, e := range entries {
		if IsAside(e.Name()) {
			aside = append(aside, e.Name())
		}
	}
	if want := []string{"a.aside-1", "a.aside-2", "d.aside-1", "d.aside-2"}; !slices.Equal(aside, want) {
		t.Errorf("%q are aside, want %q", aside, want)
	}
	if IsAside("aside-1") || IsAside("x.aside-") || IsAside("x.aside-1.json") {
		t.Error("other names are taken for what was set aside")
	}
}
