package runners

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
	Finished      bool              // its result is sound, and so is all that belongs to it
	Failed        string            // the error of the last try
	Epochs        int               // finished ones
	Versions      map[string]string // its own
	OtherVersions string            // how they differ from ours; "" when they do not
	// Refused says why the directory is left as it is: it is a sound run of other
	// numbers, or cannot be read.
	Refused error
	// Damage says what is not as the program left it, and Aside what is set aside for
	// it: files, or the directory for all that is in it.
	Damage error
	Aside  []string
	// Sound: once that is set aside and config.json written, the result is sound.
	Sound bool
	// Untidy: it is finished, and something is left to do where it can be written.
	Untidy bool
	have   result.Run
}

// inspect reads the directory of a run that is to be made from want. Other versions
// are reported, other numbers refused, and what is damaged is to be made again.
func inspect(dir string, want result.Config) (state, error) {
	have, err := result.Read(dir)
	lost := errors.Is(err, fs.ErrNotExist)
	if err != nil { // then what is there may be of this run nevertheless
		have = result.ReadAs(dir, want)
	}
	if lost && have.Empty() {
		return state{}, nil
	}
	s := state{Exists: true, Epochs: len(have.Events), Versions: have.Config.Versions, have: have}
	if err != nil {
		s.Versions = nil
	}
	if have.Failure != nil {
		s.Failed = have.Failure.Error
	}
	config := filepath.Join(dir, result.ConfigFile)
	switch {
	case errors.Is(err, fs.ErrPermission):
		s.Refused = fmt.Errorf("runners: %w", err)
	case lost:
		s.Damage = fmt.Errorf("runners: %q is missing", config)
	case err != nil:
		s.Damage, s.Aside = err, []string{config}
	case have.Cell != want.Cell:
		s.Damage, s.Aside = fmt.Errorf("runners: %q is the run %s", dir, have.Cell), []string{dir}
		return s, nil
	default:
		if err := s.compare(dir, want); err != nil {
			return s, err
		}
	}
	s.judge(dir)
	return s, nil
}

// compare sets what follows from a config.json that is sound.
func (s *state) compare(dir string, want result.Config) error {
	diff, err := s.have.Config.Difference(want)
	if err != nil {
		return err
	}
	if diff != "" {
		s.Refused = fmt.Errorf("runners: %q was made with other settings (%s); use another --out, or --redo %s to set it aside and make it again", dir, diff, want.Cell)
	}
	s.OtherVersions, err = result.Difference(s.Versions, want.Versions)
	return err
}

// judge sets what follows from the other files.
func (s *state) judge(dir string) {
	for _, fault := range s.have.Faults {
		name := filepath.Base(fault.Path)
		switch {
		case errors.Is(fault.Err, fs.ErrPermission):
			s.Refused = fault.Err
		case name == result.ResultFile, name == result.EventsFile && s.have.Result != nil:
			s.Damage, s.Aside = fault.Err, []string{dir}
			return
		case !fault.Times || s.have.Result == nil:
			s.Damage = cmp.Or(s.Damage, fault.Err)
			s.Aside = append(s.Aside, fault.Path)
		default:
			s.Untidy = true
		}
	}
	s.Sound = s.have.Result != nil && s.Refused == nil
	s.Finished = s.Sound && s.Damage == nil
	_, err := os.Lstat(filepath.Join(dir, checkpointDir))
	s.Untidy = s.Finished && (s.Untidy || s.have.Config.Unsummed || err == nil)
}
