package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/result"
)

// What is not as a run left it is named, and the rest is shown, with status 1; times
// count where times are shown.
func TestReadersNameWhatIsLeftOut(t *testing.T) {
	cell := func(seed uint64) result.Cell {
		return result.Cell{Space: "nb201", Dataset: "cifar10", Method: "idarts", Protocol: "paper", Seed: seed}
	}
	table, timing, status, figure := []string{"table", "--format", "csv"}, []string{"table", "--timing"}, []string{"status"}, []string{"figure"}
	for _, tt := range []struct {
		name   string
		damage func(root string) error
		named  string // on stderr
		fails  [][]string
		passes [][]string
	}{
		{"nothing", func(string) error { return nil }, "", nil, [][]string{table, timing, status, figure}},
		{"a cut result", func(root string) error { return os.Truncate(filepath.Join(cell(1).Dir(root), result.ResultFile), 30) },
			"left out: result: ", [][]string{table, timing, status, figure}, nil},
		{"a copy", func(root string) error { return os.CopyFS(filepath.Join(root, "copy"), os.DirFS(cell(1).Dir(root))) },
			`copy": it is the run nb201/cifar10/paper/idarts/seed-1`, [][]string{table, timing, status, figure}, nil},
		{"times", func(root string) error {
			return os.WriteFile(filepath.Join(cell(1).Dir(root), result.TimingFile), []byte("{"), 0o644)
		}, "timing.json", [][]string{timing, figure}, [][]string{table, status}},
	} {
		root := t.TempDir()
		for seed := range uint64(3) {
			writeRun(t, root, cell(seed))
		}
		if err := tt.damage(root); err != nil {
			t.Fatal(err)
		}
		for want, commands := range map[int][][]string{0: tt.passes, 1: tt.fails} {
			for _, args := range commands {
				out, text, status := command(t, append(args, "--out", root)...)
				if status != want || out == "" || !strings.Contains(text, tt.named) || (tt.named == "") != (text == "") {
					t.Errorf("%s: %q: status %d, stdout %.80q, stderr %q; want %d and %q", tt.name, args, status, out, text, want, tt.named)
				}
			}
		}
	}
}

// Readers follow a link given as the output folder, as run does.
func TestOutIsALink(t *testing.T) {
	root, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	writeRun(t, root, result.Cell{Space: "nb201", Dataset: "cifar10", Method: "idarts", Protocol: "paper"})
	if err := os.Symlink(root, link); err != nil {
		t.Skip(err)
	}
	for _, args := range [][]string{{"table"}, {"status"}, {"figure"}} {
		want, _, _ := command(t, append(args, "--out", root)...)
		got, text, status := command(t, append(args, "--out", link)...)
		if status != 0 || strings.ReplaceAll(got, link, root) != want {
			t.Errorf("%q: status %d, %q, stdout\n%swant\n%s", args, status, text, got, want)
		}
	}
}
