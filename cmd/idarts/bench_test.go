package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/nb201"
)

// The report of a table whose numbers are known: accuracy rises with the number of
// the network, seed 1 turns one pair round, the official order is the opposite.
func TestBenchReport(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	valid := nb201.Key{Dataset: "fashion8", TrainedOn: "fashion8", Split: "x-valid", Epochs: 3}
	test := valid
	test.Split = "ori-test"
	table := nb201.NewTable(nb201.Origin{Source: "test"})
	official := nb201.NewTable(nb201.Origin{Source: "test"})
	var csv strings.Builder
	csv.WriteString("index,cell,accuracy\n")
	add := func(to *nb201.Table, c nb201.Cell, key nb201.Key, seed int64, accuracy float64) {
		t.Helper()
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
	for i, c := range networks {
		accuracy := 50 + float64(i)
		add(table, c, valid, 0, accuracy)
		add(table, c, test, 0, accuracy+1)
		if i < 4 {
			second := accuracy
			switch i { // 0 and 1 change places
			case 0:
				second++
			case 1:
				second--
			}
			add(table, c, valid, 1, second)
			add(table, c, test, 1, second+1)
		}
		add(official, c, nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200}, 777, 90-accuracy)
		fmt.Fprintf(&csv, "%d,%s,%v\n", i, c, 90-accuracy)
	}
	// A cell without seed 0, as a part of a table has it, is passed over.
	add(table, nb201.All()[nb201.NumCells-1], valid, 1, 99)
	add(table, nb201.All()[nb201.NumCells-1], test, 1, 99)
	for name, tab := range map[string]*nb201.Table{"micro.arrow": table, "official.arrow": official} {
		if err := tab.Save(name); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("official.csv", csv.String())
	write("short.csv", "index,cell,accuracy\n0,"+networks[0].String()+"\n")
	write("wrong.csv", "index,cell,accuracy\n0,"+networks[0].String()+",101\n")

	out, stderr, status := command(t, "bench", "report", "--table", "micro.arrow", "--official", "official.arrow", "--figures", "figures")
	if status != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{
		"20 cells of 20 networks, 4 of them with several seeds",
		" 1. valid 69.00  test 70.00  " + networks[19].String(),
		"50 %: 60.50",
		// Two of four networks differ by 1 between two seeds: sqrt((1/2 + 1/2)/4).
		"seed noise over 4 networks (standard deviation of one training, percent): valid 0.50, test 0.50",
		// 5 of 6 pairs agree.
		"seeds 0 and 1: valid tau-b 0.667, Spearman 0.800",
		"all, 20 cells: valid tau-b -1.000, Spearman -1.000; test tau-b -1.000",
		"best here by valid: 21.00 official (rank 20 of 20, best 40.00)  " + networks[19].String(),
		"best there: test 51.00 here (rank 20)  " + networks[0].String(),
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q:\n%s", want, out)
		}
	}
	for _, name := range []string{"histogram", "seeds", "official"} {
		for _, end := range []string{".svg", ".pdf", ".png"} {
			if _, err := os.Stat(filepath.Join(dir, "figures", "nb201-micro-"+name+end)); err != nil {
				t.Error(err)
			}
		}
	}
	again, _, _ := command(t, "bench", "report", "--table", "micro.arrow", "--official", "official.csv")
	if plain, _, _ := strings.Cut(out, "figures/"); plain != again {
		t.Errorf("CSV gives\n%s\nwant, as the table does,\n%s", again, plain)
	}
	for _, tt := range []struct{ args, want string }{
		{"--table none.arrow", "none.arrow"},
		{"--table official.arrow", `"official.arrow" has the columns`},
		{"--table micro.arrow --official none.csv", "none.csv"},
		{"--table micro.arrow --official short.csv", `"short.csv"`},
		{"--table micro.arrow --official wrong.csv", `line 2: accuracy "101"`},
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
