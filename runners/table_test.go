package runners

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/trials"
	"idarts/internal/work"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/runners/internal/toy"
	"idarts/runners/protocol"
)

// small101 is a table of three cells, made from records as NAS-Bench-101 has them.
func small101(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.arrow")
	if err := nb1b1.ImportNASBench101(filepath.Join("..", "nb1b1", "testdata", "small.tfrecord"), path, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// openTable opens a bench on the table in a file, without data.
func openTable(space string, s protocol.Scoring, path string) (*Bench, error) {
	b := &Bench{Data: map[string]string{}}
	return b, b.scoreBy(protocol.Protocol{Space: space, Score: s}, path, func(string) float64 { return 5 })
}

func TestScoresByNASBench101(t *testing.T) {
	paper, err := protocol.Lookup("nb1b1-s3", "paper")
	if err != nil {
		t.Fatal(err)
	}
	bench, err := openTable("nb1b1-s3", paper.Score, small101(t))
	if err != nil || len(bench.Data["table"]) != 64 {
		t.Fatalf("open: %+v, %v", bench, err)
	}
	// The cell of NAS-Bench-101's README and its record there.
	const published = "conv1x1-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(3) maxpool3x3(0) output(1,2,4,5)"
	got, err := bench.Scorer.Score(t.Context(), published, nil)
	want := result.Score{Valid: 100 * float64(float32(0.9376001358032227)), Test: 100 * float64(float32(0.9311898946762085)), Trials: 1, Source: "table:small.arrow"}
	if err != nil || got.Score != want || got.GFLOP != 5 || got.Seconds < 1155 || got.Seconds > 1156 {
		t.Errorf("score %+v, %v; want %+v, 1155.9 s", got, err, want)
	}
	if _, err := bench.Scorer.Score(t.Context(), "conv3x3-bn-relu(0) output(1)", nil); err == nil || !strings.Contains(err.Error(), "does not list cell") {
		t.Errorf("a cell that the table lacks: error %v", err)
	}
	if _, err := openTable("nb1b1-s3", paper.Score, "none.arrow"); err == nil || !strings.Contains(err.Error(), "idarts data import nas-bench-101") {
		t.Errorf("missing table: error %v, want how to make it", err)
	}
}

// madeTable is a complete table of NAS-Bench-201 cells under two keys, made from a
// rule: what helps validation helps the test, but for one cell, and every third
// cell has two trials.
func madeTable(t *testing.T) (content []byte, s protocol.Scoring) {
	t.Helper()
	s = protocol.Scoring{
		Table: true, BuiltIn: "made",
		Valid:  protocol.Column{Dataset: "made", TrainedOn: "made", Split: "x-valid", Epochs: 4},
		Test:   protocol.Column{Dataset: "made", TrainedOn: "made", Split: "ori-test", Epochs: 4},
		Recipe: tiny().Score.Recipe,
	}
	table := nb201.NewTable(trials.Origin{Source: "a rule"})
	var records []nb201.Record
	for i := range nb201.NumCells {
		cell := nb201.FromIndex(i)
		valid := 20.0
		for edge, op := range cell {
			valid += []float64{0, 4, 6, 9, 2}[op] * (1 + 0.1*float64(edge))
		}
		test := valid - 1
		if i == unlucky {
			test = 95
		}
		for trial := range 1 + (i+1)%3/2 {
			for _, c := range []struct {
				protocol.Column
				accuracy float64
			}{{s.Valid, valid}, {s.Test, test}} {
				records = append(records, nb201.Record{
					Cell: cell, Key: nb201.Key{Dataset: c.Dataset, TrainedOn: c.TrainedOn, Split: c.Split, Epochs: c.Epochs},
					Seed: int64(trial), Accuracy: c.accuracy + float64(trial), Loss: math.NaN(), Seconds: math.NaN(),
				})
			}
		}
	}
	if err := table.Append(records...); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "made.arrow")
	if err := table.Save(path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before := protocol.BuiltIn
	t.Cleanup(func() { protocol.BuiltIn = before })
	protocol.BuiltIn = map[string][]byte{"made": content}
	return content, s
}

// unlucky is the cell whose test accuracy validation does not show.
const unlucky = 1234

// withBlackBox is p with the laptop protocol's settings of the methods that ask a
// table, and the names of these.
func withBlackBox(p protocol.Protocol) (with protocol.Protocol, names []string) {
	laptop, err := protocol.Lookup("nb201", "laptop")
	if err != nil {
		panic(err)
	}
	for _, s := range laptop.Search {
		// The autoencoder of svge takes a minute, as it does in every other process.
		if m, err := search.Lookup(s.Method); err == nil && m.BlackBox && s.Method != "svge" {
			p = p.With(s.Method, s.Settings)
			names = append(names, s.Method)
		}
	}
	return p, names
}

// A grid is scored by a table inside the program, without a file: the black-box
// methods stay in their budget, and every result knows the optimum.
func TestRunsByABuiltInTable(t *testing.T) {
	content, score := madeTable(t)
	p := tiny()
	p.Score = score
	p, blackBox := withBlackBox(p)
	out := t.TempDir()
	g := grid(out, []uint64{0, 1}, append(blackBox, "darts-v1")...)
	g.Protocols = []protocol.Protocol{p}
	if sum := mustRun(t, g); sum.Done != 2*(len(blackBox)+1) {
		t.Fatalf("%+v, want two runs of %d methods done", sum, len(blackBox)+1)
	}
	runs, _, err := result.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(content)
	found := map[string]float64{}
	for _, run := range runs {
		best := run.Result.Optimum
		if best == nil || best.Archs != nb201.NumCells {
			t.Fatalf("%s: optimum %+v, want that of %d cells", run.Cell, best, nb201.NumCells)
		}
		// All 3x3 has 20 + 9·(6 + 1.5) = 87.5, but its index leaves no second trial, of which
		// the mean is 0.5 more. The next, with a 1x1 for its cheapest 3x3, has 3 less and two.
		next := nb201.Cell{2, 3, 3, 3, 3, 3}
		if got := best.BestValid; got.Arch != next.String() || got.Score.Valid != 85 || got.Score.Test != 84 || got.TestSE != 0.5 {
			t.Errorf("%s: best by validation %+v, want %s at 85, 84", run.Cell, got, next)
		}
		if got := best.BestTest; got.Arch != nb201.FromIndex(unlucky).String() || got.Score.Test < 95 || got.Score.Valid > 50 {
			t.Errorf("%s: best by test %+v, want %s", run.Cell, got, nb201.FromIndex(unlucky))
		}
		if got := run.Result.Score; got.Source != "table:made" || got.Trials != 1 && got.Trials != 2 {
			t.Errorf("%s: score %+v, want one or two trials of table:made", run.Cell, got)
		}
		if got := run.Config.Numbers.Data["table"]; got != hex.EncodeToString(hash[:]) {
			t.Errorf("%s: table %q in its data, want the sha256 of the content", run.Cell, got)
		}
		if m, _ := search.Lookup(run.Cell.Method); m.BlackBox {
			found[run.Cell.Method] += run.Result.Score.Valid / 2
			if len(run.Events) != 100 {
				t.Errorf("%s: %d queries, want 100", run.Cell, len(run.Events))
			}
			scored := run.Events[0].GFLOP
			if last := run.Result.GFLOP; scored <= 0 || last < 20*scored || last > 500*scored {
				t.Errorf("%s: %v GFLOP after one query, %v after a hundred", run.Cell, scored, last)
			}
		}
	}
	t.Logf("%d runs; best validation accuracy on average %v of 87.5", len(runs), found)
	if found["local"] <= found["random"] || found["rea"] <= found["random"] {
		t.Errorf("best validation accuracies %v: want evolution and local search above random search", found)
	}
	if sum := mustRun(t, g); sum.Reused != 2*(len(blackBox)+1) {
		t.Errorf("%+v, want all reused", sum)
	}

	p.Score.BuiltIn = "nothing"
	if _, err := openTable("nb201", p.Score, ""); err == nil || !strings.Contains(err.Error(), `no table "nothing" is built in, only ["made"]`) {
		t.Errorf("a table that is not built in: error %v, want the list", err)
	}
}

// awkward answers like another scorer, but takes its time once and ends the
// context later.
type awkward struct {
	Scorer
	calls     int
	slow, end int // the calls at which it does so
	cancel    context.CancelFunc
}

func (a *awkward) Score(ctx context.Context, arch string, device exec.Device) (result.Scored, error) {
	a.calls++
	switch a.calls {
	case a.slow:
		time.Sleep(1100 * time.Millisecond)
	case a.end:
		a.cancel()
	}
	return a.Scorer.Score(ctx, arch, device)
}

// Queries of a table are not written down one by one, but a search that has been
// going on for a second is; it goes on from there and ends in the same files.
func TestSearchesByTableResume(t *testing.T) {
	_, score := madeTable(t)
	p, _ := withBlackBox(tiny())
	p.Score = score
	for _, method := range []string{"rea", "local"} {
		run := func(out string, wrap func(*Bench)) (work.Summary, error) {
			g := grid(out, []uint64{4}, method)
			g.Protocols = []protocol.Protocol{p}
			open := g.Bench
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
				b, err := open(p, fresh)
				if wrap != nil {
					wrap(b)
					b.Scorer.(*awkward).cancel = cancel
				}
				return b, err
			}
			return g.Run(ctx)
		}
		straight, broken := t.TempDir(), t.TempDir()
		if sum, err := run(straight, nil); err != nil || sum.Done != 1 {
			t.Fatalf("%+v, %v; want one run done", sum, err)
		}
		// Two calls an epoch: the query and the score of the best.
		sum, err := run(broken, func(b *Bench) { b.Scorer = &awkward{Scorer: b.Scorer, slow: 60, end: 100} })
		if !errors.Is(err, context.Canceled) || sum.Left != 1 {
			t.Fatalf("%s: %+v, %v; want an interrupt", method, sum, err)
		}
		runs, _, err := result.Load(broken)
		if err != nil || len(runs) != 1 || len(runs[0].Events) != 30 || runs[0].Result != nil {
			t.Fatalf("%s: %d runs, %v; want the 30 queries of the first second", method, len(runs), err)
		}
		if sum, err := run(broken, nil); err != nil || sum.Done != 1 {
			t.Fatalf("%s: %+v, %v; want one run done", method, sum, err)
		}
		compare(t, contents(t, broken), contents(t, straight))
	}
}

// toyTable is the least that a space can bring: lines of a text, "arch valid test".
type toyTable map[string]result.Scored

func openToyTable(name string, content []byte, valid, test protocol.Column) (protocol.Table, error) {
	t := toyTable{}
	for line := range strings.Lines(string(content)) {
		var arch string
		scored := result.Scored{GFLOP: 7, Seconds: 3}
		if _, err := fmt.Sscan(line, &arch, &scored.Valid, &scored.Test); err != nil {
			return nil, fmt.Errorf("toy: %q: line %q: %w", name, line, err)
		}
		t[arch] = scored
	}
	return t, nil
}

func (t toyTable) Score(arch string) (result.Scored, error) {
	scored, ok := t[arch]
	if !ok {
		return scored, fmt.Errorf("toy: no cell %q", arch)
	}
	return scored, nil
}

func (t toyTable) Expected(int) (*result.Expected, error) { return nil, nil }
func (t toyTable) Optimum() (*result.Optimum, error) {
	best := result.Optimum{Archs: len(t)}
	for arch, s := range t {
		if s.Test > best.BestTest.Score.Test {
			best.BestTest = result.ArchScore{Arch: arch, Score: s.Score}
		}
		if s.Valid > best.BestValid.Score.Valid {
			best.BestValid = result.ArchScore{Arch: arch, Score: s.Score}
		}
	}
	return &best, nil
}

// A space that is not of this program brings its own table: searches ask it, runs are
// scored by it and know its optimum, and its arithmetic counts.
func TestASpaceBringsItsTable(t *testing.T) {
	before := protocol.Spaces
	t.Cleanup(func() { protocol.Spaces = before })
	row := toyRow
	row.Table, row.TableFrom = openToyTable, "write"
	protocol.Spaces = append(slices.Clone(protocol.Spaces), row)
	var content strings.Builder
	for i := range 8 {
		cell := toy.Cell{i & 1, i >> 1 & 1, i >> 2 & 1}
		fmt.Fprintf(&content, "%s %d %d\n", cell, 50+i, 60-i)
	}
	path := filepath.Join(t.TempDir(), "toy.txt")
	if err := os.WriteFile(path, []byte(content.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	p := tiny()
	p.Space, p.Supernet, p.Score = "toy", row.Sized(2, 1), protocol.Scoring{Table: true, Recipe: p.Score.Recipe}
	p.Score.Net = p.Supernet
	out := t.TempDir()
	g := grid(out, []uint64{0}, "random", "darts-v1")
	g.Protocols = []protocol.Protocol{p}
	g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
		data, err := few(p.Dataset)
		if err != nil {
			return nil, err
		}
		return openBench(p, data, Inputs{Out: out, Table: path}, fresh)
	}
	if sum := mustRun(t, g); sum.Done != 2 {
		t.Fatalf("%+v, want 2 runs done", sum)
	}
	runs, _, err := result.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	last, first := toy.Cell{1, 1, 1}.String(), toy.Cell{}.String()
	for _, run := range runs {
		if got := run.Result.Score; got.Source != "table:toy.txt" || got.Valid+got.Test != 110 {
			t.Errorf("%s: score %+v, want one of the table", run.Cell, got)
		}
		best := run.Result.Optimum
		if best == nil || best.BestValid.Arch != last || best.BestTest.Arch != first || best.BestTest.Score != (result.Score{Valid: 50, Test: 60, Source: "table:toy.txt"}) {
			t.Errorf("%s: optimum %+v, want %s by validation and %s by test", run.Cell, best, last, first)
		}
		if want := 7 * float64(len(run.Events)); run.Cell.Method == "random" && run.Result.GFLOP != want {
			t.Errorf("%s: %v GFLOP after %d queries, want %v", run.Cell, run.Result.GFLOP, len(run.Events), want)
		}
	}
	if _, err := openTable("toy", p.Score, filepath.Join(t.TempDir(), "none.txt")); err == nil || !strings.Contains(err.Error(), "make it with: write ") {
		t.Errorf("no table: error %v, want how to make it", err)
	}
}

// The columns of papers that a table has, each of the first release that has it; a table
// without any has none.
func TestColumnsOfATable(t *testing.T) {
	table := nb201.NewTable(trials.Origin{Source: "made here", Training: "none"})
	cell := nb201.Cell{3, 3, 3, 3, 3, 3}
	for i, key := range []nb201.Key{
		{Dataset: "cifar100", TrainedOn: "cifar100", Split: "x-test", Epochs: 200, Release: nb201.ReleaseNATS},
		{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200, Release: nb201.ReleaseNATS},
		{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200, Release: nb201.Release201v11},
		{Dataset: "cifar10", TrainedOn: "cifar10-valid", Split: "x-valid", Epochs: 12, Release: nb201.Release201v11},
	} {
		if err := table.Append(nb201.Record{Cell: cell, Key: key, Seed: 1, Accuracy: 50 + 10*float64(i), Loss: 1, Seconds: math.NaN()}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "made.arrow")
	if err := table.Save(path); err != nil {
		t.Fatal(err)
	}
	paper, err := protocol.Lookup("nb201", "paper")
	if err != nil {
		t.Fatal(err)
	}
	bench, err := openTable("nb201", paper.Score, path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := bench.Columns(cell.String())
	want := []result.Measured{
		{Column: "cifar10 test", Accuracy: 70, Trials: 1, Release: nb201.Release201v11},
		{Column: "cifar100 test", Accuracy: 50, Trials: 1, Release: nb201.ReleaseNATS},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	// Methods that ask are told the accuracy after 12 epochs, at the cost of those.
	if told, err := bench.Fitness.Score(t.Context(), cell.String(), nil); err != nil || told.Valid != 80 || math.Abs(told.GFLOP-5*12./200) > 1e-12 {
		t.Errorf("fitness %+v, %v; want 80 %% for 0.3 GFLOP", told, err)
	}
	if bench, err = openTable("nb1b1-s3", protocol.Scoring{Table: true, Valid: protocol.Column{Epochs: 108, Split: "valid"}, Test: protocol.Column{Epochs: 108, Split: "test"}}, small101(t)); err != nil || bench.Columns != nil || bench.Fitness != nil {
		t.Errorf("a table of another space: columns %t, %v", bench.Columns != nil, err)
	}
}
