package nb201

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/trials"
)

var (
	nan        = math.NaN()
	localValid = Key{"fashion16", "fashion16-train", "valid", 8}
	localTest  = Key{"fashion16", "fashion16-train", "test", 8}
)

// local is a table as the runners keep it: three cells, two trials, one missing.
func local(t testing.TB) []Record {
	return []Record{
		{cell(t, cell0), localValid, 0, 80.5, 0.5, nan},
		{cell(t, cell0), localTest, 0, 79.5, 0.625, nan},
		{cell(t, cell0), localValid, 1, 81.5, nan, nan},
		{cell(t, cell0), localTest, 1, 80, 0.5, nan},
		{cell(t, cell11), localValid, 1, 90, 0.25, nan},
		{cell(t, cell11), localTest, 1, 89, 0.25, nan},
		{cell(t, cell284), localValid, 0, 10, 2.5, nan},
	}
}

func saveLocal(t testing.TB) string {
	t.Helper()
	table := NewTable(Origin{Source: "trained here", Licence: "none", SHA256: "ab", Protocol: "laptop"})
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
	if want := (Origin{Source: "trained here", Licence: "none", SHA256: "ab", Protocol: "laptop"}); table.Origin != want {
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

// A series without any accuracy, which no file of ours has, is refused; a loss of a
// single network without one is no measurement and is not written.
func TestLossWithoutAccuracy(t *testing.T) {
	for _, tt := range []struct {
		name string
		left arrowio.Bitmap // of the accuracies of 3 cells
		want int            // records
		err  string
	}{
		{"of all networks", arrowio.Bitmap{0}, 0, `"odd.arrow" has no accuracy for fashion16 trained on fashion16-train, valid, 8 epochs, seed 0`},
		{"of one network of two", arrowio.Bitmap{1}, len(local(t)) - 1, ""},
	} {
		file, err := arrowio.Read(saveLocal(t))
		if err != nil {
			t.Fatal(err)
		}
		c, err := file.Find("fashion16/fashion16-train/valid/8/0/accuracy")
		if err != nil {
			t.Fatal(err)
		}
		c.Valid = tt.left
		content, err := arrowio.Encode(*file, arrowio.Plain)
		if err != nil {
			t.Fatal(err)
		}
		table, err := Decode("odd.arrow", content)
		if err != nil {
			t.Fatal(err)
		}
		records, err := table.Records()
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error = %v, want %q", tt.name, err, tt.err)
			}
			continue
		}
		out, _ := table.file()
		loss, err2 := out.Find("fashion16/fashion16-train/valid/8/0/loss")
		if err != nil || err2 != nil || len(records) != tt.want {
			t.Fatalf("%s: %d records, %v, %v, want %d", tt.name, len(records), err, err2, tt.want)
		}
		known := 0
		for row := range out.Rows {
			if loss.Valid.Has(row) {
				known++
			}
		}
		if known != 1 {
			t.Errorf("%s: %d losses are written, want 1", tt.name, known)
		}
	}
}

// What is left for later is an error when it is not there any more.
func TestFileThatShrinks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	made := newOfficial(Origin{Source: "synthetic"}, All())
	fill(made, localTest, 777, r)
	path := filepath.Join(t.TempDir(), "shrinks.arrow")
	if err := made.Save(path); err != nil {
		t.Fatal(err)
	}
	table, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	_, asked := table.Query(FromIndex(7), localTest, trials.All)
	_, listed := table.Records()
	appended := table.Append(Record{Cell: FromIndex(7), Key: localValid, Seed: 1, Accuracy: 50})
	for what, err := range map[string]error{"query": asked, "records": listed, "append": appended, "save": table.Save(path + ".again"), "merge": NewTable(made.Origin).Merge(table)} {
		if err == nil || !strings.Contains(err.Error(), `shrinks.arrow" is damaged: column "fashion16/`) || !strings.Contains(err.Error(), "has become shorter") {
			t.Errorf("%s: error = %v", what, err)
		}
	}
	if _, err := os.Stat(path + ".again"); err == nil {
		t.Error("a table that could not be read was saved")
	}
}

// The bytes do not depend on the order of appending, nor on how often the file
// was read and written.
func TestBytesDoNotDependOnOrder(t *testing.T) {
	dir := t.TempDir()
	want, err := os.ReadFile(saveLocal(t))
	if err != nil {
		t.Fatal(err)
	}
	records := local(t)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 20 {
		r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		path := filepath.Join(dir, fmt.Sprint(i))
		table := NewTable(Origin{Source: "trained here", Licence: "none", SHA256: "ab", Protocol: "laptop"})
		for _, rec := range records { // one training after another, each saved
			if err := table.Append(rec); err != nil {
				t.Fatal(err)
			}
			if err := table.Save(path); err != nil {
				t.Fatal(err)
			}
			if table, err = Open(path); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("order %v gave other bytes (%v)", records, err)
		}
	}
}

func TestAppend(t *testing.T) {
	table := NewTable(Origin{Protocol: "laptop"})
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
	other := NewTable(Origin{Protocol: "laptop"})
	if err := other.Append(Record{cell(t, cell11), localValid, 5, 50, 1, nan}); err != nil {
		t.Fatal(err)
	}
	if err := other.Merge(table); err != nil || len(recordsOf(t, other)) != len(local(t))+1 {
		t.Errorf("merge: %v, %d records", err, len(recordsOf(t, other)))
	}
	if err := NewTable(Origin{Protocol: "paper"}).Merge(table); err == nil || !strings.Contains(err.Error(), `its protocol is "laptop", want "paper"`) {
		t.Errorf("merge of two protocols: error = %v", err)
	}
}

func TestWrongFiles(t *testing.T) {
	path := saveLocal(t)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range content {
		if _, err := Decode("cut.arrow", content[:n]); err == nil || !strings.Contains(err.Error(), `"cut.arrow"`) {
			t.Fatalf("first %d of %d bytes: error = %v", n, len(content), err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no.arrow")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `no.arrow"`) {
		t.Errorf("no file: error = %v", err)
	}
	for _, tt := range []struct {
		name   string
		change func(*arrowio.Table)
		want   string
	}{
		{"another format", func(a *arrowio.Table) { a.Meta["format"] = "x" }, `has format "x", want "idarts nb201 table, version 1"`},
		{"no cells", func(a *arrowio.Table) { a.Columns[0].Name = "arch" }, `has no column "cell", only ["arch"`},
		{"cells as numbers", func(a *arrowio.Table) { a.Columns[0].Values = make([]int32, a.Rows) }, `column "cell" has type int32, want dictionary`},
		{"a wrong cell", func(a *arrowio.Table) { a.Columns[0].Values.([]string)[1] = "|none~0|" }, `row 1: nb201: cell "|none~0|" has 1 nodes`},
		{"a cell twice", func(a *arrowio.Table) {
			a.Columns[0].Values.([]string)[1] = a.Columns[0].Values.([]string)[0]
		}, `lists cell "`},
		{"an official table that lacks cells", func(a *arrowio.Table) { a.Meta["order"] = "official" }, `lists 3 cells in official order, want 15625`},
		{"accuracies as text", func(a *arrowio.Table) { a.Columns[1].Values = make([]string, a.Rows) }, `has type dictionary<values=utf8, indices=int32, ordered=false>, want float64`},
		{"a column without a key", func(a *arrowio.Table) { a.Columns[1].Meta = nil }, `/accuracy" has epochs "" in its metadata, want a whole number`},
		{"a column without a split", func(a *arrowio.Table) { a.Columns[1].Meta["split"] = "" }, `/accuracy" lacks a split in its metadata`},
		{"an unknown measure", func(a *arrowio.Table) { a.Columns[1].Meta["measure"] = "top5" }, `has measure "top5" in its metadata, want one of ["accuracy" "loss" "seconds"]`},
		{"a loss without an accuracy", func(a *arrowio.Table) { a.Columns = append(a.Columns[:1], a.Columns[2:]...) }, `has no accuracy for fashion16`},
		{"one key twice", func(a *arrowio.Table) {
			twin := a.Columns[1]
			twin.Name = "twin"
			a.Columns = append(a.Columns, twin)
		}, `has column "twin" twice`},
	} {
		file, err := arrowio.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		tt.change(file)
		bad := filepath.Join(t.TempDir(), "bad.arrow")
		if err := arrowio.Write(bad, *file, arrowio.Plain); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(bad); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `bad.arrow"`) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzDecode: any bytes are a table or an error of one line that names the file. A
// table answers every question without a panic, takes a new trial, and is the same
// when it is written and read again.
func FuzzDecode(f *testing.F) {
	for _, compression := range []arrowio.Compression{arrowio.Plain, arrowio.Zstd} {
		file, err := arrowio.Read(saveLocal(f))
		if err != nil {
			f.Fatal(err)
		}
		content, err := arrowio.Encode(*file, compression)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		table, err := Decode("f.arrow", content)
		if err != nil {
			if !strings.Contains(err.Error(), `"f.arrow"`) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		for _, key := range table.Keys() {
			for _, c := range table.Cells() {
				if a, err := table.Query(c, key, trials.All); err == nil && (len(a.Trials) == 0 || math.IsNaN(a.Accuracy)) {
					t.Errorf("%q, %s: %+v", c, key, a)
				}
			}
		}
		if err := table.readAll(); err != nil {
			if !strings.Contains(err.Error(), `"f.arrow"`) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		err = table.Append(Record{Cell: FromIndex(77), Key: localTest, Seed: 99, Accuracy: 50, Loss: nan, Seconds: 1})
		if err != nil && !strings.Contains(err.Error(), "has another result") {
			t.Errorf("append: %v", err)
		}
		file, compression := table.file()
		written, err := arrowio.Encode(file, compression)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode("again.arrow", written)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := recordsOf(t, again), recordsOf(t, table); len(got) != len(want) {
			t.Errorf("%d records read again, want %d", len(got), len(want))
		}
	})
}

func TestProtocols(t *testing.T) {
	for i, p := range Protocols {
		if len(p.Columns) != 6 || !p.Seeds.Chosen() || p.About == "" {
			t.Errorf("protocol %q has %d columns, seeds %q", p.Name, len(p.Columns), p.Seeds)
		}
		for _, c := range p.Columns {
			if c.Key.missing() != "" || c.Key.Epochs != []int{200, 12}[i] || c.Key.Dataset != c.Dataset {
				t.Errorf("%s: %s %s = %v", p.Name, c.Dataset, c.Column, c.Key)
			}
		}
	}
	if k := Papers[1].Key; Papers[1].Column != "test" || k != (Key{"cifar10", "cifar10", "ori-test", 200}) {
		t.Errorf("cifar10 test = %v", k)
	}
	if k := Papers[0].Key; Papers[0].Column != "valid" || k != (Key{"cifar10", "cifar10-valid", "x-valid", 200}) {
		t.Errorf("cifar10 valid = %v", k)
	}
}

// full is a synthetic table with the shape of the official one: all cells, both
// schedules, a third of the last two seeds missing.
func full(t testing.TB) string {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	order := All()
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	table := newOfficial(Origin{Source: "synthetic", Licence: "none", Protocol: "none"}, order)
	for _, trained := range []struct {
		dataset, on string
		splits      []string
		short       []int64
	}{
		{"cifar10", "cifar10-valid", []string{"train", "x-valid", "ori-test"}, []int64{111, 777}},
		{"cifar10", "cifar10", []string{"train", "ori-test"}, []int64{111}},
		{"cifar100", "cifar100", []string{"train", "x-valid", "x-test", "ori-test"}, []int64{111}},
		{"ImageNet16-120", "ImageNet16-120", []string{"train", "x-valid", "x-test", "ori-test"}, []int64{111}},
	} {
		for _, split := range trained.splits {
			for _, seed := range []int64{777, 888, 999} {
				fill(table, Key{trained.dataset, trained.on, split, 200}, seed, r)
			}
			for _, seed := range trained.short {
				fill(table, Key{trained.dataset, trained.on, split, 12}, seed, r)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "full.arrow")
	if err := table.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func fill(table *Table, key Key, seed int64, r *rand.Rand) {
	s := table.find(key, seed)
	for row := range s.accuracy {
		if seed == 777 || r.IntN(3) > 0 {
			s.set(row, Trial{Accuracy: 100 * r.Float64(), Loss: float64(r.Float32()), Seconds: float64(r.Float32())})
		}
	}
}

func TestFullTable(t *testing.T) {
	path := full(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d series, %.1f MB", len(table.series), float64(info.Size())/1e6)
	if len(table.Cells()) != NumCells {
		t.Fatalf("%d cells", len(table.Cells()))
	}
	key, counts := Papers[0].Key, map[int]int{}
	for i, c := range table.Cells() {
		if got, err := table.OfficialIndex(c); err != nil || got != i {
			t.Fatalf("official index of row %d = %d, %v", i, got, err)
		}
		a, err := table.Query(c, key, trials.All)
		if err != nil {
			t.Fatal(err)
		}
		counts[len(a.Trials)]++
	}
	if counts[1] == 0 || counts[2] == 0 || counts[3] == 0 || counts[0] != 0 {
		t.Errorf("trials by how many cells have them: %v", counts)
	}
}

// held is how much of the heap is in use.
func held() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkOpen opens a table of the official size. held/file is what it keeps in
// memory, in parts of the file's size, before and after all of it has been read.
func BenchmarkOpen(b *testing.B) {
	path := full(b)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	before := held()
	table, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	opened := held()
	if err := table.readAll(); err != nil {
		b.Fatal(err)
	}
	read := held()
	runtime.KeepAlive(table)
	b.ResetTimer()
	for b.Loop() {
		if _, err := Open(path); err != nil {
			b.Fatal(err)
		}
	}
	size := float64(info.Size())
	b.ReportMetric(size/1e6, "MB")
	b.ReportMetric((opened-before)/size, "held/file")
	b.ReportMetric((read-before)/size, "held-after-all-keys/file")
}

// BenchmarkOpenAndRead opens a table and reads all of it.
func BenchmarkOpenAndRead(b *testing.B) {
	path := full(b)
	b.ResetTimer()
	for b.Loop() {
		table, err := Open(path)
		if err == nil {
			err = table.readAll()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuery(b *testing.B) {
	table, err := Open(full(b))
	if err != nil {
		b.Fatal(err)
	}
	cells, key := table.Cells(), Papers[0].Key
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := table.Query(cells[i%len(cells)], key, trials.All); err != nil {
			b.Fatal(err)
		}
		i += 4099
	}
}
