// Package protocol holds the experiments: every number but the seed ([All]), the
// search spaces that they are about ([Spaces]), and the tables that they score by.
// Nothing here runs.
package protocol

import (
	"fmt"
	"maps"
	"slices"

	dartsspace "idarts/darts_space"
	"idarts/internal/batch"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/internal/training"
	"idarts/nb1b1"
	"idarts/nb201"
)

// Protocol is every number of an experiment but the seed. What its JSON form has is
// part of the identity of each run; a run directory with other numbers is not
// touched. Fields that JSON leaves out are descriptions, or numbers that count
// elsewhere: a test lists them.
type Protocol struct {
	Name    string `json:"-"`
	Title   string `json:"-"`
	Space   string `json:"space"`   // name of a row of [Spaces]
	Dataset string `json:"dataset"` // name of a row of images.Datasets

	Supernet Net              `json:"supernet"`
	Batch    int              `json:"batch"`   // images in a search batch, training and validation alike
	Augment  training.Augment `json:"augment"` // of search batches, training and validation alike
	Score    Scoring          `json:"score"`

	// Retrain is the long training of one architecture, see [Retrain]. Searches do
	// not depend on it.
	Retrain *Recipe `json:"-"`
	// Search are the settings of each method, by name. A run stores only its own.
	Search map[string]search.Settings `json:"-"`
}

// Net is the size of a space's networks: a struct of the space, such as
// [nb201.Net], with names in JSON.
type Net interface {
	// Search is the one-shot network for images like d, with the number of its cells.
	// Each cell has its own copy of all mixture coefficients.
	Search(d supernet.Data) (build supernet.Build, cells int)
	// SearchWith is Search, changed as a method asks. What the network cannot be
	// built with is an error.
	SearchWith(o search.SupernetOptions, d supernet.Data) (build supernet.Build, cells int, err error)
	// Train is the network of one architecture, for training from scratch.
	Train(arch string, d supernet.Data) (supernet.Build, error)
}

// Scoring says how a derived architecture is scored.
type Scoring struct {
	// Table looks it up in a benchmark's table: Valid and Test name the columns,
	// and every trained network that the table holds counts (mean over trials).
	Table bool `json:"table"`
	// BuiltIn names the table inside the program that is meant; "": that of the user.
	BuiltIn string `json:"built_in,omitempty"`
	Valid   Column `json:"valid"`
	Test    Column `json:"test"`
	// Fitted is what the networks behind Valid were trained on, for their cost;
	// nil: the data of the protocol.
	Fitted *TrainingSet `json:"fitted,omitempty"`
	// TableFrom is the command that makes a fitting table, up to the name of its
	// file; "" is the space's.
	TableFrom string `json:"-"`
	// Last scores nothing but the architecture of the last epoch.
	Last bool `json:"last,omitempty"`

	// Otherwise the final network is trained from scratch on the images that fit
	// the weights in the search, and tested on those that fitted the
	// architecture (Valid) and on the test images (Test).
	Trials int `json:"trials"` // trainings per class of architectures, with seeds 0, 1, ...
	Recipe
}

// Recipe is the training of networks of one size.
type Recipe struct {
	Net Net `json:"net"`
	training.Recipe
}

// Column is a column of a benchmark's table.
type Column struct {
	Dataset   string `json:"dataset"`    // whose images it was measured on
	TrainedOn string `json:"trained_on"` // whose images it was trained on
	Split     string `json:"split"`
	Epochs    int    `json:"epochs,omitempty"` // length of the training
}

// TrainingSet is the images that a benchmark trained its networks on.
type TrainingSet struct {
	Images   int `json:"images"`
	Size     int `json:"size"` // pixels of a side
	Channels int `json:"channels"`
	Classes  int `json:"classes"`
}

// paperArch is the optimiser of α in every published NAS-Bench-201 search.
// Source: notebook iDARTS_V2.ipynb, argument defaults; the same in the
// benchmark's DARTS-V1/V2 searches.
var paperArch = search.Adam{LR: 3e-4, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-3}

// blackBox are the methods that ask a table, with one budget for all. The number
// is ours: the published budgets are simulated seconds of training.
var blackBox = map[string]search.Settings{
	"random": search.Random{Budget: budget},
	// NAS-Bench-201 and its code: 10 members, tournaments of 3.
	"rea": search.REA{Budget: budget, Population: 10, Sample: 3},
	// NAS-Bench-201: Adam of rate 0.01 (0.5 in some of its scripts), average of weight
	// 0.9; logits begin at 0.001·N(0,1) in its code.
	"reinforce": search.REINFORCE{
		Budget: budget, Baseline: 0.9, InitScale: 1e-3,
		Arch: search.Adam{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8},
	},
	"local": search.Local{Budget: budget},
}

var budget = search.Budget{Queries: 100}

// paperDARTS is the search of NAS-Bench-201's DARTS code. Source: NAS-Bench-201,
// exps/NAS-Bench-201-algos/DARTS-V1.py and DARTS-V2.py,
// configs/nas-benchmark/algos/DARTS.config.
var paperDARTS = search.Bilevel{
	Epochs:  50,
	Weights: search.SGD{LR: 0.025, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
	Arch:    paperArch, InitScale: 1e-3, ValidDraw: batch.Replaced,
}

// paperImplicit is T and K of the notebook, save name "T4_K2"; γ is the learning rate.
var paperImplicit = search.Implicit{InnerSteps: 4, NeumannTerms: 2}

// paperSettings are the searches of Table 1 of the paper and of its baselines.
var paperSettings = map[string]search.Settings{
	"random": blackBox["random"], "rea": blackBox["rea"], "reinforce": blackBox["reinforce"], "local": blackBox["local"],
	"darts-v1": search.DARTS1{Bilevel: paperDARTS},
	"darts-v2": search.DARTS2{Bilevel: paperDARTS},
	"idarts": search.IDARTS{ // notebook: 30 epochs, lr 0.01
		Bilevel: search.Bilevel{
			Epochs:  30,
			Weights: search.SGD{LR: 0.01, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
			Arch:    paperArch, InitScale: 1e-3, ValidDraw: batch.Replaced,
		},
		Implicit: paperImplicit,
	},
	"idarts-released": search.IDARTSReleased{ // the same numbers; momentum, decay and clipping have no effect there
		Epochs: 30, Weights: search.Rate{LR: 0.01, MinLR: 0.001},
		Arch: paperArch, InitScale: 1e-3, Implicit: paperImplicit,
	},
}

// laptopSettings are ours: the published moves at a size that takes minutes. What
// names a method (T, K, order of steps, momentum, decay, clipping) is as
// published. Two learning rates are not, and are the same for all methods:
//
//   - of the weights, 0.1 as in the training of the final networks: with the
//     published 0.025 and 0.01 a supernet is hardly trained after some hundred
//     steps, and prefers pooling;
//   - of α, 0.01 in place of 0.0003: a search takes 30 to 1,570 architecture steps in
//     place of 12,000 to 20,000.
//
// An epoch has so many weight steps, 0 for one pass over the data, and iDARTS a
// quarter as many architecture steps. cells is the budget of random search: about
// as many as one search with iDARTS has arithmetic for.
func laptopSettings(epochs, steps, cells int) map[string]search.Settings {
	return settingsOf(epochs, steps, steps/laptopImplicit.InnerSteps, cells)
}

var laptopImplicit = search.Implicit{InnerSteps: 4, NeumannTerms: 2, OnePass: true}

// settingsOf are those of laptopSettings with so many outer steps an epoch, darts of
// DARTS and idarts of iDARTS.
func settingsOf(epochs, darts, idarts, cells int) map[string]search.Settings {
	arch := paperArch
	arch.LR = 0.01
	bilevel := search.Bilevel{
		Epochs: epochs, MaxSteps: darts,
		Weights: search.SGD{LR: 0.1, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
		Arch:    arch, InitScale: 1e-3, ValidDraw: batch.Replaced,
	}
	implicit := bilevel
	implicit.MaxSteps = idarts
	return map[string]search.Settings{
		"random":   search.Random{Budget: search.Budget{Queries: cells}},
		"darts-v1": search.DARTS1{Bilevel: bilevel},
		"darts-v2": search.DARTS2{Bilevel: bilevel},
		"idarts":   search.IDARTS{Bilevel: implicit, Implicit: laptopImplicit},
		"idarts-released": search.IDARTSReleased{
			Epochs: epochs, MaxSteps: idarts, Weights: search.Rate{LR: 0.1, MinLR: 0.001},
			Arch: arch, InitScale: 1e-3, Implicit: laptopImplicit,
		},
	}
}

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

// All lists the experiments.
var All = []Protocol{
	nb201Laptop("laptop", "small images, small networks, every network of the space known: minutes on two cores", Scoring{
		// The table that the program has trained itself, on the images of the search
		// and with networks of its size.
		Table: true, BuiltIn: "nb201-micro",
		Valid:  Column{Dataset: "fashion8", TrainedOn: "fashion8", Split: "x-valid", Epochs: 6},
		Test:   Column{Dataset: "fashion8", TrainedOn: "fashion8", Split: "ori-test", Epochs: 6},
		Fitted: &TrainingSet{Images: 5000, Size: 8, Channels: 1, Classes: 10},
		Recipe: MicroRecipe(8, 6, 32, 0.1),
	}),
	quick("nb201", nb201.Net{C: 4, N: 1}), quick("nb1b1-s1", nb1b1.Net{Space: nb1b1.Space1, C: 6, N: 1}), quick("nb1b1-s2", nb1b1.Net{Space: nb1b1.Space2, C: 6, N: 1}),
	quick("nb1b1-s3", nb1b1.Net{Space: nb1b1.Space3, C: 6, N: 1}), quick("darts", dartsspace.Net{C: 4, N: 3}),
	oneShotLaptop("nb1b1-s1", nb1b1.Space1, 8), oneShotLaptop("nb1b1-s2", nb1b1.Space2, 12), oneShotLaptop("nb1b1-s3", nb1b1.Space3, 8),
	{
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
		Search:  laptopSettings(2, 60, 4),
	},
	{
		Name: "paper", Title: "CIFAR-10 search as published, scored by the NAS-Bench-201 table",
		Space: "nb201", Dataset: "cifar10",
		Supernet: nb201.Net{C: 16, N: 5},                // notebook: --channel 16 --num_cells 5
		Batch:    64,                                    // notebook; DARTS.config of the benchmark
		Augment:  training.Augment{Flip: true, Crop: 4}, // benchmark's search data: flip, crop 32 with padding 4, no cutout
		Score: Scoring{
			// The published columns: 200 epochs, mean over the trials in the table.
			Table: true,
			Valid: Column{Dataset: "cifar10", TrainedOn: "cifar10-valid", Split: "x-valid", Epochs: 200},
			Test:  Column{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200},
			// How the table's networks were trained (configs/nas-benchmark/CIFAR.config);
			// only their cost is computed from this.
			Recipe: Recipe{Net: nb201.Net{C: 16, N: 5}, Recipe: training.Recipe{
				Epochs: 200, Batch: 256,
				Weights: search.SGD{LR: 0.1, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
				Augment: training.Augment{Flip: true, Crop: 4},
			}},
		},
		Search: paperSettings,
	},
	oneShotPaper("nb1b1-s1", nb1b1.Space1), oneShotPaper("nb1b1-s2", nb1b1.Space2), oneShotPaper("nb1b1-s3", nb1b1.Space3),
	{
		// Source: DARTS, cnn/train_search.py. T=4 and K=2 of iDARTS are those of its
		// NAS-Bench-201 code: nothing is published for this space.
		Name: "paper", Title: "CIFAR-10 search as published; the last genotype is trained for 600 epochs",
		Space: "darts", Dataset: "cifar10",
		Supernet: dartsspace.Net{C: 16, N: 8},
		Batch:    64,
		Augment:  training.Augment{Flip: true, Crop: 4},
		Score:    Scoring{Last: true, Trials: 1, Recipe: *dartsPaperRecipe},
		Retrain:  dartsPaperRecipe,
		Search:   dartsSettings(4),
	},
	nb201Laptop("laptop-nb201", "the searches of laptop; cells are validated by 12 epochs and tested by 200 epochs in the NAS-Bench-201 table", Scoring{
		// What a searcher can ask for is the cheap training, what it is judged by is
		// the long one; `idarts data fetch nb201` makes a table of both.
		Table:     true,
		Valid:     Column{Dataset: "cifar10", TrainedOn: "cifar10-valid", Split: "x-valid", Epochs: 12},
		Test:      Column{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200},
		Fitted:    &TrainingSet{Images: 25000, Size: 32, Channels: 3, Classes: 10}, // CIFAR-10's first half
		TableFrom: "idarts data fetch nb201 --out",
		// How the networks behind Valid were trained (configs/nas-benchmark/LESS.config);
		// only their cost is computed from this.
		Recipe: Recipe{Net: nb201.Net{C: 16, N: 5}, Recipe: training.Recipe{
			Epochs: 12, Batch: 256,
			Weights: search.SGD{LR: 0.1, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
			Augment: training.Augment{Flip: true, Crop: 4},
		}},
	}),
}

// nb201Laptop is a search on NAS-Bench-201 that takes minutes, all ours, chosen for
// speed; the images are those in testdata. Scores are from a table, where a query
// costs nothing.
func nb201Laptop(name, title string, score Scoring) Protocol {
	settings := laptopSettings(10, 0, 0)
	maps.Copy(settings, blackBox)
	return Protocol{
		Name: name, Title: title,
		Space: "nb201", Dataset: "fashion8",
		Supernet: nb201.Net{C: 8, N: 1},
		Batch:    32,
		Augment:  training.Augment{Flip: true},
		Score:    score,
		Search:   settings,
	}
}

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
		Search: laptopSettings(5, 72, 12),
	}
}

// quick is a protocol to try the commands with, all ours.
func quick(space string, net Net) Protocol {
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
		Search: settingsOf(2, 8, 8, 2),
	}
}

// Methods lists those of a catalog that p has settings for, in its order.
func (p Protocol) Methods(catalog search.Catalog) []string {
	return slices.DeleteFunc(catalog.Names(), func(name string) bool {
		_, ok := p.Search[name]
		return !ok
	})
}

// dartsSGD is the weight step of the DARTS code, which NAS-Bench-1Shot1's takes
// over. Source: DARTS, cnn/train_search.py.
var dartsSGD = search.SGD{LR: 0.025, MinLR: 0.001, Momentum: 0.9, WeightDecay: 3e-4, Clip: 5}

// dartsSettings are the searches of the DARTS code, and iDARTS with t inner steps
// beside them.
func dartsSettings(t int) map[string]search.Settings {
	bilevel := search.Bilevel{
		Epochs: 50, Weights: dartsSGD, Arch: paperArch, InitScale: 1e-3, ValidDraw: batch.Epochs,
	}
	return map[string]search.Settings{
		"darts-v1": search.DARTS1{Bilevel: bilevel, ArchFirst: true},
		"darts-v2": search.DARTS2{Bilevel: bilevel},
		"idarts":   search.IDARTS{Bilevel: bilevel, Implicit: search.Implicit{InnerSteps: t, NeumannTerms: 2}},
	}
}

// oneShotPaper is the published search on a space of NAS-Bench-1Shot1, scored by
// NAS-Bench-101. iDARTS has T=5 and K=2 there. The published code for iDARTS has
// other defects than that for NAS-Bench-201, so idarts-released is not here.
// Source: nasbench-1shot1, optimizers/darts/train_search.py; iDARTS,
// NAS-Bench-1Shot1-codes/optimizers/idarts_v2/train_search.py.
func oneShotPaper(name string, space nb1b1.OneShot) Protocol {
	settings := dartsSettings(5)
	for _, method := range []string{"random", "rea", "local"} { // reinforce needs one option in each row
		settings[method] = blackBox[method]
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
		Search: settings,
	}
}

// MicroRecipe is the recipe of NAS-Bench-201 at another size, for the benchmark
// that the program trains itself. Crops are left out: in so few epochs they cost all
// networks accuracy (see the laptop protocol).
func MicroRecipe(c, epochs, batch int, rate float64) Recipe {
	return Recipe{Net: nb201.Net{C: c, N: 1}, Recipe: training.Recipe{
		Epochs: epochs, Batch: batch,
		Weights: search.SGD{LR: rate, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
		Augment: training.Augment{Flip: true},
	}}
}

// Lookup finds the protocol of a name for a space.
func Lookup(space, name string) (Protocol, error) {
	if _, err := LookupSpace(space); err != nil {
		return Protocol{}, err
	}
	var names []string
	for _, p := range All {
		if p.Space == space {
			if p.Name == name {
				return p, nil
			}
			names = append(names, p.Name)
		}
	}
	return Protocol{}, fmt.Errorf("protocol: space %q has no protocol %q, want one of %q", space, name, names)
}
