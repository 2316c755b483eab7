// Package work does long work that is made of many units which do not depend on each
// other, such as runs of a grid. It knows where units go, how many at a time, which of
// them another process has, and tells how far it is. What a unit does it does not know.
//
// A unit leaves its result on disk, and that alone says that it is finished. Any number
// of processes may be given the same units on the same folder: who holds the claim of a
// unit works on it, the others go on with the next and come back. A claim ends with its
// process, so that the units of a killed one are taken by the rest.
//
// Start at [Run].
package work

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"idarts/internal/durable"
)

// Options say where and how units go.
type Options struct {
	Out    string   // root of the folders of units
	Jobs   int      // units at a time; 0: one for each core
	Fresh  bool     // delete what is there of these units and start over
	Redo   []string // names of units to set aside what is there of, and start over
	Device string   // what computes, see package device

	Log      io.Writer  // progress and remarks
	Terminal bool       // Log is a terminal
	Width    func() int // its columns
}

// AtATime is how many of so many units go at a time.
func (o Options) AtATime(units int) int {
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = runtime.NumCPU()
	}
	return min(jobs, units)
}

// WorkersEach is how many cores one of so many concurrent units has.
func WorkersEach(atATime int) int { return max(1, runtime.NumCPU()/atATime) }

// Note prints a remark outside of [Run].
func (o Options) Note(format string, args ...any) {
	if o.Log != nil {
		fmt.Fprintf(o.Log, format+"\n", args...)
	}
}

// Clear deletes the folders of units where they are to be made afresh.
func (o Options) Clear(dirs []string) error {
	if !o.Fresh {
		return nil
	}
	if err := Writable(o.Out); err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := Discard(dir); err != nil {
			return err
		}
	}
	return nil
}

// Writable says in one line why nothing can be written below an output root.
func Writable(out string) error { return Room(out, 0) }

// Room says in one line why so many bytes cannot be written to a folder. It leaves nothing there,
// nor what a process left that was killed here.
func Room(out string, bytes int) error {
	probe := filepath.Join(out, ".probe")
	durable.SweepFile(probe)
	err := durable.WriteBytes(probe, make([]byte, bytes))
	if err == nil {
		err = os.Remove(probe)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) { // another process may look as well, and sweep
		return fmt.Errorf("work: cannot write to output folder %q: %w", out, err)
	}
	return nil
}

// Discard deletes a folder that no other process is working in; one that is held
// gives an error wrapping [durable.ErrLocked].
func Discard(dir string) error { return DiscardUnit(dir, durable.LockFile(dir)) }

// DiscardUnit deletes the folder or file of a unit with this claim; the error is that
// of [Discard].
func DiscardUnit(path, claim string) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	release, err := AwaitSoon(claim)
	if err != nil {
		return fmt.Errorf("work: delete %q: %w", path, err)
	}
	defer release()
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("work: delete %q: %w", path, err)
	}
	return nil
}

// AwaitSoon takes a claim that nobody works under; one that is held gives an error
// wrapping [durable.ErrLocked].
func AwaitSoon(claim string) (release func(), err error) {
	// One that was killed just now, or one that only looks, lets go at once.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	release, err = Await(ctx, claim)
	if errors.Is(err, context.DeadlineExceeded) {
		err = durable.ErrLocked
	}
	return release, err
}
