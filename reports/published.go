package reports

import (
	"fmt"
	"math"
)

// Published is one row of a paper: how it is printed there and where.
type Published struct {
	Method   string // as in [result.Cell]
	Space    string // as in [result.Cell]
	Searched string // data set the search ran on, as in [result.Cell]
	Dataset  string // data set the derived cell was scored on
	Protocol string // protocol of ours that follows the paper's settings

	Valid, Test       float64 // percent
	ValidStd, TestStd float64 // percentage points, as printed
	N                 int     // runs behind the numbers; 0: the source does not say
	Spread            string  // what the source's ± is
	Settings          string  // the paper's, as far as they differ between rows
	Generation        string  // of the benchmark's records; never mixed in one table
	Source            string
}

// The records of NAS-Bench-201 have been published in two generations, and
// papers mix them: the first gives DARTS 38.57/38.97 on CIFAR-100, the second
// 15.03/15.61. Only rows of the second are kept here.
const nb201v2 = "NAS-Bench-201 v2"

const (
	fromReLIZO = "NAS-Bench-201 v2 (arXiv:2001.00326), as quoted by the ReLIZO paper"
	fromGENIUS = "iDARTS (arXiv:2106.10784), as quoted by the GENIUS paper, Table 1"
	fromEEEA   = "NAS-Bench-201 (arXiv:2001.00326), as quoted by the EEEA-Net paper"

	baselineSettings = "50 epochs, batch 64, searched on CIFAR-10"
	samplingSettings = "250 epochs, batch 64, searched on CIFAR-10"
	enasSettings     = "250 epochs, batch 128, searched on CIFAR-10"
	idartsSettings   = "30 epochs, batch 64, T=4, K=2 (released code), searched on CIFAR-10"
)

// nb201Rows holds, for each method, valid, ± and test, ± on CIFAR-10, CIFAR-100
// and ImageNet16-120, all for cells searched on CIFAR-10.
var nb201Rows = []struct {
	method, settings, source string
	numbers                  [3][4]float64
}{
	{"enas", enasSettings, fromReLIZO, [3][4]float64{{37.51, 3.19, 53.89, 0.58}, {13.37, 2.35, 13.96, 2.33}, {15.06, 1.95, 14.84, 2.10}}},
	{"rsps", samplingSettings, fromReLIZO, [3][4]float64{{80.42, 3.58, 84.07, 3.61}, {52.12, 5.55, 52.31, 5.77}, {27.22, 3.24, 26.28, 3.09}}},
	{"darts-v1", baselineSettings, fromReLIZO, [3][4]float64{{39.77, 0, 54.30, 0}, {15.03, 0, 15.61, 0}, {16.43, 0, 16.32, 0}}},
	{"darts-v2", baselineSettings, fromReLIZO, [3][4]float64{{39.77, 0, 54.30, 0}, {15.03, 0, 15.61, 0}, {16.43, 0, 16.32, 0}}},
	{"gdas", samplingSettings, fromReLIZO, [3][4]float64{{89.89, 0.08, 93.61, 0.09}, {71.34, 0.04, 70.70, 0.30}, {41.59, 1.33, 41.71, 0.98}}},
	{"setn", samplingSettings, fromReLIZO, [3][4]float64{{84.04, 0.28, 87.64, 0}, {58.86, 0.06, 59.05, 0.24}, {33.06, 0.02, 32.52, 0.21}}},
	{"idarts", idartsSettings, fromGENIUS, [3][4]float64{{89.86, 0.60, 93.58, 0.32}, {70.57, 0.24, 70.83, 0.48}, {40.38, 0.59, 40.89, 0.68}}},
}

// nb201Datasets are the data sets of NAS-Bench-201 in the order of its tables,
// with the best accuracies that any of its cells reaches.
var nb201Datasets = [3]struct {
	name        string
	valid, test float64
}{
	{"cifar10", 91.61, 94.37},
	{"cifar100", 73.49, 73.51},
	{"imagenet16-120", 46.77, 47.31},
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

// PublishedRows lists all published rows known here. None is from memory: each
// was read in the source that it names.
func PublishedRows() []Published {
	var rows []Published
	for _, r := range nb201Rows {
		for i, d := range nb201Datasets {
			rows = append(rows, Published{
				Method: r.method, Space: "nb201", Searched: "cifar10", Dataset: d.name, Protocol: "paper",
				Valid: r.numbers[i][0], ValidStd: r.numbers[i][1],
				Test: r.numbers[i][2], TestStd: r.numbers[i][3],
				Spread: "standard deviation, divisor not stated", Settings: r.settings,
				Generation: nb201v2, Source: r.source,
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
