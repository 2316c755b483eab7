package runners

import (
	"fmt"
	"slices"

	"idarts/internal/search"
)

// Protocol is every number of an experiment but the seed. Its JSON form is
// stored with each run; a run directory that holds another one is not touched.
type Protocol struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Space   string `json:"space"`   // name of a row of [Spaces]
	Dataset string `json:"dataset"` // name of a row of images.Datasets

	Supernet Net     `json:"supernet"`
	Batch    int     `json:"batch"`   // images in a search batch, training and validation alike
	Augment  Augment `json:"augment"` // of search batches, training and validation alike
	Score    Scoring `json:"score"`

	// Retrain is the long training of one architecture, see [Retrain]. Searches do
	// not depend on it.
	Retrain *Recipe `json:"-"`
	// Search are the settings of each method, by name. A run stores only its own.
	Search map[string]search.Settings `json:"-"`
}

// Net is the size of a network.
type Net struct {
	C int `json:"c"` // channels of the first stage
	N int `json:"n"` // cells: of a stage, or of the whole network in the DARTS space
	// Momentum is the weight of the newest batch in the running averages of batch
	// norm in NAS-Bench-1Shot1; 0: PyTorch's 0.1.
	Momentum float64 `json:"momentum,omitempty"`
	// Auxiliary adds the DARTS space's second classifier, whose loss counts 0.4.
	Auxiliary bool `json:"auxiliary,omitempty"`
	// ImageNet gives the DARTS space's network for images of 224 pixels.
	ImageNet bool `json:"imagenet,omitempty"`
}

// Augment is what is done to a training image, besides normalisation with the
// data set's own mean and deviation.
type Augment struct {
	Flip   bool `json:"flip"`
	Crop   int  `json:"crop"`   // pixels of padding
	Cutout int  `json:"cutout"` // side of the square
}

// Scoring says how a derived architecture is scored.
type Scoring struct {
	// Table looks it up in a benchmark's table: Valid and Test name the columns,
	// and every trained network that the table holds counts (mean over trials).
	Table bool   `json:"table"`
	Valid Column `json:"valid"`
	Test  Column `json:"test"`

	// Otherwise the final network is trained from scratch on the images that fit
	// the weights in the search, and tested on those that fitted the
	// architecture (Valid) and on the test images (Test).
	Trials int `json:"trials"` // trainings per class of architectures, with seeds 0, 1, ...
	Recipe
}

// Recipe is the training of one network from scratch.
type Recipe struct {
	Net     Net        `json:"net"`
	Epochs  int        `json:"epochs"`
	Batch   int        `json:"batch"`
	Weights search.SGD `json:"weights"`
	Augment Augment    `json:"augment"`
	// DropPath is where the probability of drop path would get to after the last
	// epoch; in epoch e of E, counted from 0, it is e/E of it.
	DropPath  float64 `json:"drop_path,omitempty"`
	Smoothing float64 `json:"smoothing,omitempty"` // of labels
	// All trains on the images for weights and architecture alike, as for a final
	// result: valid accuracies are then of images that were trained on.
	All bool `json:"all,omitempty"`
}

// Column is a column of a benchmark's table, up to the number of epochs.
type Column struct {
	Dataset   string `json:"dataset"`    // whose images it was measured on
	TrainedOn string `json:"trained_on"` // whose images it was trained on
	Split     string `json:"split"`
}

// paperArch is the optimiser of α in every published NAS-Bench-201 search.
// Source: notebook iDARTS_V2.ipynb, argument defaults; the same in the
// benchmark's DARTS-V1/V2 searches.
var paperArch = search.Adam{LR: 3e-4, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-3}

// paperSettings are the searches of Table 1 of the paper and of its baselines.
var paperSettings = map[string]search.Settings{
	"random": {
		RandomCells: 100, // ours: the published row has a time budget, not a number of cells
	},
	"darts-v1": { // NAS-Bench-201, exps/NAS-Bench-201-algos/DARTS-V1.py, configs/nas-benchmark/algos/DARTS.config
		Epochs:  50,
		Weights: search.SGD{LR: 0.025, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
		Arch:    paperArch, InitScale: 1e-3, ValidDraw: search.Replaced,
	},
	"darts-v2": { // NAS-Bench-201, exps/NAS-Bench-201-algos/DARTS-V2.py
		Epochs:  50,
		Weights: search.SGD{LR: 0.025, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
		Arch:    paperArch, InitScale: 1e-3, ValidDraw: search.Replaced, ArchFirst: true,
	},
	"idarts": { // notebook: 30 epochs, lr 0.01, save name "T4_K2"; γ is the learning rate
		Epochs:  30,
		Weights: search.SGD{LR: 0.01, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
		Arch:    paperArch, InitScale: 1e-3, ValidDraw: search.Replaced,
		InnerSteps: 4, NeumannTerms: 2,
	},
	"idarts-released": { // the same numbers; momentum, decay and clipping have no effect there
		Epochs:  30,
		Weights: search.SGD{LR: 0.01, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
		Arch:    paperArch, InitScale: 1e-3, ValidDraw: search.Replaced,
		InnerSteps: 4, NeumannTerms: 2,
	},
}

// laptopSettings are ours: the published moves at a size that takes minutes. What
// names a method (T, K, order of steps, momentum, decay, clipping) is as
// published. Two learning rates are not, and are the same for all methods:
//
//   - of the weights, 0.1 as in the training of the final networks: with the
//     published 0.025 and 0.01 a supernet is hardly trained after 471 steps, and
//     prefers pooling;
//   - of α, 0.01 in place of 0.0003: a search takes 120 (iDARTS) to 471 (DARTS)
//     architecture steps in place of 12,000 to 20,000.
var laptopSettings = func() map[string]search.Settings {
	const epochs = 3
	arch := paperArch
	arch.LR = 0.01
	darts := search.Settings{
		Epochs:  epochs,
		Weights: search.SGD{LR: 0.1, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
		Arch:    arch, InitScale: 1e-3, ValidDraw: search.Replaced,
	}
	v2 := darts
	v2.ArchFirst = true
	idarts := darts
	idarts.InnerSteps, idarts.NeumannTerms, idarts.OnePass = 4, 2, true
	return map[string]search.Settings{
		// As many trained cells as one search with iDARTS has arithmetic for.
		"random":          {RandomCells: 10},
		"darts-v1":        darts,
		"darts-v2":        v2,
		"idarts":          idarts,
		"idarts-released": idarts,
	}
}()

// quickSettings are the laptop's, cut to a few steps.
var quickSettings = func() map[string]search.Settings {
	quick := map[string]search.Settings{}
	for name, s := range laptopSettings {
		s.Epochs, s.MaxSteps, s.RandomCells = 2, 8, 2
		quick[name] = s
	}
	return quick
}()

// dartsLaptopRecipe is ours: the parts of the paper's recipe on a network that
// trains in minutes, with less drop path and smaller cutout for small images.
var dartsLaptopRecipe = &Recipe{
	Net: Net{C: 12, N: 6, Auxiliary: true}, Epochs: 10, Batch: 48,
	Weights:  search.SGD{LR: 0.05, EachStep: true, Momentum: 0.9, WeightDecay: 3e-4, Clip: 5},
	Augment:  Augment{Flip: true, Cutout: 4},
	DropPath: 0.1, All: true,
}

// dartsPaperRecipe trains a genotype for CIFAR-10. Source: DARTS, cnn/train.py.
var dartsPaperRecipe = &Recipe{
	Net: Net{C: 36, N: 20, Auxiliary: true}, Epochs: 600, Batch: 96,
	Weights:  search.SGD{LR: 0.025, Momentum: 0.9, WeightDecay: 3e-4, Clip: 5},
	Augment:  Augment{Flip: true, Crop: 4, Cutout: 16},
	DropPath: 0.2, All: true,
}

// Protocols lists the experiments.
var Protocols = []Protocol{
	{
		Name: "laptop", Title: "small images, small networks: minutes on two cores",
		Space: "nb201", Dataset: "fashion16",
		// All ours, chosen for speed; the images are those in testdata. The search
		// and the final network have the same size, as in the benchmark.
		Supernet: Net{C: 8, N: 1},
		Batch:    32,
		Augment:  Augment{Flip: true},
		Score: Scoring{
			// As the benchmark's entries were trained but for the number of epochs, the
			// batch and the crops: in so few epochs, crops of 16x16 images cost all
			// cells four points of accuracy and a batch of 64 costs three.
			Trials: 1, Recipe: Recipe{
				Net: Net{C: 8, N: 1}, Epochs: 3, Batch: 32,
				Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
				Augment: Augment{Flip: true},
			},
		},
		Search: laptopSettings,
	},
	{
		Name: "quick", Title: "seconds, to try the commands; its numbers mean nothing",
		Space: "nb201", Dataset: "fashion16",
		Supernet: Net{C: 4, N: 1}, // all ours
		Batch:    32,
		Augment:  Augment{Flip: true},
		Score: Scoring{
			Trials: 1, Recipe: Recipe{
				Net: Net{C: 4, N: 1}, Epochs: 1, Batch: 100,
				Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
			},
		},
		Search: quickSettings,
	},
	oneShotLaptop("nb1b1-s1"), oneShotLaptop("nb1b1-s2"), oneShotLaptop("nb1b1-s3"),
	{
		Name: "laptop", Title: "small images, small networks: minutes on two cores",
		Space: "darts", Dataset: "fashion16",
		// Ours: a normal cell between two reduction cells, the smallest network with
		// both kinds at their places.
		Supernet: Net{C: 4, N: 3},
		Batch:    32,
		Augment:  Augment{Flip: true},
		Score: Scoring{Trials: 1, Recipe: Recipe{
			Net: Net{C: 8, N: 3}, Epochs: 3, Batch: 32,
			Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
			Augment: Augment{Flip: true},
		}},
		Retrain: dartsLaptopRecipe,
		Search:  laptopSettings,
	},
	{
		Name: "paper", Title: "CIFAR-10 search as published, scored by the NAS-Bench-201 table",
		Space: "nb201", Dataset: "cifar10",
		Supernet: Net{C: 16, N: 5},             // notebook: --channel 16 --num_cells 5
		Batch:    64,                           // notebook; DARTS.config of the benchmark
		Augment:  Augment{Flip: true, Crop: 4}, // benchmark's search data: flip, crop 32 with padding 4, no cutout
		Score: Scoring{
			// The published columns: 200 epochs, mean over the trials in the table.
			Table: true,
			Valid: Column{Dataset: "cifar10", TrainedOn: "cifar10-valid", Split: "x-valid"},
			Test:  Column{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test"},
			// How the table's networks were trained (configs/nas-benchmark/CIFAR.config);
			// only their cost is computed from this.
			Recipe: Recipe{
				Net: Net{C: 16, N: 5}, Epochs: 200, Batch: 256,
				Weights: search.SGD{LR: 0.1, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
				Augment: Augment{Flip: true, Crop: 4},
			},
		},
		Search: paperSettings,
	},
}

// oneShotLaptop is the laptop protocol of a space of NAS-Bench-1Shot1, all ours.
// Widths that 2 and 3 divide make isomorphic cells the same network.
func oneShotLaptop(space string) Protocol {
	return Protocol{
		Name: "laptop", Title: "small images, small networks: minutes on two cores",
		Space: space, Dataset: "fashion16",
		Supernet: Net{C: 6, N: 1},
		Batch:    32,
		Augment:  Augment{Flip: true},
		Score: Scoring{Trials: 1, Recipe: Recipe{
			Net: Net{C: 12, N: 1}, Epochs: 3, Batch: 32,
			Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
			Augment: Augment{Flip: true},
		}},
		Search: laptopSettings,
	}
}

// Methods lists the methods that p has settings for, in report order.
func (p Protocol) Methods() []string {
	return slices.DeleteFunc(search.Names(), func(name string) bool {
		_, ok := p.Search[name]
		return !ok
	})
}

// LookupProtocol finds the protocol of a name for a space.
func LookupProtocol(space, name string) (Protocol, error) {
	if _, err := LookupSpace(space); err != nil {
		return Protocol{}, err
	}
	var names []string
	for _, p := range Protocols {
		if p.Space == space {
			if p.Name == name {
				return p, nil
			}
			names = append(names, p.Name)
		}
	}
	return Protocol{}, fmt.Errorf("runners: space %q has no protocol %q, want one of %q", space, name, names)
}
