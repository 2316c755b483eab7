package reports

import (
	"fmt"
	"math"
)

// Published is one row of a paper: how it is printed there and where.
type Published struct {
	Method   string // as in [result.Cell]; "" for one that is not here
	Title    string // as papers call it
	Space    string // as in [result.Cell]
	Searched string // data set the search ran on, as in [result.Cell]
	Dataset  string // data set the derived cell was scored on
	Protocol string // protocol of ours that follows the paper's settings

	Valid, Test       float64 // percent; NaN: not printed
	ValidStd, TestStd float64 // percentage points, as printed; NaN: not printed
	N                 int     // runs behind the numbers; 0: the source does not say
	Spread            string  // what the source's ± is
	Settings          string  // the paper's, as far as they differ between rows
	Set               string  // rows of two sets are never in one table
	Source            string
}

// The sets of published rows. Baselines of NAS-Bench-201 are printed in two sets that contradict each other, and papers
// mix them. DARTS tells which: its cell is that of skips alone, which has 15.61 % on CIFAR-100
// in the benchmark's table. The other set has 38.97 % for it, which no cell with its numbers
// on the other data sets has. Rows of methods that came later belong to neither; they go with
// the first set, whose records are those of their lookups.
const (
	SetOfTable = "DARTS 15.61 % on CIFAR-100"
	OtherSet   = "DARTS 38.97 % on CIFAR-100"
)

const (
	fromReLIZO = "NAS-Bench-201 (arXiv:2001.00326), as quoted by the ReLIZO paper"
	fromGENIUS = "as quoted by the GENIUS paper, Table 1"
	fromTable  = "another comparison on NAS-Bench-201, source not named"
	fromDrNAS  = "README of DrNAS, and as quoted by the GENIUS paper, Table 1"
	fromPT     = "DARTS-PT (arXiv:2108.04392), Table 4, printed as errors"
	fromEEEA   = "NAS-Bench-201 (arXiv:2001.00326), as quoted by the EEEA-Net paper"
	fromIDARTS = "iDARTS (arXiv:2106.10784), as quoted by the GENIUS paper, Table 1; release not stated, its notebook asks the file NAS-Bench-102-v1_0-e61699"

	baselineSettings = "50 epochs, batch 64, searched on CIFAR-10"
	samplingSettings = "250 epochs, batch 64, searched on CIFAR-10"
	enasSettings     = "250 epochs, batch 128, searched on CIFAR-10"
	idartsSettings   = "30 epochs, batch 64, T=4, K=2 (released code), searched on CIFAR-10"
	notStated        = "settings as in its own paper, searched on CIFAR-10"
)

var none = math.NaN()

// nb201Rows holds, for each method, valid, ± and test, ± on CIFAR-10, CIFAR-100
// and ImageNet16-120, all for cells searched on CIFAR-10. Where a method has two rows of a
// set, the first is that which stands beside ours.
var nb201Rows = []struct {
	method, title, settings, source, set string
	numbers                              [3][4]float64
}{
	{"enas", "ENAS", enasSettings, fromReLIZO, SetOfTable, [3][4]float64{{37.51, 3.19, 53.89, 0.58}, {13.37, 2.35, 13.96, 2.33}, {15.06, 1.95, 14.84, 2.10}}},
	{"rsps", "RSPS", samplingSettings, fromReLIZO, SetOfTable, [3][4]float64{{80.42, 3.58, 84.07, 3.61}, {52.12, 5.55, 52.31, 5.77}, {27.22, 3.24, 26.28, 3.09}}},
	{"darts-v1", "DARTS, first order", baselineSettings, fromReLIZO, SetOfTable, [3][4]float64{{39.77, 0, 54.30, 0}, {15.03, 0, 15.61, 0}, {16.43, 0, 16.32, 0}}},
	{"darts-v2", "DARTS, second order", baselineSettings, fromReLIZO, SetOfTable, [3][4]float64{{39.77, 0, 54.30, 0}, {15.03, 0, 15.61, 0}, {16.43, 0, 16.32, 0}}},
	{"gdas", "GDAS", samplingSettings, fromReLIZO, SetOfTable, [3][4]float64{{89.89, 0.08, 93.61, 0.09}, {71.34, 0.04, 70.70, 0.30}, {41.59, 1.33, 41.71, 0.98}}},
	{"setn", "SETN", samplingSettings, fromReLIZO, SetOfTable, [3][4]float64{{84.04, 0.28, 87.64, 0}, {58.86, 0.06, 59.05, 0.24}, {33.06, 0.02, 32.52, 0.21}}},
	{"idarts", "iDARTS", idartsSettings, fromIDARTS, SetOfTable, [3][4]float64{{89.86, 0.60, 93.58, 0.32}, {70.57, 0.24, 70.83, 0.48}, {40.38, 0.59, 40.89, 0.68}}},
	{"drnas", "DrNAS", notStated, fromDrNAS, SetOfTable, [3][4]float64{{91.55, 0, 94.36, 0}, {73.49, 0, 73.51, 0}, {46.37, 0, 46.34, 0}}},
	{"lambda-darts", "Λ-DARTS", notStated, fromGENIUS, SetOfTable, [3][4]float64{{91.55, 0, 94.36, 0}, {73.49, 0, 73.51, 0}, {46.37, 0, 46.34, 0}}},
	{"beta-darts", "β-DARTS", notStated, fromGENIUS, SetOfTable, [3][4]float64{{91.55, 0, 94.36, 0}, {73.49, 0, 73.51, 0}, {46.37, 0, 46.34, 0}}},
	{"pc-darts", "PC-DARTS", notStated, fromDrNAS, SetOfTable, [3][4]float64{{89.96, 0.15, 93.41, 0.30}, {67.12, 0.39, 67.48, 0.89}, {40.83, 0.08, 41.31, 0.22}}},
	{"snas", "SNAS", notStated, fromGENIUS, SetOfTable, [3][4]float64{{90.10, 1.04, 92.77, 0.83}, {69.69, 2.39, 69.34, 1.98}, {42.84, 1.79, 43.16, 2.64}}},
	{"", "DSNAS", notStated, fromGENIUS, SetOfTable, [3][4]float64{{89.66, 0.29, 93.08, 0.13}, {30.87, 16.40, 31.01, 16.38}, {40.61, 0.09, 41.07, 0.09}}},
	{"darts-pt", "DARTS-PT", notStated, fromPT, SetOfTable, [3][4]float64{{none, none, 88.11, none}, {none, none, none, none}, {none, none, none, none}}},
	{"", "DARTS-PT, fixed α", notStated, fromPT, SetOfTable, [3][4]float64{{none, none, 93.80, none}, {none, none, none, none}, {none, none, none, none}}},
	{"reinforce", "REINFORCE", "12,000 simulated seconds, 12-epoch validation", fromTable, SetOfTable, [3][4]float64{{91.09, 0.37, 93.85, 0.37}, {70.05, 1.67, 70.17, 1.61}, {43.04, 2.18, 43.16, 2.28}}},
	{"", "ResNet", "no search", fromTable, SetOfTable, [3][4]float64{{90.83, none, 93.97, none}, {70.42, none, 70.86, none}, {44.53, none, 43.63, none}}},
	{"enas", "ENAS", enasSettings, fromTable, OtherSet, [3][4]float64{{39.77, 0, 54.30, 0}, {10.23, 0.12, 10.62, 0.27}, {16.43, 0, 16.32, 0}}},
	{"rsps", "RSPS", samplingSettings, fromTable, OtherSet, [3][4]float64{{84.16, 1.69, 87.66, 1.69}, {45.78, 6.33, 46.60, 6.57}, {31.09, 5.65, 30.78, 6.12}}},
	{"darts-v1", "DARTS", baselineSettings, fromTable, OtherSet, [3][4]float64{{39.77, 0, 54.30, 0}, {38.57, 0, 38.97, 0}, {18.87, 0, 18.41, 0}}},
	{"gdas", "GDAS", samplingSettings, fromTable, OtherSet, [3][4]float64{{90.01, 0.46, 93.23, 0.23}, {24.05, 8.12, 24.20, 8.08}, {40.66, 0, 41.02, 0}}},
}

// nb201Datasets are the data sets of NAS-Bench-201 in the order of its tables,
// with the best accuracies that any of its cells reaches.
var nb201Datasets = [3]struct {
	name, column string // the latter as in [result.Measured]
	valid, test  float64
}{
	{"cifar10", "cifar10", 91.61, 94.37},
	{"cifar100", "cifar100", 73.49, 73.51},
	{"imagenet16-120", "ImageNet16-120", 46.77, 47.31},
}

// nb1b1Spaces are the spaces of NAS-Bench-1Shot1 with the lowest errors of their
// cells on CIFAR-10, as fractions: constants of the analysis code of
// automl/nasbench-1shot1 (arXiv:2001.10422).
var nb1b1Spaces = [3]struct {
	name        string
	valid, test float64
}{
	{"nb1b1-s1", 0.0492789, 0.0544872},
	{"nb1b1-s2", 0.0515825, 0.0575922},
	{"nb1b1-s3", 0.0484776, 0.0533854},
}

// fromNB1B1 says what those are minima of: the code's generator makes 2,487,
// 3,609 and 24,066 cells, while a search can derive 3,702, 12,474 and 135,900.
const fromNB1B1 = "best mean over 3 trainings of 108 epochs among the cells that the code of NAS-Bench-1Shot1 (arXiv:2001.10422) generates; a derived cell that is not among them can be better"

// PublishedRows lists all published rows on NAS-Bench-201 known here. None is from memory:
// each was read in the source that it names.
func PublishedRows() []Published {
	var rows []Published
	for _, r := range nb201Rows {
		for i, d := range nb201Datasets {
			n := r.numbers[i]
			if math.IsNaN(n[0]) && math.IsNaN(n[2]) {
				continue
			}
			rows = append(rows, Published{
				Method: r.method, Title: r.title, Space: "nb201", Searched: "cifar10", Dataset: d.name, Protocol: "paper",
				Valid: n[0], ValidStd: n[1], Test: n[2], TestStd: n[3],
				Spread: "standard deviation, divisor not stated", Settings: r.settings,
				Set: r.set, Source: r.source,
			})
		}
	}
	return rows
}

// Optimum is the best score of any cell of a space, as published. ok is false
// where none is known. It belongs beside scores from the benchmark's own table,
// not beside those of networks trained here. Its source says where it is the
// best of a part of the space only.
func Optimum(space, dataset string) (best Best, ok bool) {
	best = Best{Space: space, Dataset: dataset}
	for _, d := range nb201Datasets {
		if space == "nb201" && d.name == dataset {
			best.Valid, best.Test, best.Source = d.valid, d.test, "optimum of "+fromEEEA
			return best, true
		}
	}
	for _, s := range nb1b1Spaces {
		if s.name == space && dataset == "cifar10" {
			best.Valid, best.Test, best.Source = 100*(1-s.valid), 100*(1-s.test), fromNB1B1
			return best, true
		}
	}
	return Best{}, false
}

// n is "n not stated" or "3 seeds".
func (p Published) n() string {
	if p.N == 0 {
		return "n not stated"
	}
	return count(p.N, "seed")
}

func (p Published) stats() (valid, test Stats) {
	nan := math.NaN()
	stats := func(mean, std float64) Stats {
		return Stats{N: max(p.N, 1), Mean: mean, Std: std, Min: nan, Max: nan}
	}
	return stats(p.Valid, p.ValidStd), stats(p.Test, p.TestStd)
}

func (p Published) note(mark string) string {
	return fmt.Sprintf("[%s] %s; %s; ± is %s; %s.", mark, p.Source, p.Settings, p.Spread, p.n())
}
