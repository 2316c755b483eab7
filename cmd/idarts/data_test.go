package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/download"
	"idarts/internal/images"
	"idarts/internal/longtest"
	"idarts/internal/trials"
	"idarts/nb1b1"
	"idarts/nb201"
)

// originals makes a folder of the public files of NAS-Bench-201, from the
// reference data beside the checkout. The test is skipped where they are not there.
func originals(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, folder := range []string{
		"nb201-cifar10", "nb201-12ep", "nb201-200ep-test", "nb201-200ep-cifar10valid", "nb201-200ep-cifar10-perseed", "nb201-splits", "nb201-splits", "nb201-splits",
	} {
		name := nb201.Public[i].Name
		content, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", folder, name))
		if err != nil {
			t.Skipf("reference data %q is not here", filepath.Join("..", "shared", "data", folder, name))
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// serving is a server with GitHub's paths to files in dir.
func serving(t *testing.T, dir string, files []download.File) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, f := range files {
			if r.URL.Path == f.URL("") {
				http.ServeFile(w, r, filepath.Join(dir, f.Name))
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestDataFetch(t *testing.T) {
	longtest.Needed(t) // tries again, and waits for it; tests of nb201 fetch every day
	dir := originals(t)
	server := serving(t, dir, nb201.Public)
	t.Chdir(t.TempDir())

	out, text, status := command(t, "data", "fetch", "nb201", "--base-url", server.URL)
	if want := "data/nb201.arrow: 15625 cells, 224486 accuracies, each of one release: means over trials, and single trials of CIFAR-10's test\n" +
		"data/nb201-files: which images are for training; put cifar-split.txt beside the images of CIFAR-10\n"; status != 0 || out != want {
		t.Fatalf("status %d, printed %q and %q, want %q", status, out, text, want)
	}
	if out, text, status = command(t, "data", "fetch", "nb201", "--from", dir, "--out", "hand.arrow"); status != 0 {
		t.Fatalf("files placed by hand: status %d: %s", status, text)
	}
	first, err := os.ReadFile("data/nb201.arrow")
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile("hand.arrow")
	if err != nil || !slices.Equal(first, second) {
		t.Errorf("files placed by hand give another table (%v)", err)
	}
	out, text, status = command(t, "data", "verify", "data/nb201.arrow")
	for _, want := range []string{
		"ok  15625 of 15625 cells, all different, in the benchmark's order\n",
		"ok  the best of cifar10 trained on cifar10, ori-test, 200 epochs, NAS-Bench-201 v1.1 is #6111 with 94.3733 %, as published\n",
		"ok  trainings of another network than the cell's in 204 cells",
	} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("verify: status %d, %s, no line %q in\n%s", status, text, want, out)
		}
	}

	// Each release by itself, and the remark under a mean with trainings of another network.
	out, text, status = command(t, "query", "|skip_connect~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_1x1~0|nor_conv_1x1~1|skip_connect~2|",
		"--table", "data/nb201.arrow", "--dataset", "cifar10", "--trained-on", "cifar10", "--split", "ori-test", "--epochs", "200", "--seeds", "all")
	for _, want := range []string{
		"ori-test, 200 epochs, NAS-Bench-201 v1.1, seeds all: ", "  67 % of the trainings behind it are of a network with one convolution more or less",
		"ori-test, 200 epochs, NATS-Bench v1.0, seeds all: ", "ori-test, 200 epochs, NAS-Bench-102 v1.0, seeds all: ",
	} {
		if status != 0 || strings.Count(out, want) != 1 {
			t.Errorf("query: status %d, %s, want %q once in\n%s", status, text, want, out)
		}
	}

	// The comparison table on it, as GROUND_TRUTH=nb201 makes it.
	if out, text, status = command(t, "run", "--protocol", "laptop-nb201", "--methods", "random,rea", "--seeds", "0", "--table", "data/nb201.arrow"); status != 0 {
		t.Fatalf("run: status %d: %s", status, text)
	}
	out, text, status = command(t, "table", "--out", "out")
	for _, want := range []string{"laptop-nb201", "Optimum", "94.37", "nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("table: status %d, %s, no %q in\n%s", status, text, want, out)
		}
	}

	server.Close()
	if !testing.Short() { // it waits between its tries
		_, text, status = command(t, "data", "fetch", "nb201", "--base-url", server.URL, "--out", "none/t.arrow")
		if want := `(466198 bytes, sha256 c453cb003143efd20be0f5ba707c64afefa3a11b39ff557fd48cf8c7631e73a1) and run idarts data fetch nb201 --from "none/nb201-files"`; status != 1 || !strings.Contains(text, want) {
			t.Errorf("without a server: status %d, %q, want %q", status, text, want)
		}
	}
	_, text, status = command(t, "data", "fetch", "nb201", "--from", "nowhere")
	if want := `save https://raw.githubusercontent.com/`; status != 1 || !strings.Contains(text, want) {
		t.Errorf("from an empty folder: status %d, %q, want %q", status, text, want)
	}

	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr strings.Builder
	status = execute(console{ctx: stopped, out: &stdout, err: &stderr}, []string{"data", "fetch", "nb201", "--base-url", server.URL, "--out", "none/t.arrow"})
	if want := "the same command goes on where the transfer was"; status != statusInterrupted || !strings.Contains(stderr.String(), want) {
		t.Errorf("interrupted: status %d, %q, want %q", status, stderr.String(), want)
	}
}

// The list has every data set, and what it says of embedded files is so.
func TestDataList(t *testing.T) {
	out, text, status := command(t, "data", "list")
	if status != 0 {
		t.Fatalf("status %d: %s", status, text)
	}
	var names []string
	embedded, sums := 0, 0
	for _, item := range dataItems {
		if slices.Contains(names, item.Name) {
			t.Errorf("%q is there twice", item.Name)
		}
		names = append(names, item.Name)
		if item.Title == "" || item.Licence == "" || item.Citation == "" || item.Get == "" {
			t.Errorf("%q lacks a title, licence, citation or how to get it: %+v", item.Name, item)
		}
		for _, want := range []string{item.Name + ": " + item.Title, item.Licence, item.Citation, item.Get} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not printed", want)
			}
		}
		for _, f := range item.Files {
			if f.SHA256 == "" && f.Embedded == nil {
				continue // is not in the program yet
			}
			if b, err := hex.DecodeString(f.SHA256); err != nil || len(b) != 32 || !strings.Contains(out, f.SHA256) {
				t.Errorf("%s: sha256 %q", f.Name, f.SHA256)
			}
			sums++
			if f.Embedded == nil {
				continue
			}
			embedded++
			if sum := hexSum(f.Embedded); sum != f.SHA256 || int64(len(f.Embedded)) != f.Size {
				t.Errorf("%s: %d bytes, sha256 %s, the list says %d, %s", f.Name, len(f.Embedded), sum, f.Size, f.SHA256)
			}
			if content, err := os.ReadFile(filepath.Join("..", "..", "testdata", f.Name)); err != nil || hexSum(content) != f.SHA256 {
				t.Errorf("%s is not the file in testdata (%v)", f.Name, err)
			}
			if out, text, status := command(t, "data", "verify", item.Name); status != 0 || !strings.Contains(out, "ok  ") {
				t.Errorf("verify %s: status %d, %s%s", item.Name, status, out, text)
			}
		}
	}
	for _, d := range images.Datasets {
		if !slices.Contains(names, d.Name) {
			t.Errorf("data set %q is not in the list", d.Name)
		}
	}
	t.Logf("%d data sets and tables, %d files with a sha256, %d of them in the program", len(names), sums, embedded)
}

// The tables of the micro benchmark lie beside the manifest that says their hashes.
func TestDataVerifyReadsManifests(t *testing.T) {
	for _, name := range []string{"nb201-micro.arrow", "nb201-micro-curves.arrow"} {
		out, text, status := command(t, "data", "verify", filepath.Join("..", "..", "testdata", name))
		if want := "ok  the sha256 is that of its manifest nb201-micro.json\n"; status != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, %s, no line %q in\n%s", name, status, text, want, out)
		}
	}
}

func TestDataVerifySaysWhatIsWrong(t *testing.T) {
	genotypes, err := os.ReadFile("../../testdata/darts-genotypes.arrow")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	write := func(name string, content []byte) {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("short.arrow", genotypes[:len(genotypes)/2])
	write("text", []byte("some text that is no table"))
	bad := nb201.NewTable(trials.Origin{Source: "test"})
	if err := bad.Append(
		nb201.Record{Cell: nb201.FromIndex(7), Key: nb201.Key{Dataset: "cifar100", TrainedOn: "cifar100", Split: "x-valid", Epochs: 12}, Accuracy: 10},
		nb201.Record{Cell: nb201.FromIndex(7), Key: nb201.Key{Dataset: "cifar100", TrainedOn: "cifar100", Split: "x-test", Epochs: 12}, Accuracy: 12},
		nb201.Record{Cell: nb201.FromIndex(7), Key: nb201.Key{Dataset: "cifar100", TrainedOn: "cifar100", Split: "ori-test", Epochs: 12}, Accuracy: 12},
	); err != nil {
		t.Fatal(err)
	}
	if err := bad.Save("bad.arrow"); err != nil {
		t.Fatal(err)
	}
	inside := dataFile{Name: "x.arrow", SHA256: "ab", Embedded: genotypes}
	quiet := console{ctx: t.Context(), out: io.Discard, err: io.Discard}
	if err := new(verifyCmd).embedded(quiet, func(string, ...any) {}, inside); err == nil || !strings.Contains(err.Error(), "x.arrow: sha256 is b860") {
		t.Errorf("a file in the program with another hash: error = %v", err)
	}
	if err := bad.Save("other.arrow"); err != nil {
		t.Fatal(err)
	}
	write("other.json", []byte(`{"files": {"other.arrow": "ab"}}`))
	for _, tt := range []struct{ what, want string }{
		{"other.arrow", `its manifest "other.json" says ab`},
		{"none", `no file and no data set "none", want a file or one of ["fashion16"`},
		{"nb201", `"nb201" is not in the program, want the name of a file of it; how to get it: idarts data fetch nb201`},
		{"short.arrow", `"short.arrow" is truncated`},
		{"text", `"text"`},
		{"bad.arrow", "accuracy 12, want 11, the mean of x-valid 10 and x-test 12"},
	} {
		if out, text, status := command(t, "data", "verify", tt.what); status != 1 || !strings.Contains(text, tt.want) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: status %d, %q and %q, want %q", tt.what, status, out, text, tt.want)
		}
	}
}

// The surrogate comes from a server, is what it must be, and answers; another file is refused.
func TestFetchSurrogate(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "yahpo-nb301", "model_v2.onnx"))
	if err != nil {
		t.Skip("the surrogate is not here")
	}
	serve := content
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/nb301/model_v2.onnx") {
			http.NotFound(w, r)
			return
		}
		w.Write(serve)
	}))
	defer server.Close()
	t.Chdir(t.TempDir())
	run := func(line string) (string, string, int) {
		var stdout, stderr bytes.Buffer
		status := execute(console{ctx: t.Context(), out: &stdout, err: &stderr}, strings.Fields(line))
		return stdout.String(), stderr.String(), status
	}
	if _, text, status := run("data fetch nb301 --base-url " + server.URL); status != 0 {
		t.Fatal(text)
	}
	if files, _ := filepath.Glob("data/*"); len(files) != 1 {
		t.Errorf("files %q, want the one", files)
	}
	if out, text, status := run("query DARTS_V2 --table data/nb301.onnx"); status != 0 || !strings.Contains(out, "predicted by a surrogate") || !strings.Contains(out, "92.88 %") {
		t.Errorf("%q, %s", out, text)
	}
	serve = bytes.Clone(content)
	serve[1000] ^= 1
	if _, text, status := run("data fetch nb301 --out other/x.onnx --base-url " + server.URL); status != statusFailed || !strings.Contains(text, "sha256") {
		t.Errorf("another file: status %d, %s", status, text)
	}
	if err := os.WriteFile("bad.onnx", serve, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, text, status := run("query DARTS_V2 --table bad.onnx"); status != statusFailed || !strings.Contains(text, "not the file that is wanted") {
		t.Errorf("a damaged file: status %d, %s", status, text)
	}
}

func TestFetchNASBench101(t *testing.T) {
	longtest.Needed(t) // makes and hashes all cells
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "data", "nb101-partial"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, nb1b1.Partial[0].Name)); err != nil {
		t.Skipf("reference data %q is not here", filepath.Join("..", "shared", "data", "nb101-partial"))
	}
	server := serving(t, dir, nb1b1.Partial)
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		args   string
		want   string
		status int
	}{
		{"data fetch nas-bench-101 --base-url " + server.URL, "data/nasbench101-part.arrow: validation accuracies of 30001 of 423624 cells of NAS-Bench-101\n  NAS-Bench-1Shot1 space 1: 195 of 2685 cells\n", 0},
		{"query 00005c142e6f48ac74fdcf73e3439874 --table data/nasbench101-part.arrow --protocol everything", "valid, 4 epochs, repeats all: 36.0477 %, mean of 1\n  repeat 0: 36.0477 %\n", 0},
		{"query 00005c142e6f48ac74fdcf73e3439874 --table data/nasbench101-part.arrow --protocol paper", "repeat 0: 93.0489 %, 1769 s\ncifar10 trained on cifar10-40k, test, 108 epochs, repeats all: nothing", 0},
		{"query 28cfc7874f6d200472e1a9dcd8650aa1 --table data/nasbench101-part.arrow --protocol paper", "it has 30001 of the 423624 cells of NAS-Bench-101", statusFailed},
	} {
		out, text, status := command(t, strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(out+text, c.want) {
			t.Errorf("%s: status %d, %q and %q, want %q", c.args, status, out, text, c.want)
		}
	}
}
