package svge

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// Training is how a model is fitted to graphs.
type Training struct {
	Epochs int
	Batch  int
	Rate   float64 // of Adam, falling along half a cosine to a tenth
	Clip   float64 // largest norm of the gradient; 0: no clipping
}

// Train fits the model to graphs, in batches of one number of nodes, drawn afresh each
// epoch from r. It returns the mean loss of each epoch, or ctx's error when that ends.
func (m *Model) Train(ctx context.Context, graphs []Graph, t Training, r *rand.Rand) ([]float64, error) {
	by := map[int][]int{} // graphs by number of nodes
	var sizes []int
	for i, g := range graphs {
		n := len(g.Types)
		if by[n] == nil {
			sizes = append(sizes, n)
		}
		by[n] = append(by[n], i)
	}
	slices.Sort(sizes)
	first, second := make([]float64, len(m.Theta)), make([]float64, len(m.Theta))
	steps := 0
	var losses []float64
	for epoch := range t.Epochs {
		var batches [][]int
		for _, n := range sizes {
			order := slices.Clone(by[n])
			r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			for batch := range slices.Chunk(order, t.Batch) {
				batches = append(batches, batch)
			}
		}
		r.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
		rate := t.Rate * (0.1 + 0.9*(1+math.Cos(math.Pi*float64(epoch)/float64(t.Epochs)))/2)
		sum := 0.0
		for _, batch := range batches {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			of := make([]Graph, len(batch))
			for i, at := range batch {
				of[i] = graphs[at]
			}
			normals := make([]float64, len(of)*m.Latent)
			for i := range normals {
				normals[i] = r.NormFloat64()
			}
			loss, grad := m.halves(of, normals)
			sum += loss * float64(len(of)) / float64(len(graphs))
			steps++
			clip(grad, t.Clip)
			m.adam(grad, first, second, steps, rate)
		}
		losses = append(losses, sum)
	}
	return losses, nil
}

// halves is [Model.Loss] of a batch in two parts, side by side: always the same two, so that
// the sum is the same on any machine.
func (m *Model) halves(graphs []Graph, normals []float64) (float64, []float64) {
	n := (len(graphs) + 1) / 2
	if n == len(graphs) {
		return m.Loss(graphs, normals, true)
	}
	var loss float64
	var grad []float64
	var other sync.WaitGroup
	other.Go(func() { loss, grad = m.part(graphs[n:], normals[n*m.Latent:], len(graphs), true) })
	first, sum := m.part(graphs[:n], normals[:n*m.Latent], len(graphs), true)
	other.Wait()
	for i, g := range grad {
		sum[i] += g
	}
	return first + loss, sum
}

// clip scales grad to a norm of at most limit.
func clip(grad []float64, limit float64) {
	square := 0.0
	for _, g := range grad {
		square += g * g
	}
	if norm := math.Sqrt(square); limit > 0 && norm > limit {
		for i := range grad {
			grad[i] *= limit / norm
		}
	}
}

func (m *Model) adam(grad, first, second []float64, step int, rate float64) {
	const beta1, beta2, eps = 0.9, 0.999, 1e-8
	bias1, bias2 := 1-math.Pow(beta1, float64(step)), 1-math.Pow(beta2, float64(step))
	for i, g := range grad {
		first[i] = beta1*first[i] + (1-beta1)*g
		second[i] = beta2*second[i] + (1-beta2)*g*g
		m.Theta[i] -= rate * (first[i] / bias1) / (math.Sqrt(second[i]/bias2) + eps)
	}
}
