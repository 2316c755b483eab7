package runners

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/runners/protocol"
)

// shell does to a folder what people do.
func shell(t *testing.T, dir, command string) {
	t.Helper()
	cmd := osexec.Command("sh", "-c", command)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

// noted is a grid of random search, whose remarks go to log.
func noted(out string, log io.Writer, seeds ...uint64) *Grid {
	g := grid(out, seeds, "random")
	g.Jobs, g.Log = 1, log
	data, err := few("fashion8")
	if err != nil {
		panic(err)
	}
	g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
		return openBench(p, data, Inputs{Out: out, Note: g.Note}, fresh)
	}
	return g
}

// What is damaged is set aside and made again, with the bytes of before; what is sound
// is reused.
func TestDamageIsRepaired(t *testing.T) {
	const (
		runs   = "nb201/fashion8/tiny/random/"
		scores = "scores/nb201-fashion8-tiny/"
	)
	whole := t.TempDir()
	mustRun(t, noted(whole, io.Discard, 0, 1))
	want := contents(t, whole)
	for _, tt := range []struct {
		name, damage string
		done         int      // runs made again of 2
		remark       string   // "": none
		aside        []string // names of what is set aside
	}{
		{"a cut result", "truncate -s 100 " + runs + "seed-0/result.json", 1, "is damaged: it ends too early", []string{runs + "seed-0.aside-1"}},
		{"cut events", "truncate -s -9 " + runs + "seed-0/events.jsonl", 1, "its last line is cut", []string{runs + "seed-0.aside-1"}},
		{"a second time", "mkdir " + runs + "seed-0.aside-1; truncate -s 0 " + runs + "seed-0/result.json", 1, "is damaged", []string{runs + "seed-0.aside-1", runs + "seed-0.aside-2"}},
		{"a damaged config.json", "echo x > " + runs + "seed-0/config.json", 0, "is damaged", []string{runs + "seed-0/config.json.aside-1"}},
		{"no config.json", "rm " + runs + "seed-0/config.json", 0, "", nil},
		{"no config.json, and the result of another", "rm " + runs + "seed-0/config.json; cp " + runs + "seed-1/result.json " + runs + "seed-0", 1, "it is of the run", []string{runs + "seed-0.aside-1"}},
		{"no result", "rm " + runs + "seed-0/result.json", 1, "", nil},
		{"a copy of another seed in its place", "rm -r " + runs + "seed-0; cp -r " + runs + "seed-1 " + runs + "seed-0", 1, "is the run " + runs + "seed-1", []string{runs + "seed-0.aside-1"}},
		{"places changed", "cd " + runs + "; mv seed-0 x; mv seed-1 seed-0; mv x seed-1", 2, "is the run", []string{runs + "seed-0.aside-1", runs + "seed-1.aside-1"}},
		{"a link to another seed in its place", "cd " + runs + "; rm -r seed-0; ln -s seed-1 seed-0", 1, "is a link to another folder of this output", []string{runs + "seed-0.aside-1"}},
		{"a file in place of a folder", "rm -r " + runs + "seed-0; echo > " + runs + "seed-0", 1, "is a file where a folder belongs", []string{runs + "seed-0.aside-1"}},
		{"damaged times", "echo { > " + runs + "seed-0/timing.json", 0, "its times are lost", []string{runs + "seed-0/timing.json.aside-1"}},
		{"damaged scores that nobody needs", "truncate -s -40 " + scores + "scores.arrow", 0, "what is needed of it is made again", []string{scores + "scores.arrow.aside-1"}},
		{"damaged scores that are needed", "truncate -s -40 " + scores + "scores.arrow; rm " + runs + "seed-*/result.json", 2, "what is needed of it is made again", []string{scores + "scores.arrow.aside-1"}},
		{"damaged seconds", "echo { > " + scores + "seconds.json", 0, "what is needed of it is made again", []string{scores + "seconds.json.aside-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			if err := os.CopyFS(out, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			shell(t, out, tt.damage)
			var log bytes.Buffer
			sum := mustRun(t, noted(out, &log, 0, 1))
			if sum.Done != tt.done || sum.Done+sum.Reused != 2 {
				t.Errorf("%+v, want %d done, the others reused", sum, tt.done)
			}
			if !strings.Contains(log.String(), tt.remark) {
				t.Errorf("remarks %q, want %q", &log, tt.remark)
			}
			var aside []string
			for depth := range 6 {
				found, _ := filepath.Glob(filepath.Join(out, strings.Repeat("*/", depth), "*.aside-*"))
				for _, path := range found {
					name, _ := filepath.Rel(out, path)
					aside = append(aside, filepath.ToSlash(name))
				}
			}
			slices.Sort(aside)
			if !slices.Equal(aside, tt.aside) {
				t.Errorf("set aside are %q, want %q", aside, tt.aside)
			}
			got := contents(t, out)
			if _, there := got[scores+"scores.arrow"]; !there && tt.done == 0 {
				got[scores+"scores.arrow"] = want[scores+"scores.arrow"] // is made when it is needed
			}
			compare(t, got, want)
			if found, faults, err := result.Load(out); len(found) != 2 || len(faults) != 0 || err != nil {
				t.Errorf("then %d runs are read, with %v, %v", len(found), faults, err)
			}
			log.Reset()
			if sum := mustRun(t, noted(out, &log, 0, 1)); sum.Reused != 2 || log.Len() > 0 {
				t.Errorf("the next run: %+v, remarks %q; want all reused without one", sum, &log)
			}
		})
	}
}

// A run is made again where it is asked for by its name, and no other.
func TestRedo(t *testing.T) {
	out := t.TempDir()
	mustRun(t, noted(out, io.Discard, 0, 1))
	want := contents(t, out)
	g := noted(out, io.Discard, 0, 1)
	g.Redo = []string{"nb201/fashion8/tiny/random/seed-1"}
	var plan bytes.Buffer
	if err := g.DryRun(t.Context(), &plan); err != nil || strings.Count(plan.String(), "to run again (--redo)") != 1 {
		t.Errorf("the plan is %q, %v; want one run again", &plan, err)
	}
	if sum := mustRun(t, g); sum.Done != 1 || sum.Reused != 1 {
		t.Errorf("%+v, want one done and one reused", sum)
	}
	compare(t, contents(t, out), want)
	if _, err := os.Stat(filepath.Join(out, g.Redo[0]+".aside-1", result.ResultFile)); err != nil {
		t.Errorf("what was there is not set aside: %v", err)
	}
	g.Redo = []string{"nb201/fashion8/tiny/random/seed-2"}
	if _, err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `not among the 2 runs of this command, want one of ["nb201/fashion8/tiny/random/seed-0"`) {
		t.Errorf("a run that is not asked for: %v", err)
	}
}

// One run that cannot be taken over does not stop the others.
func TestRefusedRunLeavesTheRest(t *testing.T) {
	out := t.TempDir()
	mustRun(t, noted(out, io.Discard, 0))
	g := noted(out, io.Discard, 0, 1)
	g.Protocols[0].Batch = 8
	sum, err := g.Run(t.Context())
	if err != nil || sum.Done != 1 || len(sum.Failed) != 1 || !strings.Contains(sum.Failed[0], "--redo nb201/fashion8/tiny/random/seed-0") {
		t.Errorf("%+v, %v; want seed 1 done and --redo of seed 0", sum, err)
	}
}

// Who deletes the folder of a run under way does not read that it is done.
func TestDeletedMeanwhile(t *testing.T) {
	for _, all := range []bool{false, true} {
		out := t.TempDir()
		g := noted(out, io.Discard, 0, 1)
		whole, calls := g.Bench, 0
		g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
			b, err := whole(p, fresh)
			if err != nil {
				return b, err
			}
			inner := b.Scorer
			b.Scorer = scorerFunc(func(ctx context.Context, arch string, d exec.Device) (result.Scored, error) {
				// While seed 0 searches, or when it is done and seed 1 searches.
				if calls++; calls == 2 && !all || calls == 5 && all {
					shell(t, out, "rm -rf nb201/fashion8/tiny/random/seed-0")
				}
				return inner.Score(ctx, arch, d)
			})
			return b, nil
		}
		sum, err := g.Run(t.Context())
		if err != nil || sum.Done != 1 || len(sum.Failed) != 1 || !strings.Contains(sum.Failed[0], "changed or deleted meanwhile") {
			t.Errorf("after its end: %v: %+v, %v; want one done and one deleted", all, sum, err)
		}
		if sum := mustRun(t, noted(out, io.Discard, 0, 1)); sum.Done+sum.Reused != 2 {
			t.Errorf("the next run: %+v", sum)
		}
	}
}

// A link may lead to a place for a run, and not to a run of another output folder, which
// stays as it is.
func TestLinksOutOfTheFolder(t *testing.T) {
	other, out := t.TempDir(), t.TempDir()
	mustRun(t, noted(other, io.Discard, 0))
	want := contents(t, other)
	const seeds = "nb201/fashion8/tiny/random"
	if err := os.MkdirAll(filepath.Join(out, seeds), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(other, seeds, "seed-0"), filepath.Join(out, seeds, "seed-1")); err != nil {
		t.Skip(err)
	}
	sum, err := noted(out, io.Discard, 0, 1).Run(t.Context())
	if err != nil || sum.Done != 1 || len(sum.Failed) != 1 || !strings.Contains(sum.Failed[0], "take it away") {
		t.Errorf("%+v, %v; want seed 0 done and the link of seed 1 named", sum, err)
	}
	compare(t, contents(t, other), want)

	disk := t.TempDir()
	place := filepath.Join(out, seeds, "seed-1")
	os.Remove(place)
	if err := os.Symlink(disk, place); err != nil {
		t.Fatal(err)
	}
	for range 2 { // in the second round what is there is damaged
		if sum := mustRun(t, noted(out, io.Discard, 0, 1)); sum.Done != 1 || sum.Reused != 1 {
			t.Errorf("%+v, want one done on the other disk and one reused", sum)
		}
		if runs, faults, err := result.Load(out); len(runs) != 2 || len(faults) != 0 || err != nil {
			t.Errorf("%d runs, %v, %v; want both", len(runs), faults, err)
		}
		if err := os.Truncate(filepath.Join(disk, result.ResultFile), 50); err != nil {
			t.Fatal(err)
		}
	}
	os.RemoveAll(disk + ".aside-1")
}

// A checkpoint of another run, or of another version, is not gone on from.
func TestCheckpointOfAnotherRun(t *testing.T) {
	dir := t.TempDir()
	config := result.Config{Identity: "mine", Versions: map[string]string{"go": "1"}}
	point := &checkpoint{Run: "mine", Versions: config.Versions}
	if err := point.write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := readCheckpoint(dir, config); err != nil {
		t.Fatal(err)
	}
	for _, other := range []result.Config{
		{Identity: "another", Versions: config.Versions}, {Identity: "mine", Versions: map[string]string{"go": "2"}},
	} {
		if _, err := readCheckpoint(dir, other); err == nil || !strings.Contains(err.Error(), "of another") {
			t.Errorf("%+v: %v, want it refused", other, err)
		}
	}
}

// Runs of the version before, whose records have no checksums, are reused and get them.
func TestRecordsWithoutChecksums(t *testing.T) {
	out := t.TempDir()
	mustRun(t, noted(out, io.Discard, 0))
	want := contents(t, out)
	dir := filepath.Join(out, "nb201/fashion8/tiny/random/seed-0")
	for _, name := range []string{result.ConfigFile, result.EventsFile, result.ResultFile, result.TimingFile} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var old bytes.Buffer
		for d := json.NewDecoder(bytes.NewReader(content)); d.More(); {
			var record map[string]json.RawMessage
			if err := d.Decode(&record); err != nil {
				t.Fatal(err)
			}
			delete(record, "sha256")
			delete(record, "run")
			delete(record, "events")
			text, _ := json.Marshal(record)
			fmt.Fprintf(&old, "%s\n", text)
		}
		if err := os.WriteFile(filepath.Join(dir, name), old.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if runs, faults, err := result.Load(out); len(runs) != 1 || len(faults) != 0 || err != nil {
		t.Errorf("%d runs, %v, %v; want it read", len(runs), faults, err)
	}
	if sum := mustRun(t, noted(out, io.Discard, 0)); sum.Reused != 1 {
		t.Errorf("%+v, want it reused", sum)
	}
	compare(t, contents(t, out), want)
}

// Finished runs need nothing that writes. What is to be written says that it cannot be.
func TestReadOnlyFolder(t *testing.T) {
	out := t.TempDir()
	mustRun(t, noted(out, io.Discard, 0))
	// Something to tidy up is no reason to write.
	if err := os.MkdirAll(filepath.Join(out, "nb201/fashion8/tiny/random/seed-0", checkpointDir), 0o755); err != nil {
		t.Fatal(err)
	}
	before := snapshot(out)
	real := readOnly(t, out)
	if sum := mustRun(t, noted(out, io.Discard, 0)); sum.Reused != 1 {
		t.Errorf("%+v, want it reused", sum)
	}
	if real && snapshot(out) != before {
		t.Error("something was written")
	}
	if err := noted(out, io.Discard, 0).DryRun(t.Context(), io.Discard); err != nil {
		t.Errorf("the plan: %v", err)
	}
	if !real {
		return
	}
	if _, err := noted(out, io.Discard, 0, 1).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot write to output folder") {
		t.Errorf("with a run to do: %v, want that it cannot be written", err)
	}
}

// readOnly makes a folder so until the test ends, and says whether it could: root may
// write whatever the mode, and needs a mount.
func readOnly(t *testing.T, dir string) bool {
	t.Helper()
	command := `find "$1" -type d -exec chmod 555 {} +`
	undo := `find "$1" -type d -exec chmod 755 {} +`
	if os.Geteuid() == 0 {
		command, undo = `mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"`, `umount "$1"`
	}
	err := osexec.Command("sh", "-c", command, "-", dir).Run()
	t.Cleanup(func() { osexec.Command("sh", "-c", undo, "-", dir).Run() })
	if err != nil {
		t.Logf("no read-only folder can be made: %v", err)
	}
	return err == nil
}
