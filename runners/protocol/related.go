package protocol

import (
	"math"
	"slices"

	"idarts/internal/batch"
	"idarts/internal/search"
)

// mainRelated are in the table of NAS-Bench-201 that the program prints by default.
var mainRelated = []string{"lambda-darts", "shapley-nas", "zarts", "darts-pt", "drnas", "gaea", "rsps", "sdarts-rs", "beta-darts"}

// budgetOf are the numbers that laptop searches of one protocol share: lengths, batches
// and rates.
type budgetOf struct {
	epochs, steps int // of an epoch; 0: one pass
	batch         int // images
	samples       int // architectures that one-shot methods compare after an epoch
	judges        int // validation images by which shapley-nas and darts-pt judge
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
	schedule := search.Schedule{Epochs: b.epochs, MaxSteps: b.steps, Weights: bilevel.Weights, ValidDraw: bilevel.ValidDraw}
	rate := func(published float64) search.DARTS1 {
		d := first
		d.Arch.LR = laptopRate(published)
		return d
	}
	archFirst := func(d search.DARTS1) search.DARTS1 {
		d.ArchFirst = true
		return d
	}
	share := func(of float64) int { return max(1, int(math.Round(of*float64(b.epochs)))) }
	sampling := search.Sampling{Samples: b.samples, Batches: max(1, 512/b.batch)}
	// Architecture steps in a published search over 50 epochs of 390 steps, and here.
	zartsMoves := 40. * 39 / math.Max(1, float64(b.epochs-share(0.2))*math.Max(1, float64(stepsOf(b))/10))
	zarts := search.ZARTS{Schedule: schedule, InitScale: 1e-3, WarmUp: share(0.2), Every: 10, Inner: 10, Candidates: 4}
	withoutClip := bilevel
	withoutClip.Weights.Clip = 0
	smooth := search.SDARTS{DARTS1: archFirst(first), Radius: search.Radius{Start: 0.03, End: 0.3}}
	searches := []Search{
		{Method: "lambda-darts", Settings: search.LambdaDARTS{DARTS1: rate(1e-4), Lambda: 0.25, Epsilon: 1e-4}},
		{Method: "shapley-nas", Settings: search.ShapleyNAS{
			Schedule: schedule, InitScale: 1e-3, WithoutNone: true, WarmUp: share(0.5), Samples: min(10, b.samples/4), Batches: max(1, b.judges/b.batch),
			Truncate: 0.5, Momentum: 0.8, Step: 0.1 * 25 / float64(max(1, b.epochs-share(0.5))),
		}},
		{Method: "zarts", Settings: search.ZARTSMGS{ZARTS: zarts, Sigma: 0.025 * zartsMoves, Tau: 0.01, Wide: 1e-3}},
		{Method: "zarts-rs", Settings: search.ZARTSRS{ZARTS: zarts, Mu: 0.025 * zartsMoves, Rate: 0.025 * zartsMoves}},
		{Method: "zarts-gld", Settings: search.ZARTSGLD{ZARTS: zarts, Radius: 0.1 * zartsMoves}},
		{Method: "darts-pt", Settings: search.DARTSPT{
			DARTS1: archFirst(first), Base: search.OnDARTS, Radius: smooth.Radius, Criterion: search.ByAccuracy,
			Every: share(0.05), Batches: max(1, b.judges/b.batch), Tune: search.Rate{LR: bilevel.Weights.LR / 10, MinLR: bilevel.Weights.LR / 10},
		}},
		{Method: "drnas", Settings: search.DrNAS{DARTS1: archFirst(first)}},
		{Method: "gaea", Settings: search.GAEA{
			Schedule: schedule, Arch: search.ExpGrad{LR: laptopRate(0.1), Floor: 1e-5}, ArchFirst: true, WithoutNone: true, BestEpoch: true,
		}},
		{Method: "rsps", Settings: search.RSPS{Schedule: schedule, Sampling: sampling}},
		{Method: "setn", Settings: search.SETN{Bilevel: withoutClip, Sampling: sampling}},
		{Method: "snas", Settings: search.SNAS{Bilevel: bilevel, Temperature: search.Temperature{Start: 10, End: 1}}},
		{Method: "sdarts-rs", Settings: smooth},
		{Method: "sdarts-adv", Settings: search.SDARTSADV{SDARTS: smooth, Steps: 7}},
		{Method: "beta-darts", Settings: search.BetaDARTS{DARTS1: archFirst(first), Decay: 50}},
	}
	for i := range searches {
		searches[i].Source = "as published, see protocol paper of nb201 and docs/methods.md"
		searches[i].Except = relatedSources
	}
	return searches
}

// stepsOf is how many outer steps an epoch has, as far as a share of a search needs it.
func stepsOf(b budgetOf) int {
	if b.steps > 0 {
		return b.steps
	}
	return 5000 / b.batch // the training half of the embedded images
}

var relatedSources = func() map[string]string {
	const seldom = "ours: published, times how many fewer architecture steps there are"
	sources := map[string]string{
		"warm_up": "published, as a share of the search", "every": "published; darts-pt as a share of the search",
		"sigma": seldom, "step": seldom, "samples": "published, but in protocol quick",
		"mu": "ours: none is released", "radius": "ours: none is released", "arch_lr": "ours: none is released",
		"radius.start": "SmoothDARTS, attacker/perturb.py", "radius.end": "SmoothDARTS, attacker/perturb.py",
		"batches": "ours, to take minutes", "sampling": "NAS-Bench-201: so many architectures and images",
		"tune": "a tenth of the rate of the search, as published",
	}
	for name, source := range laptopSources {
		sources[name] = source
	}
	return sources
}()

// published are the weight steps that most of them have on NAS-Bench-201, from DARTS.
func publishedBilevel(epochs int, alpha float64) search.Bilevel {
	arch := paperArch
	arch.LR = alpha
	return search.Bilevel{Epochs: epochs, Weights: dartsSGD, Arch: arch, InitScale: 1e-3, ValidDraw: batch.Replaced}
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
	benchmark.Epochs, benchmark.Weights.EachStep = 250, true
	withoutClip := benchmark
	withoutClip.Weights.Clip = 0
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
				Schedule: scheduleOf(hundred), InitScale: 1e-3, WithoutNone: true, WarmUp: 50, Samples: 10, Batches: 1024 / 64, Truncate: 0.5, Momentum: 0.8, Step: 0.1,
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
		{Method: "drnas", Settings: search.DrNAS{DARTS1: search.DARTS1{Bilevel: hundred, ArchFirst: true}}, Source: "DrNAS, 201-space/train_search.py"},
		{
			Method: "gaea", Settings: search.GAEA{
				Schedule: gaeaSchedule, Arch: search.ExpGrad{LR: 0.1, Floor: 1e-5}, ArchFirst: true, WithoutNone: true, StopAfter: 25, BestEpoch: true,
			},
			Source: "GAEA, configs/cnn; the bilevel form",
		},
		{Method: "rsps", Settings: search.RSPS{Schedule: scheduleOf(benchmark), Sampling: sampling}, Source: "NAS-Bench-201, exps/NAS-Bench-201-algos/RANDOM-NAS.py"},
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
	if !oneShot {
		return searches
	}
	searches = append(searches,
		Search{Method: "shapley-nas", Settings: search.ShapleyNAS{
			Schedule: schedule, InitScale: 1e-3, WarmUp: epochs / 2, Samples: 10, Batches: 1024 / 96, Truncate: 0.5, Momentum: 0.8, Step: 0.1,
		}},
		Search{Method: "drnas", Settings: search.DrNAS{DARTS1: first}},
		Search{Method: "gaea", Settings: search.GAEA{Schedule: schedule, Arch: search.ExpGrad{LR: 0.1, Floor: 1e-5}, ArchFirst: true, BestEpoch: true}},
	)
	for i := range searches {
		if m := searches[i].Method; m != "sdarts-rs" && m != "sdarts-adv" {
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
