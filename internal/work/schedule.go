package work

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"idarts/internal/durable"
)

// Unit is one piece of work that needs no other.
type Unit struct {
	Name  string // for people
	Size  int    // how many of the things that are counted it is
	Claim string // path of the file whose lock says that a process works on it
	// Look reads what is there of the unit. It is called once before any unit is taken,
	// where an error stops them all and a finished unit is done with, and again with the
	// claim.
	Look func() (Found, error)
	// Do does what is left, with the claim and after Look; where that found the unit
	// finished, there is at most something to tidy up.
	Do func(ctx context.Context, t *Turn) error
}

// Found is what is there of a unit.
type Found struct {
	Finished bool
	Failure  string    // why the last try failed; "" where none did
	FailedAt time.Time // when that was written
}

// Turn is a unit being done.
type Turn struct {
	Worker int // who does it, 0 to AtATime - 1
	Teller
}

// Teller tells people of a unit.
type Teller interface {
	// Move says how many of the unit's things are done, and what else people are told of it.
	// The first call says what was there at the beginning.
	Move(part float64, text string)
	// Note prints a remark.
	Note(format string, args ...any)
}

// Summary counts what became of units, each by its size.
type Summary struct {
	Done      int // by this process
	Reused    int // were there before
	Elsewhere int // done by another process meanwhile
	Left      int // not finished when ctx ended
	// Failed has a line for each unit that failed, here or elsewhere, in their order.
	Failed []string
}

// outcome is what became of a unit.
type outcome uint8

const (
	left outcome = iota
	done
	reused
	elsewhere
	failed
)

// Run does units, o.AtATime of them at a time, and tells in o.Log how far it is;
// things is what people call what is counted, as in "runs".
//
// A unit that another process holds is passed over and looked at again when the others
// are done, until it is finished by whoever, or free, and then taken. A unit that
// failed in another process since this one began counts as failed with that one's
// reason, and is not tried again; a failure of before is.
//
// The error is for what stops all units, such as a Look that failed at the beginning.
// When ctx ends, units stop where Do can, and the error is ctx's unless nothing is left.
func Run(ctx context.Context, o Options, things string, units []Unit) (Summary, error) {
	total := 0
	for _, u := range units {
		total += u.Size
	}
	return RunInTurn(ctx, o, things, total, func(round int) ([]Unit, error) {
		if round > 0 {
			return nil, nil
		}
		return units, nil
	})
}

// RunInTurn is [Run] for units that depend on others: round gives those of round 0, 1
// and so on, each when those before it are finished, and nil behind the last. total is
// the size of all of them, which the progress shown counts up to. A round that failed or
// was ended is the last; units of later ones are in no count of the summary.
func RunInTurn(ctx context.Context, o Options, things string, total int, round func(int) ([]Unit, error)) (Summary, error) {
	show := newProgress(o, things, total)
	defer show.close()
	var sum Summary
	for k := 0; ; k++ {
		units, err := round(k)
		if err != nil || units == nil {
			return sum, err
		}
		if err := sum.run(ctx, o, show, units); err != nil || sum.Left > 0 || len(sum.Failed) > 0 {
			return sum, err
		}
	}
}

// run does units and adds what became of them to sum.
func (sum *Summary) run(ctx context.Context, o Options, show *progress, units []Unit) error {
	s := &scheduler{units: units, show: show, taking: make(chan struct{}, 1), held: map[int]bool{}, failures: make([]string, len(units))}
	for i, u := range units {
		found, err := u.Look()
		if err != nil {
			return err
		}
		s.before = append(s.before, found)
		if found.Finished { // and needs no claim, which cannot be had where nothing can be written
			s.count(i, reused, "")
			continue
		}
		s.open = append(s.open, i)
	}
	show.reused(s.sum.Reused)
	var workers sync.WaitGroup
	for k := range o.AtATime(len(s.open)) {
		workers.Go(func() { s.work(ctx, k) })
	}
	workers.Wait()
	for _, i := range s.open {
		s.sum.Left += units[i].Size
	}
	for _, line := range s.failures {
		if line != "" {
			sum.Failed = append(sum.Failed, line)
		}
	}
	sum.Done += s.sum.Done
	sum.Reused += s.sum.Reused
	sum.Elsewhere += s.sum.Elsewhere
	sum.Left += s.sum.Left
	if sum.Left > 0 {
		return ctx.Err()
	}
	return nil
}

// scheduler is a round of a [RunInTurn] under way.
type scheduler struct {
	units  []Unit
	before []Found // by unit, of before the first was taken
	show   *progress

	taking chan struct{} // has room for the worker that takes; guards the next two
	open   []int         // units not taken, those last that were held when they were looked at
	held   map[int]bool  // of open

	mu       sync.Mutex // guards the rest
	sum      Summary
	failures []string // by unit
}

// work does units until none is left to take.
func (s *scheduler) work(ctx context.Context, worker int) {
	for {
		i, release, err := s.take(ctx)
		if i < 0 {
			return
		}
		bar := s.show.start(s.units[i].Size)
		out := failed
		if err == nil {
			out, err = s.do(ctx, i, &Turn{worker, bar})
			release()
		}
		line := ""
		if out == failed {
			line = fmt.Sprintf("%s: %s", s.units[i].Name, oneLine(err))
		}
		s.count(i, out, line)
		s.show.finish(bar, out, line)
	}
}

// take claims the next unit that nobody holds, and waits where all that are left are
// held. It gives -1 when none is left or ctx has ended, an error where the claim of a
// unit cannot be asked for. One worker takes at a time, so that one looks for all.
func (s *scheduler) take(ctx context.Context) (i int, release func(), err error) {
	select {
	case s.taking <- struct{}{}:
		defer func() { <-s.taking }()
	case <-ctx.Done():
		return -1, nil, nil
	}
	told := false
	for pause := firstPause; len(s.open) > 0 && ctx.Err() == nil; pause = longer(pause) {
		for range len(s.open) {
			i, s.open = s.open[0], s.open[1:]
			release, err = durable.Claim(s.units[i].Claim)
			if !errors.Is(err, durable.ErrLocked) {
				delete(s.held, i)
				s.show.elsewhere(len(s.held))
				return i, release, err
			}
			s.held[i] = true
			s.open = append(s.open, i)
		}
		s.show.elsewhere(len(s.held))
		if pause == lastPause && !told {
			told = true
			s.show.note("waiting for what other processes have: %s", s.names(s.open))
		}
		sleep(ctx, pause)
	}
	return -1, nil, nil
}

// names lists some units for people.
func (s *scheduler) names(units []int) string {
	const most = 3
	var names []string
	for k, i := range units {
		if k == most {
			return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), len(units)-most)
		}
		names = append(names, s.units[i].Name)
	}
	return strings.Join(names, ", ")
}

// do does unit i, whose claim is held.
func (s *scheduler) do(ctx context.Context, i int, t *Turn) (outcome, error) {
	found, err := s.units[i].Look()
	if err != nil {
		return failed, err
	}
	if !found.Finished && found.Failure != "" && !found.FailedAt.Equal(s.before[i].FailedAt) {
		return failed, fmt.Errorf("in another process: %s", found.Failure)
	}
	err = s.units[i].Do(ctx, t)
	switch {
	case err != nil && ctx.Err() != nil:
		return left, err
	case err != nil:
		return failed, err
	case !found.Finished:
		return done, nil
	}
	return elsewhere, nil
}

// count adds what became of unit i; line says why it failed.
func (s *scheduler) count(i int, out outcome, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch size := s.units[i].Size; out {
	case left:
		s.sum.Left += size
	case done:
		s.sum.Done += size
	case reused:
		s.sum.Reused += size
	case elsewhere:
		s.sum.Elsewhere += size
	case failed:
		s.failures[i] = line
	}
}

// oneLine is the text of err on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
