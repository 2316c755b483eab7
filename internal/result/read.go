package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"idarts/internal/durable"
)

// Fault is a file or folder that is not what the program leaves, and was left out.
type Fault struct {
	Path string // with the output root
	Err  error  // names the path and what is wrong with it
	// Times: the wall-clock times are lost, and nothing else.
	Times bool
}

// WriteEvents replaces the event file of dir, that of the run with this identity.
func WriteEvents(dir, run string, events []Event) error {
	lines, _, err := eventsOf(run, events)
	if err != nil {
		return err
	}
	return durable.WriteBytes(filepath.Join(dir, EventsFile), lines)
}

// WriteResult ends the run with this identity, whose events are in dir.
func WriteResult(dir, run string, events []Event, r Result) error {
	var err error
	r.Run = run
	if _, r.Events, err = eventsOf(run, events); err != nil {
		return err
	}
	return WriteJSON(filepath.Join(dir, ResultFile), r)
}

// Read reads one run directory. Parts that a run has not written yet are left empty,
// and so are those that are damaged, which Faults names. A missing config.json is an
// error wrapping [fs.ErrNotExist], a damaged one an error wrapping [ErrDamaged].
func Read(dir string) (Run, error) {
	config, err := readConfig(filepath.Join(dir, ConfigFile))
	if err != nil {
		return Run{Dir: dir}, err
	}
	return ReadAs(dir, config), nil
}

// ReadAs is [Read] for a directory that should be of a run made from config, whatever
// its config.json is.
func ReadAs(dir string, config Config) Run {
	run := Run{Dir: dir, Cell: config.Cell, Config: config}
	// A result that is there by now has all of its events, so that these come last.
	var res Result
	if run.part(ResultFile, &res, func() error { return config.owns(res.Run, res.Cell) }) {
		run.Result = &res
	}
	var failure Failure
	if run.part(FailureFile, &failure, func() error { return config.owns(failure.Run, failure.Cell) }) {
		run.Failure = &failure
	}
	run.readEvents()
	if !run.part(TimingFile, &run.Timing, func() error { return nil }) {
		run.Timing = Timing{}
	}
	return run
}

// part reads one of the records into v, where it is there, and tests whether it
// belongs to the run.
func (r *Run) part(name string, v any, belongs func() error) (found bool) {
	path := filepath.Join(r.Dir, name)
	summed, err := readJSON(path, v)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err == nil && !summed && !r.Config.Unsummed && name != TimingFile {
		err = errors.New("it has no checksum, but " + ConfigFile + " has one")
	}
	if err == nil {
		err = belongs()
	}
	if err != nil {
		r.blame(path, err, name == TimingFile)
		return false
	}
	return true
}

// blame adds a fault of one of the run's files.
func (r *Run) blame(path string, err error, times bool) {
	switch {
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("result: %w", err)
	case !errors.Is(err, ErrDamaged):
		err = fmt.Errorf("result: %q %w: %w", path, ErrDamaged, err)
	}
	r.Faults = append(r.Faults, Fault{Path: path, Err: err, Times: times})
}

// owns says whether a record that names an identity and a cell is of this run. Those
// of old runs name none.
func (c Config) owns(run string, cell Cell) error {
	switch {
	case cell != c.Cell:
		return fmt.Errorf("it is of the run %s", cell)
	case !c.Unsummed && run != c.Identity:
		return fmt.Errorf("it is of a run that was made from other numbers")
	}
	return nil
}

// readEvents reads events.jsonl, and compares it with the result where that is there.
func (r *Run) readEvents() {
	path := filepath.Join(r.Dir, EventsFile)
	err := func() error {
		content, err := durable.ReadRegular(path)
		if errors.Is(err, fs.ErrNotExist) {
			if r.Result != nil && r.Result.Epochs > 0 {
				return errors.New("it is missing")
			}
			return nil
		}
		if err != nil {
			return err
		}
		run := r.Config.Identity
		if r.Config.Unsummed {
			run = ""
		}
		events, sum, err := readLines(content, run)
		if err != nil {
			return err
		}
		if r.Result != nil && len(events) != r.Result.Epochs {
			return fmt.Errorf("it has %d events, and the result is of %d", len(events), r.Result.Epochs)
		}
		if r.Result != nil && run != "" && sum != r.Result.Events {
			return errors.New("its last event is not that of the result")
		}
		r.Events = events
		return nil
	}()
	if err != nil {
		r.blame(path, err, false)
	}
}

// Damage is the first fault that takes more than times, nil where there is none.
func (r Run) Damage() error {
	for _, f := range r.Faults {
		if !f.Times {
			return f.Err
		}
	}
	return nil
}

// Empty says whether there was nothing to read.
func (r Run) Empty() bool {
	return r.Result == nil && r.Failure == nil && r.Events == nil && r.Timing.Machine == "" && len(r.Faults) == 0
}

// readConfig reads config.json. One whose parts do not fit each other is damaged.
func readConfig(path string) (Config, error) {
	var c Config
	summed, err := readJSON(path, &c)
	if err != nil {
		return c, err
	}
	if err = c.complete(path, summed); err != nil {
		return c, fmt.Errorf("result: %q %w: %w", path, ErrDamaged, err)
	}
	return c, nil
}

// complete makes the identity of an old record, and compares that of others with
// their numbers, and the cell with both.
func (c *Config) complete(path string, summed bool) error {
	said := c.Identity
	c.Unsummed = !summed
	if said == "" {
		var old oldConfig
		if err := ReadJSON(path, &old); err != nil {
			return err
		}
		numbers, err := old.numbers(c.Cell)
		if err != nil {
			return err
		}
		c.Numbers, c.Old = numbers, true
	}
	var err error
	if c.Identity, err = c.Numbers.Identity(); err != nil {
		return err
	}
	if !c.Old && c.Identity != said {
		return fmt.Errorf("its numbers have the identity %s, not the %s that it says", c.Identity, said)
	}
	var of struct {
		Space   string `json:"space"`
		Dataset string `json:"dataset"`
	}
	if err := json.Unmarshal(c.Numbers.Protocol, &of); err != nil {
		return err
	}
	n := Cell{Space: of.Space, Dataset: of.Dataset, Method: c.Numbers.Method, Protocol: c.Cell.Protocol, Settings: c.Cell.Settings, Seed: c.Numbers.Seed}
	if c.Cell != n {
		return fmt.Errorf("it calls itself %s, and its numbers are of %s", c.Cell, n)
	}
	return nil
}
