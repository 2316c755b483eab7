package micro

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec/cpu"
	"idarts/internal/rng"
	"idarts/internal/work"
	"idarts/nb201"
	"idarts/runners/protocol"
	"idarts/testdata"
)

// tinyMicro is a benchmark of a second: rounds of 45, 20 and 6 trainings in 2, 1 and 1
// shards.
var tinyMicro = Benchmark{
	Name: "tiny", Space: "nb201", Dataset: "fashion8", Train: 100, Held: 100,
	Recipe: protocol.MicroRecipe(2, 2, 50, 0.1), Trials: 3, Repeated: 4, Promising: 6, FinalTrials: 5, Finalists: 3, Curves: true, Networks: 45,
}

// buildMicro builds m in dir and returns the bytes of the table and the curves.
func buildMicro(t *testing.T, m Benchmark, dir string, jobs int) (sum Summary, files [2][]byte) {
	t.Helper()
	sum, err := (&Build{Benchmark: m, Options: work.Options{Out: dir, Jobs: jobs, Log: io.Discard}}).Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	paths, err := m.Write(dir, sum)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if files[i], err = os.ReadFile(paths[i]); err != nil {
			t.Fatal(err)
		}
	}
	return sum, files
}

func TestMicroBuild(t *testing.T) {
	m := tinyMicro
	whole := t.TempDir()
	sum, want := buildMicro(t, m, whole, 1)
	if sum.Trainings != 45+2*(4+6)+2*3 || sum.Now != sum.Trainings || sum.Before != 0 {
		t.Fatalf("trained %+v, want 71 trainings now", sum)
	}

	t.Run("a second build finds everything", func(t *testing.T) {
		again, got := buildMicro(t, m, whole, 2)
		if again.Now != 0 || again.Before != 71 {
			t.Errorf("%d trained, %d found, want 0 and 71", again.Now, again.Before)
		}
		compareFiles(t, got, want)
	})
	t.Run("two workers give the bytes of one", func(t *testing.T) {
		_, got := buildMicro(t, m, t.TempDir(), 2)
		compareFiles(t, got, want)
	})
	t.Run("a stopped build goes on to the same bytes", func(t *testing.T) {
		dir := t.TempDir()
		// Each session stops at the beginning of its second shard: of the first round,
		// which it ends, then of the second and of the third round.
		for _, kept := range []int{0, 25, 45, 65} {
			ctx, cancel := context.WithCancel(context.Background())
			left := min(shardSize, 45-kept) + 1
			if kept >= 45 {
				left = 20 + 1
			}
			job := Build{Benchmark: m, Options: work.Options{Out: dir, Jobs: 1}, trained: func() {
				if left--; left == 0 {
					cancel()
				}
			}}
			sum, err := job.Run(ctx)
			cancel()
			want := map[int]int{0: 25, 25: 20, 45: 20, 65: 6}[kept]
			if sum.Before != kept || sum.Now != want || kept < 65 && !errors.Is(err, context.Canceled) || kept == 65 && err != nil {
				t.Fatalf("%d trainings found and %d kept, %v; want %d and %d", sum.Before, sum.Now, err, kept, want)
			}
		}
		sum, got := buildMicro(t, m, dir, 2)
		if sum.Now != 0 {
			t.Errorf("%d trained after the end, want 0", sum.Now)
		}
		compareFiles(t, got, want)
	})
	t.Run("what a killed writer leaves is passed over", func(t *testing.T) {
		dir := t.TempDir()
		copyShards(t, whole, dir, 1, 2, 3)
		claim := filepath.Join(dir, shardsDir, claimsDir, "shard-0000")
		if err := os.MkdirAll(filepath.Dir(claim), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(claim, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		left := filepath.Join(dir, shardsDir, ".shard-0000.arrow.tmp-1")
		if err := os.WriteFile(left, []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
		sum, got := buildMicro(t, m, dir, 2)
		if sum.Now != shardSize {
			t.Errorf("%d trained, want the %d of the missing shard", sum.Now, shardSize)
		}
		if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q is still there", left)
		}
		compareFiles(t, got, want)
	})
	t.Run("another recipe in the same folder is an error", func(t *testing.T) {
		other := m
		other.Weights.LR = 0.2
		_, err := (&Build{Benchmark: other, Options: work.Options{Out: whole}}).Run(context.Background())
		microError(t, err, "other settings", "--fresh")
	})
	t.Run("a shard with another's content is set aside and trained again, and so is a cut one", func(t *testing.T) {
		dir := t.TempDir()
		copyShards(t, whole, dir, 0, 1, 2, 3)
		first := filepath.Join(dir, shardsDir, "shard-0000.arrow")
		for _, damage := range []func() error{
			func() error {
				copyFile(t, filepath.Join(whole, shardsDir, "shard-0001.arrow"), first)
				return nil
			},
			func() error { return os.Truncate(first, 1000) },
		} {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			sum, got := buildMicro(t, m, dir, 2)
			if sum.Now != shardSize {
				t.Errorf("%d trained, want the %d of the damaged shard", sum.Now, shardSize)
			}
			compareFiles(t, got, want)
		}
		for _, k := range []string{"1", "2"} {
			if _, err := os.Stat(first + ".aside-" + k); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("every string answers with its network", func(t *testing.T) {
		table, err := m.Table(sum.Rows)
		if err != nil {
			t.Fatal(err)
		}
		valid, test, err := m.Keys()
		if err != nil {
			t.Fatal(err)
		}
		trained, seeds := map[nb201.Cell]bool{}, 0
		for _, task := range m.Tasks(0, nil) {
			trained[task.Cell] = true
		}
		answers := map[nb201.Record]bool{}
		records, err := table.Records()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if r.Seed > 0 {
				seeds++
			}
			r.Loss, r.Seconds = 0, 0
			answers[r] = true
		}
		strings := 0
		for _, c := range nb201.All() {
			if !trained[c.Network()] {
				continue
			}
			strings++
			for _, row := range sum.Rows {
				if row.Cell != c.Network() || row.Epoch != m.Epochs {
					continue
				}
				for key, accuracy := range map[nb201.Key]float64{valid: row.Valid, test: row.Test} {
					if !answers[nb201.Record{Cell: c, Key: key, Seed: int64(row.Seed), Accuracy: accuracy}] {
						t.Errorf("%q has no record of %v, seed %d, %v", c, key, row.Seed, accuracy)
					}
				}
			}
		}
		if len(table.Cells()) != strings || strings <= 45 || seeds == 0 {
			t.Errorf("%d cells in the table, %d strings of %d networks", len(table.Cells()), strings, len(trained))
		}
		t.Logf("%d strings of %d networks", strings, len(trained))
	})
	t.Run("curves end where the table is, with each seed of the repeated networks", func(t *testing.T) {
		curves, err := ReadCurves(filepath.Join(whole, "nb201-tiny-curves.arrow"))
		if err != nil {
			t.Fatal(err)
		}
		if len(curves) != 4*3*m.Epochs {
			t.Fatalf("%d rows, want 4 networks, 3 seeds, %d epochs", len(curves), m.Epochs)
		}
		for i, r := range curves {
			if r.Epoch != i%m.Epochs+1 || r.Seed != uint64(i/m.Epochs%3) {
				t.Errorf("row %d is of seed %d, epoch %d", i, r.Seed, r.Epoch)
			}
			if !(r.TrainLoss > 0 && r.TrainLoss < 10) {
				t.Errorf("row %d has training loss %v", i, r.TrainLoss)
			}
			if r.Epoch < m.Epochs {
				continue
			}
			if !slices.ContainsFunc(sum.Rows, func(o Row) bool {
				return o.Cell == r.Cell && o.Seed == r.Seed && o.Epoch == r.Epoch && o.Valid == r.Valid && o.Test == r.Test
			}) {
				t.Errorf("row %d is not in the table", i)
			}
		}
	})
	t.Run("measuring between epochs changes nothing", func(t *testing.T) {
		plain := m
		plain.Curves = false
		sum2, _ := buildMicro(t, plain, t.TempDir(), 2)
		last := func(rows []Row) (out []Row) {
			for _, r := range rows {
				if r.Epoch == m.Epochs {
					r.Seconds = 0
					out = append(out, r)
				}
			}
			return out
		}
		if !slices.Equal(last(sum.Rows), last(sum2.Rows)) {
			t.Error("other results without curves")
		}
		if len(sum2.Rows) != sum2.Trainings {
			t.Errorf("%d rows of %d trainings without curves, want one each", len(sum2.Rows), sum2.Trainings)
		}
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, content, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func copyShards(t *testing.T, from, to string, shards ...int) {
	t.Helper()
	for _, i := range shards {
		name := (&Build{}).shardPath(i)
		copyFile(t, filepath.Join(from, name), filepath.Join(to, name))
	}
}

func compareFiles(t *testing.T, got, want [2][]byte) {
	t.Helper()
	for i, name := range []string{"table", "curves"} {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("the %s of %d bytes differs from that of %d bytes", name, len(got[i]), len(want[i]))
		}
	}
}

// One thread and two give a network the same bits, so a build may spend its cores
// either way.
func TestMicroTrainPools(t *testing.T) {
	m := All[0]
	m.Epochs, m.Train, m.Held = 1, 500, 500
	data, err := m.data()
	if err != nil {
		t.Fatal(err)
	}
	r := rng.New(1, "micro pools")
	for range 3 {
		task := Task{Cell: nb201.Random(r).Network()}
		var rows [2][]Row
		for i := range rows {
			d := cpu.Open[float32](i + 1)
			if rows[i], err = m.train(context.Background(), data, task, d); err != nil {
				t.Fatal(err)
			}
			d.Close()
			rows[i][0].Seconds = 0
		}
		if !slices.Equal(rows[0], rows[1]) {
			t.Errorf("%q: %+v by one thread, %+v by two", task.Cell, rows[0], rows[1])
		}
	}
}

func TestMicroData(t *testing.T) {
	m := All[0]
	data, err := m.data()
	if err != nil {
		t.Fatal(err)
	}
	m.Train, m.Held = 100, 200
	few, err := m.data()
	if err != nil {
		t.Fatal(err)
	}
	perClass := make([]int, 10)
	for _, i := range few.Train.Indices {
		perClass[few.Train.Set.Labels[i]]++
		if !slices.Contains(data.Train.Indices, i) || slices.Contains(few.Valid.Indices, i) {
			t.Errorf("training image %d is not one, or one to validate with", i)
		}
	}
	if want := slices.Repeat([]int{10}, 10); !slices.Equal(perClass, want) {
		t.Errorf("images of each class: %v, want %v", perClass, want)
	}
	if len(few.Valid.Indices) != 200 || len(few.Test.Indices) != 200 {
		t.Errorf("%d and %d images to measure with, want 200 each", len(few.Valid.Indices), len(few.Test.Indices))
	}
	m.Train = 6000
	_, err = m.data()
	microError(t, err, "wants 6000 train images")
}

// The committed table's numbers come out again, bit for bit, for two networks
// drawn at random.
func TestMicroTableRebuilds(t *testing.T) {
	m := All[0]
	table, err := nb201.Decode("nb201-micro.arrow", testdata.NB201Micro)
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.data()
	if err != nil {
		t.Fatal(err)
	}
	origin, err := m.origin(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := table.Training; got != origin {
		t.Fatalf("the table's protocol is %s, want %s; build it again", got, origin)
	}
	valid, test := m.keys(data)
	known := map[nb201.Key]map[nb201.Cell]nb201.Record{valid: {}, test: {}}
	records, err := table.Records()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Seed == 0 {
			known[r.Key][r.Cell] = r
		}
	}
	if len(known[valid]) != nb201.NumCells || len(known[test]) != nb201.NumCells {
		t.Fatalf("%d and %d cells in the table, want all", len(known[valid]), len(known[test]))
	}
	d := cpu.Open[float32](2)
	defer d.Close()
	cells := rebuiltCells(t)
	for _, c := range cells {
		rows, err := m.train(context.Background(), data, Task{Cell: c.Network()}, d)
		if err != nil {
			t.Fatal(err)
		}
		row := rows[len(rows)-1]
		v, h := known[valid][c], known[test][c]
		if row.Valid != v.Accuracy || row.Test != h.Accuracy ||
			float32(row.ValidLoss) != float32(v.Loss) || float32(row.TestLoss) != float32(h.Loss) {
			t.Errorf("%q gives valid %v, %v, test %v, %v; the table has %v, %v and %v, %v", c,
				row.Valid, row.ValidLoss, row.Test, row.TestLoss, v.Accuracy, v.Loss, h.Accuracy, h.Loss)
		}
	}
	t.Logf("%d networks trained again", len(cells))
}

// rebuiltCells are the cells that are trained again: 2 with -short or not, 20 where
// IDARTS_REBUILD asks for so many.
func rebuiltCells(t *testing.T) []nb201.Cell {
	n := 2
	if os.Getenv("IDARTS_REBUILD") != "" {
		n = 20
	}
	r := rng.New(1, "micro rebuilt")
	cells := make([]nb201.Cell, n)
	for i := range cells {
		cells[i] = nb201.Random(r)
	}
	return cells
}

func TestLookupMicro(t *testing.T) {
	if m, err := Lookup("nb201", "micro"); err != nil || m.Name != "micro" {
		t.Errorf("%+v, %v", m, err)
	}
	_, err := Lookup("nb201", "macro")
	microError(t, err, `"nb201 macro"`, `"nb201 micro"`)
}

// microError checks that err says all parts.
func microError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}
