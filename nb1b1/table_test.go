package nb1b1

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/trials"
)

// allCells are the representatives of all cells of NAS-Bench-101.
var allCells = sync.OnceValue(Enumerate)

// The benchmark has exactly 423,624 cells up to isomorphism (its paper).
func TestNumberOfCells(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	if got, want := len(allCells()), 423624; got != want {
		t.Errorf("%d cells up to isomorphism, want %d", got, want)
	}
	t.Logf("%d cells up to isomorphism", len(allCells()))
	for _, s := range OneShots {
		there := 0
		for _, c := range allCells() {
			if s.Check(c) == nil {
				there++
			}
		}
		if there != s.cells {
			t.Errorf("%d cells are in %s, want %d", there, s, s.cells)
		}
	}
}

// sampleTable has three cells: one with all, one of two repeats, one of 108
// epochs alone.
func sampleTable(t testing.TB) (*Table, string) {
	t.Helper()
	nan := float32(math.NaN())
	table := newTable("new table", trials.Origin{Source: "made up", Licence: "none", SHA256: "ab", Training: "none"})
	add := func(text string, parameters int64) int {
		c := cell(t, text)
		return table.add(c, c.Hash(), parameters)
	}
	row := add(inceptionText, 2694282)
	for budget := range Budgets {
		for repeat := range Repeats {
			accuracy := float32(budget)/8 + float32(repeat)/64 // exact in binary
			table.set(row, budget, repeat, [...]float32{accuracy + 0.25, accuracy + 0.125, accuracy, float32(100 * Budgets[budget])})
		}
	}
	row = add(firstText, 8555530)
	table.set(row, 3, 0, [...]float32{1, 0.5, 0.25, 8})
	table.set(row, 3, 1, [...]float32{nan, nan, 0.75, nan})
	row = add("output(0)", 7)
	table.set(row, 2, 2, [...]float32{1, 0.25, 0.5, 3})
	path := filepath.Join(t.TempDir(), "sample.arrow")
	if err := table.save(path); err != nil {
		t.Fatal(err)
	}
	return table, path
}

func TestQuery(t *testing.T) {
	_, path := sampleTable(t)
	table, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := (trials.Origin{Source: "made up", Licence: "none", SHA256: "ab", Training: "none"}); table.Origin != want || table.Len() != 3 || table.Name() != path {
		t.Errorf("origin = %+v, %d cells, name %q", table.Origin, table.Len(), table.Name())
	}
	// 100·(1/4 + 3/8) and so on: 25+12.5 = 37.5, 39.0625, 40.625 for the test set at 108 epochs
	a, err := table.Query(cell(t, inceptionText), Key{108, "test"}, trials.All)
	const want = "{39.0625 1.5625 NaN 10800 [{0 37.5 NaN 10800 0} {1 39.0625 NaN 10800 0} {2 40.625 NaN 10800 0}] [] 0}" // accuracy, std, loss, seconds; nothing of another network
	if err != nil || fmt.Sprint(a) != want {
		t.Errorf("answer = %+v, %v, want %v", a, err, want)
	}
	// The same cell with other numbers of its vertices and a loose end.
	other := cell(t, "maxpool3x3(0) conv3x3-bn-relu(0) conv3x3-bn-relu(2) conv1x1-bn-relu(0) conv3x3-bn-relu(0) output(1,3,4,5)")
	if again, err := table.Query(other, Key{108, "test"}, trials.All); err != nil || fmt.Sprint(again) != want {
		t.Errorf("an isomorphic cell gives %+v, %v", again, err)
	}
	loose := cell(t, "maxpool3x3(0) conv1x1-bn-relu(0,1) output(0)")
	if a, err := table.Query(loose, Key{36, "valid"}, trials.All); err != nil || a.Accuracy != 25 || !math.IsNaN(a.Std) || len(a.Trials) != 1 || a.Trials[0].Seed != 2 || a.Seconds != 3 {
		t.Errorf("one repeat of three: %+v, %v", a, err)
	}
	if a, err := table.Query(cell(t, firstText), Key{108, "test"}, trials.All); err != nil || a.Accuracy != 50 || len(a.Trials) != 2 || !math.IsNaN(a.Seconds) {
		t.Errorf("a time that is not known: %+v, %v", a, err)
	}
	if a, err := table.Query(cell(t, firstText), Key{108, "valid"}, trials.All); err != nil || a.Accuracy != 50 || len(a.Trials) != 1 {
		t.Errorf("an accuracy that is not known: %+v, %v", a, err)
	}
	for _, tt := range []struct {
		name  string
		seeds trials.Seeds
		mean  float64
		want  string // of the error
	}{
		{"one of three", trials.Only(2), 40.625, ""},
		{"two of three", trials.Only(2, 0), 39.0625, ""},
		{"no choice", trials.Seeds{}, 0, "cannot be asked for test, 108 epochs without repeats, want all or some of 0,1,2"},
		{"one that is not there", trials.Only(1, 3), 0, `has no repeat 3 of cell "`},
	} {
		a, err := table.Query(other, Key{108, "test"}, tt.seeds)
		if tt.want == "" && (err != nil || a.Accuracy != tt.mean || len(a.Trials) != tt.seeds.Len()) {
			t.Errorf("repeats, %s: %+v, %v, want %v", tt.name, a, err, tt.mean)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("repeats, %s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := table.Query(loose, Key{36, "valid"}, trials.Only(0, 2)); err == nil || !strings.Contains(err.Error(), `has no repeat 0 of cell "output(0)`) && !strings.Contains(err.Error(), "only 2") {
		t.Errorf("a repeat that this cell lacks: error = %v", err)
	}
	if n, err := table.Parameters(other); err != nil || n != 2694282 {
		t.Errorf("%d parameters, %v", n, err)
	}
	for i := range table.Len() {
		c, err := table.Cell(i)
		if err != nil || c.Hash() != table.Hash(i) {
			t.Errorf("cell %d is %v with hash %v, %v", i, c, table.Hash(i), err)
		}
	}
	for _, tt := range []struct {
		name string
		cell string
		key  Key
		want string
	}{
		{"no key", firstText, Key{}, "cannot be asked without a split, want one of: train, 4 epochs; valid, 4 epochs; test, 4 epochs; train, 12"},
		{"no epochs", firstText, Key{Split: "test"}, "cannot be asked without the number of epochs, want one of"},
		{"another length", firstText, Key{200, "test"}, "has nothing for test, 200 epochs, want one of: train, 4 epochs"},
		{"another split", firstText, Key{108, "x-test"}, "has nothing for x-test, 108 epochs, want one of: train, 4 epochs"},
		{"a cell that is not there", "maxpool3x3(0) output(1)", Key{108, "test"}, `does not list cell "maxpool3x3(0) output(1)": it has 3 of the 423624 cells of NAS-Bench-101`},
		{"a cell without that budget", firstText, Key{4, "test"}, `has no trained network of cell "conv3x3-bn-relu(0) max`},
	} {
		_, err := table.Query(cell(t, tt.cell), tt.key, trials.All)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `sample.arrow"`) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := table.Query(Cell{}, Key{108, "test"}, trials.All); err == nil || !strings.Contains(err.Error(), "is not a cell") {
		t.Errorf("the zero value: error = %v", err)
	}
}

// Every cell of a table of some size is found, and no other.
func TestRowsAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, rows := range []int{1, stride - 1, stride, stride + 1, 5 * stride, 5*stride + 7} {
		made := newTable("new table", trials.Origin{Source: "made up"})
		there := map[Cell]int64{}
		for len(there) < rows {
			c := randomCell(r).Canonical()
			if _, known := there[c]; known {
				continue
			}
			there[c] = int64(len(there) + 1)
			made.add(c, c.Hash(), there[c])
		}
		path := filepath.Join(t.TempDir(), "t.arrow")
		if err := made.save(path); err != nil {
			t.Fatal(err)
		}
		table, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for c, want := range there {
			if got, err := table.Parameters(c); err != nil || got != want {
				t.Fatalf("%d rows: cell %q has %d parameters, %v, want %d", rows, c, got, err, want)
			}
		}
		others := 0
		for range 200 {
			c := randomCell(r)
			if _, known := there[c.Canonical()]; !known {
				others++
				if _, err := table.Parameters(c); err == nil || !strings.Contains(err.Error(), "does not list cell") {
					t.Fatalf("%d rows: cell %q: error = %v", rows, c, err)
				}
			}
		}
		t.Logf("%d rows, %d cells that are not there", rows, others)
	}
}

// The bytes do not depend on the order of the rows.
func TestBytesDoNotDependOnOrder(t *testing.T) {
	table, path := sampleTable(t)
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	back := newTable("new table", table.Origin)
	for row := table.Len() - 1; row >= 0; row-- {
		c, err := table.Cell(row)
		if err != nil {
			t.Fatal(err)
		}
		at := back.add(c, c.Hash(), table.parameters[row])
		for budget := range Budgets {
			for repeat := range Repeats {
				var values [len(measures{})]float32
				for i, column := range table.columns[budget][repeat] {
					values[i] = float32(column.At(row) / unit(i))
				}
				back.set(at, budget, repeat, values)
			}
		}
	}
	other := filepath.Join(t.TempDir(), "other.arrow")
	if err := back.save(other); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(other); err != nil || string(got) != string(want) {
		t.Errorf("rows in another order gave other bytes (%v)", err)
	}
	back.add(cell(t, "maxpool3x3() output(0)"), Hash{1}, 3)
	if err := back.save(other); err == nil || !strings.Contains(err.Error(), "are isomorphic") || !strings.Contains(err.Error(), "0100000000") {
		t.Errorf("a cell twice: error = %v", err)
	}
}

func TestWrongTables(t *testing.T) {
	_, path := sampleTable(t)
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
	column := func(a *arrowio.Table, name string) *arrowio.Column {
		c, err := a.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tt := range []struct {
		name   string
		change func(*arrowio.Table)
		want   string
	}{
		{"another format", func(a *arrowio.Table) { a.Meta["format"] = "x" }, `has format "x", want "idarts nb1b1 table, version 1"`},
		{"no keys", func(a *arrowio.Table) { column(a, "key").Name = "k" }, `has no column "key"`},
		{"keys that do not ascend", func(a *arrowio.Table) { column(a, "key").Values.([]int64)[2] = 0 }, `row 2: key 0 does not ascend from `},
		{"short hashes", func(a *arrowio.Table) { column(a, "hash").Values = arrowio.Fixed{Width: 4, Bytes: make([]byte, 12)} }, `column "hash" has 4 bytes a row, want 16`},
		{"accuracies as text", func(a *arrowio.Table) { column(a, "108/0/valid").Values = make([]string, 3) }, `column "108/0/valid" has type dictionary`},
		{"percent where fractions are wanted", func(a *arrowio.Table) {
			c := column(a, "108/0/valid")
			v := c.Values.([]float32)
			for i := range v {
				v[i] *= 100
			}
		}, `column "108/0/valid": row`},
		{"a unit that is not ours", func(a *arrowio.Table) { column(a, "108/0/valid").Meta["unit"] = "percent" }, `column "108/0/valid" has unit "percent" in its metadata, want "fraction"`},
		{"metadata of another column", func(a *arrowio.Table) { column(a, "108/0/valid").Meta["repeat"] = "1" }, `column "108/0/valid" has repeat "1" in its metadata, want "0"`},
		{"parameters below 0", func(a *arrowio.Table) { column(a, "parameters").Values.([]int64)[1] = -5 }, "row 1: -5 parameters, want none below 0"},
		{"a column of another budget", func(a *arrowio.Table) { column(a, "108/0/valid").Name = "200/0/valid" }, `has 1 columns that are not known, want names such as "108/0/valid"`},
	} {
		a, err := arrowio.Decode("bad.arrow", content)
		if err != nil {
			t.Fatal(err)
		}
		tt.change(a)
		bad, err := arrowio.Encode(*a, arrowio.Plain)
		if err != nil {
			t.Fatal(err)
		}
		table, err := Decode("bad.arrow", bad)
		if err == nil {
			err = table.Read()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `"bad.arrow"`) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	a, err := arrowio.Decode("bad.arrow", content)
	if err != nil {
		t.Fatal(err)
	}
	column(a, "module").Values.([]int64)[1] = 1 << 40
	bad, err := arrowio.Encode(*a, arrowio.Plain)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Decode("bad.arrow", bad)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Cell(1); err == nil || !strings.Contains(err.Error(), `"bad.arrow" row 1: nb1b1: 0x10000000000 is not the code of a cell`) {
		t.Errorf("a wrong code: error = %v", err)
	}
}

// FuzzDecode: any bytes are a table or an error of one line that names the file, and
// a table answers every question without a panic.
func FuzzDecode(f *testing.F) {
	_, path := sampleTable(f)
	content, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	file, err := arrowio.Decode("sample", content)
	if err != nil {
		f.Fatal(err)
	}
	packed, err := arrowio.Encode(*file, arrowio.Zstd)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(t *testing.T, content []byte) {
		named := func(err error) {
			if err != nil && (!strings.Contains(err.Error(), `"f.arrow"`) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("error %q", err)
			}
		}
		table, err := Decode("f.arrow", content)
		if err != nil {
			named(err)
			return
		}
		for i := range table.Len() {
			c, err := table.Cell(i)
			named(err)
			if err != nil {
				continue
			}
			_ = table.Hash(i)
			for _, key := range table.Keys() {
				a, err := table.Query(c, key, trials.All)
				named(err)
				if err == nil && len(a.Trials) == 0 {
					t.Errorf("%v, %s: %+v", c, key, a)
				}
			}
		}
	})
}

// full is the file of a table of all cells with random numbers, as large as the
// official one.
func full(b *testing.B) string {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	table := newTable("new table", nasBench101)
	for i, c := range allCells() {
		row := table.add(c, Hash{byte(i), byte(i >> 8), byte(i >> 16)}, 1)
		for budget := range Budgets {
			for repeat := range Repeats {
				table.set(row, budget, repeat, [...]float32{r.Float32(), r.Float32(), r.Float32(), 1000 * r.Float32()})
			}
		}
	}
	path := filepath.Join(b.TempDir(), "full.arrow")
	if err := table.save(path); err != nil {
		b.Fatal(err)
	}
	return path
}

// held is how much of the heap is in use.
func held() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkOpen opens a table of the official size. held/file is what it keeps in
// memory, in parts of the file's size, before and after questions under all keys.
func BenchmarkOpen(b *testing.B) {
	path := full(b)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	cells := allCells()
	before := held()
	table, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	opened := held()
	for _, key := range table.Keys() {
		if _, err := table.Query(cells[0], key, trials.All); err != nil {
			b.Fatal(err)
		}
	}
	asked := held()
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
	b.ReportMetric((asked-before)/size, "held-after-all-keys/file")
}

// BenchmarkOpenAndAsk opens a table and asks one question, which reads the columns
// of its key.
func BenchmarkOpenAndAsk(b *testing.B) {
	path := full(b)
	c := allCells()[0]
	b.ResetTimer()
	for b.Loop() {
		table, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := table.Query(c, Key{108, "valid"}, trials.All); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuery(b *testing.B) {
	table, err := Open(full(b))
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	cells := make([]Cell, 1<<16)
	for i := range cells {
		cells[i] = allCells()[r.IntN(len(allCells()))]
	}
	i := 0
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		i++
		if _, err := table.Query(cells[i%len(cells)], Key{108, "valid"}, trials.All); err != nil {
			b.Fatal(err)
		}
	}
}
