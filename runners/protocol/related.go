package protocol

import (
	"math"
	"slices"
	"strings"

	"idarts/internal/batch"
	"idarts/internal/search"
)

// graphSearch is SVGe in sizes that train in minutes; the paper has 125 numbers a node and
// direction, 56 of a graph, 300 epochs, 1,000 cells at the start and rounds of 50.
func graphSearch(graphs, epochs int) Search {
	return Search{
		Method: "svge", Settings: search.SVGE{
			Budget: budget, Hidden: 16, Latent: 16, Graphs: graphs, Epochs: epochs, Batch: 8, Rate: 4e-3, Clip: 1,
			Initial: 20, Round: 10, Candidates: 1000, Decodes: 20,
		},
		Source: "ours, to take minutes; SVGe has 125 and 56 numbers, 300 epochs, 1,000 cells first and rounds of 50",
		Except: map[string]string{"queries": budgetSource},
	}
}

// mainRelated are in the table of NAS-Bench-201 that the program prints by default.
var mainRelated = []string{"lambda-darts", "shapley-nas", "zarts", "darts-pt", "ista-nas", "svge", "drnas", "gaea", "gdas", "rsps", "pc-darts", "beta-darts"}

// budgetOf are the numbers that laptop searches of one protocol share: lengths, batches
// and rates.
type budgetOf struct {
	epochs, steps int // of an epoch; 0: one pass
	batch         int // images
	samples       int // architectures that one-shot methods compare after an epoch
	judges        int // validation images by which shapley-nas and darts-pt judge
	partial       int // one in so many channels, for methods of partial channels
	table         bool
}

// share is that part of the epochs, one at least.
func (b budgetOf) share(of float64) int { return max(1, int(math.Round(of*float64(b.epochs)))) }

// stepsOf is how many outer steps an epoch has, as far as a share of a search needs it.
func (b budgetOf) stepsOf() int {
	if b.steps > 0 {
		return b.steps
	}
	return 5000 / b.batch // the training half of the embedded images
}

// partialSearches are those on a part of the channels.
func partialSearches(b budgetOf, bilevel search.Bilevel) []Search {
	first := search.DARTS1{Bilevel: bilevel, ArchFirst: true}
	pc := first
	pc.Arch.LR = laptopRate(6e-4)
	return []Search{
		{Method: "pc-darts", Settings: search.PCDARTS{DARTS1: pc, Partial: b.partial, EdgeWeights: true, WarmUp: b.share(0.3)}},
		{Method: "gaea-pc", Settings: search.GAEA{
			Schedule: scheduleOf(bilevel), Arch: search.ExpGrad{LR: laptopRate(0.1), Floor: 1e-5}, ArchFirst: true, Partial: b.partial, EdgeWeights: true,
		}},
		{Method: "drnas-p", Settings: search.DrNAS{
			DARTS1: first, Partials: []int{b.partial, b.partial / 2}, Options: []int{0, 3}, WarmUp: b.share(0.1),
		}},
	}
}

// relatedSearches are the methods that iDARTS is compared with, by the rule of
// [laptopSearches]: the published moves and what names a method, in the epochs and with
// the weights of the others; α's rate times 100/3 where it moves in each outer step.
// What moves α otherwise (zarts, shapley-nas) is larger by as much as it moves less often
// than in the published search. Schedules that are published in epochs keep their share of
// the search.
func relatedSearches(b budgetOf) []Search {
	bilevel := laptopBilevel(b.epochs, b.steps)
	first := search.DARTS1{Bilevel: bilevel}
	schedule := scheduleOf(bilevel)
	rate := func(published float64) search.DARTS1 {
		d := first
		d.Arch.LR = laptopRate(published)
		return d
	}
	archFirst := func(d search.DARTS1) search.DARTS1 {
		d.ArchFirst = true
		return d
	}
	sampling := search.Sampling{Samples: b.samples, Batches: max(1, 512/b.batch)}
	// Architecture steps in a published search over 50 epochs of 390 steps, and here.
	zartsMoves := 40. * 39 / math.Max(1, float64(b.epochs-b.share(0.2))*math.Max(1, float64(b.stepsOf())/10))
	zarts := search.ZARTS{Schedule: schedule, InitScale: 1e-3, WarmUp: b.share(0.2), Every: 10, Inner: 10, Candidates: 4}
	withoutClip := bilevel
	withoutClip.Weights.Clip = 0
	smooth := search.SDARTS{DARTS1: archFirst(first), Radius: search.Radius{Start: 0.03, End: 0.3}}
	hot := search.Temperature{Start: 10, End: 0.1}
	decayed := bilevel
	decayed.Weights.WeightDecay *= 9
	eigenvalue := search.EigenRule{Every: b.share(0.04), From: b.share(0.44), Factor: 1.3}
	five := search.Implicit{InnerSteps: 5, NeumannTerms: 2, OnePass: true}
	withFive := bilevel
	if b.steps > 0 {
		withFive.MaxSteps = max(1, b.steps/5)
	}
	searches := []Search{
		{Method: "idarts-hess", Settings: search.IDARTS{Bilevel: withFive, Implicit: five}},
		{Method: "idarts-approx", Settings: search.IDARTS{Bilevel: withFive, Implicit: five}},
		{Method: "lambda-darts", Settings: search.LambdaDARTS{DARTS1: rate(1e-4), Lambda: 0.25, Epsilon: 1e-4}},
		{Method: "shapley-nas", Settings: search.ShapleyNAS{
			Schedule: schedule, InitScale: 1e-3, WithoutNone: true, Partial: 1, WarmUp: b.share(0.5), Samples: min(10, b.samples/4), Batches: max(1, b.judges/b.batch),
			Truncate: 0.5, Momentum: 0.8, Step: 0.1 * 25 / float64(max(1, b.epochs-b.share(0.5))),
		}},
		{Method: "zarts", Settings: search.ZARTSMGS{ZARTS: zarts, Sigma: 0.025 * zartsMoves, Tau: 0.01, Wide: 1e-3}},
		{Method: "zarts-rs", Settings: search.ZARTSRS{ZARTS: zarts, Mu: 0.025 * zartsMoves, Rate: 0.025 * zartsMoves}},
		{Method: "zarts-gld", Settings: search.ZARTSGLD{ZARTS: zarts, Radius: 0.1 * zartsMoves}},
		{Method: "darts-pt", Settings: search.DARTSPT{
			DARTS1: archFirst(first), Base: search.OnDARTS, Radius: smooth.Radius, Criterion: search.ByAccuracy,
			Every: b.share(0.05), Batches: max(1, b.judges/b.batch), Tune: search.Rate{LR: bilevel.Weights.LR / 10, MinLR: bilevel.Weights.LR / 10},
		}},
		{Method: "drnas", Settings: search.DrNAS{DARTS1: archFirst(first), Partials: []int{1}, Options: []int{0}}},
		{Method: "gaea", Settings: search.GAEA{
			Schedule: schedule, Arch: search.ExpGrad{LR: laptopRate(0.1), Floor: 1e-5}, ArchFirst: true, WithoutNone: true, Partial: 1, BestEpoch: true,
		}},
		{Method: "ista-nas", Settings: search.ISTANAS{Bilevel: rate(6e-4).Bilevel, Lambda: 1e-5, Rest: 1e-3}},
		{Method: "gaea-gdas", Settings: search.GAEAGDAS{
			Schedule: schedule, Arch: search.ExpGrad{LR: laptopRate(0.01), Floor: 1e-5, Entropy: 0.01}, Temperature: hot, WarmUp: b.share(0.2),
		}},
		{Method: "gdas", Settings: search.GDAS{Bilevel: bilevel, Temperature: hot}},
		{Method: "rsps", Settings: search.RSPS{Schedule: schedule, Sampling: sampling}},
		{Method: "enas", Settings: search.ENAS{
			Schedule: schedule, Hidden: 32, Layers: 2, ArchClip: 5, Updates: b.samples / 2, Rollouts: min(20, b.samples/2), Entropy: 1e-4, Baseline: 0.01,
			Arch:     search.Adam{LR: 0.001 * 250 / float64(b.epochs), Beta2: 0.999, Eps: 1e-3},
			Sampling: sampling,
		}},
		{Method: "sgas", Settings: search.SGAS{DARTS1: archFirst(first), WarmUp: b.share(0.18), Every: b.share(0.1)}},
		{Method: "p-darts", Settings: search.PDARTS{
			DARTS1: archFirst(rate(6e-4)), Depths: []int{0, 0, 0}, Options: []int{0, 3, 2}, WarmUp: b.share(0.4 / 3), ArchClip: 5, Skips: 2,
		}},
		{Method: "fair-darts", Settings: search.FairDARTS{DARTS1: archFirst(rate(3e-3)), ZeroOne: 10, Threshold: 0.85}},
		{Method: "rdarts-l2", Settings: search.DARTS2{Bilevel: decayed}},
		{Method: "darts-es", Settings: search.DARTSES{DARTS2: search.DARTS2{Bilevel: bilevel}, EigenRule: eigenvalue}},
		{Method: "darts-ada", Settings: search.DARTSADA{DARTS2: search.DARTS2{Bilevel: bilevel}, EigenRule: eigenvalue, DecayFactor: 10, MaxDecay: 0.03}},
		{Method: "setn", Settings: search.SETN{Bilevel: withoutClip, Sampling: sampling}},
		{Method: "snas", Settings: search.SNAS{Bilevel: bilevel, Temperature: search.Temperature{Start: 10, End: 1}}},
		{Method: "sdarts-rs", Settings: smooth},
		{Method: "sdarts-adv", Settings: search.SDARTSADV{SDARTS: smooth, Steps: 7}},
		{Method: "beta-darts", Settings: search.BetaDARTS{DARTS1: archFirst(first), Decay: 50}},
	}
	searches = append(searches, partialSearches(b, bilevel)...)
	if b.table {
		searches = append(searches, Search{Method: "bohb", Settings: search.BOHB{Budget: budget, Candidates: 4, Top: 0.15, Bandwidth: 3}}, graphSearch(2000, 12))
	}
	for i := range searches {
		searches[i].Source = "as published, see protocol paper of nb201 and docs/methods.md"
		searches[i].Except = relatedSources
	}
	return searches
}

var relatedSources = func() map[string]string {
	const seldom = "ours: published, times how many fewer architecture steps there are"
	sources := map[string]string{
		"warm_up": "published, as a share of the search", "every": "published, in epochs as a share of the search",
		"sigma": seldom, "step": seldom, "samples": "published, but in protocol quick",
		"mu": "ours: none is released", "radius": "ours: none is released", "arch_lr": "ours: none is released",
		"radius.start": "SmoothDARTS, attacker/perturb.py", "radius.end": "SmoothDARTS, attacker/perturb.py",
		"batches": "ours, to take minutes", "sampling": "NAS-Bench-201: so many architectures and images",
		"partial": "ours: small supernets have few channels", "partials": "ours: small supernets have few channels",
		"depths": "ours: the protocol's own", "queries": budgetSource, "from_epoch": "published, as a share of the search",
		"restart": "ours: none in so few epochs", "updates": "published, but in protocol quick", "rollouts": "published, but in protocol quick",
		"tune": "a tenth of the rate of the search, as published",
	}
	for name, source := range laptopSources {
		sources[name] = source
	}
	return sources
}()

// publishedBilevel are the steps that most of them have on NAS-Bench-201, from DARTS.
func publishedBilevel(epochs int, alpha float64) search.Bilevel {
	arch := paperArch
	arch.LR = alpha
	return search.Bilevel{Epochs: epochs, Weights: dartsSGD, Arch: arch, InitScale: 1e-3, ValidDraw: batch.Replaced}
}

func withRate(b search.Bilevel, alpha float64) search.Bilevel {
	b.Arch.LR = alpha
	return b
}

func withEpochs(b search.Bilevel, epochs int) search.Bilevel {
	b.Epochs = epochs
	return b
}

// fair are the weight and architecture steps of Fair-DARTS.
func fair(b search.Bilevel) search.DARTS1 {
	b.Weights.LR, b.Weights.MinLR = 0.005, 0.001
	b.Arch = search.Adam{LR: 3e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-3}
	b.InitScale = 0
	return search.DARTS1{Bilevel: b, ArchFirst: true}
}

func scheduleOf(b search.Bilevel) search.Schedule {
	return search.Schedule{Epochs: b.Epochs, MaxSteps: b.MaxSteps, Weights: b.Weights, ValidDraw: b.ValidDraw}
}

const (
	ours      = "ours: nothing is published for this space"
	noRelease = "ours: none is released"
)

// paperRelated201 are the searches of the other papers on NAS-Bench-201.
var paperRelated201 = func() []Search {
	hundred := publishedBilevel(100, 3e-4)
	benchmark := paperDARTS // the benchmark's own weight steps
	benchmark.Epochs = 250
	withoutClip := benchmark
	withoutClip.Weights.Clip = 0
	enasSchedule := scheduleOf(benchmark)
	enasSchedule.Weights.LR, enasSchedule.Weights.MinLR, enasSchedule.Weights.WeightDecay = 0.05, 0.0005, 2.5e-4
	sampling := search.Sampling{Samples: 100, Batches: 512 / 64}
	zarts := search.ZARTS{Schedule: scheduleOf(hundred), InitScale: 1e-3, WarmUp: 20, Every: 10, Inner: 10, Candidates: 4}
	gaeaSchedule := scheduleOf(publishedBilevel(50, 0))
	smooth := search.SDARTS{DARTS1: search.DARTS1{Bilevel: hundred, ArchFirst: true}, Radius: search.Radius{Start: 0.03, End: 0.3}}
	return []Search{
		{
			Method: "lambda-darts", Settings: search.LambdaDARTS{DARTS1: search.DARTS1{Bilevel: publishedBilevel(100, 1e-4)}, Lambda: 0.25, Epsilon: 1e-4},
			Source: "Λ-DARTS, NAS-Bench201/scripts-search/algos/DARTS-V1.sh",
		},
		{
			Method: "shapley-nas", Settings: search.ShapleyNAS{
				Schedule: scheduleOf(hundred), InitScale: 1e-3, WithoutNone: true, Partial: 1, WarmUp: 50, Samples: 10, Batches: 1024 / 64, Truncate: 0.5, Momentum: 0.8, Step: 0.1,
			},
			Source: "Shapley-NAS, train_search.py, for the DARTS space", Except: map[string]string{
				"epochs": ours, "warm_up": ours, "weights": "DARTS, cnn/train_search.py; the code has none for this space",
			},
		},
		{Method: "zarts", Settings: search.ZARTSMGS{ZARTS: zarts, Sigma: 0.025, Tau: 0.01, Wide: 1e-3}, Source: "ZARTS, cnn/train_search.py, for the DARTS space", Except: map[string]string{"epochs": ours, "warm_up": ours}},
		{Method: "zarts-rs", Settings: search.ZARTSRS{ZARTS: zarts, Mu: 0.025, Rate: 0.025}, Source: "ZARTS, cnn/train_search.py, for the DARTS space", Except: map[string]string{"epochs": ours, "warm_up": ours, "mu": noRelease, "arch_lr": noRelease}},
		{Method: "zarts-gld", Settings: search.ZARTSGLD{ZARTS: zarts, Radius: 0.1}, Source: "ZARTS, cnn/train_search.py, for the DARTS space", Except: map[string]string{"epochs": ours, "warm_up": ours, "radius": noRelease}},
		{
			Method: "darts-pt", Settings: search.DARTSPT{
				DARTS1: search.DARTS1{Bilevel: hundred, ArchFirst: true}, Radius: smooth.Radius, Every: 5, Tune: search.Rate{LR: 0.0025, MinLR: 0.0025},
			},
			Source: "DARTS-PT, nasbench201", Except: map[string]string{"radius": "SmoothDARTS, attacker/perturb.py"},
		},
		{Method: "drnas", Settings: search.DrNAS{DARTS1: search.DARTS1{Bilevel: hundred, ArchFirst: true}, Partials: []int{1}, Options: []int{0}}, Source: "DrNAS, 201-space/train_search.py"},
		{
			Method: "gaea", Settings: search.GAEA{
				Schedule: gaeaSchedule, Arch: search.ExpGrad{LR: 0.1, Floor: 1e-5}, ArchFirst: true, WithoutNone: true, Partial: 1, StopAfter: 25, BestEpoch: true,
			},
			Source: "GAEA, configs/cnn; the bilevel form",
		},
		{
			Method: "ista-nas", Settings: search.ISTANAS{Bilevel: publishedBilevel(50, 6e-4), Lambda: 1e-5, Rest: 1e-3},
			Source: "ISTA-NAS, README, for the DARTS space", Except: map[string]string{"weights": "DARTS, cnn/train_search.py: ISTA-NAS has other rates for batches of 256"},
		},
		{Method: "drnas-p", Settings: search.DrNAS{
			DARTS1: search.DARTS1{Bilevel: hundred, ArchFirst: true}, Partials: []int{4, 2}, Options: []int{0, 3}, WarmUp: 10,
		}, Source: "DrNAS, 201-space/train_search_progressive.py"},
		{
			Method: "gaea-gdas", Settings: search.GAEAGDAS{
				Schedule: scheduleOf(benchmark), Arch: search.ExpGrad{LR: 0.01, Floor: 1e-5, Entropy: 0.01}, Temperature: search.Temperature{Start: 10, End: 0.1}, WarmUp: 50,
			},
			Source: "GAEA, configs/cnn", Except: map[string]string{"epochs": "NAS-Bench-201, GDAS.py", "temperature": "GAEA, which begins to cool after the warm-up"},
		},
		{Method: "gdas", Settings: search.GDAS{Bilevel: benchmark, Temperature: search.Temperature{Start: 10, End: 0.1}}, Source: "NAS-Bench-201, exps/NAS-Bench-201-algos/GDAS.py"},
		{
			Method: "pc-darts", Settings: search.PCDARTS{DARTS1: search.DARTS1{Bilevel: hundred, ArchFirst: true}, Partial: 4},
			Source: "DrNAS, 201-space, its method darts on a quarter of the channels",
		},
		{
			Method: "bohb", Settings: search.BOHB{Budget: budget, Candidates: 4, Top: 0.15, Bandwidth: 3},
			Source: "NAS-Bench-201, exps/NAS-Bench-201-algos/BOHB.py", Except: map[string]string{"queries": budgetSource, "top": "HpBandSter"},
		},
		graphSearch(4000, 36),
		{Method: "rsps", Settings: search.RSPS{Schedule: scheduleOf(benchmark), Sampling: sampling}, Source: "NAS-Bench-201, exps/NAS-Bench-201-algos/RANDOM-NAS.py"},
		{
			Method: "enas", Settings: search.ENAS{
				Schedule: enasSchedule, Restart: 10, Hidden: 32, Layers: 2, ArchClip: 5, Updates: 50, Rollouts: 20, Entropy: 1e-4, Baseline: 0.01,
				Arch: search.Adam{LR: 0.001, Beta2: 0.999, Eps: 1e-3}, Sampling: sampling,
			},
			Source: "NAS-Bench-201, exps/NAS-Bench-201-algos/ENAS.py",
		},
		{Method: "setn", Settings: search.SETN{Bilevel: withoutClip, Sampling: sampling}, Source: "NAS-Bench-201, exps/NAS-Bench-201-algos/SETN.py"},
		{Method: "snas", Settings: search.SNAS{Bilevel: hundred, Temperature: search.Temperature{Start: 10, End: 1}}, Source: "DrNAS, 201-space, its method snas"},
		{Method: "sdarts-rs", Settings: smooth, Source: "SmoothDARTS, nasbench201"},
		{Method: "sdarts-adv", Settings: search.SDARTSADV{SDARTS: smooth, Steps: 7}, Source: "SmoothDARTS, nasbench201"},
		{Method: "beta-darts", Settings: search.BetaDARTS{DARTS1: search.DARTS1{Bilevel: hundred, ArchFirst: true}, Decay: 50}, Source: "β-DARTS, optimizers/darts/architect.py"},
	}
}()

// paperRelatedDARTS are those that are published for the DARTS space or, with a number of
// epochs of its own, for NAS-Bench-1Shot1, as far as they run here as published.
func paperRelatedDARTS(epochs int, oneShot bool) []Search {
	bilevel := publishedBilevel(epochs, 3e-4)
	bilevel.ValidDraw = batch.Epochs
	first := search.DARTS1{Bilevel: bilevel, ArchFirst: true}
	schedule := scheduleOf(bilevel)
	zarts := search.ZARTS{Schedule: schedule, InitScale: 1e-3, WithoutNone: true, WarmUp: epochs / 5, Every: 10, Inner: 10, Candidates: 4}
	smooth := search.SDARTS{DARTS1: first, Radius: search.Radius{Start: 0.03, End: 0.3}}
	lambda := 0.125
	if oneShot {
		lambda = 0.25
	}
	searches := []Search{
		{Method: "lambda-darts", Settings: search.LambdaDARTS{DARTS1: first, Lambda: lambda, Epsilon: 1e-4}, Source: "Λ-DARTS, sota/cnn/train_search.py"},
		{Method: "zarts", Settings: search.ZARTSMGS{ZARTS: zarts, Sigma: 0.025, Tau: 0.01, Wide: 1e-3}, Source: "ZARTS, cnn/train_search.py"},
		{Method: "zarts-rs", Settings: search.ZARTSRS{ZARTS: zarts, Mu: 0.025, Rate: 0.025}, Source: "ZARTS, cnn/train_search.py", Except: map[string]string{"mu": noRelease, "arch_lr": noRelease}},
		{Method: "zarts-gld", Settings: search.ZARTSGLD{ZARTS: zarts, Radius: 0.1}, Source: "ZARTS, cnn/train_search.py", Except: map[string]string{"radius": noRelease}},
		{
			Method: "darts-pt", Settings: search.DARTSPT{
				DARTS1: first, Radius: smooth.Radius, Every: 5, LastFull: true, Tune: search.Rate{LR: 0.0025, MinLR: 0.001},
			},
			Source: "DARTS-PT, sota/cnn", Except: map[string]string{"radius": "SmoothDARTS, attacker/perturb.py"},
		},
		{Method: "sdarts-rs", Settings: smooth, Source: "SmoothDARTS, sota/cnn/train_search.py"},
		{Method: "sdarts-adv", Settings: search.SDARTSADV{SDARTS: smooth, Steps: 7}, Source: "SmoothDARTS, sota/cnn/train_search.py"},
	}
	eigenvalue := search.EigenRule{Every: 2, From: 22, Factor: 1.3}
	robust := bilevel
	robust.Weights.WeightDecay *= 9
	searches = append(searches,
		Search{Method: "ista-nas", Settings: search.ISTANAS{Bilevel: withRate(bilevel, 6e-4), Lambda: 1e-5, Rest: 1e-3}, Source: "ISTA-NAS, README", Except: map[string]string{
			"weights": "DARTS, cnn/train_search.py: ISTA-NAS has other rates for batches of 256"}},
		Search{Method: "sgas", Settings: search.SGAS{DARTS1: first, WarmUp: 9, Every: 5}, Source: "SGAS, cnn/train_search.py"},
		Search{Method: "fair-darts", Settings: search.FairDARTS{DARTS1: fair(bilevel), ZeroOne: 10, Threshold: 0.85}, Source: "Fair-DARTS, its train_search.py", Except: map[string]string{
			"arch.eps": "PyTorch"}},
		Search{Method: "rdarts-l2", Settings: search.DARTS2{Bilevel: robust}, Source: "DARTS, cnn/train_search.py", Except: map[string]string{"weights.weight_decay": "RobustDARTS: the third of its grid, nine times the usual"}},
		Search{Method: "darts-es", Settings: search.DARTSES{DARTS2: search.DARTS2{Bilevel: bilevel}, EigenRule: eigenvalue}, Source: "RobustDARTS, src/search/train_search.py"},
		Search{Method: "darts-ada", Settings: search.DARTSADA{DARTS2: search.DARTS2{Bilevel: bilevel}, EigenRule: eigenvalue, DecayFactor: 10, MaxDecay: 0.03},
			Source: "RobustDARTS, src/search/train_search.py and scripts/DARTS-ADA_search.sh"},
	)
	if !oneShot {
		quarter := withRate(bilevel, 6e-4)
		const batches = "PC-DARTS, scaled to the batch of the protocol: 0.1 for 256 images"
		return append(searches,
			Search{Method: "shapley-nas", Settings: search.ShapleyNAS{
				Schedule: schedule, InitScale: 1e-3, WithoutNone: true, Partial: 4, WarmUp: 25, Samples: 10, Batches: 1024 / 64, Truncate: 0.5, Momentum: 0.8, Step: 0.1,
			}, Source: "Shapley-NAS, train_search.py", Except: map[string]string{"weights": "Shapley-NAS, scaled to the batch of the protocol: 0.1 for 256 images"}},
			Search{Method: "pc-darts", Settings: search.PCDARTS{DARTS1: search.DARTS1{Bilevel: quarter, ArchFirst: true}, Partial: 4, EdgeWeights: true, WarmUp: 15},
				Source: "PC-DARTS, train_search.py", Except: map[string]string{"weights": batches}},
			Search{Method: "gaea-pc", Settings: search.GAEA{Schedule: schedule, Arch: search.ExpGrad{LR: 0.1, Floor: 1e-5}, ArchFirst: true, Partial: 4, EdgeWeights: true},
				Source: "GAEA, configs/cnn, PC-DARTS", Except: map[string]string{"weights": batches}},
			Search{Method: "drnas-p", Settings: search.DrNAS{DARTS1: search.DARTS1{Bilevel: quarter, ArchFirst: true}, WithoutNone: true, Partials: []int{8, 4}, Options: []int{0, 4}, WarmUp: 10},
				Source: "DrNAS, DARTS-space/train_search.py", Except: map[string]string{"partials": "ours: 6 and 4 of 36 channels there, on a network of 20 cells", "weights": "DARTS, cnn/train_search.py"}},
			Search{Method: "p-darts", Settings: search.PDARTS{
				DARTS1: search.DARTS1{Bilevel: withEpochs(quarter, 75), ArchFirst: true}, Depths: []int{5, 11, 17}, Options: []int{0, 5, 3}, WarmUp: 10, ArchClip: 5, Skips: 2,
			}, Source: "P-DARTS, train_search.py", Except: map[string]string{"weights": "P-DARTS falls to 0 in each stage, here to 0.001"}},
		)
	}
	variant := search.IDARTS{Bilevel: bilevel, Implicit: search.Implicit{InnerSteps: 5, NeumannTerms: 2}}
	const released = "iDARTS, NAS-Bench-1Shot1-codes/optimizers/idarts_v2/train_search.py"
	searches = append(searches,
		Search{Method: "idarts-hess", Settings: variant, Source: released},
		Search{Method: "idarts-approx", Settings: variant, Source: released},
		Search{Method: "gdas", Settings: search.GDAS{Bilevel: bilevel, Temperature: search.Temperature{Start: 10, End: 1}}},
		Search{
			Method: "pc-darts", Settings: search.PCDARTS{DARTS1: search.DARTS1{Bilevel: withEpochs(bilevel, 100), ArchFirst: true}, Partial: 4},
			Source: "nasbench-1shot1, optimizers/pc_darts",
		},
	)
	searches = append(searches,
		Search{Method: "shapley-nas", Settings: search.ShapleyNAS{
			Schedule: schedule, InitScale: 1e-3, Partial: 1, WarmUp: epochs / 2, Samples: 10, Batches: 1024 / 96, Truncate: 0.5, Momentum: 0.8, Step: 0.1,
		}},
		Search{Method: "drnas", Settings: search.DrNAS{DARTS1: first, Partials: []int{1}, Options: []int{0}}},
		Search{Method: "gaea", Settings: search.GAEA{Schedule: schedule, Arch: search.ExpGrad{LR: 0.1, Floor: 1e-5}, ArchFirst: true, Partial: 1, BestEpoch: true}},
	)
	for i := range searches {
		if m := searches[i].Method; m != "sdarts-rs" && m != "sdarts-adv" && m != "pc-darts" && !strings.HasPrefix(m, "idarts-") {
			searches[i].Source, searches[i].Except = ours+"; as on the DARTS space or NAS-Bench-201", nil
		}
	}
	return searches
}

// aside puts methods where they run when they are asked for, but those that are named.
func aside(searches []Search, main ...string) []Search {
	out := slices.Clone(searches)
	for i := range out {
		out[i].Aside = !slices.Contains(main, out[i].Method)
	}
	return out
}
