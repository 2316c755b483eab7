package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	table := nb201.NewTable(nb201.Origin{Source: "test"})
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
		{"run --methods darts", `unknown method "darts", want one of ["random"`},
		{"run --methods idarts,idarts", "named twice"},
		{"run --protocol desktop", `space "nb201" has no protocol "desktop"`},
		{"run --space nb301", `unknown space "nb301"`},
		{"run --seeds 2-0", "runs backwards"},
		{"run --seeds x", `"x" is no seed`},
		{"run --jobs=-1", "--jobs is -1"},
		{"run --out file/out", "cannot write to output folder \"file/out\""},
		{"run --out /dev/null/x --dry-run", "cannot write to output folder \"/dev/null/x\""},
		{"run --protocol paper --data nowhere", "nowhere/data_batch_1.bin"},
		{"query |nor_conv_3x3~0|+|none~0|oops~1|+|none~0|none~1|none~2| --table good.arrow", `"oops"`},
		{"query " + someCell + " --table none.arrow --dataset cifar10 --split ori-test", "none.arrow"},
		{"query " + someCell + " --table short.arrow --dataset cifar10 --split ori-test", `"short.arrow" is truncated`},
		{"query " + someCell + " --table text.arrow --dataset cifar10 --split ori-test", "text.arrow"},
		{"query " + someCell + " --table good.arrow", "cannot be asked without a dataset"},
		{"query " + someCell + " --table good.arrow --dataset cifar10 --split valid", `"good.arrow" has nothing for cifar10 with split "valid"`},
		{"table --out none", `no output folder "none"`},
		{"table --format html", `--format must be one of`},
		{"figure --out none", `no output folder "none"`},
		{"status --out none", `no output folder "none"`},
		{"list colours", "must be one of"},
		{"data verify short.arrow", `"short.arrow" is truncated`},
		{"data verify cifar100 --data none", "none/train.bin"},
		{"data import nats-bench none out.arrow", "none/meta.pickle.pbz2"},
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
		{[]string{"data", "import", "nas-bench-101", records, "t.arrow"}, "t.arrow: 3 cells of NAS-Bench-101", 0},
		{[]string{"data", "verify", "t.arrow"}, "  test, 108 epochs", 0},
		{[]string{"query", cell, "--table", "t.arrow", "--epochs", "108", "--split", "test"}, "test, 108 epochs: 93.1190 %, mean of 1", 0},
		{[]string{"query", cell, "--table", "t.arrow", "--split", "test"}, "cannot be asked without the number of epochs", 1},
		{[]string{"query", "conv3x3-bn-relu(0) output(1)", "--table", "t.arrow", "--epochs", "108", "--split", "test"}, "does not list cell", 1},
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
	table := nb201.NewTable(nb201.Origin{Source: "test"})
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
	want := someCell + "\ncifar10 trained on cifar10, ori-test, 200 epochs: 91.0000 % (sample std 1.4142), mean of 2\n" +
		"  seed 777: 90.0000 %\n  seed 888: 92.0000 %\n"
	for _, split := range []string{"ori-test", "test"} { // the split, and the papers' name of that column
		out, text, status := command(t, "query", someCell, "--table", "good.arrow", "--dataset", "cifar10", "--split", split)
		if status != 0 || out != want {
			t.Errorf("split %s: status %d, %q; output\n%swant\n%s", split, status, text, out, want)
		}
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
		"--help":     "Commands:",
		"run --help": "--dry-run",
		"version":    "idarts ",
	} {
		out, text, status := command(t, strings.Fields(args)...)
		if status != 0 || text != "" || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, stderr %q, stdout %q; want %q", args, status, text, out, want)
		}
	}
}
