package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"

	"idarts/internal/rng"
	"idarts/internal/svge"
)

// SVGE are the settings of Bayesian optimisation in the space of a graph autoencoder.
type SVGE struct {
	Budget
	Hidden     int     `json:"hidden" doc:"numbers of a node's state in one direction"`
	Latent     int     `json:"latent" doc:"numbers that a graph becomes"`
	Graphs     int     `json:"graphs" doc:"cells that the autoencoder is trained on, without their accuracies"`
	Epochs     int     `json:"train_epochs" doc:"epochs of that training"`
	Batch      int     `json:"train_batch" doc:"graphs of a batch of it"`
	Rate       float64 `json:"train_lr" doc:"learning rate of it, falling along half a cosine to a tenth"`
	Clip       float64 `json:"train_clip" doc:"largest norm of its gradient; 0: no clipping"`
	Initial    int     `json:"initial" doc:"cells that are drawn uniformly and asked first"`
	Round      int     `json:"round" doc:"points that are chosen from one fit of the Gaussian process"`
	Candidates int     `json:"candidates" doc:"uniform points in the box of the known cells of which the best is polished"`
	Decodes    int     `json:"decodes" doc:"graphs that are sampled from a point; the most frequent valid one is asked"`
}

// Check implements [Settings].
func (s SVGE) Check() error {
	for _, size := range []struct {
		name string
		n    int
	}{
		{"hidden", s.Hidden}, {"latent", s.Latent}, {"graphs", s.Graphs}, {"train_epochs", s.Epochs}, {"train_batch", s.Batch},
		{"initial", s.Initial}, {"round", s.Round}, {"candidates", s.Candidates}, {"decodes", s.Decodes},
	} {
		if size.n < 1 {
			return fmt.Errorf("%s is %d, want at least 1", size.name, size.n)
		}
	}
	return cmp.Or(s.Budget.Check(), above(0, "train_lr", s.Rate), notBelow(0, "train_clip", s.Clip))
}

var svgeRow = Method{
	Name: "svge", Title: "SVGe", Paper: "Lukasik et al., IJCNN 2021, arXiv:2010.04683",
	Note:     "a two-sided graph autoencoder is trained on cells alone; then Bayesian optimisation among its codes: a Gaussian process on the validation accuracies, expected improvement, the chosen points decoded. The process is exact, where the code has inducing points; sizes, the training and the budget are ours, to take minutes; the decoder's two faults are mended",
	Traits:   Traits{ofTable, "code of a graph autoencoder", "expected improvement of a Gaussian process", "best validation", "1 query"},
	BlackBox: true, Zero: SVGE{},
	Begin: with(func(env Env, s SVGE) (Searcher, error) {
		if env.Space.Graphs == nil {
			return nil, errors.New("it needs a space whose architectures have a form as graphs")
		}
		return newBlackBox(env, s.Budget, func(b *blackBox) strategy {
			return &latentSearch{blackBox: b, set: s, codes: map[string][]float64{}}
		})
	}),
}

// latentSearch asks for Initial cells, then for those that the points of largest expected
// improvement decode to, Round of them from one fit. A point that decodes to no cell
// counts as the worst that was seen. Its draws and fits are pure functions of the seed and
// the answers.
type latentSearch struct {
	*blackBox
	set    SVGE
	model  *svge.Model
	codes  map[string][]float64 // of cells
	points [][]float64
	values []float64
	queue  [][]float64 // points that are still to be asked
	draws  uint64
}

func (l *latentSearch) next(ctx context.Context) (string, error) {
	if l.model == nil {
		var err error
		if l.model, err = pretrained(ctx, l.env, l.set); err != nil {
			return "", err
		}
	}
	l.draws++
	r := rng.New(l.env.Seed, "svge", l.draws)
	if len(l.points) < l.set.Initial || l.repeats >= patience {
		return l.unseen(r)
	}
	for {
		if len(l.queue) == 0 {
			if err := l.plan(); err != nil {
				return "", err
			}
		}
		point := l.queue[0]
		l.queue = l.queue[1:]
		if arch := l.decode(point); arch != "" {
			return arch, nil
		}
		l.points, l.values = append(l.points, point), append(l.values, slices.Min(l.values))
		l.draws++
		if len(l.points) > 4*(l.budget+l.set.Initial) { // the codes are of no use
			return l.unseen(r)
		}
	}
}

func (l *latentSearch) learn(arch string, score float64) {
	if _, known := l.codes[arch]; known {
		return
	}
	code, err := l.encode(arch)
	if err != nil {
		return // it is of the space, see next
	}
	l.codes[arch] = code
	l.points, l.values = append(l.points, code), append(l.values, score)
}

func (l *latentSearch) encode(arch string) ([]float64, error) {
	g, err := l.env.Space.Graphs.Of(arch)
	if err != nil {
		return nil, err
	}
	return l.model.Encode([]svge.Graph{g})[0], nil
}

// plan fits the Gaussian process and chooses Round points, each of the largest expected
// improvement if those before turn out as their means.
func (l *latentSearch) plan() error {
	gp, err := svge.FitGP(l.points, l.values, 40)
	if err != nil {
		return err
	}
	low, high := slices.Clone(l.points[0]), slices.Clone(l.points[0])
	for _, p := range l.points {
		for j, x := range p {
			low[j], high[j] = math.Min(low[j], x), math.Max(high[j], x)
		}
	}
	best := slices.Max(l.values)
	for k := range l.set.Round {
		r := rng.New(l.env.Seed, "svge candidates", l.draws, uint64(k))
		gain := func(x []float64) float64 {
			mean, deviation := gp.At(x)
			return svge.Improvement(mean, deviation, best)
		}
		var point []float64
		top := math.Inf(-1)
		for range l.set.Candidates {
			x := make([]float64, len(low))
			for j := range x {
				x[j] = low[j] + r.Float64()*(high[j]-low[j])
			}
			if g := gain(x); g > top {
				point, top = x, g
			}
		}
		point = polish(gain, point, low, high)
		l.queue = append(l.queue, point)
		mean, _ := gp.At(point)
		if gp, err = gp.With(point, mean); err != nil {
			return err
		}
	}
	return nil
}

// polish climbs from a point by L-BFGS and stays in the box.
func polish(gain func([]float64) float64, point, low, high []float64) []float64 {
	inside := func(x []float64) []float64 {
		y := slices.Clone(x)
		for j := range y {
			y[j] = math.Min(math.Max(y[j], low[j]), high[j])
		}
		return y
	}
	problem := optimize.Problem{
		Func: func(x []float64) float64 { return -gain(inside(x)) },
		Grad: func(grad, x []float64) {
			x = slices.Clone(x)
			for j, old := range x {
				h := 1e-4 * math.Max(high[j]-low[j], 1e-6)
				x[j] = old + h
				up := gain(inside(x))
				x[j] = old - h
				grad[j] = -(up - gain(inside(x))) / (2 * h)
				x[j] = old
			}
		},
	}
	found, _ := optimize.Minimize(problem, point, &optimize.Settings{MajorIterations: 10}, &optimize.LBFGS{})
	if found == nil || !(gain(inside(found.X)) > gain(point)) {
		return point
	}
	return inside(found.X)
}

// decode is the architecture that a point gives most often, the first of equal ones, or
// "" if it gives none.
func (l *latentSearch) decode(point []float64) string {
	r := rng.New(l.env.Seed, "svge decoding", l.draws)
	counts := map[string]int{}
	best := ""
	for _, g := range l.model.Decode(slices.Repeat([][]float64{point}, l.set.Decodes), r) {
		if len(g.Types) == 0 {
			continue
		}
		arch, err := l.env.Space.Graphs.Arch(g)
		if err != nil {
			continue
		}
		if counts[arch]++; best == "" || counts[arch] > counts[best] {
			best = arch
		}
	}
	return best
}
