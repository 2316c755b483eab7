package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/arrowio"
)

// A part of a benchmark is called one, when it is imported and when it is verified.
func TestImportOfAPart(t *testing.T) {
	sample, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "data", "nats-bench-sample"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(sample); err != nil {
		t.Skip("reference data is not here")
	}
	t.Chdir(t.TempDir())
	out, text, status := command(t, "data", "import", "nats-bench", sample, "part.arrow")
	if want := "part.arrow: 3 of 15625 records, 165 measurements\n"; status != 0 || out != want {
		t.Errorf("status %d, %q, want %q", status, out, want)
	}
	if want := "warning: 15622 cells have no results, since their records are not in "; !strings.HasPrefix(text, want) || strings.Count(text, "\n") != 1 {
		t.Errorf("stderr is %q, want one line with %q", text, want)
	}
	out, _, status = command(t, "data", "verify", "part.arrow")
	for _, want := range []string{"ok  results of 3 of the 15625 cells: a part of the benchmark\n", "ok  the checksums of the columns hold\n"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, no line %q in\n%s", status, want, out)
		}
	}

	// Another program adds a column and takes the checksums away; then a number is wrong.
	file, err := arrowio.Read("part.arrow")
	if err != nil {
		t.Fatal(err)
	}
	file.Sealed = false
	file.Columns = append(file.Columns, arrowio.Column{Name: "note", Values: make([]string, file.Rows)})
	if err := arrowio.Write("note.arrow", *file, arrowio.Zstd); err != nil {
		t.Fatal(err)
	}
	out, _, status = command(t, "data", "verify", "note.arrow")
	for _, want := range []string{`column "note" is passed over, it is no result`, "no checksums inside: damage to single numbers cannot be seen"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, no line %q in\n%s", status, want, out)
		}
	}
	const column = "cifar10/cifar10/ori-test/200/777/accuracy/NATS-Bench v1.0"
	c, err := file.Find(column)
	if err != nil {
		t.Fatal(err)
	}
	c.Values.([]float64)[0] = 194.5
	if err := arrowio.Write("wrong.arrow", *file, arrowio.Plain); err != nil {
		t.Fatal(err)
	}
	ask := strings.Fields(someCell + " --table wrong.arrow --dataset cifar10 --trained-on cifar10 --split ori-test --epochs 200 --seeds all")
	out, text, status = command(t, append([]string{"query"}, ask...)...)
	if want := `column "` + column + `": row 0: accuracy 194.5, want 0 to 100 percent`; status == 0 || out != "" || !strings.Contains(text, want) {
		t.Errorf("status %d, stdout %q, stderr %q, want %q", status, out, text, want)
	}
}
