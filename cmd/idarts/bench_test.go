package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/trials"
	"idarts/nb201"
)

// writeMicro writes a table of 20 networks whose accuracy rises with their number,
// the first four with two seeds, and official accuracies of the opposite order as a
// table and as CSV.
func writeMicro(t *testing.T) []nb201.Cell {
	t.Helper()
	valid := nb201.Key{Dataset: "fashion8", TrainedOn: "fashion8", Split: "x-valid", Epochs: 3}
	test := valid
	test.Split = "ori-test"
	table := nb201.NewTable(trials.Origin{Source: "test"})
	official := nb201.NewTable(trials.Origin{Source: "test"})
	add := func(to *nb201.Table, c nb201.Cell, key nb201.Key, seed int64, accuracy float64) {
		if err := to.Append(nb201.Record{Cell: c, Key: key, Seed: seed, Accuracy: accuracy, Loss: math.NaN(), Seconds: math.NaN()}); err != nil {
			t.Fatal(err)
		}
	}
	var networks []nb201.Cell
	for _, c := range nb201.All() {
		if c.Network() == c && len(networks) < 20 {
			networks = append(networks, c)
		}
	}
	csv := "index,cell,accuracy\n"
	for i, c := range networks {
		accuracy := 50 + float64(i)
		for seed := range int64(2) {
			if seed == 0 || i < 4 {
				add(table, c, valid, seed, accuracy)
				add(table, c, test, seed, accuracy+1)
			}
		}
		add(official, c, nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200}, 777, 90-accuracy)
		csv += fmt.Sprintf("%d,%s,%v\n", i, c, 90-accuracy)
	}
	// A cell without seed 0, as a part of a table has it, is passed over.
	add(table, nb201.All()[nb201.NumCells-1], valid, 1, 99)
	add(table, nb201.All()[nb201.NumCells-1], test, 1, 99)
	for name, tab := range map[string]*nb201.Table{"micro.arrow": table, "official.arrow": official} {
		if err := tab.Save(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"official.csv": csv,
		"short.csv":    "index,cell,accuracy\n0," + networks[0].String() + "\n",
		"wrong.csv":    "index,cell,accuracy\n0," + networks[0].String() + ",101\n",
		"one.csv":      "index,cell,accuracy\n0," + networks[0].String() + ",90\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return networks
}

// What is computed is tested in reports; here, that tables and CSV reach it.
func TestBenchReport(t *testing.T) {
	t.Chdir(t.TempDir())
	networks := writeMicro(t)
	fromTable, stderr, status := command(t, "bench", "report", "--table", "micro.arrow", "--official", "official.arrow", "--figures", "figures")
	if status != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{
		"20 cells of 20 networks; networks by their trials: 16 with 1, 4 with 2\nvalid: fashion8 trained on fashion8, x-valid, 3 epochs; test: fashion8 trained on fashion8, ori-test, 3 epochs",
		" 1. valid 53.00  test 54.00  " + networks[3].String(),
		"official CIFAR-10 test accuracy, 200 epochs, and the means over trials here:",
		"best here by valid: 37.00 official (rank 4 of 20, best 40.00)  " + networks[3].String(),
	} {
		if !strings.Contains(fromTable, want) {
			t.Errorf("the report does not say %q:\n%s", want, fromTable)
		}
	}
	for _, name := range []string{"histogram", "seeds", "official"} {
		for _, end := range []string{".svg", ".pdf", ".png"} {
			if _, err := os.Stat(filepath.Join("figures", "nb201-micro-"+name+end)); err != nil {
				t.Error(err)
			}
		}
	}
	fromCSV, _, _ := command(t, "bench", "report", "--table", "micro.arrow", "--official", "official.csv")
	if text, _, _ := strings.Cut(fromTable, "figures/"); text != fromCSV {
		t.Errorf("CSV gives\n%s\nwant, as the table does,\n%s", fromCSV, text)
	}
	for _, tt := range []struct{ args, want string }{
		{"--table none.arrow", "none.arrow"},
		{"--table official.arrow", `"official.arrow" has the columns`},
		{"--table micro.arrow --official none.csv", "none.csv"},
		{"--table micro.arrow --official short.csv", `"short.csv"`},
		{"--table micro.arrow --official wrong.csv", `line 2: accuracy "101"`},
		{"--table micro.arrow --official one.csv", `"micro.arrow" beside "one.csv": reports: official accuracies of 1 cell`},
		{"--table micro.arrow --official micro.arrow", "micro.arrow"},
	} {
		_, stderr, status := command(t, append([]string{"bench", "report"}, strings.Fields(tt.args)...)...)
		if status != statusFailed || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, %q, want one line with %q", tt.args, status, stderr, tt.want)
		}
	}
}

// A build that is stopped at once says how to go on.
func TestBenchBuildStops(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	_, stderr, status := command(t, "bench", "build", "--limit", "1ms", "--out", out)
	if status != statusInterrupted || !strings.Contains(stderr, "the same command goes on") {
		t.Errorf("status %d, %q", status, stderr)
	}
	_, stderr, status = command(t, "bench", "build", "--protocol", "macro", "--out", out)
	if status != statusFailed || !strings.Contains(stderr, `no benchmark "nb201 macro"`) {
		t.Errorf("status %d, %q", status, stderr)
	}
}
