package nb201

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/trials"
)

var (
	nan        = math.NaN()
	localValid = Key{"fashion16", "fashion16-train", "valid", 8, ""}
	localTest  = Key{"fashion16", "fashion16-train", "test", 8, ""}
)

// local is a table as the runners keep it: three cells, two trials, one missing.
func local(t testing.TB) []Record {
	return []Record{
		{cell(t, cell0), localValid, 0, 80.5, 0.5, nan, 0},
		{cell(t, cell0), localTest, 0, 79.5, 0.625, nan, 0},
		{cell(t, cell0), localValid, 1, 81.5, nan, nan, 0},
		{cell(t, cell0), localTest, 1, 80, 0.5, nan, 0},
		{cell(t, cell11), localValid, 1, 90, 0.25, nan, 0},
		{cell(t, cell11), localTest, 1, 89, 0.25, nan, 0},
		{cell(t, cell284), localValid, 0, 10, 2.5, nan, 0},
	}
}

func saveLocal(t testing.TB) string {
	t.Helper()
	table := NewTable(trials.Origin{Source: "trained here", Licence: "none", SHA256: "ab", Training: "laptop"})
	if err := table.Append(local(t)...); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "local.arrow")
	if err := table.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// recordsOf is all that a table holds.
func recordsOf(t testing.TB, table *Table) []Record {
	t.Helper()
	records, err := table.Records()
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestQuery(t *testing.T) {
	table, err := Open(saveLocal(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := (trials.Origin{Source: "trained here", Licence: "none", SHA256: "ab", Training: "laptop"}); table.Origin != want {
		t.Errorf("origin = %+v, want %+v", table.Origin, want)
	}
	a, err := table.Query(cell(t, cell0), localTest, trials.All)
	if err != nil {
		t.Fatal(err)
	}
	// mean of 79.5 and 80; sample deviation 0.5/sqrt(2)
	if a.Accuracy != 79.75 || math.Abs(a.Std-0.5/math.Sqrt2) > 1e-15 || a.Loss != 0.5625 || !math.IsNaN(a.Seconds) {
		t.Errorf("answer = %+v", a)
	}
	if len(a.Trials) != 2 || a.Trials[0].Seed != 0 || a.Trials[0].Accuracy != 79.5 || a.Trials[1].Seed != 1 || a.Trials[1].Loss != 0.5 {
		t.Errorf("trials = %+v", a.Trials)
	}
	if a, err := table.Query(cell(t, cell0), localValid, trials.All); err != nil || a.Accuracy != 81 || !math.IsNaN(a.Loss) {
		t.Errorf("a loss that is not known for one trial: %+v, %v", a, err)
	}
	if a, err := table.Query(cell(t, cell11), localValid, trials.All); err != nil || a.Accuracy != 90 || !math.IsNaN(a.Std) || len(a.Trials) != 1 || a.Trials[0].Seed != 1 {
		t.Errorf("one trial of two: %+v, %v", a, err)
	}
	with := func(change func(*Key)) Key { k := localTest; change(&k); return k }
	for _, tt := range []struct {
		name string
		cell string
		key  Key
		want string
	}{
		{"no key at all", cell0, Key{}, `cannot be asked without a dataset, want one of: fashion16 trained on fashion16-train, test, 8 epochs; fashion16 trained on fashion16-train, valid, 8 epochs`},
		{"no split", cell0, with(func(k *Key) { k.Split = "" }), "cannot be asked without a split, want one of: fashion16 trained"},
		{"no epochs", cell0, with(func(k *Key) { k.Epochs = 0 }), "cannot be asked without the number of epochs, want one of"},
		{"no training set", cell0, with(func(k *Key) { k.TrainedOn = "" }), "cannot be asked without the set it was trained on"},
		{"another length", cell0, with(func(k *Key) { k.Epochs = 200 }), "has nothing for fashion16 trained on fashion16-train, test, 200 epochs, want one of: fashion16 trained"},
		{"another dataset", cell0, with(func(k *Key) { k.Dataset = "cifar10" }), "has nothing for cifar10 trained on fashion16-train, test, 8 epochs, want one of: fashion16"},
		{"a cell that was never trained", "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", localTest, `does not list cell "|none~0|+`},
		{"a cell without that split", cell284, localTest, `has no trained network of cell "|skip_connect~0|`},
	} {
		_, err := table.Query(cell(t, tt.cell), tt.key, trials.All)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `local.arrow"`) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	for _, tt := range []struct {
		name  string
		cell  string
		seeds trials.Seeds
		mean  float64
		want  string // of the error
	}{
		{"all that there are", cell0, trials.All, 81, ""},
		{"all where one is missing", cell11, trials.All, 90, ""},
		{"one of two", cell0, trials.Only(1), 81.5, ""},
		{"both, named", cell0, trials.Only(1, 0), 81, ""},
		{"no choice", cell0, trials.Seeds{}, 0, "cannot be asked for fashion16 trained on fashion16-train, valid, 8 epochs without seeds, want all or some of 0,1"},
		{"a seed that this cell lacks", cell11, trials.Only(0), 0, `has no seed 0 of cell "` + cell11 + `" for fashion16 trained on fashion16-train, valid, 8 epochs, only 1`},
		{"a seed that is nowhere", cell0, trials.Only(0, 777, 1, 888), 0, "has no seed 777,888 of cell"},
	} {
		a, err := table.Query(cell(t, tt.cell), localValid, tt.seeds)
		if tt.want == "" && (err != nil || a.Accuracy != tt.mean || tt.seeds.Len() > 0 && len(a.Trials) != tt.seeds.Len()) {
			t.Errorf("seeds, %s: %+v, %v, want %v", tt.name, a, err, tt.mean)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `local.arrow"`)) {
			t.Errorf("seeds, %s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := table.Query(Cell{9}, localTest, trials.All); err == nil || !strings.Contains(err.Error(), "Op(9)") {
		t.Errorf("a cell with op 9: error = %v", err)
	}
	if _, err := table.OfficialIndex(cell(t, cell0)); err == nil || !strings.Contains(err.Error(), "benchmark's order") {
		t.Errorf("official index of a local table: error = %v", err)
	}
}

func TestAppend(t *testing.T) {
	table := NewTable(trials.Origin{Training: "laptop"})
	if err := table.Append(local(t)...); err != nil {
		t.Fatal(err)
	}
	if err := table.Append(local(t)...); err != nil || len(recordsOf(t, table)) != len(local(t)) {
		t.Errorf("the same once more: %v, %d records", err, len(recordsOf(t, table)))
	}
	good := local(t)[0]
	for _, tt := range []struct {
		name   string
		change func(*Record)
		want   string
	}{
		{"another accuracy", func(r *Record) { r.Accuracy = 80.6 }, "has another result for cell"},
		{"another loss", func(r *Record) { r.Loss = nan }, "has another result for cell"},
		{"no accuracy", func(r *Record) { r.Seed, r.Accuracy = 7, nan }, "accuracy NaN, want 0 to 100"},
		{"too much accuracy", func(r *Record) { r.Seed, r.Accuracy = 7, 100.1 }, "accuracy 100.1, want 0 to 100"},
		{"no split", func(r *Record) { r.Split = "" }, "lacks a split"},
		{"no cell", func(r *Record) { r.Cell[2] = 5 }, "is not a cell"},
	} {
		r := good
		tt.change(&r)
		if err := table.Append(r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	other := NewTable(trials.Origin{Training: "laptop"})
	if err := other.Append(Record{cell(t, cell11), localValid, 5, 50, 1, nan, 0}); err != nil {
		t.Fatal(err)
	}
	if err := other.Merge(table); err != nil || len(recordsOf(t, other)) != len(local(t))+1 {
		t.Errorf("merge: %v, %d records", err, len(recordsOf(t, other)))
	}
	if err := NewTable(trials.Origin{Training: "paper"}).Merge(table); err == nil || !strings.Contains(err.Error(), `its protocol is "laptop", want "paper"`) {
		t.Errorf("merge of two protocols: error = %v", err)
	}
}

func TestReadings(t *testing.T) {
	for i, r := range Readings {
		if len(r.Questions) != 6 || !r.Seeds.Chosen() || r.About == "" {
			t.Errorf("reading %q has %d questions, seeds %q", r.Name, len(r.Questions), r.Seeds)
		}
		for _, q := range r.Questions {
			if q.Key.Missing() != "" || q.Key.Epochs != []int{200, 12}[i] || !strings.HasPrefix(q.Name, q.Key.Dataset+" ") {
				t.Errorf("%s: %s = %v", r.Name, q.Name, q.Key)
			}
		}
	}
	for i, want := range map[int]trials.Question[Key]{
		0: {Name: "cifar10 valid", Key: Key{"cifar10", "cifar10-valid", "x-valid", 200, ""}},
		1: {Name: "cifar10 test", Key: Key{"cifar10", "cifar10", "ori-test", 200, ""}},
	} {
		if Papers[i] != want {
			t.Errorf("question %d of the papers is %v, want %v", i, Papers[i], want)
		}
	}
}
