package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/nb201"
	"idarts/runners/protocol"
)

// A space brings how its tables are asked in its row.
func TestASpaceBringsItsQuery(t *testing.T) {
	before := protocol.Spaces
	t.Cleanup(func() { protocol.Spaces = before })
	protocol.Spaces = append(slices.Clone(before), protocol.Space{
		Name: "mine", TableFormat: "a table of mine",
		Query: func(q protocol.Question) (string, error) {
			if err := q.Without("all are alike", "split"); err != nil {
				return "", err
			}
			if q.Arch != "abc" {
				return "", fmt.Errorf("mine: no cell %q", q.Arch)
			}
			return fmt.Sprintf("%s in %s after %d epochs\n", q.Arch, q.Table, q.Epochs), nil
		},
	})
	t.Chdir(t.TempDir())
	err := arrowio.Write("mine.arrow", arrowio.Table{
		Rows: 1, Meta: map[string]string{"format": "a table of mine"},
		Columns: []arrowio.Column{{Name: "cell", Values: []string{"abc"}}},
	}, arrowio.Plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args           []string
		stdout, stderr string
	}{
		{[]string{"query", "abc", "--table", "mine.arrow", "--epochs", "3"}, "abc in mine.arrow after 3 epochs\n", ""},
		{[]string{"query", "abc", "--table", "mine.arrow", "--space", "mine", "--epochs", "4"}, "abc in mine.arrow after 4 epochs\n", ""},
		{[]string{"query", "xyz", "--table", "mine.arrow"}, "", "idarts: mine: no cell \"xyz\"\n"},
		{[]string{"query", "abc", "--table", "mine.arrow", "--split", "x"}, "", "idarts: --split has no effect: all are alike\n"},
		{[]string{"query", "abc", "--table", "mine.arrow", "--space", "nb201"}, "", "idarts: --space nb201: \"mine.arrow\" has architectures of [\"mine\"]\n"},
		{[]string{"query", "abc", "--space", "mine"}, "", "idarts: --space mine: without --table only [\"nb201\" \"darts\"] can be asked\n"},
	} {
		stdout, stderr, status := command(t, tt.args...)
		if stdout != tt.stdout || stderr != tt.stderr || (status == 0) != (tt.stderr == "") {
			t.Errorf("%q: status %d, %q, %q; want %q, %q", tt.args, status, stdout, stderr, tt.stdout, tt.stderr)
		}
	}
}

// The official table has several trainings of a network, under different cells; ours has one.
func TestQueryAlike(t *testing.T) {
	dir := originals(t)
	table := filepath.Join(t.TempDir(), "t.arrow")
	if err := nb201.ConvertPublic(dir, table); err != nil {
		t.Fatal(err)
	}
	const cell = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|nor_conv_1x1~1|none~2|" // #284
	const skips = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
	for _, c := range []struct{ args, want string }{
		{cell + " --table " + table + " --protocol everything", "\n  284 cells have this network, and 34 different numbers: mean 72.29 %, sample std 0.35, 71.72 to 73.21\n"},
		{skips + " --table " + table + " --protocol everything", "\n  no other cell has this network\n"},
		{cell + " --protocol everything", "\n  284 cells have this network, and one number\n"},
	} {
		out, text, status := command(t, append([]string{"query", "--alike"}, strings.Fields(c.args)...)...)
		if status != 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s: status %d, %q, %s, want %q", c.args, status, out, text, c.want)
		}
	}
}
