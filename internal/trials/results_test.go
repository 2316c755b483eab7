package trials

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/result"
)

// pair is a toy space of four cells, "aa" to "bb".
type pair string

func (p pair) String() string { return string(p) }

// split is a key of one part.
type split string

func (s split) String() string          { return "split " + string(s) }
func (s split) Compare(other split) int { return cmp.Compare(s, other) }
func (s split) Near(other split) bool   { return s == "" || s[0] == other[0] }
func (s split) Missing() (which string) {
	if s == "" {
		which = "a split"
	}
	return which
}

var (
	nan     = math.NaN()
	toyKind = Kind{Package: "toy", Format: "toy table", Trial: "run"}
	toys    = []pair{"aa", "ab", "ba", "bb"}
)

func toyRow(p pair) (int, error) {
	for row, known := range toys {
		if p == known {
			return row, nil
		}
	}
	return 0, fmt.Errorf("toy: no cell %q", p)
}

// toyTable has all cells, two trials of the first.
func toyTable(t *testing.T) *Results[pair, split] {
	t.Helper()
	r := NewResults[pair, split](toyKind, "toys", Origin{Source: "made up"}, toyRow)
	for _, put := range []struct {
		cell pair
		key  split
		Trial
	}{
		{"ab", "valid", Trial{0, 60, nan, nan, 0}}, {"aa", "valid", Trial{1, 52, 0.5, 7, 0}}, {"aa", "valid", Trial{0, 50, 1.5, 9, 0}},
		{"ba", "valid", Trial{0, 60, nan, nan, 0}}, {"bb", "valid", Trial{0, 40, nan, 3, 0}},
		{"aa", "test", Trial{0, 70, nan, nan, 0}}, {"ab", "test", Trial{0, 71, nan, nan, 0}}, {"ba", "test", Trial{0, 72, nan, nan, 0}}, {"bb", "test", Trial{1, 72, nan, nan, 0}},
	} {
		row, err := toyRow(put.cell)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Put(put.cell, row, put.key, put.Trial); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestQuery(t *testing.T) {
	r := toyTable(t)
	if got := fmt.Sprint(r.Keys(), r.Seeds("valid"), r.Seeds("test"), r.Seeds("none")); got != "[split test split valid] [0 1] [0 1] []" {
		t.Errorf("keys and seeds: %s", got)
	}
	for _, tt := range []struct {
		name  string
		cell  pair
		key   split
		seeds Seeds
		want  string // accuracy, std, loss, seconds, trials; or the error
	}{
		{"two trials by hand: mean 51, std 2/√2", "aa", "valid", All, "{51 1.4142135623730951 1 8 [{0 50 1.5 9 0} {1 52 0.5 7 0}] [] 0}"},
		{"one of two", "aa", "valid", Only(1), "{52 NaN 0.5 7 [{1 52 0.5 7 0}] [] 0}"},
		{"a time without a loss", "bb", "valid", All, "{40 NaN NaN 3 [{0 40 NaN 3 0}] [] 0}"},
		{"no key", "aa", "", All, `toy: "toys" cannot be asked without a split, want one of: split test; split valid`},
		{"another key like one that is there", "aa", "train", All, `toy: "toys" has nothing for split train, want one of: split test`},
		{"another key like none that is there", "aa", "x", All, `toy: "toys" has nothing for split x, want one of: split test; split valid`},
		{"no choice", "aa", "valid", Seeds{}, `toy: "toys" cannot be asked for split valid without runs, want all or some of 0,1`},
		{"no such cell", "cc", "valid", All, `toy: no cell "cc"`},
		{"a trial that is not there", "ab", "valid", Only(0, 1), `toy: "toys" has no run 1 of cell "ab" for split valid, only 0`},
	} {
		a, err := r.Query(tt.cell, tt.key, tt.seeds)
		got := fmt.Sprint(a)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	r.Series("valid", 5).Accuracy = NewColumn(false, 1)
	if _, err := r.Query("aa", "valid", Only(5)); err == nil || !strings.Contains(err.Error(), "has no run 5 of cell") {
		t.Errorf("a run of no cell: %v", err)
	}
}

func TestPut(t *testing.T) {
	for _, tt := range []struct {
		name  string
		trial Trial
		want  string
	}{
		{"the same once more", Trial{0, 50, 1.5, 9, 0}, ""},
		{"the same to 24 bits", Trial{0, 50, 1.5 + 1e-9, 9, 0}, ""},
		{"another accuracy", Trial{0, 50.1, 1.5, 9, 0}, `toy: "toys" has another result for cell "aa", split valid, run 0: {Seed:0 Accuracy:50 Loss:1.5 Seconds:9 OtherNetwork:0}, not {Seed:0 Accuracy:50.1`},
		{"a loss that was known", Trial{0, 50, nan, 9, 0}, "has another result"},
		{"another trial", Trial{7, 50.1, 1.5, 9, 0}, ""},
	} {
		err := toyTable(t).Put("aa", 0, "valid", tt.trial)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Scores by text and the optimum: of the cells with the most trials the best mean, the
// first of equal ones in the order of the space, with the score that its text has.
func TestScores(t *testing.T) {
	asked := 0
	parse := func(s string) (pair, error) { asked++; return pair(s), nil }
	keys := Pair[split]{Valid: "valid", Test: "test", Time: "valid"}
	s := toyTable(t).Scores(keys, parse, func() []pair { return toys })
	got, err := s.Score("aa")
	if want := (result.Scored{Score: result.Score{Valid: 51, Test: 70, Trials: 1}, Seconds: 8}); err != nil || got != want {
		t.Errorf("score %+v, %v, want %+v", got, err, want)
	}
	asked = 0
	best, err := s.Optimum()
	want := result.Optimum{
		Archs: 4, Among: 4,
		BestTest:  result.ArchScore{Arch: "ba", Score: result.Score{Valid: 60, Test: 72, Trials: 1}},
		BestValid: result.ArchScore{Arch: "aa", Score: result.Score{Valid: 51, Test: 70, Trials: 1}}, // of two trials, though others have 60
	}
	if err != nil || best == nil || *best != want || asked != 0 {
		t.Errorf("optimum %+v, %v after %d texts, want %+v without a text", best, err, asked, want)
	}
	if again, err := s.Optimum(); err != nil || again != best {
		t.Errorf("the optimum is found anew: %p, %p, %v", best, again, err)
	}
	more := toyTable(t) // and a second trial by test as well: mean 71, standard deviation √2
	if err := more.Put("aa", 0, "test", Trial{1, 72, nan, nan, 0}); err != nil {
		t.Fatal(err)
	}
	best, err = more.Scores(keys, parse, func() []pair { return toys }).Optimum()
	want.Among, want.BestTest = 1, result.ArchScore{Arch: "aa", Score: result.Score{Valid: 51, Test: 71, Trials: 2, TestSD: math.Sqrt2}, TestSE: 1}
	want.BestValid = want.BestTest
	if err != nil || best == nil || math.Abs(best.BestTest.TestSE-1) > 1e-12 {
		t.Fatalf("optimum %+v, %v, want a standard error of √2/√2", best, err)
	}
	best.BestTest.TestSE, best.BestValid.TestSE = 1, 1
	if *best != want {
		t.Errorf("optimum %+v, want %+v", best, want)
	}
	for name, whole := range map[string]func() []pair{
		"a space that is not listed":  nil,
		"a cell that the table lacks": func() []pair { return append([]pair{"cc"}, toys...) },
	} {
		if best, err := toyTable(t).Scores(keys, parse, whole).Optimum(); best != nil || err != nil {
			t.Errorf("%s: optimum %+v, %v, want none", name, best, err)
		}
	}
	untested := keys
	untested.Test = "train"
	if best, err := toyTable(t).Scores(untested, parse, func() []pair { return toys }).Optimum(); best != nil || err != nil {
		t.Errorf("no such column: optimum %+v, %v, want none", best, err)
	}
	untimed := keys
	untimed.Time = "train"
	if got, err := toyTable(t).Scores(untimed, parse, nil).Score("aa"); err != nil || got.Seconds != 0 {
		t.Errorf("no times: %+v, %v, want 0 seconds", got, err)
	}
}

func TestMeanOfAnUnknownNumber(t *testing.T) {
	for _, tt := range []struct {
		trials []Trial
		want   int
	}{
		{[]Trial{{Seed: MeanOfTrials, Accuracy: 50}}, 0},
		{[]Trial{{Seed: 777, Accuracy: 50}}, 1},
		{[]Trial{{Seed: 777, Accuracy: 50}, {Seed: 888, Accuracy: 51}}, 2},
	} {
		if got := Mean(tt.trials).Count(); got != tt.want {
			t.Errorf("%v: mean of %d, want %d", tt.trials, got, tt.want)
		}
	}
}

func TestSummaries(t *testing.T) {
	cell := func(row int) pair { return toys[row] }
	found, err := toyTable(t).Summaries(len(toys), cell)
	if err != nil || len(found) != 2 {
		t.Fatalf("%v, %v, want two keys", found, err)
	}
	if got, want := found[1].String(), "split valid: 40.00 to 60.00 %; 2 trials for 1 cell, 1 trial for 3 cells"; got != want || found[1].Best != 1 || found[1].BestMean != 60 {
		t.Errorf("%s, best row %d with %v; want %s, row 1 with 60", got, found[1].Best, found[1].BestMean, want)
	}
	for _, tt := range []struct {
		name  string
		trial Trial
		want  string
	}{
		{"an accuracy above 100", Trial{3, 100.5, nan, nan, 0}, `toy: "toys": cell "bb", split valid, run 3: accuracy 100.5, want 0 to 100 percent`},
		{"a loss below 0", Trial{3, 99, -1, nan, 0}, "loss -1, want none below 0"},
		{"a time below 0", Trial{3, 99, nan, -1, 0}, "-1 seconds, want a time from 0 on"},
		{"a mean beside trials", Trial{MeanOfTrials, 99, nan, nan, 0}, `toy: "toys": split valid has means of trials (run -1) beside trials of 2 runs, want either`},
	} {
		r := toyTable(t)
		if err := r.Put("bb", 3, "valid", tt.trial); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Summaries(len(toys), cell); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := toyTable(t).Summaries(0, cell); err == nil || !strings.Contains(err.Error(), `toy: "toys" has no results`) {
		t.Errorf("no rows: error = %v", err)
	}
}

// Columns go to a file and come back when they are asked for, in units, wide or narrow.
func TestColumns(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		c := NewColumn(narrow, 100)
		c.Set(2, 0.5)
		c.Set(0, 0.1)
		c.Set(3, nan)
		third := 100 * 0.1
		if narrow {
			third = 100 * float64(float32(0.1))
		}
		if got := [...]float64{c.At(0), c.At(2)}; got != [...]float64{third, 50} || !math.IsNaN(c.At(1)) || !math.IsNaN(c.At(3)) {
			t.Errorf("narrow %v: %v, %v, %v; want %v, 50 and NaN", narrow, got, c.At(1), c.At(3), third)
		}
		if !c.Is(2, 0.5) || c.Is(2, 0.25) || !c.Is(1, nan) || !c.Is(9, nan) || c.Is(9, 1) {
			t.Errorf("narrow %v: what is there is not told", narrow)
		}
		stored, known := c.Stored("c", map[string]string{"k": "v"}, []int{2, 1, 0, 9}, func(row int) bool { return row > 0 })
		if known != 1 || !stored.Valid.Has(0) || stored.Valid.Has(2) || !reflect.DeepEqual(stored.Meta, map[string]string{"k": "v"}) {
			t.Errorf("narrow %v: %d numbers in %+v, want that of row 2 alone", narrow, known, stored)
		}
		path := filepath.Join(t.TempDir(), "t.arrow")
		whole, _ := c.Stored("c", nil, []int{0, 1, 2}, nil)
		if err := toyKind.Save(path, arrowio.Table{Rows: 3, Meta: toyKind.Meta(Origin{Source: "s"}), Columns: []arrowio.Column{whole}}, arrowio.Plain); err != nil {
			t.Fatal(err)
		}
		back, err := Open(toyKind, path, func(f *arrowio.File) (*Column, error) { return toyKind.StoredColumn(f, 0, Accuracy, narrow, 100) })
		if err != nil || back.read() != nil {
			t.Fatal(err, back.read())
		}
		for row := range 4 {
			if !same(back.At(row), c.At(row)) {
				t.Errorf("narrow %v, row %d: %v read again, want %v", narrow, row, back.At(row), c.At(row))
			}
		}
		_, err = Open(toyKind, path, func(f *arrowio.File) (*Column, error) { return toyKind.StoredColumn(f, 0, Accuracy, !narrow, 100) })
		if err == nil || !strings.Contains(err.Error(), `t.arrow": column "c" has type float`) {
			t.Errorf("narrow %v, wanted otherwise: error = %v", narrow, err)
		}
		if _, err := Open(Kind{Package: "other", Format: "f"}, path, func(*arrowio.File) (int, error) { return 0, nil }); err == nil || !strings.Contains(err.Error(), `has format "toy table", want "f"`) {
			t.Errorf("another format: error = %v", err)
		}
	}
	if _, known := (*Column)(nil).Stored("none", nil, []int{0}, nil); known != 0 || !math.IsNaN((*Column)(nil).At(0)) {
		t.Error("no column knows something")
	}
}

// Trials of another network are left out of means unless they are named, but stay where
// there is nothing else; what is only in part of another network stays and says so.
func TestOtherNetworks(t *testing.T) {
	r := NewResults[pair, split](toyKind, "toys", Origin{Source: "made up"}, toyRow)
	put := func(cell pair, trials ...Trial) {
		row, err := toyRow(cell)
		if err != nil {
			t.Fatal(err)
		}
		for _, trial := range trials {
			if err := r.Put(cell, row, "valid", trial); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("aa", Trial{0, 50, nan, nan, 0}, Trial{1, 80, nan, nan, 1}, Trial{2, 52, nan, nan, 0})
	put("ab", Trial{0, 60, nan, nan, 1}, Trial{1, 70, nan, nan, 1})
	put("ba", Trial{0, 40, nan, nan, 0.5}, Trial{1, 42, nan, nan, 0.5})
	for _, tt := range []struct {
		cell         pair
		seeds        Seeds
		mean, others float64
		n, leftOut   int
	}{
		{"aa", All, 51, 0, 2, 1}, {"aa", Only(0, 1), 65, 0.5, 2, 0}, {"ab", All, 65, 1, 2, 0}, {"ba", All, 41, 0.5, 2, 0},
	} {
		a, err := r.Query(tt.cell, "valid", tt.seeds)
		if err != nil || a.Accuracy != tt.mean || a.OtherNetwork != tt.others || a.Count() != tt.n || len(a.LeftOut) != tt.leftOut {
			t.Errorf("%s, %s: %+v, %v, want %+v", tt.cell, tt.seeds, a, err, tt)
		}
		if tt.seeds.all {
			row, _ := toyRow(tt.cell)
			if mean, n := meanAccuracy(r.byKey["valid"], row); mean != tt.mean || n != tt.n {
				t.Errorf("%s: mean of a summary %v of %d, want %v of %d", tt.cell, mean, n, tt.mean, tt.n)
			}
		}
	}
	if err := r.Put("aa", 0, "valid", Trial{0, 50, nan, nan, 1}); err == nil {
		t.Error("a trial that is now of another network gives no error")
	}
	if err := (Trial{0, 50, nan, nan, 1.5}).Check(); err == nil {
		t.Error("a share above 1 gives no error")
	}
}
