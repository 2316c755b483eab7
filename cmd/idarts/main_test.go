package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/trials"
	"idarts/nb201"
)

// command runs one command line in this process.
func command(t *testing.T, args ...string) (out, err string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = execute(console{ctx: t.Context(), out: &stdout, err: &stderr}, args)
	return stdout.String(), stderr.String(), status
}

const someCell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"

func TestBadInputIsOneClearLine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	table := nb201.NewTable(trials.Origin{Source: "test"})
	cell, err := nb201.Parse(someCell)
	if err != nil {
		t.Fatal(err)
	}
	key := nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200}
	if err := table.Append(nb201.Record{Cell: cell, Key: key, Seed: 777, Accuracy: 90}); err != nil {
		t.Fatal(err)
	}
	if err := table.Save("good.arrow"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("good.arrow")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("short.arrow", content[:len(content)/2])
	write("text.arrow", []byte("no Arrow file at all"))
	write("file", nil)
	for _, tt := range []struct {
		args string // separated by blanks
		want string // part of the line
	}{
		{"frobnicate", "unexpected argument frobnicate"},
		{"run --bogus", "unknown flag --bogus"},
		{"run --methods darts", `unknown method "darts", want one of ["darts-v1" "darts-v2"`},
		{"run --methods idarts,idarts", "named twice"},
		{"run --protocol desktop", `space "nb201" has no protocol "desktop"`},
		{"run --space nb301", `unknown space "nb301"`},
		{"run --seeds 2-0", "runs backwards"},
		{"run --seeds x", `"x" is no seed`},
		{"run --jobs=-1", "--jobs is -1"},
		{"run --cell x", "--cell"},
		{"run --methods random --seeds 0-1 --cell 2", "cell 2: the grid has 2, want 0 to 1"},
		{"run --methods random --seeds 0-1 --cell=-1 --dry-run", "cell -1: the grid has 2"},
		{"bench build --shard 4/4", `"4/4" is no part of the shards, want I/N`},
		{"bench build --out file/out", "cannot write to output folder \"file/out\""},
		{"run --device gpu", `device: "gpu": want auto or one of ["cpu" "cpu:plain"`},
		{"run --device gpu --dry-run", `device: "gpu"`},
		{"retrain DARTS_V2 --device gpu", `device: "gpu"`},
		{"bench build --device gpu", `device: "gpu"`},
		{"doctor --device gpu", `device: "gpu"`},
		{"run --out file/out", "cannot write to output folder \"file/out\""},
		{"run --out /dev/null/x --dry-run", "cannot write to output folder \"/dev/null/x\""},
		{"run --protocol paper --data nowhere", "nowhere/data_batch_1.bin"},
		{"query |nor_conv_3x3~0|+|none~0|oops~1|+|none~0|none~1|none~2| --table good.arrow", `"oops"`},
		{"query " + someCell + " --table none.arrow --dataset cifar10 --split ori-test", "none.arrow"},
		{"query " + someCell + " --table short.arrow --dataset cifar10 --split ori-test", `"short.arrow" is truncated`},
		{"query " + someCell + " --table text.arrow --dataset cifar10 --split ori-test", "text.arrow"},
		{"query " + someCell + " --table good.arrow", "cannot be asked without a dataset"},
		{"query " + someCell + " --table good.arrow --dataset cifar10", "cannot be asked without the set it was trained on, want one of: cifar10 trained on cifar10, ori-test, 200 epochs"},
		{"query " + someCell + " --table good.arrow --dataset cifar10 --trained-on cifar10", "cannot be asked without a split"},
		{"query " + someCell + " --table good.arrow --dataset cifar10 --trained-on cifar10 --split ori-test", "cannot be asked without the number of epochs"},
		{"query " + someCell + " --table good.arrow --dataset cifar10 --trained-on cifar10 --split ori-test --epochs 200", "without seeds, want all or some of 777"},
		{"query " + someCell + " --table good.arrow --dataset cifar10 --trained-on cifar10 --split valid --epochs 200 --seeds all", `"good.arrow" has nothing for cifar10 trained on cifar10, valid, 200 epochs, want one of: cifar10 trained`},
		{"query " + someCell + " --table good.arrow --dataset cifar10 --trained-on cifar10 --split ori-test --epochs 200 --seeds 777,888", "has no seed 888 of cell"},
		{"query " + someCell + " --table good.arrow --dataset cifar10 --trained-on cifar10 --split ori-test --epochs 200 --seeds first", `"first" is no seed`},
		{"query " + someCell + " --table good.arrow --protocol best", `no protocol "best" for this table, want one of ["paper" "short" "everything"]`},
		{"query " + someCell + " --table good.arrow --protocol paper --epochs 200", "--protocol paper says what it was trained on, split, epochs and seeds"},
		{"query " + someCell + " --table good.arrow --protocol paper --dataset svhn", `protocol "paper" has no columns of data set "svhn"`},
		{"query " + someCell + " --table good.arrow --protocol short", "has nothing for cifar10 trained on cifar10-valid, x-valid, 12 epochs"},
		{"table --out none", `no output folder "none"`},
		{"table --format html", `--format must be one of`},
		{"figure --out none", `no output folder "none"`},
		{"status --out none", `no output folder "none"`},
		{"list colours", "must be one of"},
		{"list settings", "list settings idarts"},
		{"list settings dart", `unknown method "dart"`},
		{"list settings reinforce --space darts", `has no settings for method "reinforce"`},
		{"list methods idarts", `unexpected argument "idarts"`},
		{"run --methods idarts --set inner_step=2", `no method to run has it, want one of ["inner_steps"`},
		{"run --set inner_steps", "want a name and values"},
		{"data verify short.arrow", `"short.arrow" is truncated`},
		{"data verify cifar100 --data none", "none/train.bin"},
		{"data import nats-bench none out.arrow", "none: no such file"},
		{"data build fashion none out.arrow", "none/"},
		{"data build genotypes none out.arrow", "none"},
		{"query DARTS_V3 --space darts", "has no genotype \"DARTS_V3\""},
		{"query DARTS_V2 --space dart", "unknown space \"dart\""},
		{"retrain DARTS_V3", "DARTS_V3"},
		{"retrain DARTS_V2 --protocol quick", "has no recipe for retraining"},
		{"figure cell conv(0) --space nb1b1-s3", "conv(0)"},
	} {
		out, text, status := command(t, strings.Fields(tt.args)...)
		if status == 0 {
			t.Errorf("%s: status 0", tt.args)
		}
		if !strings.HasPrefix(text, "idarts: ") || strings.Count(text, "\n") != 1 || !strings.Contains(text, tt.want) {
			t.Errorf("%s: stderr is %q, want one line with %q", tt.args, text, tt.want)
		}
		if out != "" {
			t.Errorf("%s: stdout is %q, want nothing", tt.args, out)
		}
	}
}

func TestNASBench101IsImportedAndAsked(t *testing.T) {
	records, err := filepath.Abs("../../nb1b1/testdata/small.tfrecord")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	content, err := os.ReadFile(records)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(content)
	damaged[len(damaged)/2] ^= 1
	for name, content := range map[string][]byte{"short.tfrecord": content[:len(content)-5], "damaged.tfrecord": damaged} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const cell = "conv1x1-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(3) maxpool3x3(0) output(1,2,4,5)"
	for _, tt := range []struct {
		args   []string
		want   string
		status int
	}{
		{[]string{"data", "import", "nas-bench-101", records, "t.arrow"}, "t.arrow: 3 of 423624 cells of NAS-Bench-101", 0},
		{[]string{"data", "verify", "t.arrow"}, "  test, 108 epochs", 0},
		{[]string{"query", cell, "--table", "t.arrow", "--epochs", "108", "--split", "test", "--seeds", "all"}, "cifar10 trained on cifar10-40k, test, 108 epochs, repeats all: 93.1190 %, mean of 1\n  repeat 0: 93.1190 %", 0},
		{[]string{"query", "28cfc7874f6d200472e1a9dcd8650aa0", "--table", "t.arrow", "--protocol", "paper"}, "\nprotocol paper: ", 0},
		{[]string{"query", "28cfc7874f6d200472e1a9dcd8650aa1", "--table", "t.arrow", "--protocol", "paper"}, "has no cell with hash 28cfc7874f6d200472e1a9dcd8650aa1: it has 3 of the 423624 cells of NAS-Bench-101", 1},
		{[]string{"query", cell, "--table", "t.arrow", "--protocol", "paper"}, "protocol paper: means over all repeats of 108 epochs\ncifar10 trained on cifar10-40k, valid, 108 epochs, repeats all: ", 0},
		{[]string{"query", cell, "--table", "t.arrow", "--protocol", "everything"}, "test, 108 epochs, repeats all: 93.1190 %", 0},
		{[]string{"query", cell, "--table", "t.arrow", "--protocol", "short"}, `no protocol "short" for this table, want one of ["paper" "everything"]`, 1},
		{[]string{"query", cell, "--table", "t.arrow", "--epochs", "108", "--split", "test"}, "without repeats, want all or some of 0", 1},
		{[]string{"query", cell, "--table", "t.arrow", "--epochs", "108", "--split", "test", "--seeds", "2"}, "has no repeat 2 of cell", 1},
		{[]string{"query", cell, "--table", "t.arrow", "--dataset", "cifar100"}, `only networks of data set "cifar10"`, 1},
		{[]string{"query", cell, "--table", "t.arrow", "--split", "test"}, "cannot be asked without the number of epochs", 1},
		{[]string{"query", "conv3x3-bn-relu(0) output(1)", "--table", "t.arrow", "--epochs", "108", "--split", "test", "--seeds", "all"}, "does not list cell", 1},
		{[]string{"query", "conv(0) output(1)", "--table", "t.arrow"}, "unknown op \"conv\"", 1},
		{[]string{"data", "import", "nas-bench-101", "short.tfrecord", "u.arrow"}, `"short.tfrecord": record 5 at byte 2301: the file is truncated`, 1},
		{[]string{"data", "import", "nas-bench-101", "damaged.tfrecord", "u.arrow"}, "damaged.tfrecord", 1},
	} {
		out, text, status := command(t, tt.args...)
		if status != tt.status || !strings.Contains(out+text, tt.want) || strings.Count(text, "\n") > 1 {
			t.Errorf("%q: status %d, %q, %q; want %q", tt.args, status, out, text, tt.want)
		}
	}
	if _, err := os.Stat("u.arrow"); err == nil {
		t.Error("a failed import left its file")
	}
}

func TestQueryPrintsTheTrials(t *testing.T) {
	t.Chdir(t.TempDir())
	table := nb201.NewTable(trials.Origin{Source: "test"})
	cell, err := nb201.Parse(someCell)
	if err != nil {
		t.Fatal(err)
	}
	key := nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200}
	for seed, accuracy := range map[int64]float64{777: 90, 888: 92} {
		if err := table.Append(nb201.Record{Cell: cell, Key: key, Seed: seed, Accuracy: accuracy}); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Save("good.arrow"); err != nil {
		t.Fatal(err)
	}
	const of = " --table good.arrow --dataset cifar10 --trained-on cifar10 --split ori-test --epochs 200 --seeds "
	for _, tt := range []struct{ name, args, want string }{
		{"all trials", of + "all", "cifar10 trained on cifar10, ori-test, 200 epochs, seeds all: 91.0000 % (sample std 1.4142), mean of 2\n" +
			"  seed 777: 90.0000 %\n  seed 888: 92.0000 %\n"},
		{"one trial", of + "888", "cifar10 trained on cifar10, ori-test, 200 epochs, seeds 888: 92.0000 %, mean of 1\n  seed 888: 92.0000 %\n"},
		{"the papers' columns, spelt out", " --table good.arrow --protocol paper --dataset cifar10",
			"protocol paper: the papers' columns: means over the available trials after 200 epochs\n" +
				"cifar10 valid = cifar10 trained on cifar10-valid, x-valid, 200 epochs, seeds all: nothing\n" +
				"cifar10 test = cifar10 trained on cifar10, ori-test, 200 epochs, seeds all: 91.0000 % (sample std 1.4142), mean of 2\n" +
				"  seed 777: 90.0000 %\n  seed 888: 92.0000 %\n"},
		{"everything", " --table good.arrow --protocol everything", "protocol everything: all keys of the table, all trials\n" +
			"cifar10 trained on cifar10, ori-test, 200 epochs, seeds all: 91.0000 % (sample std 1.4142), mean of 2\n  seed 777: 90.0000 %\n  seed 888: 92.0000 %\n"},
	} {
		out, text, status := command(t, append([]string{"query", someCell}, strings.Fields(tt.args)...)...)
		if want := someCell + "\n" + tt.want; status != 0 || out != want {
			t.Errorf("%s: status %d, %q; output\n%swant\n%s", tt.name, status, text, out, want)
		}
	}
}

// Tables of other data sets have the same form: a mean whose trials are not known,
// and one of this program's own.
func TestQueryOfOtherTables(t *testing.T) {
	t.Chdir(t.TempDir())
	table := nb201.NewTable(trials.Origin{Source: "test"})
	cell, err := nb201.Parse(someCell)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []nb201.Record{
		{Key: nb201.Key{Dataset: "fashion16", TrainedOn: "fashion16-train", Split: "valid", Epochs: 6}, Seed: 0, Accuracy: 80},
		{Key: nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200}, Seed: trials.MeanOfTrials, Accuracy: 91},
	} {
		r.Cell = cell
		if err := table.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Save("other.arrow"); err != nil {
		t.Fatal(err)
	}
	want := someCell + "\nprotocol everything: all keys of the table, all trials\n" +
		"cifar10 trained on cifar10, ori-test, 200 epochs, seeds all: 91.0000 %, mean over trials whose number the table does not know\n" +
		"fashion16 trained on fashion16-train, valid, 6 epochs, seeds all: 80.0000 %, mean of 1\n  seed 0: 80.0000 %\n"
	out, text, status := command(t, "query", someCell, "--table", "other.arrow", "--protocol", "everything")
	if status != 0 || out != want {
		t.Errorf("status %d, %q; output\n%swant\n%s", status, text, out, want)
	}
}

func TestInterruptSaysHowToGoOn(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	status := execute(console{ctx: ctx, out: &stdout, err: &stderr}, []string{"run", "--methods", "random", "--seeds", "0"})
	if status != statusInterrupted || !strings.Contains(stderr.String(), "the same command goes on") {
		t.Errorf("status %d, stderr %q; want %d and how to go on", status, stderr.String(), statusInterrupted)
	}
}

func TestHelpAndVersion(t *testing.T) {
	for args, want := range map[string]string{
		"--help":               "Commands:",
		"run --help":           "--dry-run",
		"list settings idarts": "inner_steps",
		"version":              "idarts ",
	} {
		out, text, status := command(t, strings.Fields(args)...)
		if status != 0 || text != "" || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, stderr %q, stdout %q; want %q", args, status, text, out, want)
		}
	}
}
