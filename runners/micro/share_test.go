package micro

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"idarts/internal/durable"
	"idarts/internal/work"
)

// sharedOut makes this test program build tinyMicro there, one training at a time, and
// print the summary. After its first training it makes the file sharedMark and waits
// for the file sharedOther, or for ever where that is "".
const (
	sharedOut   = "IDARTS_TEST_SHARED_OUT"
	sharedMark  = "IDARTS_TEST_SHARED_MARK"
	sharedOther = "IDARTS_TEST_SHARED_OTHER"
)

func TestMain(m *testing.M) {
	if out := os.Getenv(sharedOut); out != "" {
		shareChild(out)
	}
	os.Exit(m.Run())
}

// shareChild is the process that the constants above describe.
func shareChild(out string) {
	job := Build{Benchmark: tinyMicro, Options: work.Options{Out: out, Jobs: 1}}
	job.trained = func() {
		if job.count.Load() > 1 {
			return
		}
		os.WriteFile(os.Getenv(sharedMark), nil, 0o644)
		if other := os.Getenv(sharedOther); other != "" {
			await(other)
		} else {
			select {}
		}
	}
	sum, err := job.Run(context.Background())
	if err == nil {
		_, err = job.Write(out, sum)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sum.Rows = nil // NaN is no JSON
	json.NewEncoder(os.Stdout).Encode(sum)
	os.Exit(0)
}

// await waits for a file that another process makes, unless that one seems dead.
func await(path string) {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	panic("no " + path)
}

// startChild starts the process.
func startChild(t *testing.T, out, mark, other string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sharedOut+"="+out, sharedMark+"="+mark, sharedOther+"="+other)
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, stdout, stderr
}

// files are the bytes of the table and the curves.
func files(t *testing.T, dir string) (content [2][]byte) {
	t.Helper()
	for i, end := range []string{".arrow", "-curves.arrow"} {
		var err error
		if content[i], err = os.ReadFile(filepath.Join(dir, "nb201-tiny"+end)); err != nil {
			t.Fatal(err)
		}
	}
	return content
}

// Two processes are each in the middle of a shard when they meet, so each must find
// the other's held, and wait for it before the second round. Both end with all trainings.
func TestTwoProcessesShareABuild(t *testing.T) {
	_, want := buildMicro(t, tinyMicro, t.TempDir(), 1)
	out, marks := t.TempDir(), t.TempDir()
	a, b := filepath.Join(marks, "a"), filepath.Join(marks, "b")
	first, firstOut, firstErr := startChild(t, out, a, b)
	second, secondOut, secondErr := startChild(t, out, b, a)
	if err := first.Wait(); err != nil {
		t.Fatalf("the first: %v: %s", err, firstErr)
	}
	if err := second.Wait(); err != nil {
		t.Fatalf("the second: %v: %s", err, secondErr)
	}
	now := 0
	for i, text := range []*bytes.Buffer{firstOut, secondOut} {
		var got Summary
		if err := json.Unmarshal(text.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Now < 20 || got.Now+got.Elsewhere+got.Before != 71 || got.There != 71 {
			t.Errorf("process %d: %+v, want a shard of the first round or more, and 71 trainings in all", i, got)
		}
		now += got.Now
	}
	if now != 71 {
		t.Errorf("%d trainings by both, want 71", now)
	}
	compareFiles(t, files(t, out), want)
}

// A build that has nothing left of a round but the shard of another process takes it
// over when that one is killed.
func TestTheShardOfAKilledProcessIsTakenOver(t *testing.T) {
	_, want := buildMicro(t, tinyMicro, t.TempDir(), 1)
	out, mark := t.TempDir(), filepath.Join(t.TempDir(), "mark")
	child, _, _ := startChild(t, out, mark, "")
	await(mark)
	job := Build{Benchmark: tinyMicro, Options: work.Options{Out: out, Jobs: 2}}
	job.trained = func() {
		if job.count.Load() == 45-shardSize { // all of the first round that nobody holds
			if _, err := durable.Claim(job.claim(0)); !errors.Is(err, durable.ErrLocked) {
				t.Errorf("shard 0 is not held by the other process: %v", err)
			}
			child.Process.Kill()
			child.Wait()
		}
	}
	sum, err := job.Run(t.Context())
	if err != nil || sum.Now != 71 {
		t.Fatalf("%+v, %v; want 71 trainings now", sum, err)
	}
	if _, err := job.Write(out, sum); err != nil {
		t.Fatal(err)
	}
	compareFiles(t, files(t, out), want)
}

// The rounds have 2, 1 and 1 shards. A part goes as far as the rounds are complete
// before it.
func TestPartsOfABuild(t *testing.T) {
	_, want := buildMicro(t, tinyMicro, t.TempDir(), 1)
	out := t.TempDir()
	for _, tt := range []struct {
		name                          string
		part                          Part
		mine, now, before, all, round int
	}{
		{"one shard of the first round", Part{1, 2}, 26, 20, 0, 20, 0},
		{"and no more as long as the other is missing", Part{1, 2}, 26, 0, 20, 20, 0},
		{"the other, and that of the second round", Part{0, 2}, 45, 45, 0, 65, 2},
		{"a part without shards", Part{4, 5}, 0, 0, 0, 65, 2},
		{"the last round", Part{1, 2}, 26, 6, 20, 71, Rounds},
	} {
		job := Build{Benchmark: tinyMicro, Part: tt.part, Options: work.Options{Out: out, Jobs: 1}}
		sum, err := job.Run(t.Context())
		if err != nil || sum.Mine != tt.mine || sum.Now != tt.now || sum.Before != tt.before || sum.There != tt.all || sum.Round != tt.round || (sum.Rows != nil) != (tt.all == 71) {
			t.Errorf("%s: %d of its own, %d now, %d before, %d in all, round %d, %d rows, %v; want %+v",
				tt.name, sum.Mine, sum.Now, sum.Before, sum.There, sum.Round, len(sum.Rows), err, tt)
		}
	}
	_, got := buildMicro(t, tinyMicro, out, 1)
	compareFiles(t, got, want)

	// To make a part afresh leaves the others.
	job := Build{Benchmark: tinyMicro, Part: Part{0, 3}, Options: work.Options{Out: out, Jobs: 1, Fresh: true}}
	if sum, err := job.Run(t.Context()); err != nil || sum.Now != 31 || sum.There != 71 {
		t.Errorf("%+v, %v; want the 31 trainings of the first shard and the last", sum, err)
	}
}

func TestParsePart(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Part
	}{
		{"0/1", Part{0, 1}}, {"3/4", Part{3, 4}},
		{"4/4", Part{}}, {"-1/4", Part{}}, {"0/0", Part{}}, {"1", Part{}}, {"1/4x", Part{}}, {"", Part{}}, {"a/b", Part{}},
	} {
		got, err := ParsePart(tt.text)
		if got != tt.want || (err != nil) != (tt.want == Part{}) {
			t.Errorf("%q: %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
		if err != nil && !strings.Contains(err.Error(), "as in 0/4") {
			t.Errorf("%q: error %v, want an example", tt.text, err)
		}
	}
}

// A shard whose training fails is named, and the others of its round are done.
func TestAFailedShardStopsNoOther(t *testing.T) {
	out := t.TempDir()
	if err := os.MkdirAll(filepath.Join(out, shardsDir, claimsDir, "shard-0001"), 0o755); err != nil {
		t.Fatal(err)
	}
	job := Build{Benchmark: tinyMicro, Options: work.Options{Out: out, Jobs: 1}}
	sum, err := job.Run(t.Context())
	microError(t, err, "1 of 4 shards failed, the first: shard 1: ")
	if sum.Now != 25 || sum.There != 25 || sum.Rows != nil {
		t.Errorf("%+v, want the 25 trainings of the other shard of the first round, and no round after it", sum)
	}
}
