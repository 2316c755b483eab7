package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/safetensors"
	"idarts/internal/search"
)

// Step runs outer steps of a method on a fixture, one an epoch, and writes what another
// program needs to do the same and to compare: α (or what else is trained) and the weights
// after them, the coefficients of every pass in order, which hold what was drawn, what a draw
// is made from besides, what was evaluated in between, and the numbers of the reports. Weights
// and α start as in the fixture, momentum and moments at zero, weights of edges alike; a method
// on the simplex starts at softmax(α). docs/parity.md lists it.
func Step(f *Fixture, device exec.Device, method search.Method, settings search.Settings, steps int, out string) error {
	p, _, _, err := FixtureProblem(f, device)
	if err != nil {
		return err
	}
	record := &recorded{Problem: p}
	s, err := method.New(search.Env{
		Space: f.Space.Search(), Seed: 1,
		Supernet: func(o search.SupernetOptions) (search.Problem, error) {
			if max(o.Partial, 1) != f.Partial || o.EdgeWeights != f.EdgeWeights || o.Width > 0 || o.Depth > 0 {
				return nil, fmt.Errorf("parity: the method wants another network than that of the fixture, %+v in place of %+v", o, search.SupernetOptions{Partial: f.Partial, EdgeWeights: f.EdgeWeights})
			}
			return record, nil
		},
	}, settings)
	if err != nil {
		return err
	}
	engine, ok := s.(*search.Engine)
	if !ok {
		return fmt.Errorf("parity: method %q shares no weights, so it has no step", method.Name)
	}
	record.drawn = engine.Drawn
	params, alpha := engine.Relaxation.Params(), f.file.Tensors["alpha"]
	simplex := search.OnSimplex(engine.Relaxation)
	n := f.layout.Len()
	if simplex && len(params) < n {
		return fmt.Errorf("parity: method %q has %d architecture parameters where the fixture has %d", method.Name, len(params), n)
	}
	w := f.result(device)
	mixtures, edges := params[:min(n, len(params))], params[min(n, len(params)):]
	if len(edges) > 0 && !f.EdgeWeights { // those of a controller, which start as the method has them
		w.tensor("alpha.start", []int{len(params)}, slices.Clone(params))
		mixtures, edges = nil, nil
	}
	for i := range mixtures {
		mixtures[i] = alpha.Float(i)
	}
	if simplex { // the weights of edges start alike
		search.Softmax.Mix(f.layout, slices.Clone(mixtures), mixtures)
	} else {
		clear(edges)
	}
	told, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	w.file.Metadata["method"], w.file.Metadata["settings"], w.file.Metadata["steps"] = method.Name, string(told), strconv.Itoa(steps)
	for step := range steps {
		report, err := s.Epoch(context.Background(), nil)
		if err != nil {
			return err
		}
		w.tensor(fmt.Sprintf("loss.train.%d", step), []int{}, []float64{report.TrainLoss})
		w.tensor(fmt.Sprintf("loss.valid.%d", step), []int{}, []float64{report.ValidLoss})
		for _, name := range slices.Sorted(maps.Keys(report.Extra)) {
			w.tensor(fmt.Sprintf("extra.%s.%d", name, step), []int{}, []float64{report.Extra[name]})
		}
	}
	w.tensor("alpha", []int{len(params)}, params)
	w.weights("w.", p.Weights())
	for k, pass := range record.passes {
		w.tensor(fmt.Sprintf("pass.%d.%s", k, halves[pass.split]), []int{f.cells, f.layout.Len()}, pass.coefs)
		if len(pass.drawn) > 0 {
			w.tensor(fmt.Sprintf("drawn.%d", k), []int{len(pass.drawn)}, pass.drawn)
		}
	}
	for k, one := range record.evaluations {
		w.tensor(fmt.Sprintf("evaluation.%d", k), []int{f.cells, f.layout.Len()}, one.coefs)
		w.tensor(fmt.Sprintf("evaluation.%d.loss", k), []int{}, []float64{one.Loss})
		w.tensor(fmt.Sprintf("evaluation.%d.accuracy", k), []int{}, []float64{one.Accuracy})
	}
	return safetensors.Write(out, w.file)
}

// recorded is a problem that remembers the coefficients of its gradients, and its
// evaluations on the validation batch.
type recorded struct {
	search.Problem
	drawn       func() []float64 // of the search
	passes      []onePass
	evaluations []evaluation
}

type evaluation struct {
	coefs []float64
	batch.Evaluation
}

type onePass struct {
	split        batch.Split
	coefs, drawn []float64
}

// BatchesPerEpoch makes an epoch one step.
func (*recorded) BatchesPerEpoch(batch.Split) int { return 1 }

func (r *recorded) Gradient(b batch.Batch, coefs []float64, dw exec.Vec, dcoefs []float64) (exec.Number, error) {
	if b.Split == batch.Whole { // the fixture has two batches
		b.Split = batch.Train
	}
	r.passes = append(r.passes, onePass{split: b.Split, coefs: slices.Clone(coefs), drawn: slices.Clone(r.drawn())})
	return r.Problem.Gradient(b, coefs, dw, dcoefs)
}

func (r *recorded) Evaluate(b batch.Batch, coefs []float64, norm exec.NormMode) (batch.Evaluation, error) {
	found, err := r.Problem.Evaluate(b, coefs, norm)
	r.evaluations = append(r.evaluations, evaluation{slices.Clone(coefs), found})
	return found, err
}
