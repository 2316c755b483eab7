package result

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A record is JSON as other tools read it, with a checksum that any change of a value
// breaks and no change of layout does.
func TestChecksumOfARecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	want := map[string]float64{"|a<b>|": 0.1, "c": 2}
	if err := WriteJSON(path, want); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const text = "{\n  \"c\": 2,\n  \"|a<b>|\": 0.1,\n  \"sha256\": \""
	if !strings.HasPrefix(string(content), text) {
		t.Errorf("the record is\n%s\nwant it to begin\n%s", content, text)
	}
	var other map[string]any
	if err := json.Unmarshal(content, &other); err != nil || other["c"] != 2.0 {
		t.Errorf("other tools read %v, %v", other, err)
	}
	for _, tt := range []struct {
		name, old, new string
		fits           bool
	}{
		{"as it was written", "", "", true},
		{"another layout", "\n ", "\r\n\t", true},
		{"the same number", "0.1", "1e-1", true},
		{"another number", "0.1", "0.2", false},
		{"a value more", `"c": 2`, `"c": 2, "d": 0`, false},
		{"a value twice", `"c": 2`, `"c": 2, "c": 3`, false},
		{"no value", `"c": 2,`, "", false},
		{"a checksum in capitals", `"sha256": "`, `"sha256": "A`, false},
		{"a checksum that is no text", `"sha256": "`, `"sha256": 1, "x": "`, false},
		{"no checksum, as before there were any", `"sha256"`, `"x"`, false}, // x is no number
		{"more behind its end", "}\n", "}\n{}", false},
	} {
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), tt.old, tt.new)), 0o644); err != nil {
			t.Fatal(err)
		}
		if tt.old == "" {
			os.WriteFile(path, content, 0o644)
		}
		var got map[string]float64
		err := ReadJSON(path, &got)
		if tt.fits && (err != nil || len(got) != 2 || got["c"] != 2 || got["|a<b>|"] != 0.1) || !tt.fits && !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, %v; want it read: %v", tt.name, got, err, tt.fits)
		}
	}
}

// A bit of each byte of a record that is another gives the same values or an error.
func TestEachByteOfARun(t *testing.T) {
	root := t.TempDir()
	cell := Cell{Space: "s", Dataset: "d", Protocol: "p", Method: "a"}
	finish(t, root, cell, 3)
	dir := cell.Dir(root)
	for _, name := range []string{ConfigFile, EventsFile, ResultFile} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			bit := byte(1) << (i % 8)
			whole[i] ^= bit
			if err := os.WriteFile(path, whole, 0o644); err != nil {
				t.Fatal(err)
			}
			run, err := Read(dir)
			if err == nil && run.Damage() == nil && (run.Result == nil || run.Result.Score.Valid != 3 || run.Events[0].Arch != "<x>" || run.Cell != cell) {
				t.Errorf("%s: bit %b of byte %d changes the run: %+v", name, bit, i, run)
			}
			whole[i] ^= bit
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
