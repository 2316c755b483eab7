package nb201

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"idarts/internal/result"
	"idarts/internal/trials"
)

// full is a synthetic table with the shape of the official one: all cells, both
// schedules, a third of the last two seeds missing.
func full(t testing.TB) string {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	order := All()
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	table := newOfficial(trials.Origin{Source: "synthetic", Licence: "none", Training: "none"}, order)
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
				fill(t, table, Key{trained.dataset, trained.on, split, 200, ""}, seed, r)
			}
			for _, seed := range trained.short {
				fill(t, table, Key{trained.dataset, trained.on, split, 12, ""}, seed, r)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "full.arrow")
	if err := table.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// fill appends a trial of each cell, or of two thirds of them for seeds other than 777.
func fill(t testing.TB, table *Table, key Key, seed int64, r *rand.Rand) {
	t.Helper()
	var records []Record
	for _, c := range table.cells {
		if seed == 777 || r.IntN(3) > 0 {
			records = append(records, Record{c, key, seed, 100 * r.Float64(), float64(r.Float32()), float64(r.Float32()), 0})
		}
	}
	if err := table.Append(records...); err != nil {
		t.Fatal(err)
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
	t.Logf("%d series, %.1f MB", len(table.All()), float64(info.Size())/1e6)
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

// The optimum of a table that nothing has been asked of yet is what asking for the text
// of each cell finds: the best mean of those with the most trials.
func TestOptimum(t *testing.T) {
	path := full(t)
	scores := func() *trials.Scores[Cell, Key] {
		table, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return table.Scores(Papers[2].Key, Papers[3].Key)
	}
	got, err := scores().Optimum()
	if err != nil || got == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	want := result.Optimum{Archs: NumCells}
	table, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	asked := scores()
	var most [2]int
	for _, c := range All() {
		scored, err := asked.Score(c.String())
		if err != nil {
			t.Fatal(err)
		}
		here := result.ArchScore{Arch: c.String(), Score: scored.Score}
		for j, to := range []*result.ArchScore{&want.BestTest, &want.BestValid} {
			answer, err := table.Query(c, []Key{Papers[3].Key, Papers[2].Key}[j], trials.All)
			if err != nil {
				t.Fatal(err)
			}
			n, best := len(answer.Trials), []float64{to.Score.Test, to.Score.Valid}[j]
			if j == 0 {
				if n > 1 {
					here.TestSE = answer.Std / math.Sqrt(float64(n))
				}
				if n > most[0] {
					want.Among = 0
				}
				if n >= most[0] {
					want.Among++
				}
			}
			if n > most[j] || n == most[j] && answer.Accuracy > best {
				most[j], *to = n, here
			}
		}
	}
	if *got != want || most != [2]int{3, 3} {
		t.Errorf("optimum %+v of %v trials, want %+v", *got, most, want)
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
	if err := table.Read(); err != nil {
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
			err = table.Read()
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

// BenchmarkOpenAndOptimum opens a table and finds the optimum of two of its columns.
func BenchmarkOpenAndOptimum(b *testing.B) {
	path := full(b)
	b.ResetTimer()
	for b.Loop() {
		table, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		if best, err := table.Scores(Papers[0].Key, Papers[1].Key).Optimum(); err != nil || best == nil {
			b.Fatal(best, err)
		}
	}
}
