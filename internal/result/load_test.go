package result

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder makes finished runs of two methods and seeds 0 and 1 below a new root.
func folder(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, method := range []string{"a", "b"} {
		for seed := range uint64(2) {
			finish(t, root, Cell{Space: "s", Dataset: "d", Protocol: "p", Method: method, Seed: seed}, float64(seed))
		}
	}
	return root
}

// finish writes a finished run, whose validation accuracy is given.
func finish(t *testing.T, root string, cell Cell, valid float64) {
	t.Helper()
	config := Config{Cell: cell, Numbers: Numbers{
		Method: cell.Method, Seed: cell.Seed, Protocol: []byte(`{"space":"s","dataset":"d"}`), Settings: []byte(`{"k":2}`),
	}}
	var err error
	if config.Identity, err = config.Numbers.Identity(); err != nil {
		t.Fatal(err)
	}
	dir, score := cell.Dir(root), Score{Valid: valid}
	events := []Event{{Epoch: 1, Arch: "<x>"}, {Epoch: 2, Arch: "y", Score: score}}
	for _, err := range []error{
		WriteJSON(filepath.Join(dir, ConfigFile), config),
		WriteEvents(dir, config.Identity, events),
		WriteJSON(filepath.Join(dir, TimingFile), Timing{SearchSeconds: []float64{1, 2}, Machine: "m"}),
		WriteResult(dir, config.Identity, events, Result{Cell: cell, Arch: "y", Score: score, Epochs: 2}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What is not as the program left it is named and left out, and nothing else is.
func TestLoadLeavesOut(t *testing.T) {
	const a0, a1, b0 = "s/d/p/a/seed-0/", "s/d/p/a/seed-1/", "s/d/p/b/seed-0/"
	for _, tt := range []struct {
		name   string
		damage string // a shell command in the root
		lost   string // runs that do not count, by their folders
		want   string // in the text of the faults; "": there are none
	}{
		{"nothing", "true", "", ""},
		{"a copy of a run", "cp -r s/d/p/a/seed-0 s/d/p/a/seed-0.bak", "", `seed-0.bak": it is the run s/d/p/a/seed-0, which counts only there`},
		{"a copy at the place of another seed", "cp -r s/d/p/a/seed-0 s/d/p/a/seed-7", "", `seed-7": it is the run s/d/p/a/seed-0`},
		{"a copy of the whole folder inside", "cp -r s keep; mkdir x; mv keep x/s", "", `x/s/d/p/a/seed-0": it is the run`},
		{"two runs that changed places", "mv s/d/p/a/seed-0 x; mv s/d/p/a/seed-1 s/d/p/a/seed-0; mv x s/d/p/a/seed-1", a0 + a1, `seed-1": it is the run s/d/p/a/seed-0`},
		{"another seed in config.json", `sed -i 's/"seed": 0/"seed": 5/' ` + a0 + "config.json", a0, "its checksum is"},
		{"another number in config.json", `sed -i 's/"k": 2/"k": 3/' ` + a0 + "config.json", a0, "its checksum is"},
		{"an accuracy", `sed -i 's/"valid": 1/"valid": 9/' ` + a1 + "result.json", a1, `result.json" is damaged: its checksum is`},
		{"an event", `sed -i 's/"valid":1/"valid":2/' ` + a1 + "events.jsonl", a1, `events.jsonl" is damaged: line 2: its checksum is`},
		{"an event less", `sed -i 1d ` + a1 + "events.jsonl", a1, "line 1: its checksum is"},
		{"the last event less", `sed -i 2d ` + a1 + "events.jsonl", a1, "it has 1 events, and the result is of 2"},
		{"no events", "rm " + a1 + "events.jsonl", a1, `events.jsonl" is damaged: it is missing`},
		{"a cut event", "truncate -s -5 " + a1 + "events.jsonl", a1, "its last line is cut"},
		{"events of another run", "cp " + a0 + "events.jsonl " + a1, a1, "line 1: its checksum is"},
		{"a result of another seed", "cp " + a0 + "result.json " + a1, a1, "it is of the run s/d/p/a/seed-0"},
		{"a cut result", "truncate -s 100 " + a1 + "result.json", a1, `result.json" is damaged: it ends too early`},
		{"an empty result", "truncate -s 0 " + a1 + "result.json", a1, `result.json" is damaged`},
		{"a byte-order mark", `sed -i '1s/^/\xef\xbb\xbf/' ` + b0 + "config.json", b0, "begins with a byte-order mark"},
		{"a result without its checksum", `sed -i -e '/sha256/d' -e 's/\("events": .*\),/\1/' ` + b0 + "result.json", b0, "it has no checksum, but config.json has one"},
		{"half a run", "rm " + b0 + "config.json", b0, `b/seed-0": half a run: config.json is missing`},
		{"other files in place of a run", "rm " + b0 + "*; echo x >" + b0 + "scores.arrow", b0, "half a run"},
		{"only a claim", "rm " + b0 + "*; touch " + b0 + ".lock", b0, ""},
		{"a folder in place of a file", "rm " + b0 + "result.json; mkdir " + b0 + "result.json", b0, `result.json" is damaged`},
		{"a device in place of a file", "rm " + b0 + "result.json; ln -s /dev/zero " + b0 + "result.json", b0, "is no regular file"},
		{"a pipe in place of a file", "rm " + b0 + "config.json; mkfifo " + b0 + "config.json", b0, "is no regular file"},
		{"damaged times, which no run is left out for", "echo { > " + b0 + "timing.json", "", `timing.json" is damaged`},
		{"another layout", `tr -d '\n' <` + b0 + "result.json >x; mv x " + b0 + "result.json", "", ""},
		{"a link to a run", "ln -s seed-0 s/d/p/a/seed-9", "", `seed-9": a link to `},
		{"a link in place of a run", "rm -r s/d/p/a/seed-1; ln -s seed-0 s/d/p/a/seed-1", a1, `seed-1": a link to `},
		{"a link to all", "ln -s . s/all", "", `s/all": a link to `},
		{"a link up", "ln -s .. up", "", ""},
		{"a link to nothing", "ln -s nowhere s/x", "", `s/x": a link that leads nowhere`},
		{"a link to a file", "ln -s d/p/a/seed-0/result.json s/x", "", ""},
		{"a space that lies elsewhere", "mkdir ../there; mv s ../there/t; ln -s ../there/t s", "", ""},
		{"what was set aside", "cp -r s/d/p/a/seed-0 s/d/p/a/seed-0.aside-1", "", ""},
		{"hidden folders", "cp -r s .snapshot", "", ""},
		{"other programs' files", `mkdir model "lost+found"; echo '{"hidden_size": 3}' >model/config.json; echo x >notes.txt`, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "in", "root")
			if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(folder(t), root); err != nil {
				t.Fatal(err)
			}
			shell(t, root, tt.damage)
			runs, faults, err := Load(root)
			if err != nil {
				t.Fatal(err)
			}
			var text, have strings.Builder
			for _, f := range faults {
				text.WriteString(f.Err.Error() + "\n")
			}
			for _, r := range runs {
				have.WriteString(r.Cell.String() + "/\n")
				if r.Result == nil || r.Result.Score.Valid != float64(r.Cell.Seed) {
					t.Errorf("%s has the result %+v", r.Cell, r.Result)
				}
			}
			if !strings.Contains(text.String(), tt.want) || (tt.want == "") != (len(faults) == 0) {
				t.Errorf("faults %q, want %q", &text, tt.want)
			}
			for _, run := range []string{a0, a1, b0, "s/d/p/b/seed-1/"} {
				if strings.Contains(have.String(), run) == strings.Contains(tt.lost, run) {
					t.Errorf("runs are %q, want all but %q", &have, tt.lost)
				}
			}
		})
	}
}

// A folder inside of an output folder, given as one, is told from a damaged one.
func TestLoadTooDeep(t *testing.T) {
	runs, faults, err := Load(filepath.Join(folder(t), "s"))
	if err != nil || len(runs) != 0 || len(faults) != 4 || !strings.Contains(faults[0].Err.Error(), "the output folder is further up") {
		t.Errorf("%d runs, %v, %v; want four faults that say where to look", len(runs), faults, err)
	}
}

// The folder given may be a link itself.
func TestLoadOfALink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder(t), link); err != nil {
		t.Skip(err)
	}
	if runs, faults, err := Load(link); err != nil || len(runs) != 4 || len(faults) != 0 {
		t.Errorf("%d runs, faults %v, %v; want 4 and none", len(runs), faults, err)
	}
}

// A folder that may not be read is named; root may read all, so that this asks the walk.
func TestUnreadableFolder(t *testing.T) {
	root := folder(t)
	w := walk{root: root, seen: map[string]bool{}}
	w.folder("lost+found", filepath.Join(root, "s/d/p/a/seed-0/result.json"), false) // no folder: an error of another kind
	if len(w.faults) != 1 || !strings.Contains(w.faults[0].Err.Error(), "lost+found") {
		t.Errorf("faults %v, want the folder named", w.faults)
	}
	if os.Geteuid() == 0 {
		return
	}
	os.Mkdir(filepath.Join(root, "lost+found"), 0)
	if runs, faults, err := Load(root); err != nil || len(runs) != 4 || len(faults) != 1 {
		t.Errorf("%d runs, faults %v, %v; want 4 and one", len(runs), faults, err)
	}
}

// Records that fit each other but not their run are damage, whatever their checksums say.
func TestRecordsOfAnotherRun(t *testing.T) {
	cell := Cell{Space: "s", Dataset: "d", Protocol: "p", Method: "a"}
	root, other := t.TempDir(), t.TempDir()
	finish(t, root, cell, 1)
	finish(t, other, cell, 2)
	dir, config := cell.Dir(other), Config{}
	if err := ReadJSON(filepath.Join(dir, ConfigFile), &config); err != nil {
		t.Fatal(err)
	}
	config.Numbers.Settings = []byte(`{"k":3}`)
	var err error
	if config.Identity, err = config.Numbers.Identity(); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		WriteEvents(dir, config.Identity, nil),
		WriteResult(dir, config.Identity, nil, Result{Cell: cell}),
		WriteJSON(filepath.Join(dir, FailureFile), Failure{Cell: cell, Run: config.Identity}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{ResultFile, FailureFile} {
		shell(t, cell.Dir(root), "cp "+filepath.Join(dir, name)+" .")
		run, err := Read(cell.Dir(root))
		if err != nil || run.Damage() == nil || !strings.Contains(run.Damage().Error(), "made from other numbers") {
			t.Errorf("%s of other numbers: %+v, %v; want it blamed", name, run, err)
		}
		finish(t, root, cell, 1)
		os.Remove(filepath.Join(cell.Dir(root), FailureFile))
	}
	config.Cell.Seed = 4
	if err := WriteJSON(filepath.Join(dir, ConfigFile), config); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "it calls itself s/d/p/a/seed-4, and its numbers are of s/d/p/a/seed-0") {
		t.Errorf("a cell that is not that of the numbers: %v", err)
	}
}
