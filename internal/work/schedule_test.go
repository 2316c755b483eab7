package work

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"idarts/internal/durable"
)

// fake is a folder of fake units: the files "result" and "failure" in the folder of a
// unit say what became of it.
type fake struct {
	t    *testing.T
	root string
	mu   sync.Mutex
	did  []string // names of the units done here, in the order of their start
}

// unit makes one; do is what it does before it leaves its result.
func (f *fake) unit(name string, do func() error) Unit {
	dir := filepath.Join(f.root, name)
	return Unit{
		Name: name, Size: 1, Claim: durable.LockFile(dir),
		Look: func() (found Found, err error) {
			_, err = os.Stat(filepath.Join(dir, "result"))
			found.Finished = err == nil
			if reason, err := os.ReadFile(filepath.Join(dir, "failure")); err == nil {
				info, _ := os.Stat(filepath.Join(dir, "failure"))
				found.Failure, found.FailedAt = string(reason), info.ModTime()
			}
			return found, nil
		},
		Do: func(ctx context.Context, _ *Turn) error {
			if _, err := os.Stat(filepath.Join(dir, "result")); err == nil {
				return nil
			}
			f.mu.Lock()
			f.did = append(f.did, name)
			f.mu.Unlock()
			if do != nil {
				if err := do(); err != nil {
					return err
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			f.write(name, "result", "")
			return nil
		},
	}
}

// write leaves a file in the folder of a unit.
func (f *fake) write(unit, file, content string) {
	if err := durable.WriteBytes(filepath.Join(f.root, unit, file), []byte(content)); err != nil {
		f.t.Fatal(err)
	}
}

// hold takes the claim of a unit as another process does.
func (f *fake) hold(unit string) (release func()) {
	release, err := durable.Claim(durable.LockFile(filepath.Join(f.root, unit)))
	if err != nil {
		f.t.Fatal(err)
	}
	return release
}

// Each case has the units a, b and c and one worker. before prepares the folder and
// gives what other processes do while b is done.
func TestRun(t *testing.T) {
	boom := errors.New("boom\nbang")
	for _, tt := range []struct {
		name   string
		before func(f *fake, stop func()) (duringB func() error)
		want   Summary
		did    []string
	}{
		{"units are done in their order", func(*fake, func()) func() error { return nil },
			Summary{Done: 3}, []string{"a", "b", "c"}},
		{"what was there is reused", func(f *fake, _ func()) func() error {
			f.write("a", "result", "")
			return nil
		}, Summary{Done: 2, Reused: 1}, []string{"b", "c"}},
		{"what others finish is done elsewhere", func(f *fake, _ func()) func() error {
			release := f.hold("a")
			return func() error { f.write("a", "result", ""); release(); return nil }
		}, Summary{Done: 2, Elsewhere: 1}, []string{"b", "c"}},
		{"also when its claim was free before and after", func(f *fake, _ func()) func() error {
			return func() error { f.write("c", "result", ""); return nil }
		}, Summary{Done: 2, Elsewhere: 1}, []string{"a", "b"}},
		{"what others leave is taken over, after the rest", func(f *fake, _ func()) func() error {
			release := f.hold("a")
			return func() error { release(); return nil }
		}, Summary{Done: 3}, []string{"b", "c", "a"}},
		{"what fails elsewhere has failed", func(f *fake, _ func()) func() error {
			release := f.hold("a")
			return func() error { f.write("a", "failure", "bad luck"); release(); return nil }
		}, Summary{Done: 2, Failed: []string{"a: in another process: bad luck"}}, []string{"b", "c"}},
		{"what failed before is tried again", func(f *fake, _ func()) func() error {
			f.write("a", "failure", "bad luck")
			return nil
		}, Summary{Done: 3}, []string{"a", "b", "c"}},
		{"what failed before and was only looked at as well", func(f *fake, _ func()) func() error {
			f.write("a", "failure", "bad luck")
			release := f.hold("a")
			return func() error { release(); return nil }
		}, Summary{Done: 3}, []string{"b", "c", "a"}},
		{"a failure stops no other", func(*fake, func()) func() error {
			return func() error { return boom }
		}, Summary{Done: 2, Failed: []string{"b: boom; bang"}}, []string{"a", "b", "c"}},
		{"an end in the middle leaves what is not done", func(_ *fake, stop func()) func() error {
			return func() error { stop(); return nil }
		}, Summary{Done: 1, Left: 2}, []string{"a", "b"}},
		{"a claim that cannot be asked for has failed", func(f *fake, _ func()) func() error {
			f.write("", "c", "a file where the folder should be")
			return nil
		}, Summary{Done: 2, Failed: []string{"c: "}}, []string{"a", "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			f := &fake{t: t, root: t.TempDir()}
			duringB := tt.before(f, stop)
			units := []Unit{f.unit("a", nil), f.unit("b", duringB), f.unit("c", nil)}
			sum, err := Run(ctx, Options{Jobs: 1}, "units", units)
			if !errors.Is(err, ctx.Err()) {
				t.Errorf("error %v, want %v", err, ctx.Err())
			}
			for i, line := range tt.want.Failed { // a prefix will do
				if i < len(sum.Failed) && strings.HasPrefix(sum.Failed[i], line) {
					tt.want.Failed[i] = sum.Failed[i]
				}
			}
			if !reflect.DeepEqual(sum, tt.want) || !slices.Equal(f.did, tt.did) {
				t.Errorf("%+v by %q, want %+v by %q", sum, f.did, tt.want, tt.did)
			}
		})
	}
}

// Each case has the rounds a; b, c; none; d. What stops a round stops those after it.
func TestRunInTurn(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(f *fake, stop func()) (duringB func() error)
		want   Summary
		did    []string
		asked  int // rounds
	}{
		{"rounds one after the other, also behind an empty one", func(*fake, func()) func() error { return nil },
			Summary{Done: 4}, []string{"a", "b", "c", "d"}, 5},
		{"what was there is reused in each", func(f *fake, _ func()) func() error {
			f.write("a", "result", "")
			f.write("c", "result", "")
			return nil
		}, Summary{Done: 2, Reused: 2}, []string{"b", "d"}, 5},
		{"a failure ends it with its round", func(*fake, func()) func() error {
			return func() error { return errors.New("boom") }
		}, Summary{Done: 2, Failed: []string{"b: boom"}}, []string{"a", "b", "c"}, 2},
		{"an end leaves the rest of its round", func(_ *fake, stop func()) func() error {
			return func() error { stop(); return nil }
		}, Summary{Done: 1, Left: 2}, []string{"a", "b"}, 2},
		{"others are waited for before the next", func(f *fake, _ func()) func() error {
			release := f.hold("c")
			return func() error { f.write("c", "result", ""); release(); return nil }
		}, Summary{Done: 3, Elsewhere: 1}, []string{"a", "b", "d"}, 5},
	} {
		ctx, stop := context.WithCancel(t.Context())
		f := &fake{t: t, root: t.TempDir()}
		duringB := tt.before(f, stop)
		rounds := [][]Unit{{f.unit("a", nil)}, {f.unit("b", duringB), f.unit("c", nil)}, {}, {f.unit("d", nil)}, nil}
		asked := 0
		sum, err := RunInTurn(ctx, Options{Jobs: 1}, "units", 4, func(k int) ([]Unit, error) { asked++; return rounds[k], nil })
		if !errors.Is(err, ctx.Err()) || !reflect.DeepEqual(sum, tt.want) || !slices.Equal(f.did, tt.did) || asked != tt.asked {
			t.Errorf("%s: %+v, %v by %q in %d rounds, want %+v by %q in %d", tt.name, sum, err, f.did, asked, tt.want, tt.did, tt.asked)
		}
		stop()
	}
}

// The line counts up to the end of the last round, and its rate and what is left go on
// over the rounds.
func TestProgressOverRounds(t *testing.T) {
	f := &fake{t: t, root: t.TempDir()}
	f.write("a", "result", "")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		slow := func() error { time.Sleep(45 * time.Second); return nil }
		rounds := [][]Unit{{f.unit("a", nil), f.unit("b", slow)}, {f.unit("c", slow)}, nil}
		if _, err := RunInTurn(t.Context(), Options{Jobs: 1, Log: &log}, "units", 3, func(k int) ([]Unit, error) { return rounds[k], nil }); err != nil {
			t.Fatal(err)
		}
		// After a minute one of the two that were missing is done.
		if got, want := log.String(), "2/3 units, 1m0s, about 1m0s left\n"; got != want {
			t.Errorf("log %q, want %q", got, want)
		}
	})
}

// cancelling ends a context when "elsewhere" is written.
type cancelling struct {
	bytes.Buffer
	cancel func()
}

func (c *cancelling) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("elsewhere")) {
		defer c.cancel()
	}
	return c.Buffer.Write(b)
}

// A process that waits for others says so, and ends when it is told to.
func TestRunEndsWhileItWaits(t *testing.T) {
	f := &fake{t: t, root: t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer f.hold("b")()
		log := cancelling{cancel: cancel}
		sum, err := Run(ctx, Options{Jobs: 2, Log: &log}, "units", []Unit{f.unit("a", nil), f.unit("b", nil)})
		if !errors.Is(err, context.Canceled) || !reflect.DeepEqual(sum, Summary{Done: 1, Left: 1}) {
			t.Errorf("%+v, %v; want 1 done, 1 left", sum, err)
		}
		if got, want := log.String(), "waiting for what other processes have: b\n1/2 units, 1 elsewhere, 1m0s, about 1m0s left\n"; got != want {
			t.Errorf("log %q, want %q", got, want)
		}
	})
}

// All workers come back for units that others held.
func TestRunTakesOverWithAllWorkers(t *testing.T) {
	f := &fake{t: t, root: t.TempDir()}
	var releases []func()
	for _, name := range []string{"a", "b", "c"} {
		releases = append(releases, f.hold(name))
	}
	var together sync.WaitGroup // of three: each waits for the others to have begun
	together.Add(3)
	meet := func() error { together.Done(); together.Wait(); return nil }
	units := []Unit{f.unit("a", meet), f.unit("b", meet), f.unit("c", meet), f.unit("d", func() error {
		for _, release := range releases {
			release()
		}
		return nil
	})}
	sum, err := Run(t.Context(), Options{Jobs: 3}, "units", units)
	if err != nil || sum.Done != 4 {
		t.Errorf("%+v, %v; want 4 done", sum, err)
	}
}

func TestAnErrorOfTheFirstLookStopsAll(t *testing.T) {
	f := &fake{t: t, root: t.TempDir()}
	bad := f.unit("b", nil)
	bad.Look = func() (Found, error) { return Found{}, errors.New("other settings") }
	sum, err := Run(t.Context(), Options{}, "units", []Unit{f.unit("a", nil), bad})
	if err == nil || err.Error() != "other settings" || !reflect.DeepEqual(sum, Summary{}) || f.did != nil {
		t.Errorf("%+v, %v by %q; want the error and nothing done", sum, err, f.did)
	}
}

func TestDiscardRefusesWhatIsHeld(t *testing.T) {
	f := &fake{t: t, root: t.TempDir()}
	f.write("a", "result", "")
	dir := filepath.Join(f.root, "a")
	synctest.Test(t, func(t *testing.T) {
		release := f.hold("a")
		if err := Discard(dir); !errors.Is(err, durable.ErrLocked) || !strings.Contains(err.Error(), dir) {
			t.Errorf("error %v, want that %q is held", err, dir)
		}
		release()
		if err := Discard(dir); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is there: %v", err)
	}
}

func TestProgressLine(t *testing.T) {
	const ten, hundred = 10e9, 100e9 // nanoseconds
	for _, tt := range []struct {
		name  string
		total int
		after int64
		do    func(p *progress)
		want  string
	}{
		// Resumed after epoch 1 of 4: an eighth of the work done here in 10 s, 2.625 runs' worth left.
		{"texts, and what was there counts for nothing", 4, ten, func(p *progress) {
			a, b := p.start(1), p.start(1)
			a.Move(0.25, "idarts seed 1 epoch 2/4")
			a.Move(0.375, "idarts seed 1 epoch 2/4")
			p.finish(b, reused, "")
		}, "1/4 things, 10s, about 3m30s left: idarts seed 1 epoch 2/4"},
		{"units of several things have a rate", 1100, hundred, func(p *progress) {
			p.finish(p.start(100), reused, "")
			p.finish(p.start(180), done, "")
			p.start(25).Move(0, "")
			p.bars[0].Move(20, "")
		}, "300/1100 things, 1m40s, 2.00 a second, about 6m40s left"},
		{"failures and other processes", 6, ten, func(p *progress) {
			p.finish(p.start(1), failed, "a: boom")
			p.finish(p.start(1), elsewhere, "")
			p.finish(p.start(1), left, "")
			p.elsewhere(2)
		}, "1/6 things, 1 failed, 2 elsewhere, 10s"},
	} {
		p := newProgress(Options{Log: io.Discard}, "things", tt.total)
		tt.do(p)
		p.close()
		if got := p.line(p.began.Add(time.Duration(tt.after))); got != tt.want {
			t.Errorf("%s: line %q, want %q", tt.name, got, tt.want)
		}
	}
}
