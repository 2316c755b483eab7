package protocol

import (
	"slices"

	"idarts/internal/search"
	"idarts/internal/training"
	"idarts/nb1b1"
)

var (
	quickOneShot1 = quick("nb1b1-s1", nb1b1.Net{Space: nb1b1.Space1, C: 6, N: 1})
	quickOneShot2 = quick("nb1b1-s2", nb1b1.Net{Space: nb1b1.Space2, C: 6, N: 1})
	quickOneShot3 = quick("nb1b1-s3", nb1b1.Net{Space: nb1b1.Space3, C: 6, N: 1})
)

// oneShotLaptop is the laptop protocol of a space of NAS-Bench-1Shot1, all ours.
// The final networks have a width that the number of vertices that the output
// reads divides (2 in spaces 1 and 3, 3 in space 2): isomorphic cells are the same
// network then.
func oneShotLaptop(name string, space nb1b1.OneShot, width int) Protocol {
	return Protocol{
		Name: "laptop", Title: "small images, small networks: minutes on two cores",
		Space: name, Dataset: "fashion16",
		Supernet: nb1b1.Net{Space: space, C: 8, N: 1},
		Batch:    32,
		Augment:  training.Augment{Flip: true},
		Score: Scoring{Trials: 1, Recipe: Recipe{Net: nb1b1.Net{Space: space, C: width, N: 1}, Recipe: training.Recipe{
			Epochs: 3, Batch: 32,
			Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
			Augment: training.Augment{Flip: true},
		}}},
		Search: slices.Concat(laptopSearches(5, 72, 72/4), []Search{randomSearch(12)}, aside(relatedSearches(budgetOf{5, 72, 32, 100, 512, 2, false}))),
	}
}

// oneShotPaper is the published search on a space of NAS-Bench-1Shot1, scored by
// NAS-Bench-101. iDARTS has T=5 and K=2 there. The published code for iDARTS has
// other defects than that for NAS-Bench-201, so idarts-released is not here.
// Source: nasbench-1shot1, optimizers/darts/train_search.py; iDARTS,
// NAS-Bench-1Shot1-codes/optimizers/idarts_v2/train_search.py.
func oneShotPaper(name string, space nb1b1.OneShot) Protocol {
	searches := dartsSearches(5, "iDARTS, NAS-Bench-1Shot1-codes/optimizers/idarts_v2/train_search.py")
	for _, s := range blackBox {
		if s.Method != "reinforce" { // it needs one option in each row
			searches = append(searches, s)
		}
	}
	column := func(split string) Column {
		return Column{Dataset: "cifar10", TrainedOn: "cifar10", Split: split, Epochs: 108}
	}
	return Protocol{
		Name: "paper", Title: "CIFAR-10 search as published, scored by the NAS-Bench-101 table",
		Space: name, Dataset: "cifar10",
		Supernet: nb1b1.Net{Space: space, C: 16, N: 3, Momentum: nb1b1.AsReleased},
		Batch:    96,
		Augment:  training.Augment{Flip: true, Crop: 4},
		Score: Scoring{
			// 108 epochs, mean over the three repeats.
			Table: true, Valid: column("valid"), Test: column("test"),
			// How the table's networks were trained; only their cost is computed from this.
			Recipe: Recipe{Net: nb1b1.Net{Space: space, C: 128, N: 3, Momentum: nb1b1.Intended}, Recipe: training.Recipe{Epochs: 108, Batch: 256}},
		},
		Search: append(searches, aside(append(paperRelatedDARTS(50, true), graphSearch(4000, 36)))...),
	}
}
