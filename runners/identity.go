package runners

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"idarts/internal/device"
	"idarts/internal/provenance"
	"idarts/internal/result"
)

// makeConfig completes the record of what a run on a device is made from: of c it
// takes the cell, what is said of it, the data and the revision of the method. The
// JSON forms of protocol and settings are its other numbers.
func makeConfig(c result.Config, protocol, settings any, on string) (result.Config, error) {
	var err error
	c.Versions = provenance.Versions()
	c.Numbers.Method, c.Numbers.Seed = c.Cell.Method, c.Cell.Seed
	if c.Numbers.Device, err = device.Class(on); err != nil {
		return c, err
	}
	if c.Numbers.Protocol, err = json.Marshal(protocol); err != nil {
		return c, fmt.Errorf("runners: %w", err)
	}
	if c.Numbers.Settings, err = json.Marshal(settings); err != nil {
		return c, fmt.Errorf("runners: %w", err)
	}
	c.Identity, err = c.Numbers.Identity()
	return c, err
}

// state is what a run directory says before it is touched.
type state struct {
	Exists        bool
	Finished      bool
	Failed        string            // the error of the last try
	Epochs        int               // finished ones
	Old           bool              // its record has no identity, but the numbers are ours
	Versions      map[string]string // its own
	OtherVersions string            // how they differ from ours; "" when they do not
}

// inspect reads the directory of a run. One that was made from other numbers than
// want is an error; other versions are not, they are reported.
func inspect(dir string, want result.Config) (state, error) {
	have, err := result.Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("runners: %w; use --fresh to delete this run and start over", err)
	}
	if diff, err := have.Config.Difference(want); err != nil {
		return state{}, err
	} else if diff != "" {
		return state{}, fmt.Errorf("runners: %q was made with other settings (%s); use another --out, or --fresh to delete it and start over", dir, diff)
	}
	s := state{
		Exists: true, Finished: have.Result != nil, Epochs: len(have.Events),
		Old: have.Config.Old, Versions: have.Config.Versions,
	}
	if have.Failure != nil {
		s.Failed = have.Failure.Error
	}
	s.OtherVersions, err = result.Difference(have.Config.Versions, want.Versions)
	return s, err
}
