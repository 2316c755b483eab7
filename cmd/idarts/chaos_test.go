package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/longtest"
	"idarts/internal/result"
	"idarts/internal/settings"
	"idarts/internal/work"
	"idarts/nb201"
	"idarts/runners"
	"idarts/runners/protocol"
)

// chaos is an output folder of small runs, which cases damage copies of.
type chaos struct {
	t     *testing.T
	whole string            // the folder of all runs, finished
	space string            // for copies
	half  string            // the same with one that was stopped between epochs
	files map[string]string // of whole, by path, but for times
	rows  map[string]string // of its table of seeds, by run
	table *runners.Bench    // of protocols that score by a table
	heavy bool              // with a method that shares weights

	mu     sync.Mutex
	found  map[string]int // cases by how they ended
	failed int            // cases that ended otherwise than they should
}

// chaosProtocols are of a few queries: one by the table inside the program, one by
// trainings that are only made up, and one that trains a supernet.
func chaosProtocols(heavy bool) []protocol.Protocol {
	byTable, err := protocol.Lookup("nb201", "laptop")
	if err != nil {
		panic(err)
	}
	for _, of := range byTable.Search {
		own := of.Settings
		for path, text := range map[string]string{"queries": "3", "population": "2", "sample": "1", "epochs": "2", "max_steps": "1"} {
			if changed, err := settings.Set(own, path, text); err == nil { // not all methods have it
				own = changed
			}
		}
		byTable = byTable.With(of.Method, own)
	}
	trained := byTable
	byTable.Name, trained.Name = "asks", "trains"
	trained.Score = protocol.Scoring{Trials: 2, Recipe: trained.Score.Recipe}
	if !heavy {
		return []protocol.Protocol{byTable, trained}
	}
	heavily := byTable
	heavily.Name, heavily.Supernet, heavily.Batch = "shares", nb201.Net{C: 2, N: 1}, 8
	return []protocol.Protocol{byTable, trained, heavily}
}

// grid is all runs below out, or those of some protocols.
func (c *chaos) grid(out string, log io.Writer) []*runners.Grid {
	var grids []*runners.Grid
	for i, p := range chaosProtocols(c.heavy) {
		methods := [][]string{{"random", "local"}, {"random"}, {"darts-v1"}}[i]
		grids = append(grids, &runners.Grid{
			Protocols: []protocol.Protocol{p}, Methods: methods, Seeds: []uint64{0, 1},
			Options: work.Options{Out: out, Jobs: 1, Log: log},
			Bench: func(p protocol.Protocol, fresh bool) (*runners.Bench, error) {
				if p.Score.Table {
					if c.table != nil && p.Name == "asks" {
						return c.table, nil
					}
					bench, err := runners.OpenBench(p, runners.Inputs{}, fresh)
					if p.Name == "asks" {
						c.table = bench
					}
					return bench, err
				}
				note := func(format string, args ...any) { fmt.Fprintf(log, format+"\n", args...) }
				bench, err := runners.OpenBench(p, runners.Inputs{Out: out, Note: note}, fresh)
				if err == nil {
					bench.Scorer.(*runners.TrainedScorer).Train = madeUp
				}
				return bench, err
			},
		})
	}
	return grids
}

// madeUp stands for a training: a number by the name of the cell.
func madeUp(_ context.Context, arch string, trial uint64, _ exec.Device) (valid, test float64, err error) {
	h := fnv.New32a()
	fmt.Fprint(h, arch, trial)
	valid = float64(h.Sum32()%10000) / 100
	return valid, 100 - valid, nil
}

// run runs what is not there yet.
func (c *chaos) run(out string) (log string, err error) {
	var text bytes.Buffer
	for _, g := range c.grid(out, &text) {
		sum, err := g.Run(c.t.Context())
		if err == nil && len(sum.Failed) > 0 {
			err = fmt.Errorf("failed: %q", sum.Failed)
		}
		if err != nil {
			return text.String(), err
		}
	}
	return text.String(), nil
}

// read reads all files below root that do not depend on time, through links, in the
// form in which they are the same whatever their layout.
func (c *chaos) read(root string) map[string]string {
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if base := e.Name(); base == result.TimingFile || base == "seconds.json" || strings.Contains(path, "claims") {
			return nil
		}
		files[name], err = canonical(path)
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return files
}

// canonical is the content of a file; records are the same however they are laid out.
func canonical(path string) (string, error) {
	content, err := durable.ReadRegular(path)
	if err == nil && strings.HasSuffix(path, ".json") {
		digest, err := result.Digest(json.RawMessage(content))
		return digest, err
	}
	return string(content), err
}

// seeds is the table of single runs, by run; text is what is said beside it.
func (c *chaos) seeds(out string) (rows map[string]string, text string, status int) {
	var stdout, stderr bytes.Buffer
	status = execute(console{ctx: c.t.Context(), out: &stdout, err: &stderr}, []string{"table", "--format", "seeds", "--out", out})
	rows = map[string]string{}
	records := csv.NewReader(&stdout)
	records.FieldsPerRecord = -1
	all, err := records.ReadAll()
	if err != nil {
		c.t.Errorf("the table of seeds is no CSV: %v", err)
	}
	for _, r := range all {
		if len(r) > 6 && r[0] != "space" {
			rows[strings.Join([]string{r[0], r[1], r[2], r[3], "seed-" + r[4]}, "/")] = strings.Join(r[5:], ",")
		}
	}
	return rows, stderr.String(), status
}

// memoryDir is a folder that is deleted in the end, in memory where there is one in
// memory: all that the program writes it flushes to the disk.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "idarts")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func newChaos(t *testing.T, heavy bool) *chaos {
	c := &chaos{t: t, whole: memoryDir(t), half: memoryDir(t), space: memoryDir(t), heavy: heavy, found: map[string]int{}}
	if log, err := c.run(c.whole); err != nil {
		t.Fatal(err, log)
	}
	var status int
	if c.rows, _, status = c.seeds(c.whole); status != 0 || len(c.rows) < 6 {
		t.Fatalf("%d runs, status %d, before anything is damaged: %v", len(c.rows), status, c.rows)
	}
	c.files = c.read(c.whole)
	// The last run of the others is stopped in its second epoch.
	grids := c.grid(c.half, io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	last := grids[len(grids)-1]
	inner := last.Bench
	last.Bench = func(p protocol.Protocol, fresh bool) (*runners.Bench, error) {
		bench, err := inner(p, fresh)
		if err == nil {
			copied := *bench
			bench, copied.Scorer = &copied, &stopping{copied.Scorer, cancel, 3}
		}
		return bench, err
	}
	for _, g := range grids {
		g.Run(ctx)
	}
	if found, _ := filepath.Glob(filepath.Join(c.half, "*/*/*/*/*/checkpoint/state")); len(found) != 1 {
		t.Fatalf("%d checkpoints of stopped runs, want 1", len(found))
	}
	return c
}

// stopping ends a run after so many scores.
type stopping struct {
	runners.Scorer
	stop func()
	left int
}

func (s *stopping) Score(ctx context.Context, arch string, d exec.Device) (result.Scored, error) {
	if s.left--; s.left < 0 {
		s.stop()
		return result.Scored{}, ctx.Err()
	}
	return s.Scorer.Score(ctx, arch, d)
}

// Whatever happens to files and folders: nothing panics, a table shows the numbers that
// were computed or lacks the row and says so, and a run makes the folder whole again.
func TestDamagedFolders(t *testing.T) {
	cases, heavy := longtest.Of(80, 100, 500), longtest.Of(1, 2, 5)
	if os.Getenv("IDARTS_CHAOS") != "" {
		cases, heavy = 2000, 20
	}
	for _, part := range []struct {
		heavy bool
		cases int
	}{{false, cases - heavy}, {true, heavy}} {
		c := newChaos(t, part.heavy)
		numbers := make(chan int)
		var workers sync.WaitGroup
		for range runtime.NumCPU() {
			workers.Go(func() {
				for i := range numbers {
					c.try(i)
				}
			})
		}
		for i := range part.cases {
			numbers <- i
		}
		close(numbers)
		workers.Wait()
		t.Logf("%d cases, with a supernet: %v: %v", part.cases, part.heavy, c.found)
	}
}

// try damages a copy and looks what becomes of it.
func (c *chaos) try(number int) {
	c.t.Helper()
	out := filepath.Join(c.space, fmt.Sprint(number))
	from := c.whole
	if number%4 == 0 {
		from = c.half
	}
	if err := os.CopyFS(out, os.DirFS(from)); err != nil {
		c.t.Error(err)
		return
	}
	h := &havoc{Rand: rand.New(rand.NewPCG(uint64(number), 7)), root: out}
	var did []string
	for range 1 + h.IntN(3) {
		did = append(did, h.damage())
	}
	fail := func(format string, args ...any) {
		c.t.Helper()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed++; c.failed > 5 {
			return // these will do
		}
		c.t.Errorf("case %d, heavy %v (%s): %s", number, c.heavy, strings.Join(did, "; "), fmt.Sprintf(format, args...))
	}
	rows, text, status := c.seeds(out)
	c.judge(rows, text, status, out, fail)
	_, _, statusOf := c.command("status", "--out", out)
	if statusOf != status && !strings.Contains(text, "times") && len(rows) > 0 {
		fail("table ends with %d, status with %d: %s", status, statusOf, text)
	}
	if number%3 == 0 {
		c.total(out, rows, fail)
	}
	if number%100 == 50 {
		if _, _, drawn := c.command("figure", "--out", out); drawn != status && !strings.Contains(text, "timing.json") && len(rows) > 0 {
			fail("table ends with %d, figure with %d", status, drawn)
		}
	}
	sound := c.sound(out)
	log, err := c.run(out)
	if err != nil {
		fail("run: %v\n%s", err, log)
		return
	}
	for _, name := range sound {
		if strings.Contains(log, "done: "+name+" ") {
			fail("%s is sound and was made again:\n%s", name, log)
		}
	}
	rows, text, status = c.seeds(out)
	if !maps.Equal(rows, c.rows) {
		fail("after the run the table is\n%v, want\n%v\n%s\n%s", rows, c.rows, text, log)
	}
	c.same(out, fail)
	kind := "repaired"
	switch {
	case status != 0:
		kind = "repaired, and entries of others are named"
	case log == "":
		kind = "nothing of value was damaged"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found[kind]++
	os.RemoveAll(out)
}

// total compares the number of seeds in the table of methods with the rows of seeds.
func (c *chaos) total(out string, rows map[string]string, fail func(string, ...any)) {
	text, _, _ := c.command("table", "--format", "csv", "--out", out)
	records := csv.NewReader(strings.NewReader(text))
	records.FieldsPerRecord = -1
	all, err := records.ReadAll()
	if err != nil {
		fail("the table is no CSV: %v", err)
	}
	done := 0
	for _, row := range rows {
		if strings.HasPrefix(row, "done") {
			done++
		}
	}
	for _, r := range all {
		if n, err := strconv.Atoi(r[min(5, len(r)-1)]); err == nil && r[0] == "ours" {
			done -= n
		}
	}
	if done != 0 {
		fail("the table of seeds has %d finished runs more than that of methods:\n%s", done, text)
	}
}

// sound lists the runs that are finished, at their place and as they were.
func (c *chaos) sound(out string) (names []string) {
	real, err := filepath.EvalSymlinks(out)
	if err != nil {
		return nil
	}
	for name := range c.rows {
		dir, err := filepath.EvalSymlinks(filepath.Join(out, name))
		sound := err == nil && dir == filepath.Join(real, name)
		for _, file := range []string{result.ConfigFile, result.EventsFile, result.ResultFile} {
			content, err := canonical(filepath.Join(out, name, file))
			sound = sound && err == nil && content == c.files[filepath.FromSlash(name+"/"+file)]
		}
		if sound {
			names = append(names, name)
		}
	}
	return names
}

// command runs a command.
func (c *chaos) command(args ...string) (out, text string, status int) {
	var stdout, stderr bytes.Buffer
	status = execute(console{ctx: c.t.Context(), out: &stdout, err: &stderr}, args)
	return stdout.String(), stderr.String(), status
}

// judge compares the table of a damaged folder with that of the whole one.
func (c *chaos) judge(rows map[string]string, text string, status int, out string, fail func(string, ...any)) {
	for name, row := range rows {
		if want := c.rows[name]; row != want && !strings.HasPrefix(row, "unfinished") {
			fail("%s is %q, want %q", name, row, want)
		}
	}
	for name := range c.rows {
		row, shown := rows[name]
		dir := filepath.Join(out, filepath.FromSlash(name))
		_, err := os.Stat(filepath.Join(dir, result.ResultFile))
		gone := err != nil // with all that says that it was finished
		_, err = os.ReadDir(dir)
		switch {
		case shown && strings.HasPrefix(row, "unfinished") && !gone:
			fail("%s is called unfinished with a result there", name)
		case !shown && err == nil && status == 0 && !empty(dir):
			fail("%s is left out and not named: %s", name, text)
		case !shown && status == 1 && !strings.Contains(text, "left out") && !strings.Contains(text, "no runs in"):
			fail("%s is left out, and the message is %q", name, text)
		}
	}
}

// empty says whether a folder has nothing but what a claim left.
func empty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") && e.Name() != "checkpoint" })
}

// same compares the files of a repaired folder with those of the whole one. What was
// trained of scores may be less: they are made again when they are needed.
func (c *chaos) same(out string, fail func(string, ...any)) {
	for name, want := range c.files {
		path := filepath.Join(out, name)
		if filepath.Base(name) == "scores.arrow" {
			got, err := runners.ReadScores(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			whole, _ := runners.ReadScores(filepath.Join(c.whole, name))
			if err != nil {
				fail("after the run: %v", err)
				continue
			}
			for _, row := range got.Rows {
				if !slices.Contains(whole.Rows, row) {
					fail("after the run the scores have %+v", row)
				}
			}
			continue
		}
		if got, err := canonical(path); err != nil || got != want {
			fail("after the run %s is %.300q, %v; want %.300q", name, got, err, want)
		}
	}
}
