package runners

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/provenance"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/work"
	"idarts/runners/protocol"
)

// Unit is a run as other machines are given it: what it is called, what it must be made
// from, and by which versions. What of it differs on a machine is told before the run begins.
type Unit struct {
	Cell     result.Cell       `json:"cell"`
	Numbers  result.Numbers    `json:"numbers"`
	Set      map[string]string `json:"set,omitempty"` // see [result.Config]
	Versions map[string]string `json:"versions"`
}

// Units lists the grid for other machines, in its order.
func (g *Grid) Units() ([]Unit, error) {
	cells, err := g.chosen()
	if err != nil {
		return nil, err
	}
	benches, err := g.benches(cells, false)
	if err != nil {
		return nil, err
	}
	units := make([]Unit, len(cells))
	for i, c := range cells {
		config, err := g.config(c, benches[c.protocol])
		if err != nil {
			return nil, err
		}
		units[i] = Unit{Cell: c.Cell, Numbers: config.Numbers, Set: config.Set, Versions: config.Versions}
	}
	return units, nil
}

// ErrOther is wrapped by the error for a unit that this program, or the data that it was
// given, would make another run of.
var ErrOther = errors.New("the unit is of another version, protocol or data")

// Hand does units one by one on devices that stay open, in a folder of its own.
type Hand struct {
	Inputs // Out is the folder
	Device string

	mu      sync.Mutex
	benches map[string]*Bench // by space and protocol
}

// Watcher is told of a unit while it is done.
type Watcher interface {
	work.Teller
	Cluster
	// Saved is called after each checkpoint, with the folder of the run and what its epochs
	// gave so far.
	Saved(dir string, events []result.Event)
}

// Do does a unit for the try-th time, from a checkpoint in its folder where one is, and gives that folder, which
// holds the finished run then, or with an error that is the run's own its failure.json.
// The caller holds whatever keeps others from the folder.
func (h *Hand) Do(ctx context.Context, u Unit, try int, d exec.Device, p Watcher) (dir string, err error) {
	if diff, err := result.Difference(u.Versions, provenance.Versions()); err != nil || diff != "" {
		return "", fmt.Errorf("runners: %s: versions: %s (there, here): %w", u.Cell, diff, errors.Join(err, ErrOther))
	}
	chosen, err := protocol.Lookup(u.Cell.Space, u.Cell.Protocol)
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, ErrOther)
	}
	bench, err := h.open(chosen)
	if err != nil {
		return "", err
	}
	g := &Grid{
		Protocols: []protocol.Protocol{chosen}, Methods: []string{u.Cell.Method}, Seeds: []uint64{u.Cell.Seed},
		Changes: changesOf(u.Set), Options: work.Options{Out: h.Out, Device: h.Device},
	}
	cells, err := g.cells()
	if err == nil && len(cells) != 1 {
		err = fmt.Errorf("runners: %s: its settings are those of %d runs", u.Cell, len(cells))
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, ErrOther)
	}
	j, err := g.job(cells[0], bench)
	if err != nil {
		return "", err
	}
	if diff, err := result.Difference(u.Numbers, j.config.Numbers); err != nil || diff != "" || j.config.Cell != u.Cell {
		return "", fmt.Errorf("runners: %s: %s (there, here): %w", u.Cell, diff, errors.Join(err, ErrOther))
	}
	r := &run{job: j, cell: j.config.Cell, dir: j.config.Cell.Dir(h.Out), device: d, named: h.Device, tries: try, turn: p, note: p.Note}
	r.saved = func() { p.Saved(r.dir, r.point.Events) }
	if _, err := r.look(); err != nil {
		return "", err
	}
	return r.dir, r.do(withCluster(ctx, p))
}

// changesOf are settings as changes of one value each, in a fixed order.
func changesOf(set map[string]string) []Change {
	var changes []Change
	for path, text := range set {
		changes = append(changes, Change{Path: path, Values: []string{text}})
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return changes
}

// open opens the bench of a protocol, once.
func (h *Hand) open(p protocol.Protocol) (*Bench, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := p.Space + "/" + p.Name
	if bench := h.benches[key]; bench != nil {
		return bench, nil
	}
	bench, err := OpenBench(p, h.Inputs, false)
	if err != nil {
		return nil, err
	}
	if h.benches == nil {
		h.benches = map[string]*Bench{}
	}
	h.benches[key] = bench
	return bench, nil
}

// Own says whether an error of [Hand.Do] is the run's own, which comes again on any machine:
// then the folder has its failure.json.
func Own(err error) bool { return errors.Is(err, search.ErrDiverged) || errors.Is(err, errPanic) }

// sent are the files of a run that travel, and checkpointName is what its checkpoint is
// called among them.
var sent = []string{result.ConfigFile, result.EventsFile, result.TimingFile, result.FailureFile, result.ResultFile}

const checkpointName = "checkpoint"

// Pack reads the files of a run that travel to where its results are kept.
func Pack(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range sent {
		content, err := durable.ReadRegular(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("runners: %w", err)
		}
		files[name] = content
	}
	return files, nil
}

// PackCheckpoint reads the checkpoint of a run that has one.
func PackCheckpoint(dir string) (map[string][]byte, error) {
	content, err := durable.ReadRegular(filepath.Join(dir, checkpointDir, checkpointFile))
	if err != nil {
		return nil, fmt.Errorf("runners: %w", err)
	}
	return map[string][]byte{checkpointName: content}, nil
}

// UnpackCheckpoint puts a checkpoint where [Hand.Do] finds it. One that cannot be of the unit
// is found out there.
func (h *Hand) UnpackCheckpoint(u Unit, files map[string][]byte) error {
	content, ok := files[checkpointName]
	if !ok {
		return nil
	}
	return durable.WriteBytes(filepath.Join(u.Cell.Dir(h.Out), checkpointDir, checkpointFile), content)
}

// check refuses a unit whose folder would lie elsewhere than below the output root: names come
// from outside.
func (u Unit) check() error {
	for _, part := range []string{u.Cell.Space, u.Cell.Dataset, u.Cell.Protocol, u.Cell.Method, u.Cell.Settings} {
		if part != "" && (!filepath.IsLocal(part) || strings.ContainsAny(part, `/\`) || strings.HasPrefix(part, ".")) || part == "" && part != u.Cell.Settings {
			return fmt.Errorf("runners: unit %q: %q is no name", u.Cell, part)
		}
	}
	return nil
}

// Finished says whether the result of a unit is below an output root. Where another run is
// in its place, or what cannot be read, that is the error.
func (u Unit) Finished(out string) (bool, error) {
	if err := u.check(); err != nil {
		return false, err
	}
	want, err := u.config()
	if err != nil {
		return false, err
	}
	s, err := inspect(u.Cell.Dir(out), want)
	if err != nil {
		return false, err
	}
	return s.Finished, s.Refused
}

// config is as much of the configuration as decides whether a folder is the unit's.
func (u Unit) config() (result.Config, error) {
	identity, err := u.Numbers.Identity()
	return result.Config{Cell: u.Cell, Identity: identity, Numbers: u.Numbers, Set: u.Set, Versions: u.Versions}, err
}

// ErrNotOf is wrapped by the error for files that are not what the run of a unit leaves.
var ErrNotOf = errors.New("is not what the run leaves")

// Keep stores the files of a unit below an output root: as [Hand.Do] left them elsewhere, the
// result last. They are read as any run is before any is in its place. Where the same result
// is there already it stays; one of other bytes is an error, since a run has only one.
func (u Unit) Keep(out string, files map[string][]byte) (err error) {
	if err := u.check(); err != nil {
		return err
	}
	dir := u.Cell.Dir(out)
	release, err := work.AwaitSoon(durable.LockFile(dir))
	if err != nil {
		return fmt.Errorf("runners: keep %s: %w", u.Cell, err)
	}
	defer release()
	durable.Sweep(dir) // of one that was killed while it wrote
	want, err := u.config()
	if err != nil {
		return err
	}
	if err := u.examine(files, want.Identity); err != nil {
		return err
	}
	s, err := inspect(dir, want)
	switch {
	case err != nil:
		return err
	case s.Refused != nil:
		return s.Refused
	case s.Finished:
		return u.same(dir, files)
	}
	r := &run{cell: u.Cell, dir: dir, state: s, note: func(string, ...any) {}}
	if err := r.setAside(); err != nil {
		return err
	}
	for _, name := range sent { // the result is the last
		content, ok := files[name]
		if !ok {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("runners: %w", err)
			}
			continue
		}
		if err := durable.WriteBytes(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return removeCheckpoint(dir)
}

// Fail writes down below an output root that a unit has failed and left nothing.
func (u Unit) Fail(out, why string) error {
	if err := u.check(); err != nil {
		return err
	}
	config, err := u.config()
	if err != nil {
		return err
	}
	dir := u.Cell.Dir(out)
	release, err := work.AwaitSoon(durable.LockFile(dir))
	if err != nil {
		return fmt.Errorf("runners: keep %s: %w", u.Cell, err)
	}
	defer release()
	s, err := inspect(dir, config)
	if err != nil || s.Refused != nil || s.Finished {
		return cmp.Or(err, s.Refused)
	}
	if err := result.WriteJSON(filepath.Join(dir, result.ConfigFile), config); err != nil {
		return err
	}
	return result.WriteJSON(filepath.Join(dir, result.FailureFile), result.Failure{Cell: u.Cell, Error: why, Run: config.Identity})
}

// examine reads the files, which must be of the run with this identity, in a folder of their own.
func (u Unit) examine(files map[string][]byte, identity string) error {
	try, err := os.MkdirTemp("", "idarts-arriving-*")
	if err != nil {
		return fmt.Errorf("runners: %w", err)
	}
	defer os.RemoveAll(try)
	for name, content := range files {
		if !slices.Contains(sent, name) {
			return fmt.Errorf("runners: %s: file %q %w", u.Cell, name, ErrNotOf)
		}
		if err := os.WriteFile(filepath.Join(try, name), content, 0o644); err != nil {
			return fmt.Errorf("runners: %w", err)
		}
	}
	have, err := result.Read(try)
	if err == nil {
		err = have.Damage()
	}
	switch {
	case err != nil:
	case have.Cell != u.Cell || have.Config.Identity != identity:
		err = fmt.Errorf("it is %s of identity %.8s", have.Cell, have.Config.Identity)
	case have.Result == nil && have.Failure == nil:
		err = errors.New("it has neither a result nor a failure")
	}
	if err != nil {
		return fmt.Errorf("runners: %s: what came %w: %w", u.Cell, ErrNotOf, err)
	}
	return nil
}

// same compares a result that came with the one that is there.
func (u Unit) same(dir string, files map[string][]byte) error {
	for _, name := range []string{result.EventsFile, result.ResultFile} {
		there, err := durable.ReadRegular(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("runners: %w", err)
		}
		if came, ok := files[name]; ok && string(came) != string(there) {
			return fmt.Errorf("runners: %s: %s that came is not the one that is there, and both are of the same run: a machine does not compute what others do; --redo sets the one that is there aside: %w", u.Cell, name, ErrNotOf)
		}
	}
	return nil
}
