package protocol

import (
	"slices"

	"idarts/internal/batch"
	"idarts/internal/search"
	"idarts/internal/training"
)

// laptopSearches are ours: the published moves at a size that takes minutes. What
// names a method (T, K, order of steps, momentum, decay, clipping) is as
// published. Two learning rates are not, and are the same for all methods:
//
//   - of the weights, 0.1 as in the training of the final networks: with the
//     published 0.025 and 0.01 a supernet is hardly trained after some hundred
//     steps, and prefers pooling;
//   - of α, 0.01 in place of 0.0003: a search takes 30 to 1,570 architecture steps in
//     place of 12,000 to 20,000.
//
// An epoch has so many outer steps, darts of DARTS and idarts of iDARTS, each 0 for
// one pass over the data.
func laptopSearches(epochs, darts, idarts int) []Search {
	bilevel := laptopBilevel(epochs, darts)
	withInner := bilevel
	withInner.MaxSteps = idarts
	implicit := paperImplicit
	implicit.OnePass = true
	searches := []Search{
		{Method: "darts-v1", Settings: search.DARTS1{Bilevel: bilevel}},
		{Method: "darts-v2", Settings: search.DARTS2{Bilevel: bilevel}},
		{Method: "idarts", Settings: search.IDARTS{Bilevel: withInner, Implicit: implicit}},
		{Method: "idarts-released", Settings: search.IDARTSReleased{
			Epochs: epochs, MaxSteps: idarts, Weights: search.Rate{LR: 0.1, MinLR: 0.001},
			Arch: bilevel.Arch, InitScale: 1e-3, Implicit: implicit,
		}},
	}
	for i := range searches {
		searches[i].Source = "as published, see protocol paper of nb201"
		searches[i].Except = laptopSources
	}
	return searches
}

// laptopBilevel is what gradient methods have in common.
func laptopBilevel(epochs, steps int) search.Bilevel {
	arch := paperArch
	arch.LR = laptopRate(paperArch.LR)
	return search.Bilevel{
		Epochs: epochs, MaxSteps: steps,
		Weights: search.SGD{LR: 0.1, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
		Arch:    arch, InitScale: 1e-3, ValidDraw: batch.Replaced,
	}
}

// laptopRate is a published rate of α in a laptop search: 0.01 in place of 0.0003.
func laptopRate(published float64) float64 { return published / paperArch.LR * 0.01 }

var laptopSources = map[string]string{
	"weights.each_step": "ours: between epochs, as in the DARTS code and in iDARTS's notebook; the benchmark's own DARTS lets it fall with every step",
	"epochs":            "ours, to take minutes",
	"max_steps":         "ours, to take minutes",
	"one_pass":          "ours, so that an epoch has as many weight steps as one of DARTS",
	"weights.lr":        "ours, as in the training of the final networks: with the published rate a supernet is hardly trained after some hundred steps",
	"arch.lr":           "ours: a search takes 30 to 1,570 architecture steps in place of 12,000 to 20,000",
}

// randomSearch has a budget of so many cells: about as many as one search with
// iDARTS has arithmetic for.
func randomSearch(cells int) Search {
	return Search{
		Method: "random", Settings: search.Random{Budget: search.Budget{Queries: cells}},
		Source: "ours: about as many cells as one search with iDARTS has arithmetic for",
	}
}

// quick is a protocol to try the commands with, all ours.
func quick(space string, net Net) Protocol {
	b := budgetOf{2, 8, 32, 8, 32, 2, false}
	return Protocol{
		Name: "quick", Title: "seconds, to try the commands; its numbers mean nothing",
		Space: space, Dataset: "fashion16",
		Supernet: net,
		Batch:    32,
		Augment:  training.Augment{Flip: true},
		Score: Scoring{Trials: 1, Recipe: Recipe{Net: net, Recipe: training.Recipe{
			Epochs: 1, Batch: 100,
			Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
		}}},
		Search: slices.Concat(laptopSearches(2, 8, 8), []Search{randomSearch(2)}, aside(relatedSearches(b))),
	}
}

// blackBox are the methods that ask a table, with one budget for all.
var blackBox = []Search{
	{Method: "random", Settings: search.Random{Budget: budget}, Source: budgetSource},
	{
		Method: "rea", Settings: search.REA{Budget: budget, Population: 10, Sample: 3},
		Source: "NAS-Bench-201 and its code", Except: map[string]string{"queries": budgetSource},
	},
	{
		Method: "reinforce", Settings: search.REINFORCE{
			Budget: budget, Baseline: 0.9, InitScale: 1e-3,
			Arch: search.Adam{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8},
		},
		Source: "NAS-Bench-201", Except: map[string]string{
			"queries":    budgetSource,
			"arch.lr":    "NAS-Bench-201; 0.5 in some of its scripts",
			"init_scale": "NAS-Bench-201, its code",
		},
	},
	{Method: "local", Settings: search.Local{Budget: budget}, Source: budgetSource},
}

var budget = search.Budget{Queries: 100}

const budgetSource = "ours: the published budgets are simulated seconds of training"
