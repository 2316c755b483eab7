package nb201

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"idarts/internal/trials"
	"idarts/internal/wordtest"
)

// shared is a folder of reference data beside the checkout, which is not part of
// the project. The test is skipped where it is not there.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reference data %q is not here", filepath.Join("..", "shared", "data", name))
	}
	return path
}

// imported makes a table of the three official sample records.
func imported(t testing.TB) (table *Table, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "nats.arrow")
	var calls []string
	err := ImportNATSBench(shared(t, "nats-bench-sample"), path, func(done, total int) {
		calls = append(calls, fmt.Sprintf("%d/%d", done, total))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(calls, " "); got != "1/3 2/3 3/3" {
		t.Errorf("progress = %s", got)
	}
	if table, err = Open(path); err != nil {
		t.Fatal(err)
	}
	return table, path
}

// The golden values of the reference notes, per seed 777, 888, 999.
func TestGoldenRecords(t *testing.T) {
	table, _ := imported(t)
	valid, test := Papers[0].Key, Papers[1].Key
	c100Valid, c100Test, in16Valid, in16Test := Papers[2].Key, Papers[3].Key, Papers[4].Key, Papers[5].Key
	for _, tt := range []struct {
		index int
		text  string
		key   Key
		want  [3]float64
	}{
		{11, cell11, valid, [3]float64{87.748, 88.132, 87.94}},
		{11, cell11, test, [3]float64{91.79, 91.76, 91.20}},
		{11, cell11, c100Valid, [3]float64{67.72, 68.18, 66.46}},
		{11, cell11, c100Test, [3]float64{66.86, 67.68, 68.28}},
		{11, cell11, in16Valid, [3]float64{29.367, 31.433, 30.433}},
		{11, cell11, in16Test, [3]float64{29.233, 30.967, 30.300}},
		{284, cell284, valid, [3]float64{86.052, 86.02, 86.068}},
		{284, cell284, test, [3]float64{88.73, 88.55, 89.09}},
		{284, cell284, c100Test, [3]float64{63.0, 61.76, 61.66}},
		{284, cell284, in16Test, [3]float64{32.6, 31.933, 32.867}},
		{0, cell0, valid, [3]float64{82.092, 81.616, 82.24}},
		{0, cell0, test, [3]float64{85.62, 86.18, 85.79}},
		{0, cell0, c100Test, [3]float64{51.98, 53.68, 53.08}},
		{0, cell0, in16Test, [3]float64{27.033, 25.767, 27.1}},
	} {
		c := cell(t, tt.text)
		if got, err := table.OfficialIndex(c); err != nil || got != tt.index {
			t.Errorf("official index of %q = %d, %v, want %d", tt.text, got, err, tt.index)
		}
		a, err := table.Query(c, table.Of(tt.key)[0], trials.All)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(a.Trials) != 3 {
			t.Fatalf("#%d %s: %d trials, want 3", tt.index, tt.key, len(a.Trials))
		}
		mean := 0.0
		for i, seed := range []int64{777, 888, 999} {
			if got := a.Trials[i]; got.Seed != seed || math.Abs(got.Accuracy-tt.want[i]) > 5.1e-4 {
				t.Errorf("#%d %s: trial %d is %v, want %v by seed %d", tt.index, tt.key, i, got, tt.want[i], seed)
			}
			mean += tt.want[i] / 3
		}
		if math.Abs(a.Accuracy-mean) > 5.1e-4 {
			t.Errorf("#%d %s: mean %v, want %v", tt.index, tt.key, a.Accuracy, mean)
		}
	}
	// From the record itself: #11, cifar10, seed 999, 200 epochs of 24.924113591512043 seconds.
	train, err := table.Query(cell(t, cell11), Key{"cifar10", "cifar10", "train", 200, ReleaseNATS}, trials.All)
	if err != nil {
		t.Fatal(err)
	}
	if last := train.Trials[2]; math.Abs(last.Accuracy-99.416) > 1e-9 || math.Abs(last.Loss-0.020186221663951873) > 1e-8 || math.Abs(last.Seconds-200*24.924113591512043) > 1e-3 {
		t.Errorf("training of #11 = %+v", last)
	}
	// What the benchmark does not have is not there.
	if _, err := table.Query(cell(t, cell11), Key{"cifar10", "cifar10", "x-valid", 200, ReleaseNATS}, trials.All); err == nil || !strings.Contains(err.Error(), "has nothing for cifar10 trained on cifar10, x-valid, 200 epochs, NATS-Bench v1.0, want one of: cifar10 trained on cifar10, ori-test, 12 epochs, NATS-Bench v1.0;") {
		t.Errorf("validation of networks trained on all of CIFAR-10: error = %v", err)
	}
	if _, err := table.Query(Cell{}, table.Of(valid)[0], trials.All); err == nil || !strings.Contains(err.Error(), "has no trained network of cell") {
		t.Errorf("a cell without a record: error = %v", err)
	}
	if want := natsBench.Licence; table.Licence != want || len(table.SHA256) != 64 || !strings.Contains(table.Source, "NATS-Bench") || table.Training == "" {
		t.Errorf("origin = %+v", table.Origin)
	}
	t.Logf("%d measurements of 3 cells, input sha256 %s", len(recordsOf(t, table)), table.SHA256)
}

// Scores are of two columns, and cost what the training behind the valid one took.
func TestScoresOfRecords(t *testing.T) {
	table, _ := imported(t)
	valid, test := Papers[0].Key, Papers[1].Key // of any release
	scores := table.Scores(valid, test)
	got, err := scores.Score(cell11)
	if err != nil {
		t.Fatal(err)
	}
	took, err := table.Query(cell(t, cell11), Key{"cifar10", "cifar10-valid", "train", 200, ReleaseNATS}, trials.All)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.Valid-87.94) > 5.1e-4 || math.Abs(got.Test-91.58333) > 5.1e-4 || got.Trials != 3 || got.Seconds != took.Seconds || got.Seconds < 1000 {
		t.Errorf("score %+v, want 87.94 and 91.583 by 3 trials of %v s", got, took.Seconds)
	}
	if best, err := scores.Optimum(); best != nil || err != nil {
		t.Errorf("optimum %+v, %v of a table of three cells, want none", best, err)
	}
	if _, err := scores.Score("x"); err == nil || !strings.Contains(err.Error(), `nb201: cell "x"`) {
		t.Errorf("no cell: error = %v", err)
	}
}

// The 12-epoch columns, order and values, against an independent extract of all cells.
func TestGoldenExtract(t *testing.T) {
	table, _ := imported(t)
	f, err := os.Open(filepath.Join(shared(t, "nb201-12ep"), "nb201_12_epochs.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	keys := []Key{
		{"cifar10", "cifar10", "ori-test", 12, ReleaseNATS}, {"cifar10", "cifar10-valid", "x-valid", 12, ReleaseNATS},
		{"cifar100", "cifar100", "x-test", 12, ReleaseNATS}, {"cifar100", "cifar100", "x-valid", 12, ReleaseNATS},
		{"ImageNet16-120", "ImageNet16-120", "x-test", 12, ReleaseNATS}, {"ImageNet16-120", "ImageNet16-120", "x-valid", 12, ReleaseNATS},
	}
	compared := 0
	for _, row := range rows[1:] {
		index, err := strconv.Atoi(row[0])
		if err != nil {
			t.Fatal(err)
		}
		c := cell(t, row[1])
		if got, err := table.OfficialIndex(c); err != nil || got != index {
			t.Fatalf("official index of %q = %d, %v, want %d", c, got, err, index)
		}
		if index != 0 && index != 11 && index != 284 {
			continue
		}
		for i, key := range keys {
			want, err := strconv.ParseFloat(row[2+i], 64)
			if err != nil {
				t.Fatal(err)
			}
			a, err := table.Query(c, key, trials.All)
			if err != nil || math.Abs(a.Accuracy-want) > 1e-5 {
				t.Errorf("#%d %s = %v, %v, want %v", index, key, a.Accuracy, err, want)
			}
			compared++
		}
	}
	if compared != 18 {
		t.Errorf("%d values compared, want 18", compared)
	}
}

// Cost against what the records themselves say.
func TestCostOfRecords(t *testing.T) {
	dir := shared(t, "nats-bench-sample")
	compared := 0
	for _, index := range []int{0, 11, 284} {
		raw, _, err := readPickle(filepath.Join(dir, recordName(index)))
		if err != nil {
			t.Fatal(err)
		}
		for _, schedule := range []string{"12", "200"} {
			part, err := get[dict](raw.(dict), schedule)
			if err != nil {
				t.Fatal(err)
			}
			text, err := get[string](part, "arch_str")
			if err != nil {
				t.Fatal(err)
			}
			results, err := get[dict](part, "all_results")
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range results.keys {
				result, err := get[dict](results, k)
				if err != nil {
					t.Fatal(err)
				}
				net := map[string]Net{
					"cifar10-valid": {16, 5, 10, 3, 32}, "cifar10": {16, 5, 10, 3, 32},
					"cifar100": {16, 5, 100, 3, 32}, "ImageNet16-120": {16, 5, 120, 3, 16},
				}[k.(dictKey).text]
				mflops, mparams := cell(t, text).Cost(net)
				if result.values["flop"] != mflops || result.values["params"] != mparams {
					t.Errorf("#%d %v: %v MFLOPs, %v MParams, want %v, %v", index, k, mflops, mparams, result.values["flop"], result.values["params"])
				}
				compared++
			}
		}
	}
	if compared != 51 {
		t.Errorf("%d networks compared, want 51", compared)
	}
}

func TestImportIsDeterministic(t *testing.T) {
	_, a := imported(t)
	_, b := imported(t)
	first, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(b)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two imports differ (%v)", err)
	}
}

func TestImportOfWrongFolders(t *testing.T) {
	sample := shared(t, "nats-bench-sample")
	copyTo := func(dir, from, to string) {
		content, err := os.ReadFile(filepath.Join(sample, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		make func(dir string)
		want string
	}{
		{"an empty folder", func(string) {}, `meta.pickle.pbz2": open`},
		{"only the index", func(dir string) { copyTo(dir, "meta.pickle.pbz2", "meta.pickle.pbz2") }, `has no records, want files such as "000000.pickle.pbz2"`},
		{"a record under another number", func(dir string) {
			copyTo(dir, "meta.pickle.pbz2", "meta.pickle.pbz2")
			copyTo(dir, recordName(11), recordName(12))
		}, `000012.pickle.pbz2": 12 epochs: record of cell 11, want 12`},
		{"a record for an index", func(dir string) { copyTo(dir, recordName(0), "meta.pickle.pbz2") }, `meta.pickle.pbz2": no "meta_archs", only ["12" "200"]`},
		{"an index for a record", func(dir string) {
			copyTo(dir, "meta.pickle.pbz2", "meta.pickle.pbz2")
			copyTo(dir, "meta.pickle.pbz2", recordName(3))
		}, `000003.pickle.pbz2": schedule meta_archs, want a number of epochs`},
		{"a record that is cut off", func(dir string) {
			copyTo(dir, "meta.pickle.pbz2", "meta.pickle.pbz2")
			copyTo(dir, recordName(0), recordName(0))
			if err := os.Truncate(filepath.Join(dir, recordName(0)), 50000); err != nil {
				t.Fatal(err)
			}
		}, `000000.pickle.pbz2": unpack bz2: unexpected EOF`},
		{"text", func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, "meta.pickle.pbz2"), []byte("hello"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, `meta.pickle.pbz2": unpack bz2:`},
	} {
		dir := t.TempDir()
		tt.make(dir)
		out := filepath.Join(dir, "out.arrow")
		err := ImportNATSBench(dir, out, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file was written", tt.name)
		}
	}
}

// The older distributions of the benchmark, and other files, are answered by which
// one to take.
func TestImportOfAFile(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"NAS-Bench-201-v1_1-096897.pth", `has to be in memory whole, and are not read; want a folder of records such as "000000.pickle.pbz2": unpack NATS-tss-v1_0-3ffb9-simple.tar`},
		{"NATS-tss-v1_0-3ffb9-simple.tar", "the archive is not unpacked; want a folder"},
		{"000000.pickle.pbz2", "it is a file; want a folder"},
	} {
		path := filepath.Join(t.TempDir(), tt.file)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		err := ImportNATSBench(path, filepath.Join(t.TempDir(), "out.arrow"), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), strconv.Quote(path)) {
			t.Errorf("%s: error = %v, want %q", tt.file, err, tt.want)
		}
	}
	if err := ImportNATSBench(filepath.Join(t.TempDir(), "none"), "out.arrow", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such folder: error = %v", err)
	}
}

// goodRun is one network's entry in a record, as decoded.
func goodRun(epochs int) dict {
	make := func(entries ...any) dict {
		d := dict{values: map[any]any{}}
		for i := 0; i < len(entries); i += 2 {
			d.keys = append(d.keys, entries[i])
			d.values[entries[i]] = entries[i+1]
		}
		return d
	}
	last := int64(epochs - 1)
	times := make()
	for e := range int64(epochs) {
		times.values[e] = 2.5
	}
	at := func(split string) string { return fmt.Sprintf("%s@%d", split, last) }
	return make("epochs", int64(epochs),
		"train_acc1es", make(last, 90.0), "train_losses", make(last, 0.5), "train_times", times,
		"eval_acc1es", make(at("x-valid"), 70.0, at("x-test"), 71.0, at("ori-test"), 70.5),
		"eval_losses", make(at("x-valid"), 1.0, at("x-test"), 1.0), "eval_times", make())
}

func TestReadRun(t *testing.T) {
	records, err := readRun(goodRun(12), Cell{}, "cifar100", 111, 12)
	if err != nil || len(records) != 4 {
		t.Fatalf("%d records, %v; want 4", len(records), err)
	}
	if r := records[0]; r.Split != "train" || r.Accuracy != 90 || r.Seconds != 30 {
		t.Errorf("training = %+v", r)
	}
	if r := records[3]; r.Split != "ori-test" || r.Accuracy != 70.5 || !math.IsNaN(r.Loss) || !math.IsNaN(r.Seconds) {
		t.Errorf("a loss that is not there became %+v", r)
	}
	accuracies := func(run dict) map[any]any { return run.values["eval_acc1es"].(dict).values }
	for _, tt := range []struct {
		name   string
		change func(dict)
		on     string
		want   string // "": no error
		n      int
	}{
		{"ori-test within the tolerance", func(d dict) { accuracies(d)["ori-test@11"] = 70.50009 }, "cifar100", "", 4},
		{"ori-test is not the mean of its halves", func(d dict) { accuracies(d)["ori-test@11"] = 70.5002 }, "cifar100", "accuracy on ori-test is 70.5002, want 70.5, the mean of x-valid 70 and x-test 71", 0},
		{"the same for ImageNet16-120", func(d dict) { accuracies(d)["x-test@11"] = 72.0 }, "ImageNet16-120", "the mean of x-valid 70 and x-test 72", 0},
		{"CIFAR-10 has no halves to compare", func(d dict) { accuracies(d)["ori-test@11"] = 60.0 }, "cifar10-valid", "", 3},
		{"a split that was not measured stays missing", func(d dict) { delete(accuracies(d), "x-test@11") }, "cifar100", "", 3},
		{"text for a number", func(d dict) { accuracies(d)["x-test@11"] = "71" }, "cifar100", "eval_acc1es: entry x-test@11 is a text, want a number", 0},
		{"no list of losses", func(d dict) { delete(d.values, "eval_losses") }, "cifar100", `no "eval_losses", only`, 0},
		{"a run of another length", func(d dict) { d.values["epochs"] = int64(200) }, "cifar100", "trained for 200 epochs, want 12", 0},
		{"an unknown dataset", func(dict) {}, "svhn", `unknown dataset "svhn", want cifar10-valid`, 0},
	} {
		run := goodRun(12)
		tt.change(run)
		records, err := readRun(run, Cell{}, tt.on, 111, 12)
		if tt.want == "" && (err != nil || len(records) != tt.n) {
			t.Errorf("%s: %d records, %v; want %d", tt.name, len(records), err, tt.n)
		}
		if tt.want == "" {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		wordtest.Check(t, tt.name, err)
	}
}

func TestHostilePickles(t *testing.T) {
	for _, tt := range []struct{ name, pickle, want string }{
		{"a class that is not allowed", "\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.", `class "os.system" is not allowed, want one of ["collections.OrderedDict"`},
		{"the same, from the stack", "\x80\x04\x8c\x02os\x8c\x06system\x93.", `class "os.system" is not allowed`},
		{"trained weights", "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.", `class "torch._utils._rebuild_tensor_v2" is not allowed`},
		{"a text as long as memory", "\x80\x04X\xff\xff\xff\xff.", "ends inside an instruction"},
		{"a frame as long as memory", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", "a frame of 9223372036854775807 bytes"},
		{"an instruction for persistent objects", "\x80\x04Q.", "instruction 0x51 at byte 2 is not one of those that are run here"},
		{"nothing", "", "does not end with a stop"},
		{"a class name without an end", "\x80\x02cos", "ends inside a class name"},
		{"a stack that is empty", "\x80\x02.", "damaged pickle"},
		{"a mark that is not there", "\x80\x02u.", "damaged pickle"},
		{"a list that holds itself", "\x80\x02]q\x00h\x00a.", "more than 8 levels"},
		{"a list that holds itself often", "\x80\x02]q\x00(" + strings.Repeat("h\x00", 1000) + "e.", "it holds itself"},
		{"an unhashable key", "\x80\x02ccollections\nOrderedDict\n)R]q\x00B\x01\x00\x00\x00aNs.", "damaged pickle"},
		{"a dict in place of a key", "\x80\x02}}Ns.", "a key is a dict, want text or a number"},
		{"a number without digits", "\x80\x02\x8a\x00.", "a number of 0 bytes"},
		{"a dtype of nothing", "\x80\x02cnumpy\ndtype\n)R.", "numpy.dtype of nothing"},
		{"a dtype of a list that holds itself", "\x80\x02cnumpy\ndtype\n]q\x00h\x00a\x85R.", "numpy.dtype of a list"},
		{"a dtype with a state that holds itself", "\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R]q\x00h\x00ab.", "numpy.dtype whose state is a list"},
		{"a call of a list that holds itself", "\x80\x02]q\x00h\x00a)R.", "a call of what is no class"},
		{"an object of a list that holds itself", "\x80\x02]q\x00h\x00a)\x81.", "a call of what is no class"},
		{"bytes as long as memory", "\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\xff.", "ends inside an instruction"},
		{"a scalar without a dtype", "\x80\x02cnumpy.core.multiarray\nscalar\nK\x01K\x02\x86R.", "numpy scalar of a number and a number"},
	} {
		v, err := decodePickle([]byte(tt.pickle))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, error = %v, want %q", tt.name, v, err, tt.want)
		}
		wordtest.Check(t, tt.name, err)
	}
}

// FuzzPickle: no bytes make decoding panic or use much memory.
func FuzzPickle(f *testing.F) {
	for _, s := range []string{"\x80\x02]q\x00h\x00a.", "\x80\x04\x8c\x02os\x8c\x06system\x93.", "\x80\x04}(K\x01G@\x00\x00\x00\x00\x00\x00\x00u.",
		"\x80\x02ccollections\nOrderedDict\n)R(X\x01\x00\x00\x00aNu.", "\x80\x04\x8f(K\x01\x90."} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		fuzzPickle(t, content, func() error { _, err := decodePickle(content); return err })
	})
}

// fuzzPickle checks that decoding gives an error of one short line, if any, and
// takes no more memory than the guard admits, for the library and for the result.
func fuzzPickle(t *testing.T, content []byte, decode func() error) {
	var err error
	used := allocated(func() { err = decode() })
	if err != nil && (err.Error() == "" || strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000+8*len(content)) {
		t.Errorf("error %.1000q", err)
	}
	if used > 4*maxPickleMemory {
		t.Errorf("%d bytes took %d", len(content), used)
	}
}

func BenchmarkImportRecord(b *testing.B) {
	dir := shared(b, "nats-bench-sample")
	path, c := filepath.Join(dir, recordName(11)), cell(b, cell11)
	for b.Loop() {
		if _, _, err := readRecord(path, 11, c); err != nil {
			b.Fatal(err)
		}
	}
}
