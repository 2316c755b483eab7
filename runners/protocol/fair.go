package protocol

import (
	"maps"
	"slices"
	"strconv"

	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/internal/training"
	"idarts/nb201"
)

// fairBudget is the arithmetic that every method of protocol fair has for a search, in
// GFLOP: what iDARTS costs at its published proportions, with as many outer steps in an
// epoch as the training half has batches (313), for 4 epochs, that is 1,252 architecture steps.
const fairBudget = 320

// fairCells is how many cells the budget pays for where a method asks for trainings, of
// some 46 GFLOP each.
const fairCells = 7

// budgeted is one method in protocol fair: in how many epochs it spends the budget, to the
// nearest whole one, and what tuning chose for it.
type budgeted struct {
	method string
	epochs int
	arch   float64 // factor of the rate of α; 0: not tuned
	lr     float64 // rate of the weights; 0: not tuned
}

// fairMethods: epochs were set before anything was run but to count arithmetic; rates are what
// [Tuning] chose, docs/measurements/tuning-2026-11-28.md, for the methods that went through it.
var fairMethods = []budgeted{
	{method: "darts-v1", epochs: 22, arch: 1, lr: 0.1}, {method: "darts-v2", epochs: 8, arch: 1. / 3, lr: 0.025}, {method: "idarts", epochs: 4, arch: 3, lr: 0.1},
	{method: "idarts-released", epochs: 5}, {method: "idarts-hess", epochs: 4}, {method: "idarts-approx", epochs: 4},
	{method: "lambda-darts", epochs: 12, arch: 3, lr: 0.025}, {method: "shapley-nas", epochs: 12, arch: 1. / 3, lr: 0.025}, {method: "zarts", epochs: 10, arch: 1. / 3, lr: 0.1}, {method: "zarts-rs", epochs: 9},
	{method: "zarts-gld", epochs: 9}, {method: "darts-pt", epochs: 16, arch: 1. / 3, lr: 0.1}, {method: "ista-nas", epochs: 70, arch: 3, lr: 0.1}, {method: "drnas", epochs: 22, arch: 1, lr: 0.025},
	{method: "drnas-p", epochs: 38}, {method: "gaea", epochs: 19, arch: 3, lr: 0.1}, {method: "gaea-pc", epochs: 60}, {method: "gaea-gdas", epochs: 41},
	{method: "gdas", epochs: 35, arch: 3, lr: 0.025}, {method: "setn", epochs: 24}, {method: "rsps", epochs: 35, arch: 1, lr: 0.1}, {method: "enas", epochs: 48},
	{method: "pc-darts", epochs: 71, arch: 1. / 3, lr: 0.025}, {method: "snas", epochs: 22}, {method: "sdarts-rs", epochs: 22}, {method: "sdarts-adv", epochs: 6},
	{method: "sgas", epochs: 22}, {method: "p-darts", epochs: 32}, {method: "fair-darts", epochs: 22}, {method: "beta-darts", epochs: 22, arch: 1. / 3, lr: 0.1},
	{method: "rdarts-l2", epochs: 8}, {method: "darts-es", epochs: 8}, {method: "darts-ada", epochs: 8},
}

// fairMain are in the table that the program prints by default.
// Of the other methods it is the one that tuning found best by validation among those that
// take no longer than DARTS.
var fairMain = []string{"random", "rea", "darts-v1", "darts-v2", "idarts", "drnas"}

// nb201Fair compares methods at equal arithmetic, each with its schedule over its own epochs.
var nb201Fair = fairProtocol("fair", strconv.Itoa(fairBudget)+" GFLOP for every method, rates tuned by one rule: NAS-Bench-201 at 8x8, every network known", true, func(f budgeted) int { return f.epochs })

// nb201FairUntuned is the same without tuning, nb201FairSteps with as many architecture steps for all.
var (
	nb201FairUntuned = fairProtocol("fair-untuned", "fair without tuning", false, func(f budgeted) int { return f.epochs })
	nb201FairSteps   = fairProtocol("fair-steps", "as many architecture steps for all methods that take one in each outer step; else fair", true, func(budgeted) int { return 4 })
)

func fairProtocol(name, title string, tuned bool, epochs func(budgeted) int) Protocol {
	p := Protocol{
		Name: name, Title: title,
		Space: "nb201", Dataset: "fashion8",
		Supernet: nb201.Net{C: 4, N: 1},
		Batch:    16,
		Augment:  training.Augment{Flip: true},
		Score:    nb201Laptop.Score,
	}
	for _, s := range slices.Concat(blackBox, pick(fairSearches(1), "bohb", "svge")) {
		p.Search = append(p.Search, withCells(s))
	}
	all := map[int][]Search{} // by epochs
	for _, f := range fairMethods {
		n := epochs(f)
		if all[n] == nil {
			all[n] = fairSearches(n)
		}
		s := pick(all[n], f.method)[0].with("as published", number{"one_pass", "false"})
		if tuned {
			s = f.tuned(s)
		}
		p.Search = append(p.Search, s)
	}
	p.Search = aside(p.Search, fairMain...)
	return p
}

// fairSearches are the methods by the rule of [relatedSearches], in so many epochs.
func fairSearches(epochs int) []Search {
	return append(laptopSearches(epochs, 0, 0), relatedSearches(budgetOf{epochs, 0, 16, 100, 512, 2, true})...)
}

// pick are the searches of these methods, in their own order.
func pick(searches []Search, methods ...string) (out []Search) {
	for _, s := range searches {
		if slices.Contains(methods, s.Method) {
			out = append(out, s)
		}
	}
	return out
}

// number is one of a method's settings in text.
type number struct{ path, text string }

// with is s with other numbers, those that its method has, and where they are from.
func (s Search) with(source string, numbers ...number) Search {
	s.Except = maps.Clone(s.Except)
	there := settings.Walk(s.Settings)
	for _, n := range numbers {
		if !has(there, n.path) {
			continue
		}
		changed, err := settings.Set(s.Settings, n.path, n.text)
		if err != nil {
			panic("protocol: " + err.Error())
		}
		if s.Except == nil {
			s.Except = map[string]string{}
		}
		s.Settings, s.Except[n.path] = changed, source
	}
	return s
}

// has says whether there is a setting.
func has(there []settings.Value, path string) bool {
	return slices.ContainsFunc(there, func(v settings.Value) bool { return v.Path == path })
}

// withCells is a search that asks for trainings, with the cells that the budget pays for.
func withCells(s Search) Search {
	s = s.with("ours: as many cells as the arithmetic of the others pays for", number{"queries", strconv.Itoa(fairCells)})
	s = s.with("ours: smaller than the population", number{"sample", "2"})
	return s.with("ours: smaller than the budget", number{"population", "4"}, number{"initial", "4"}, number{"round", "3"})
}

// tuned is s with what tuning chose.
func (f budgeted) tuned(s Search) Search {
	const source = "tuned, see docs/measurements/tuning-2026-11-28.md"
	if path, rate, ok := AlphaRate(s.Settings); ok && f.arch > 0 && f.arch != 1 {
		s = s.with(source, number{path, Rate(rate * f.arch)})
	}
	if f.lr > 0 {
		s = s.with(source, number{"weights.lr", Rate(f.lr)})
	}
	return s
}

// AlphaRate is the number of a method's settings by which α moves faster or slower; ok is
// false where nothing moves it.
func AlphaRate(s search.Settings) (path string, rate float64, ok bool) {
	there := settings.Walk(s)
	for _, path := range []string{"arch.lr", "arch_lr", "step", "sigma", "radius"} {
		for _, v := range there {
			if rate, is := v.Value.(float64); is && v.Path == path {
				return path, rate, true
			}
		}
	}
	return "", 0, false
}

// HasWeights says whether a method trains a supernet by a rate of its own.
func HasWeights(s search.Settings) bool { return has(settings.Walk(s), "weights.lr") }

// Rate is the text of a rate in three digits.
func Rate(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }

// Tuning is the grid that every method goes through, the same for all: factors of the rate of
// α, and rates of the weights. The one whose derived cells have the best mean validation accuracy
// over seeds that are reported nowhere is taken.
var Tuning = struct{ Alpha, Weights []float64 }{[]float64{1. / 3, 1, 3}, []float64{0.025, 0.1}}
