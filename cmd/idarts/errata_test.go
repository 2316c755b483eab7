package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/statistics"
	"idarts/internal/trials"
	"idarts/nb201"
)

// The numbers in docs/errata.md are those of the public files.
func TestErrata(t *testing.T) {
	dir := originals(t)
	path := filepath.Join(dir, "t.arrow")
	if err := nb201.ConvertPublic(dir, path); err != nil {
		t.Fatal(err)
	}
	table, err := nb201.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	of := func(trainedOn, split, release string) nb201.Key {
		return nb201.Key{Dataset: "cifar10", TrainedOn: trainedOn, Split: split, Epochs: 200, Release: release}
	}
	ask := func(c nb201.Cell, key nb201.Key) trials.Answer {
		a, err := table.Query(c, key, trials.All)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	cells := table.Cells()
	n := len(cells)
	valid, test, others := make([]float64, n), make([]float64, n), map[int]bool{}
	var spread [2]struct{ sum, n float64 } // of other cells, of the 204
	releases, most := 0, 0.0
	for i, c := range cells {
		v, w := ask(c, of("cifar10-valid", "x-valid", nb201.Release201v11)), ask(c, of("cifar10", "ori-test", nb201.Release201v11))
		valid[i], test[i] = v.Accuracy, w.Accuracy
		kind := 0
		if v.OtherNetwork > 0 {
			others[i], kind = true, 1
		}
		if len(w.Trials) > 1 {
			byAccuracy := func(a, b trials.Trial) int { return cmp.Compare(a.Accuracy, b.Accuracy) }
			spread[kind].sum += slices.MaxFunc(w.Trials, byAccuracy).Accuracy - slices.MinFunc(w.Trials, byAccuracy).Accuracy
			spread[kind].n++
		}
		apart := math.Abs(ask(c, of("cifar10", "ori-test", nb201.Release102)).Accuracy - ask(c, of("cifar10", "ori-test", nb201.ReleaseNATS)).Accuracy)
		if apart > 1e-4 {
			releases++
		}
		most = max(most, apart)
	}
	top := func(x []float64, most int) (count, first int) {
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[b], x[a]) })
		for rank, i := range order {
			if others[i] && first == 0 {
				first = rank + 1
			}
			if others[i] && rank < most {
				count++
			}
		}
		return count, first
	}
	_, firstTest := top(test, n)
	_, firstValid := top(valid, n)
	testThousand, _ := top(test, 1000)
	validThousand, _ := top(valid, 1000)
	testHundred, _ := top(test, 100)
	validHundred, _ := top(valid, 100)
	var ownValid, ownTest []float64
	for i := range cells {
		if !others[i] {
			ownValid, ownTest = append(ownValid, valid[i]), append(ownTest, test[i])
		}
	}
	content, err := os.ReadFile("../../docs/errata.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(content)), " ")
	for _, want := range []string{
		"204 cells with trainings of another network",
		fmt.Sprintf("is number %d by CIFAR-10 test accuracy and number %d by validation accuracy", firstTest, firstValid),
		fmt.Sprintf("%d and %d are among the best thousand", testThousand, validThousand),
		fmt.Sprintf("is %.4f, without the 204 it is %.4f", statistics.KendallTauB(valid, test), statistics.KendallTauB(ownValid, ownTest)),
		fmt.Sprintf("%.2f points on average, elsewhere %.2f", spread[1].sum/spread[1].n, spread[0].sum/spread[0].n),
		fmt.Sprintf("%d,%03d differ between the first and the last by more than rounding, by %.1f points at most", releases/1000, releases%1000, most),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("docs/errata.md does not say %q", want)
		}
	}
	if len(others) != 204 || testHundred != 1 || validHundred != 0 {
		t.Errorf("%d cells, %d and %d among the best hundred, want 204, 1 and 0", len(others), testHundred, validHundred)
	}
}
