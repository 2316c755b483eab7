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
	"slices"
	"strings"
	"testing"

	"idarts/internal/durable"
	"idarts/internal/exec"
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

	failed int // faults found
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
	content, err := os.ReadFile(path)
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
	c := &chaos{t: t, whole: memoryDir(t), half: memoryDir(t), space: memoryDir(t), heavy: heavy}
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
	cases, heavy := 2000, 20
	if testing.Short() {
		cases, heavy = 200, 2
	}
	found := map[string]int{}
	for _, part := range []struct {
		heavy bool
		cases int
	}{{false, cases - heavy}, {true, heavy}} {
		c := newChaos(t, part.heavy)
		for i := range part.cases {
			if c.try(i, found); c.failed > 4 {
				t.Fatal("and so on")
			}
		}
	}
	t.Logf("%d cases: %v", cases, found)
}

// try damages a copy and looks what becomes of it.
func (c *chaos) try(number int, found map[string]int) {
	c.t.Helper()
	out := filepath.Join(c.space, fmt.Sprint(number))
	from := c.whole
	if number%4 == 0 {
		from = c.half
	}
	if err := os.CopyFS(out, os.DirFS(from)); err != nil {
		c.t.Fatal(err)
	}
	h := &havoc{Rand: rand.New(rand.NewPCG(uint64(number), 7)), root: out}
	var did []string
	for range 1 + h.IntN(3) {
		did = append(did, h.damage())
	}
	before, _ := filepath.Glob(filepath.Join(out, "*/*/*/*/*"))
	fail := func(format string, args ...any) {
		c.t.Helper()
		c.failed++
		c.t.Errorf("case %d, heavy %v (%s): %s", number, c.heavy, strings.Join(did, "; "), fmt.Sprintf(format, args...))
	}
	rows, text, status := c.seeds(out)
	c.judge(rows, text, status, out, from == c.half, fail)
	_, _, statusOf := c.command("status", "--out", out)
	if statusOf != status && !strings.Contains(text, "times") && len(rows) > 0 {
		fail("table ends with %d, status with %d: %s", status, statusOf, text)
	}
	log, err := c.run(out)
	if err != nil {
		fail("run: %v\n%s\n%q", err, log, before)
		return
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
	found[kind]++
	os.RemoveAll(out)
}

// command runs a command.
func (c *chaos) command(args ...string) (out, text string, status int) {
	var stdout, stderr bytes.Buffer
	status = execute(console{ctx: c.t.Context(), out: &stdout, err: &stderr}, args)
	return stdout.String(), stderr.String(), status
}

// judge compares the table of a damaged folder with that of the whole one.
func (c *chaos) judge(rows map[string]string, text string, status int, out string, half bool, fail func(string, ...any)) {
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
	_ = half
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

// havoc does damage below root.
type havoc struct {
	*rand.Rand
	root string
}

// entry is a random file, folder or link below root, "" where there is none of the kind.
func (h *havoc) entry(folder bool) string {
	var all []string
	filepath.WalkDir(h.root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != h.root && e.IsDir() == folder && e.Name() != ".lock" && !durable.IsAside(e.Name()) {
			all = append(all, path)
		}
		return nil
	})
	if len(all) == 0 {
		return ""
	}
	return all[h.IntN(len(all))]
}

// some is any entry.
func (h *havoc) some() string { return h.entry(h.IntN(2) == 0) }

// damage does one thing and says what.
func (h *havoc) damage() string {
	file, path, other := h.entry(false), h.some(), h.some()
	if file == "" || path == "" || other == "" {
		return "nothing is left"
	}
	short := func(path string) string { s, _ := filepath.Rel(h.root, path); return s }
	switch h.IntN(12) {
	case 0, 1, 2:
		return h.change(file, "a byte of "+short(file)+" flipped", func(b []byte) []byte {
			if len(b) > 0 {
				b[h.IntN(len(b))] ^= byte(1 + h.IntN(255))
			}
			return b
		})
	case 3:
		return h.change(file, short(file)+" cut", func(b []byte) []byte { return b[:h.IntN(len(b)+1)] })
	case 4:
		insert := []string{"{", "\ufeff", "null", "\n", "x", "[]"}[h.IntN(6)]
		return h.change(file, fmt.Sprintf("%q put before %s", insert, short(file)), func(b []byte) []byte { return append([]byte(insert), b...) })
	case 5:
		os.RemoveAll(path)
		return short(path) + " removed"
	case 6: // a copy
		to := h.beside(path)
		copyTo(path, to)
		return short(path) + " copied to " + short(to)
	case 7: // one more link
		to := h.beside(path)
		os.Symlink(other, to)
		return short(to) + " made a link to " + short(other)
	case 8: // a link in its place
		if other == path || strings.HasPrefix(other, path+"/") {
			other = []string{h.root, filepath.Dir(path), "nowhere", "/dev/null"}[h.IntN(4)]
		}
		os.RemoveAll(path)
		os.Symlink(other, path)
		return short(path) + " replaced by a link to " + other
	case 9: // swap
		other = h.entry(h.isDir(path))
		if strings.HasPrefix(other+"/", path+"/") || strings.HasPrefix(path+"/", other+"/") {
			return "nothing"
		}
		spare := filepath.Join(h.root, ".spare")
		os.Rename(path, spare)
		os.Rename(other, path)
		os.Rename(spare, other)
		return short(path) + " and " + short(other) + " swapped"
	case 10: // another kind
		folder := h.isDir(path)
		os.RemoveAll(path)
		if folder {
			os.WriteFile(path, []byte("a file"), 0o644)
		} else {
			os.MkdirAll(filepath.Join(path, "inside"), 0o755)
		}
		return short(path) + " made another kind"
	}
	to := filepath.Join(filepath.Dir(path), []string{"lost+found", ".DS_Store", "notes.txt", "seed-9", "config.json", "result.json", "model", "events.jsonl"}[h.IntN(8)])
	if _, err := os.Lstat(to); err != nil {
		if h.IntN(2) == 0 {
			os.WriteFile(to, []byte("{}"), 0o644)
		} else {
			os.MkdirAll(to, 0o755)
			os.WriteFile(filepath.Join(to, "config.json"), []byte(`{"hidden_size": 3}`), 0o644)
		}
	}
	return short(to) + " added"
}

func (h *havoc) isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// change rewrites a file in place.
func (h *havoc) change(path, what string, by func([]byte) []byte) string {
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, by(content), 0o644)
	}
	if err != nil {
		return "nothing"
	}
	return what
}

// beside is a name for a copy of path that is free.
func (h *havoc) beside(path string) string {
	for {
		to := path + []string{".bak", "-copy", " (1)", "~"}[h.IntN(4)]
		if strings.HasPrefix(filepath.Base(path), "seed-") && h.IntN(2) == 0 {
			to = filepath.Join(filepath.Dir(path), fmt.Sprintf("seed-%d", h.IntN(20)))
		}
		if h.IntN(4) == 0 {
			to = filepath.Join(h.root, filepath.Base(path)+fmt.Sprint(h.IntN(100)))
		}
		if _, err := os.Lstat(to); err != nil {
			return to
		}
	}
}

// copyTo copies a file or folder.
func copyTo(path, to string) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		os.CopyFS(to, os.DirFS(path))
		return
	}
	if content, err := os.ReadFile(path); err == nil {
		os.WriteFile(to, content, 0o644)
	}
}
