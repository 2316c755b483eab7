// Package work is what all long work has in common that is made of many units
// which do not depend on each other, such as runs of a grid: where it goes, how much
// of it at a time, and how it tells how far it is.
package work

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"idarts/internal/durable"
)

// Options say where and how units go.
type Options struct {
	Out    string // root of the folders of units
	Jobs   int    // units at a time; 0: one for each core
	Fresh  bool   // delete what is there of these units and start over
	Device string // what computes, see package device

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

// Clear makes sure that the output folder can be written, and deletes the folders
// of units where they are to be made afresh.
func (o Options) Clear(dirs []string) error {
	if err := Writable(o.Out); err != nil {
		return err
	}
	if o.Fresh {
		for _, dir := range dirs {
			if err := Discard(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// Writable says in one line why nothing can be written below an output root.
func Writable(out string) error {
	probe := filepath.Join(out, ".probe")
	err := durable.WriteBytes(probe, nil)
	if err == nil {
		err = os.Remove(probe)
	}
	if err != nil {
		return fmt.Errorf("work: cannot write to output folder %q: %w", out, err)
	}
	return nil
}

// Discard deletes a folder that no other process is working in.
func Discard(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	unlock, err := durable.Lock(dir, false)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("work: delete %q: %w", dir, err)
	}
	return nil
}
