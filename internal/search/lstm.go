package search

import (
	"math"
	"math/rand/v2"
)

// lstm is the network of ENAS's controller: an embedding of what was chosen last, layers
// of LSTM cells of so many hidden units, and a head for each kind of choice. All of it is
// in one vector θ. Sizes are small, so that everything is in float64 and in plain loops.
type lstm struct {
	hidden, layers int
	choices        int   // embeddings, besides that of the start
	heads          []int // outputs of each head
	theta          []float64
}

func newLSTM(hidden, layers, choices int, heads []int, r *rand.Rand) *lstm {
	l := &lstm{hidden: hidden, layers: layers, choices: choices, heads: heads}
	l.theta = make([]float64, l.head(len(heads)))
	const bound = 0.1 // as the code starts
	for i := range l.theta {
		l.theta[i] = bound * (2*r.Float64() - 1)
	}
	return l
}

// Places in θ: embeddings [choices+1, H], then for each layer the weights [4H, 2H] of
// input and state and the bias [4H], then for each head weights [n, H] and bias [n].
func (l *lstm) layer(k int) int {
	h := l.hidden
	return (l.choices+1)*h + k*(8*h*h+4*h)
}

func (l *lstm) head(k int) int {
	at := l.layer(l.layers)
	for _, n := range l.heads[:k] {
		at += n * (l.hidden + 1)
	}
	return at
}

// decision is one step: which head answers, and which of its options may be chosen.
type decision struct {
	head    int
	allowed []bool // nil: all
	first   int    // embedding of option 0
}

// step is what a decision was made from, for the way back.
type step struct {
	decision
	input  int // embedding that went in
	gates  [][]float64
	cells  [][]float64 // after
	states [][]float64 // after
	p      []float64
	squash []float64 // tanh(logit/5)
	choice int
}

// unroll makes decisions one after another: next says which one follows from the choices so
// far, and ends with false; pick chooses by probabilities. Logits are 2.5·tanh(z/5).
func (l *lstm) unroll(next func(made []step) (decision, bool), pick func(p []float64) int) []step {
	h := l.hidden
	var made []step
	states, cells := make([][]float64, l.layers), make([][]float64, l.layers)
	for k := range l.layers {
		states[k], cells[k] = make([]float64, h), make([]float64, h)
	}
	input := l.choices // the learned start
	for {
		d, more := next(made)
		if !more {
			return made
		}
		s := step{decision: d, input: input}
		x := l.theta[input*h : (input+1)*h]
		for k := range l.layers {
			gates, cell, state := l.cell(k, x, states[k], cells[k])
			s.gates = append(s.gates, gates)
			states[k], cells[k] = state, cell
			s.states, s.cells = append(s.states, state), append(s.cells, cell)
			x = state
		}
		n := l.heads[d.head]
		w := l.theta[l.head(d.head):]
		s.p, s.squash = make([]float64, n), make([]float64, n)
		for o := range n {
			z := w[n*h+o]
			for i, v := range x {
				z += w[o*h+i] * v
			}
			s.squash[o] = math.Tanh(z / 5)
			s.p[o] = 2.5 * s.squash[o]
			if d.allowed != nil && !d.allowed[o] {
				s.p[o] = math.Inf(-1)
			}
		}
		softmaxRow(append([]float64(nil), s.p...), s.p)
		s.choice = pick(s.p)
		input = d.first + s.choice
		made = append(made, s)
	}
}

// cell is one LSTM cell; gates are input, forget, candidate and output after their
// nonlinearities, [4H].
func (l *lstm) cell(k int, x, state, cell []float64) (gates, newCell, newState []float64) {
	h := l.hidden
	w := l.theta[l.layer(k):]
	bias := w[8*h*h:]
	gates, newCell, newState = make([]float64, 4*h), make([]float64, h), make([]float64, h)
	for g := range gates {
		z := bias[g]
		row := w[g*2*h : (g+1)*2*h]
		for i := range h {
			z += row[i]*x[i] + row[h+i]*state[i]
		}
		if g/h == 2 {
			gates[g] = math.Tanh(z)
		} else {
			gates[g] = sigmoid(z)
		}
	}
	for i := range h {
		newCell[i] = gates[h+i]*cell[i] + gates[i]*gates[2*h+i]
		newState[i] = gates[3*h+i] * math.Tanh(newCell[i])
	}
	return gates, newCell, newState
}

// logProbability and entropy of the decisions, in nats.
func logProbability(made []step) (sum float64) {
	for _, s := range made {
		sum += math.Log(s.p[s.choice])
	}
	return sum
}

func entropyOf(made []step) (sum float64) {
	for _, s := range made {
		for _, p := range s.p {
			if p > 0 {
				sum -= p * math.Log(p)
			}
		}
	}
	return sum
}

// back adds to grad the gradient of logWeight·log p(choices) + entropyWeight·entropy.
func (l *lstm) back(made []step, logWeight, entropyWeight float64, grad []float64) {
	h := l.hidden
	dstates, dcells := make([][]float64, l.layers), make([][]float64, l.layers)
	for k := range l.layers {
		dstates[k], dcells[k] = make([]float64, h), make([]float64, h)
	}
	zero := make([]float64, h)
	for t := len(made) - 1; t >= 0; t-- {
		s := made[t]
		top := s.states[l.layers-1]
		n, at := l.heads[s.head], l.head(s.head)
		entropy := 0.0
		for _, p := range s.p {
			if p > 0 {
				entropy -= p * math.Log(p)
			}
		}
		for o, p := range s.p {
			if p == 0 && s.allowed != nil && !s.allowed[o] {
				continue
			}
			d := -logWeight * p
			if o == s.choice {
				d += logWeight
			}
			if p > 0 {
				d -= entropyWeight * p * (math.Log(p) + entropy)
			}
			dz := d * 2.5 * (1 - s.squash[o]*s.squash[o]) / 5
			grad[at+n*h+o] += dz
			for i := range h {
				grad[at+o*h+i] += dz * top[i]
				dstates[l.layers-1][i] += dz * l.theta[at+o*h+i]
			}
		}
		for k := l.layers - 1; k >= 0; k-- {
			state, cell, x := zero, zero, l.theta[s.input*h:(s.input+1)*h]
			if t > 0 {
				state, cell = made[t-1].states[k], made[t-1].cells[k]
			}
			if k > 0 {
				x = s.states[k-1]
			}
			dx, dstate := l.cellBack(k, s.gates[k], s.cells[k], x, state, cell, dstates[k], dcells[k], grad)
			copy(dstates[k], dstate)
			if k > 0 {
				for i := range h {
					dstates[k-1][i] += dx[i]
				}
				continue
			}
			for i := range h {
				grad[s.input*h+i] += dx[i]
			}
		}
	}
}

// cellBack is the way back through a cell. dcell becomes the gradient in the cell before.
func (l *lstm) cellBack(k int, gates, after, x, state, cell, dstate, dcell, grad []float64) (dx, dbefore []float64) {
	h, at := l.hidden, l.layer(k)
	dz := make([]float64, 4*h)
	for i := range h {
		in, forget, candidate, out := gates[i], gates[h+i], gates[2*h+i], gates[3*h+i]
		tanh := math.Tanh(after[i])
		dc := dcell[i] + dstate[i]*out*(1-tanh*tanh)
		dz[i] = dc * candidate * in * (1 - in)
		dz[h+i] = dc * cell[i] * forget * (1 - forget)
		dz[2*h+i] = dc * in * (1 - candidate*candidate)
		dz[3*h+i] = dstate[i] * tanh * out * (1 - out)
		dcell[i] = dc * forget
	}
	dx, dbefore = make([]float64, h), make([]float64, h)
	for g, d := range dz {
		grad[at+8*h*h+g] += d
		row := at + g*2*h
		for i := range h {
			grad[row+i] += d * x[i]
			grad[row+h+i] += d * state[i]
			dx[i] += d * l.theta[row+i]
			dbefore[i] += d * l.theta[row+h+i]
		}
	}
	return dx, dbefore
}
