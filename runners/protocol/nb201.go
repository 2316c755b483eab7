package protocol

import (
	"slices"

	"idarts/internal/batch"
	"idarts/internal/search"
	"idarts/internal/training"
	"idarts/nb201"
)

// nb201Laptop searches on the embedded images and is scored by the table in the
// program.
var nb201Laptop = nb201Small("laptop", "small images, small networks, every network of the space known: minutes on two cores", Scoring{
	// The table that the program has trained itself, on the images of the search
	// and with networks of its size.
	Table: true, BuiltIn: "nb201-micro",
	Valid:  Column{Dataset: "fashion8", TrainedOn: "fashion8", Split: "x-valid", Epochs: 6},
	Test:   Column{Dataset: "fashion8", TrainedOn: "fashion8", Split: "ori-test", Epochs: 6},
	Fitted: &TrainingSet{Images: 5000, Size: 8, Channels: 1, Classes: 10},
	Recipe: MicroRecipe(8, 6, 32, 0.1),
})

// nb201LaptopTable is nb201Laptop scored by the public table of NAS-Bench-201.
var nb201LaptopTable = nb201Small("laptop-nb201", "the searches of laptop; cells are validated by 12 epochs and tested by 200 epochs in the NAS-Bench-201 table", Scoring{
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
})

// nb201Desk is ours: the rule of laptop on CIFAR-10 with a supernet of the published width
// and one cell a stage, 1,000 outer steps of a method that takes one weight step in each. The
// dearest methods take some twenty minutes on two quick cores.
var nb201Desk = Protocol{
	Name: "desk", Title: "CIFAR-10, a supernet of one cell a stage: minutes to twenty on two cores; scored as laptop-nb201",
	Space: "nb201", Dataset: "cifar10",
	Supernet: nb201.Net{C: 16, N: 1},
	Batch:    64,
	Augment:  training.Augment{Flip: true, Crop: 4},
	Score:    nb201LaptopTable.Score,
	Search: slices.Concat(blackBox, laptopSearches(10, 100, 100/4),
		aside(relatedSearches(budgetOf{10, 100, 64, 100, 512, 4, true}), mainRelated...)),
}

// nb201Paper is Table 1 of the paper.
var nb201Paper = Protocol{
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
		// What methods that ask for accuracies get: the 12-epoch benchmark's.
		Fitness: &Column{Dataset: "cifar10", TrainedOn: "cifar10-valid", Split: "x-valid", Epochs: 12},
		// Only the cost is computed from this.
		Recipe: *benchmarkRecipe(200),
	},
	Retrain: benchmarkRecipe(200),
	Search:  append(paperSearches, aside(paperRelated201)...),
}

// nb201Less is the same, scored by the benchmark's short trainings; its retraining is one of these.
var nb201Less = func() Protocol {
	p := nb201Paper
	p.Name, p.Title = "less", "paper, scored by the 12-epoch trainings of the NAS-Bench-201 table"
	p.Score.Valid.Epochs, p.Score.Test.Epochs, p.Score.Fitness = 12, 12, nil
	p.Score.Recipe, p.Retrain = *benchmarkRecipe(12), benchmarkRecipe(12)
	return p
}()

// benchmarkRecipe is how the networks of the table were trained, on the images that fit the
// weights in a search, which are the first half of CIFAR-10's.
// Source: NAS-Bench-201, configs/nas-benchmark/CIFAR.config, LESS.config; exps/NAS-Bench-201/functions.py:
// the rate falls with every step.
func benchmarkRecipe(epochs int) *Recipe {
	return &Recipe{Net: nb201.Net{C: 16, N: 5}, Recipe: training.Recipe{
		Epochs: epochs, Batch: 256,
		Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
		Augment: training.Augment{Flip: true, Crop: 4},
	}}
}

var quickNB201 = quick("nb201", nb201.Net{C: 4, N: 1})

// nb201Small is a search on NAS-Bench-201 that takes minutes, all ours, chosen for
// speed; the images are those in testdata. Scores are from a table, where a query
// costs nothing.
func nb201Small(name, title string, score Scoring) Protocol {
	return Protocol{
		Name: name, Title: title,
		Space: "nb201", Dataset: "fashion8",
		Supernet: nb201.Net{C: 8, N: 1},
		Batch:    32,
		Augment:  training.Augment{Flip: true},
		Score:    score,
		Search:   slices.Concat(blackBox, laptopSearches(10, 0, 0), aside(relatedSearches(budgetOf{10, 0, 32, 100, 512, 2, true}), mainRelated...)),
	}
}

// paperArch is the optimiser of α in every published NAS-Bench-201 search.
// Source: notebook iDARTS_V2.ipynb, argument defaults; the same in the
// benchmark's DARTS-V1/V2 searches.
var paperArch = search.Adam{LR: 3e-4, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-3}

// paperDARTS is the search of NAS-Bench-201's DARTS code, whose rate falls with every step.
var paperDARTS = search.Bilevel{
	Epochs:  50,
	Weights: search.SGD{LR: 0.025, MinLR: 0.001, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
	Arch:    paperArch, InitScale: 1e-3, ValidDraw: batch.Replaced,
}

// paperImplicit is T and K of the notebook, save name "T4_K2"; γ is the learning rate.
var paperImplicit = search.Implicit{InnerSteps: 4, NeumannTerms: 2}

// paperSearches are the searches of Table 1 of the paper and of its baselines.
var paperSearches = slices.Concat(blackBox, []Search{
	{
		Method: "darts-v1", Settings: search.DARTS1{Bilevel: paperDARTS},
		Source: "NAS-Bench-201, exps/NAS-Bench-201-algos/DARTS-V1.py, configs/nas-benchmark/algos/DARTS.config",
	},
	{
		Method: "darts-v2", Settings: search.DARTS2{Bilevel: paperDARTS},
		Source: "NAS-Bench-201, exps/NAS-Bench-201-algos/DARTS-V2.py, configs/nas-benchmark/algos/DARTS.config",
	},
	{
		Method: "idarts", Settings: search.IDARTS{
			Bilevel: search.Bilevel{
				Epochs:  30,
				Weights: search.SGD{LR: 0.01, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5},
				Arch:    paperArch, InitScale: 1e-3, ValidDraw: batch.Replaced,
			},
			Implicit: paperImplicit,
		},
		Source: notebook, Except: paperNames,
	},
	{ // momentum, decay and clipping have no effect there
		Method: "idarts-released", Settings: search.IDARTSReleased{
			Epochs: 30, Weights: search.Rate{LR: 0.01, MinLR: 0.001},
			Arch: paperArch, InitScale: 1e-3, Implicit: paperImplicit,
		},
		Source: notebook, Except: paperNames,
	},
})

const notebook = "iDARTS, notebook iDARTS_V2.ipynb, argument defaults"

// paperNames are sources of T and K.
var paperNames = map[string]string{
	"inner_steps":   `iDARTS, notebook iDARTS_V2.ipynb, save name "T4_K2"`,
	"neumann_terms": `iDARTS, notebook iDARTS_V2.ipynb, save name "T4_K2"`,
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
