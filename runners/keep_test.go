package runners

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// What is saved is loaded; a file where the folder should be is set aside; a folder that
// cannot be made is told of and stops nothing.
func TestModelFolder(t *testing.T) {
	var notes []string
	out := t.TempDir()
	if err := os.WriteFile(filepath.Join(out, modelsDir), []byte("in the way"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := modelFolder{out, func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }}
	if m.Load("a") != nil {
		t.Error("something was loaded before it was saved")
	}
	m.Save("a", []byte("weights"))
	if !bytes.Equal(m.Load("a"), []byte("weights")) {
		t.Errorf("loaded %q", m.Load("a"))
	}
	if _, err := os.Stat(filepath.Join(out, modelsDir+".aside-1")); err != nil || len(notes) != 1 {
		t.Errorf("the file is not set aside: %v, %q", err, notes)
	}
	m.out = filepath.Join(out, modelsDir, "a") // a file
	m.Save("b", nil)
	if len(notes) != 2 {
		t.Errorf("notes %q, want one of the model that is not kept", notes)
	}
}
