package nb1b1

import (
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/arrowio"
)

// Columns that say nothing of a result are passed over, whatever they are, and told.
func TestOtherColumnsArePassedOver(t *testing.T) {
	_, path := sampleTable(t)
	a, err := arrowio.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	a.Columns = append(a.Columns, arrowio.Column{Name: "note", Values: make([]string, a.Rows)}, arrowio.Column{Name: "__index_level_0__", Values: make([]int64, a.Rows)})
	content, err := arrowio.Encode(*a, arrowio.Plain)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Decode("t.arrow", content)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := table.Verify()
	if all := strings.Join(lines, "\n"); err != nil || !strings.Contains(all, `column "note" is passed over, it is no result`) {
		t.Errorf("%v in\n%s", err, all)
	}
}

// What cannot work is found before a record is read.
func TestImportLooksFirst(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ name, from, to, want string }{
		{"a folder to write", filepath.Join(dir, "none.tfrecord"), dir, "is a folder, want a file to write"},
		{"a folder to read", dir, filepath.Join(dir, "t.arrow"), "it is a folder, want a TFRecord file"},
	} {
		err := ImportNASBench101(tt.from, tt.to, func(int64, int64) { t.Errorf("%s: a record is read", tt.name) })
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}
