package nb1b1

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"idarts/internal/longtest"
	"idarts/internal/trials"
)

func TestVerify(t *testing.T) {
	_, path := sampleTable(t)
	table, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := table.Verify()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines, "\n")
	if want := []string{"3 of 423624 cells, each with its hash", "the checksums of the columns hold", "NAS-Bench-1Shot1 space 1: 0 of 2685 cells"}; !slices.Equal(lines[:3], want) {
		t.Errorf("first lines %q, want %q", lines[:3], want)
	}
	if len(lines) != 2+len(OneShots)+len(table.Keys()) || strings.Contains(all, "best mean") {
		t.Errorf("lines:\n%s", all)
	}
	test := Key{Epochs: 108, Split: "test"}
	if want := test.String() + ": 25.00 to 75.00 %; 3 trials for 1 cell, 2 trials for 1 cell, none for 1 cell"; !strings.Contains(all, want) {
		t.Errorf("no line %q in\n%s", want, all)
	}

	table.modules[0], table.modules[1] = table.modules[1], table.modules[0]
	copy(table.hashes, append(slices.Clone(table.hashes[16:32]), table.hashes[:16]...))
	if _, err := table.Verify(); err == nil || !strings.Contains(err.Error(), "is not found there by its key") {
		t.Errorf("two cells in each other's row: error = %v", err)
	}
	table.hashes[3] ^= 1
	if _, err := table.Verify(); err == nil || !strings.Contains(err.Error(), "the table says") {
		t.Errorf("another hash: error = %v", err)
	}
	if _, err := newTable("empty", trials.Origin{}).Verify(); err == nil || !strings.Contains(err.Error(), "has no results") {
		t.Errorf("an empty table: error = %v", err)
	}
	for _, tt := range []struct {
		name     string
		accuracy float32
		seconds  float32
		want     string
	}{
		{"an accuracy above 1", 1.5, 1, "train, 4 epochs, repeat 0: accuracy 150, want 0 to 100 percent"},
		{"an accuracy below 0", -0.5, 1, "train, 4 epochs, repeat 0: accuracy -50, want 0 to 100 percent"},
		{"a time below 0", 0.5, -1, "train, 4 epochs, repeat 0: -1 seconds, want a time from 0 on"},
	} {
		table := newTable("new table", trials.Origin{})
		c := cell(t, firstText)
		row := table.add(c, c.Hash(), 1)
		table.set(row, 0, 0, [...]float32{tt.accuracy, 0.5, 0.5, tt.seconds})
		if _, err := table.Verify(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v", tt.name, err)
		}
	}
}

// A table of all cells must have the published best one.
func TestVerifyOfAllCells(t *testing.T) {
	longtest.Needed(t)
	if testing.Short() {
		t.Skip("slow")
	}
	cells := slices.Clone(allCells())
	slices.SortFunc(cells, func(a, b Cell) int { return cmp.Compare(a.Canonical().code(), b.Canonical().code()) })
	table := newTable("new table", trials.Origin{Source: "made up"})
	for i, c := range cells {
		row := table.add(c, c.Hash(), 1)
		v := float32(0.1 + 0.8*float64(i)/Cells)
		table.set(row, 3, 0, [...]float32{v, v, v, float32(math.NaN())})
	}
	test := Key{Epochs: 108, Split: "test"}
	for _, tt := range []struct {
		name string
		best float32
		want string // "": none
	}{
		{"as published", 0.943175752957662, ""},
		{"another best", 0.9432, "the best mean of " + test.String() + " is 94.32000, want 94.31758 as published"},
	} {
		table.set(1000, 3, 0, [...]float32{tt.best, tt.best, tt.best, 1})
		began := time.Now()
		lines, err := table.Verify()
		if tt.want == "" && (err != nil || !strings.Contains(strings.Join(lines, "\n"), "94.3176 %, as published")) {
			t.Errorf("%s: %v, lines\n%s", tt.name, err, strings.Join(lines, "\n"))
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		t.Logf("%s: %d cells verified in %.1f s", tt.name, table.Len(), time.Since(began).Seconds())
	}
}
