package result

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"idarts/internal/durable"
)

// Load reads the runs below root that are sound, in the order of their cells (space,
// dataset, protocol, method, settings, seed), and names what else claims to be one:
//
//   - a run at another place than its cell names, such as a copy of a folder;
//   - one whose files are damaged, miss their config.json, or come from another run;
//   - a run that a link leads to for a second time;
//   - a folder that cannot be read.
//
// Root may be a link, and so may folders below it. What has been set aside is passed
// over, and so are names that begin with a dot. Damaged times are a fault of a run that
// counts, see [Fault]. A root that is not there is an error wrapping [fs.ErrNotExist].
func Load(root string) ([]Run, []Fault, error) {
	real, err := filepath.EvalSymlinks(root)
	if err == nil {
		_, err = os.ReadDir(real)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("result: read runs below %q: %w", root, err)
	}
	w := walk{root: root, seen: map[string]bool{}}
	w.folder("", real, false)
	for len(w.links) > 0 { // after all that is really there
		link := w.links[0]
		w.links = w.links[1:]
		w.follow(link)
	}
	slices.SortFunc(w.runs, func(a, b Run) int { return a.Cell.Compare(b.Cell) })
	return w.runs, w.faults, nil
}

// walk is a [Load] under way. Paths are relative to root.
type walk struct {
	root   string
	seen   map[string]bool // folders, by their real paths
	links  []string        // not followed yet
	runs   []Run
	faults []Fault
}

// deepest is how many folders lie on the way to a run: behind links, where there may
// be anything, nothing deeper is looked at.
const deepest = 6

// folder reads a folder and all below it, but for links; linked says that a link led
// to it.
func (w *walk) folder(path, real string, linked bool) {
	if w.seen[real] {
		return
	}
	w.seen[real] = true
	entries, err := os.ReadDir(real)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // deleted just now
			w.blame(path, err)
		}
		return
	}
	w.run(path, entries)
	if linked && depth(path) >= deepest {
		return
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, ".") || durable.IsAside(name):
		case e.IsDir():
			w.folder(filepath.Join(path, name), filepath.Join(real, name), linked)
		case e.Type()&fs.ModeSymlink != 0:
			w.links = append(w.links, filepath.Join(path, name))
		}
	}
}

func depth(path string) int { return strings.Count(path, string(filepath.Separator)) + 1 }

// follow reads the folder that a link leads to. Links to files are none of ours, but
// for those of a run, which are read with it.
func (w *walk) follow(path string) {
	real, err := filepath.EvalSymlinks(filepath.Join(w.root, path))
	var info fs.FileInfo
	if err == nil {
		info, err = os.Stat(real)
	}
	switch {
	case err != nil:
		w.blame(path, fmt.Errorf("a link that leads nowhere: %w", err))
	case !info.IsDir():
	case w.seen[real]:
		w.blame(path, fmt.Errorf("a link to %q, which is read where it is", real))
	default:
		w.folder(path, real, true)
	}
}

// blame adds a fault; the error is without the path.
func (w *walk) blame(path string, err error) {
	path = filepath.Join(w.root, path)
	w.faults = append(w.faults, Fault{Path: path, Err: fmt.Errorf("result: %q: %w", path, err)})
}

// run adds the run that is in a folder with these entries, if there is one.
func (w *walk) run(path string, entries []fs.DirEntry) {
	ours := strings.HasPrefix(filepath.Base(path), seedPrefix)
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == ConfigFile }) {
		visible := func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") && !durable.IsAside(e.Name()) }
		if ours && slices.ContainsFunc(entries, visible) {
			w.blame(path, fmt.Errorf("half a run: %s is missing", ConfigFile))
		}
		return
	}
	run, err := Read(filepath.Join(w.root, path))
	switch {
	case errors.Is(err, fs.ErrNotExist) && !ours: // deleted just now
	case err != nil:
		w.faults = append(w.faults, Fault{Path: filepath.Join(w.root, path, ConfigFile), Err: err})
	case run.Cell == Cell{} && !ours: // another program's
	case run.Cell == Cell{}:
		w.blame(path, fmt.Errorf("%s names no run", ConfigFile))
	case strings.HasSuffix(run.Cell.String(), "/"+filepath.ToSlash(path)):
		w.blame(path, fmt.Errorf("it is the run %s, so that the output folder is further up", run.Cell))
	case filepath.ToSlash(path) != run.Cell.String():
		w.blame(path, fmt.Errorf("it is the run %s, which counts only there", run.Cell))
	case run.Damage() != nil:
		w.faults = append(w.faults, run.Faults...)
	default:
		w.runs = append(w.runs, run)
		w.faults = append(w.faults, run.Faults...)
	}
}
