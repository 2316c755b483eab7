package protocol

import (
	"slices"

	dartsspace "idarts/darts_space"
	"idarts/internal/batch"
	"idarts/internal/search"
	"idarts/internal/training"
)

// dartsLaptop is ours.
var dartsLaptop = Protocol{
	Name: "laptop", Title: "small images, small networks: minutes on two cores",
	Space: "darts", Dataset: "fashion16",
	// Ours: a normal cell between two reduction cells, the smallest network with
	// both kinds at their places.
	Supernet: dartsspace.Net{C: 4, N: 3},
	Batch:    32,
	Augment:  training.Augment{Flip: true},
	Score: Scoring{Trials: 1, Recipe: Recipe{Net: dartsspace.Net{C: 8, N: 3}, Recipe: training.Recipe{
		Epochs: 2, Batch: 32,
		Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
		Augment: training.Augment{Flip: true},
	}}},
	Retrain: dartsLaptopRecipe,
	Search:  slices.Concat(laptopSearches(2, 60, 60/4), []Search{randomSearch(4)}, aside(relatedSearches(budgetOf{2, 60, 32, 100, 512, 2, false}))),
}

// dartsPaper is the search of the DARTS code, cnn/train_search.py. T=4 and K=2 of iDARTS are those of its
// NAS-Bench-201 code: nothing is published for this space.
var dartsPaper = Protocol{
	Name: "paper", Title: "CIFAR-10 search as published; the last genotype is trained for 600 epochs",
	Space: "darts", Dataset: "cifar10",
	Supernet: dartsspace.Net{C: 16, N: 8},
	Batch:    64,
	Augment:  training.Augment{Flip: true, Crop: 4},
	Score:    Scoring{Last: true, Trials: 1, Recipe: *dartsPaperRecipe},
	Retrain:  dartsPaperRecipe,
	Search:   append(dartsSearches(4, "iDARTS, its NAS-Bench-201 code: nothing is published for this space"), aside(paperRelatedDARTS(50, false))...),
}

var quickDARTS = quick("darts", dartsspace.Net{C: 4, N: 3})

// dartsLaptopRecipe is ours: the parts of the paper's recipe on a network that
// trains in minutes, with less drop path and smaller cutout for small images.
var dartsLaptopRecipe = &Recipe{Net: dartsspace.Net{C: 12, N: 6, Aux: true}, Recipe: training.Recipe{
	Epochs: 10, Batch: 48,
	Weights:  search.SGD{LR: 0.05, EachStep: true, Momentum: 0.9, WeightDecay: 3e-4, Clip: 5},
	Augment:  training.Augment{Flip: true, Cutout: 4},
	DropPath: 0.1, All: true,
}}

// dartsPaperRecipe trains a genotype for CIFAR-10. Source: DARTS, cnn/train.py.
var dartsPaperRecipe = &Recipe{Net: dartsspace.Net{C: 36, N: 20, Aux: true}, Recipe: training.Recipe{
	Epochs: 600, Batch: 96,
	Weights:  search.SGD{LR: 0.025, Momentum: 0.9, WeightDecay: 3e-4, Clip: 5},
	Augment:  training.Augment{Flip: true, Crop: 4, Cutout: 16},
	DropPath: 0.2, All: true,
}}

// dartsSGD is the weight step of the DARTS code, which NAS-Bench-1Shot1's takes
// over. Source: DARTS, cnn/train_search.py.
var dartsSGD = search.SGD{LR: 0.025, MinLR: 0.001, Momentum: 0.9, WeightDecay: 3e-4, Clip: 5}

// dartsSearches are the searches of the DARTS code, and iDARTS with t inner steps
// beside them, which have a source of their own.
func dartsSearches(t int, source string) []Search {
	const darts = "DARTS, cnn/train_search.py"
	bilevel := search.Bilevel{
		Epochs: 50, Weights: dartsSGD, Arch: paperArch, InitScale: 1e-3, ValidDraw: batch.Epochs,
	}
	return []Search{
		{Method: "darts-v1", Settings: search.DARTS1{Bilevel: bilevel, ArchFirst: true}, Source: darts},
		{Method: "darts-v2", Settings: search.DARTS2{Bilevel: bilevel}, Source: darts},
		{
			Method: "idarts", Settings: search.IDARTS{Bilevel: bilevel, Implicit: search.Implicit{InnerSteps: t, NeumannTerms: 2}},
			Source: darts, Except: map[string]string{"inner_steps": source, "neumann_terms": source},
		},
	}
}
