package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/safetensors"
	"idarts/internal/search"
)

// Step runs outer steps of a method on a fixture, one an epoch, and writes what another
// program needs to do the same and to compare: α (or what else is trained) and the weights
// after them, the coefficients of every pass in order, which hold all that was drawn, and the
// numbers of the reports. Weights and α start as in the fixture, momentum and moments at
// zero; a method on the simplex starts at softmax(α). docs/parity.md lists it.
func Step(f *Fixture, device exec.Device, method search.Method, settings search.Settings, steps int, out string) error {
	p, _, _, err := FixtureProblem(f, device)
	if err != nil {
		return err
	}
	record := &recorded{Problem: p}
	s, err := method.New(search.Env{
		Space: f.Space.Search(), Seed: 1,
		Supernet: func(o search.SupernetOptions) (search.Problem, error) {
			if o.Partial > 1 || o.Live != nil {
				return nil, fmt.Errorf("parity: the networks of fixtures have all channels and operations")
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
	params, alpha := engine.Relaxation.Params(), f.file.Tensors["alpha"]
	if len(params) != f.layout.Len() {
		return fmt.Errorf("parity: method %q has %d architecture parameters where the fixture has %d", method.Name, len(params), f.layout.Len())
	}
	for i := range params {
		params[i] = alpha.Float(i)
	}
	if search.OnSimplex(engine.Relaxation) {
		search.Softmax.Mix(f.layout, append([]float64(nil), params...), params)
	}
	told, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	w := f.result(device)
	w.file.Metadata["method"], w.file.Metadata["settings"], w.file.Metadata["steps"] = method.Name, string(told), strconv.Itoa(steps)
	for step := range steps {
		report, err := s.Epoch(context.Background(), nil)
		if err != nil {
			return err
		}
		w.tensor(fmt.Sprintf("loss.train.%d", step), []int{}, []float64{report.TrainLoss})
		w.tensor(fmt.Sprintf("loss.valid.%d", step), []int{}, []float64{report.ValidLoss})
	}
	w.tensor("alpha", []int{len(params)}, params)
	w.weights("w.", p.Weights())
	for k, pass := range record.passes {
		w.tensor(fmt.Sprintf("pass.%d.%s", k, halves[pass.split]), []int{f.cells, f.layout.Len()}, pass.coefs)
	}
	return safetensors.Write(out, w.file)
}

// recorded is a problem that remembers the coefficients of its gradients.
type recorded struct {
	search.Problem
	passes []onePass
}

type onePass struct {
	split batch.Split
	coefs []float64
}

// BatchesPerEpoch makes an epoch one step.
func (*recorded) BatchesPerEpoch(batch.Split) int { return 1 }

func (r *recorded) Gradient(b batch.Batch, coefs []float64, dw exec.Vec, dcoefs []float64) (exec.Number, error) {
	if b.Split == batch.Whole { // the fixture has two batches
		b.Split = batch.Train
	}
	r.passes = append(r.passes, onePass{b.Split, append([]float64(nil), coefs...)})
	return r.Problem.Gradient(b, coefs, dw, dcoefs)
}
