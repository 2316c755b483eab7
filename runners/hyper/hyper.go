// Package hyper measures how good the hypergradients of solvers are, and what they cost, on
// the supernet of a search and on ridge regression. Start at [Run].
package hyper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"reflect"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/provenance"
	"idarts/internal/result"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/statistics"
	"idarts/internal/supernet"
	"idarts/runners"
	"idarts/runners/protocol"
)

// Revision counts the ways in which this package has measured; numbers of two are not the
// same.
const Revision = 1

// Usual is the plan whose study the paper's page shows: of the search that `make
// reproduce-table` runs.
var Usual = result.HyperPlan{
	Space: "nb201", Protocol: "fair", Method: "idarts", Epochs: []int{1, 2, 4},
	Batch: 128, Unrolled: 100, Batches: 8, MINRES: 300, Most: 20, Calls: 20,
}

func apart(a, b []float64) result.Apart {
	aa, bb, ab, dd := 0.0, 0.0, 0.0, 0.0
	for i, x := range a {
		y := b[i]
		aa, bb, ab, dd = aa+x*x, bb+y*y, ab+x*y, dd+(x-y)*(x-y)
	}
	if aa == 0 {
		return result.Apart{Cosine: 0, Error: 1} // nothing is said of the direction
	}
	return result.Apart{Cosine: ab / math.Sqrt(aa*bb), Error: math.Sqrt(dd / bb)}
}

func norm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// family are solvers of one kind; of makes one for a budget, from a stream of its own.
type family struct {
	name    string
	budgets []int
	of      func(budget int, s *spot, r *rand.Rand) search.Solver
	warm    bool // it goes on from call to call
}

var families = []family{
	{"Neumann (iDARTS), K", []int{0, 1, 2, 3, 5, 10, 20}, func(k int, _ *spot, _ *rand.Rand) search.Solver { return search.Neumann{K: k} }, false},
	{"conjugate gradients, products", []int{1, 2, 3, 5, 10, 20}, func(k int, _ *spot, _ *rand.Rand) search.Solver { return search.CG{Iters: k} }, false},
	{"minimal residuals, products", []int{1, 2, 3, 5, 10, 20}, func(k int, _ *spot, _ *rand.Rand) search.Solver { return search.MINRES{Iters: k} }, false},
	{"Nystrom, rho 0.01, columns", []int{1, 2, 5, 10, 20}, func(k int, _ *spot, r *rand.Rand) search.Solver {
		return search.Nystrom{Rank: k, Damping: 0.01, Rand: r}
	}, false},
	{"Nystrom, rho 1/gamma, columns", []int{1, 2, 5, 10, 20}, func(k int, s *spot, r *rand.Rand) search.Solver {
		return search.Nystrom{Rank: k, Damping: 1 / s.rate, Rand: r}
	}, false},
	{"warm start (SOBA 1, AmIGO), steps", []int{1, 2, 5, 10}, func(k int, _ *spot, _ *rand.Rand) search.Solver { return &search.Warm{Steps: k} }, true},
	{"diagonal of released 1Shot1 code, K", []int{2}, func(k int, s *spot, _ *rand.Rand) search.Solver {
		return &search.Slope{K: k, Gradient: s.slope}
	}, false},
}

// Load is the study in a file, nil where it is none of this plan, device and revision.
func Load(path string, plan result.HyperPlan, d exec.Device) (*result.HyperStudy, error) {
	var s result.HyperStudy
	if err := result.ReadJSON(path, &s); errors.Is(err, fs.ErrNotExist) || errors.Is(err, result.ErrDamaged) {
		return nil, nil // it is made again
	} else if err != nil {
		return nil, err
	}
	_, chosen, err := searched(plan)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(s.Plan, plan) || s.Revision != Revision || s.Device != d.Class() || !sameJSON(s.Settings, chosen.Settings) {
		return nil, nil
	}
	return &s, nil
}

// sameJSON says whether two values are written alike.
func sameJSON(a, b any) bool {
	var read [2]any
	for i, v := range []any{a, b} {
		content, err := json.Marshal(v)
		if err != nil || json.Unmarshal(content, &read[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(read[0], read[1])
}

// searched is the protocol of a plan and the search that is looked at.
func searched(plan result.HyperPlan) (protocol.Protocol, protocol.Search, error) {
	p, err := protocol.Lookup(plan.Space, plan.Protocol)
	if err != nil {
		return p, protocol.Search{}, err
	}
	of, ok := p.Of(plan.Method)
	if !ok {
		err = fmt.Errorf("hyper: protocol %q of space %q has no settings for %q", plan.Protocol, plan.Space, plan.Method)
	}
	return p, of, err
}

// Run measures on d, which the search runs on as well.
func Run(ctx context.Context, plan result.HyperPlan, d exec.Device, progress func(string)) (*result.HyperStudy, error) {
	p, chosen, err := searched(plan)
	if err != nil {
		return nil, err
	}
	method, err := search.Lookup(plan.Method)
	if err != nil {
		return nil, err
	}
	data, err := images.Open(p.Dataset, "")
	if err != nil {
		return nil, err
	}
	large := p
	large.Batch = plan.Batch
	big, err := runners.Supernet(large, data, d, plan.Seed)
	if err != nil {
		return nil, err
	}
	var small *supernet.Problem
	space, err := protocol.LookupSpace(plan.Space)
	if err != nil {
		return nil, err
	}
	searcher, err := method.New(search.Env{
		Space: space.Search(), Seed: plan.Seed,
		Supernet: func(o search.SupernetOptions) (search.Problem, error) {
			small, err = runners.Supernet(p, data, d, plan.Seed)
			return small, err
		},
	}, chosen.Settings)
	if err != nil {
		return nil, err
	}
	engine, ok := searcher.(*search.Engine)
	if !ok {
		return nil, fmt.Errorf("hyper: method %q shares no weights", plan.Method)
	}
	study := &result.HyperStudy{
		Plan: plan, Settings: chosen.Settings, Revision: Revision, Device: d.Class(), Versions: provenance.Versions(), Data: map[string]string{p.Dataset: data.SHA256()}, Params: small.Weights().Len(), Small: p.Batch,
	}
	done := 0
	for _, epoch := range plan.Epochs {
		for ; done < epoch; done++ {
			if _, err := searcher.Epoch(ctx, nil); err != nil {
				return nil, err
			}
		}
		progress(fmt.Sprintf("after epoch %d of %d", epoch, searcher.Epochs()))
		point, err := look(ctx, plan, engine, small, big)
		if err != nil {
			return nil, fmt.Errorf("hyper: after epoch %d: %w", epoch, err)
		}
		study.Points = append(study.Points, point)
	}
	study.Ridge, err = ridges(d)
	return study, err
}

// spot is where hypergradients are compared.
type spot struct {
	rate  float64
	coefs []float64
	pull  func(dcoefs []float64) []float64 // to α, from all layers
	slope exec.Vec                         // gradient of the training batch
}

// look compares hypergradients where the search is. The search goes on as if nothing had
// been.
func look(ctx context.Context, plan result.HyperPlan, e *search.Engine, small, big *supernet.Problem) (point result.HyperPoint, err error) {
	kept := small.Snapshot()
	defer func() {
		if back := small.Restore(kept); err == nil {
			err = back
		}
	}()
	big.Weights().Copy(small.Weights())
	s := spot{rate: e.Clock.Rate}
	n := e.Space.Layout.Len()
	mixture, layers := make([]float64, n), small.Layers()
	pullback := e.Relaxation.Mix(mixture, search.Use{For: search.ForArchitecture, Clock: e.Clock, Rand: rng.New(plan.Seed, "hyper mixture")})
	for range layers {
		s.coefs = append(s.coefs, mixture...)
	}
	s.pull = func(dcoefs []float64) []float64 {
		sum, dparams := make([]float64, n), make([]float64, len(e.Relaxation.Params()))
		for i, x := range dcoefs {
			sum[i%n] += x
		}
		pullback(sum, dparams)
		return dparams
	}
	at := search.Point{Coefs: s.coefs, Train: batch.Batch{Split: batch.Train}, Valid: batch.Batch{Split: batch.Valid}, Gamma: s.rate}

	hyper := search.Hyper{Problem: big}
	whole, direct := make([]float64, len(s.coefs)), make([]float64, len(s.coefs))
	if err := hyper.Unroll(whole, direct, at, plan.Unrolled); err != nil {
		return point, err
	}
	for i := range whole {
		whole[i] -= direct[i]
	}
	unrolled := s.pull(whole)
	s.slope = big.NewVec()
	same := func(solve search.Solver) ([]float64, error) { return s.implicit(&hyper, at, solve) }
	left := 0.0
	exact, err := same(search.MINRES{Iters: plan.MINRES, Tolerance: 1e-6, Residual: &left})
	if err != nil {
		return point, err
	}
	point = result.HyperPoint{
		Epoch: e.Clock.Epoch + 1, Rate: s.rate, Residual: left, Curvature: hyper.Curvature / (hyper.Norms[0] * hyper.Norms[0]),
		Direct: norm(s.pull(direct)), Unrolled: norm(unrolled), Exact: norm(exact), Cosine: apart(exact, unrolled).Cosine,
	}
	small.Weights().Copy(big.Weights())
	few := search.Hyper{Problem: small}
	for _, f := range families {
		curve := result.HyperCurve{Solver: f.name}
		for _, budget := range f.budgets {
			if budget > plan.Most {
				break
			}
			if err := ctx.Err(); err != nil {
				return point, err
			}
			v, err := s.value(plan, f, budget, &hyper, &few, at, unrolled, exact)
			if errors.Is(err, search.ErrDiverged) {
				curve.Diverged = budget
				break
			} else if err != nil {
				return point, fmt.Errorf("%s %d: %w", f.name, budget, err)
			}
			curve.Values = append(curve.Values, v)
		}
		point.Curves = append(point.Curves, curve)
	}
	return point, nil
}

// value is a solver at one budget.
func (s *spot) value(plan result.HyperPlan, f family, budget int, large, few *search.Hyper, at search.Point, unrolled, exact []float64) (v result.HyperValue, err error) {
	stream := rng.New(plan.Seed, "hyper "+f.name, uint64(budget))
	v.Budget = budget
	solve := f.of(budget, s, stream)
	if f.warm { // the same batch all the time
		for range plan.Calls - 1 {
			if _, err := s.implicit(large, at, solve); err != nil {
				return v, err
			}
		}
	}
	same, err := s.implicit(large, at, solve)
	if err != nil {
		return v, err
	}
	v.Same, v.Exact, v.Norm = apart(same, unrolled), apart(same, exact), norm(same)
	var cosines []float64
	solve = f.of(budget, s, stream)
	if f.warm {
		for call := range uint64(plan.Calls) {
			if _, err := s.implicit(few, with(at, 100+call), solve); err != nil {
				return v, err
			}
		}
	}
	for k := range uint64(plan.Batches) {
		before := few.Problem.GFLOP()
		got, err := s.implicit(few, with(at, k), solve)
		if err != nil {
			return v, err
		}
		v.GFLOP += (few.Problem.GFLOP() - before) / float64(plan.Batches)
		a := apart(got, unrolled)
		cosines = append(cosines, a.Cosine)
		v.Small.Cosine += a.Cosine / float64(plan.Batches)
		v.Small.Error += a.Error / float64(plan.Batches)
	}
	v.GFLOP = math.Round(1e6*v.GFLOP) / 1e6 // what was counted before has no part in it
	v.Spread = statistics.SD(cosines)
	return v, nil
}

// with is the point on other batches.
func with(at search.Point, index uint64) search.Point {
	at.Train.Index, at.Valid.Index = index, index
	return at
}

// implicit is the implicit part of a hypergradient in α.
func (s *spot) implicit(h *search.Hyper, at search.Point, solve search.Solver) ([]float64, error) {
	if slope, ok := solve.(*search.Slope); ok {
		if _, err := h.Problem.Gradient(at.Train, at.Coefs, slope.Gradient, nil); err != nil {
			return nil, err
		}
	}
	if _, err := h.Gradient(make([]float64, len(at.Coefs)), at, solve); err != nil {
		return nil, err
	}
	return s.pull(h.Implicit), nil
}
