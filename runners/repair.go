package runners

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"idarts/internal/durable"
	"idarts/internal/result"
	"idarts/internal/settings"
	"idarts/internal/work"
)

// setAside moves what is damaged out of the way.
func (r *run) setAside() error {
	for _, path := range r.state.Aside {
		move := durable.SetAside
		if path == r.dir {
			move = durable.SetContentsAside
		}
		to, err := move(path)
		if errors.Is(err, fs.ErrNotExist) { // an event file that a result had
			continue
		}
		if err != nil {
			return fmt.Errorf("runners: %w, which stands in the way: %w", err, r.state.Damage)
		}
		r.note("%s: %v; set aside as %q", r.cell, r.state.Damage, to)
		if path == r.dir {
			r.state = state{}
		}
	}
	return nil
}

// told says that a finished run is of another version.
func (r *run) told() {
	if v := r.state.OtherVersions; v != "" {
		r.note("%s: result of another version is reused (%s)", r.cell, v)
	}
}

// tidy brings a finished run to its present form, with the claim in hand.
func (r *run) tidy() error {
	r.told()
	have := r.state.have
	for _, fault := range have.Faults {
		if !fault.Times {
			continue // has been set aside
		}
		to, err := durable.SetAside(fault.Path)
		if err != nil {
			return err
		}
		r.note("%s: %v; set aside as %q, its times are lost", r.cell, fault.Err, to)
	}
	if r.state.Damage != nil || have.Config.Unsummed {
		config := r.config
		if r.state.Versions != nil {
			config.Versions = r.state.Versions
		}
		// In this order: while config.json has no checksum, the others count by themselves.
		if err := result.WriteEvents(r.dir, config.Identity, have.Events); err != nil {
			return err
		}
		if err := result.WriteResult(r.dir, config.Identity, have.Events, *have.Result); err != nil {
			return err
		}
		if err := result.WriteJSON(filepath.Join(r.dir, result.ConfigFile), config); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(r.dir, result.FailureFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("runners: %w", err)
	}
	return removeCheckpoint(r.dir)
}

// places makes sure that each run has a directory of its own.
func places(root string, runs []*run) {
	at := map[string]*run{}
	for _, r := range runs {
		r.blocked = clearWay(root, r.cell.String(), r.note)
		real, err := filepath.EvalSymlinks(r.dir)
		if err != nil {
			continue // nothing is there yet
		}
		if other := at[real]; other != nil {
			r.blocked = fmt.Errorf("runners: %q is the folder of %s, to which a link leads from here", real, other.cell)
		}
		at[real] = r
		if have, err := result.Read(r.dir); err == nil && have.Cell != r.cell && linked(root, r.cell.String()) {
			r.blocked = fmt.Errorf("runners: a link leads from %q to the run %s in %q; take it away", r.dir, have.Cell, real)
		}
	}
}

// linked says whether a link is on the way to a folder below a root.
func linked(root, folder string) bool {
	path := root
	for _, part := range strings.Split(folder, "/") {
		path = filepath.Join(path, part)
		if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// clearWay sets aside what stands on the way to a folder below an output root: a file;
// a link that leads to nothing, or to another part of the same root. A link may lead to
// a place outside, such as a larger disk.
func clearWay(root, folder string, note func(format string, args ...any)) error {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil // nothing is there yet
	}
	path := root
	for _, part := range strings.Split(folder, "/") {
		path = filepath.Join(path, part)
		if way(real, path) == nil {
			continue
		}
		if err := clearEntry(root, real, path, note); err != nil {
			return err
		}
	}
	return nil
}

// clearEntry sets one such entry aside, with the lock of the root: another process may
// be about to do the same.
func clearEntry(root, real, path string, note func(format string, args ...any)) error {
	release, err := durable.Lock(root)
	if err != nil {
		return fmt.Errorf("%w, which stands in the way: %w", err, way(real, path))
	}
	defer release()
	wrong := way(real, path)
	if wrong == nil {
		return nil
	}
	to, err := durable.SetAside(path)
	if err != nil {
		return fmt.Errorf("%w, which stands in the way: %w", err, wrong)
	}
	note("%v; set aside as %q", wrong, to)
	return nil
}

// way says what is wrong with an entry on the way to a run below a root; nothing there
// is right.
func way(root, path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.IsDir() {
		return nil
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("runners: %q is a file where a folder belongs", path)
	}
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		info, err = os.Stat(target)
	}
	switch {
	case err != nil:
		return fmt.Errorf("runners: a link that leads nowhere: %w", err)
	case !info.IsDir():
		return fmt.Errorf("runners: %q is a link to a file where a folder belongs", path)
	case target == root || strings.HasPrefix(target, root+string(filepath.Separator)) || strings.HasPrefix(root, target+string(filepath.Separator)):
		return fmt.Errorf("runners: %q is a link to another folder of this output, %q", path, target)
	}
	return nil
}

// named finds runs by the names of their cells.
func named(names []string, cells []string) (at []int, err error) {
	for _, name := range names {
		i := slices.Index(cells, strings.Trim(filepath.ToSlash(name), "/"))
		if i < 0 {
			text := fmt.Sprintf("runners: %q, which is to be made again, is not among the %d runs of this command", name, len(cells))
			if near := settings.Nearest(name, cells); len(near) > 0 {
				text += fmt.Sprintf(", want one of %q", near)
			}
			return nil, errors.New(text)
		}
		at = append(at, i)
	}
	return at, nil
}

// redo sets aside what is there of the runs with these names.
func redo(runs []*run, names []string) error {
	var cells []string
	for _, r := range runs {
		cells = append(cells, r.cell.String())
	}
	at, err := named(names, cells)
	if err != nil {
		return err
	}
	for _, i := range at {
		r := runs[i]
		if _, err := os.Stat(r.dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		release, err := work.AwaitSoon(durable.LockFile(r.dir))
		if err != nil {
			return fmt.Errorf("runners: make %s again: %w", r.cell, err)
		}
		to, err := durable.SetContentsAside(r.dir)
		release()
		if err != nil {
			return err
		}
		r.note("%s: made again; what was there is set aside as %q", r.cell, to)
	}
	return nil
}

// ending is how a run ended in this session, for [recheck].
type ending uint8

const (
	unended ending = iota
	reused
	done
	elsewhere
)

// recheck looks for all runs that ended once more, since others may delete what they
// have: those that are gone have failed.
func recheck(sum *work.Summary, runs []*run) {
	for _, r := range runs {
		if r.ended == unended {
			continue
		}
		err := r.seen()
		if err == nil {
			continue
		}
		switch r.ended {
		case reused:
			sum.Reused--
		case done:
			sum.Done--
		case elsewhere:
			sum.Elsewhere--
		}
		sum.Failed = append(sum.Failed, fmt.Sprintf("%s: %v", r.cell, err))
	}
}
