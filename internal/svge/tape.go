package svge

import (
	"math"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// node is a matrix [r, c] on a tape, row after row, with the gradient of the loss in it.
type node struct {
	r, c int
	x, g []float64
}

// tape records operations on matrices for the way back. The decoder grows a graph whose
// shape is known only as it goes, and what generates must be what is trained: so the
// operations run when they are called, where gorgonia's graphs have to be whole before
// they run. A tape without a record only computes.
type tape struct {
	backs  []func()
	record bool
	*slabs
}

// slabs are the memory of a tape, which the next one takes over.
type slabs struct {
	all      [][]float64
	slab, at int // the next free number
}

const slabSize = 1 << 18

var spare = sync.Pool{New: func() any { return new(slabs) }}

// floats are n zeros that hold until the tape is closed.
func (s *slabs) floats(n int) []float64 {
	if n > slabSize {
		return make([]float64, n)
	}
	if s.slab < len(s.all) && s.at+n > slabSize {
		s.slab, s.at = s.slab+1, 0
	}
	if s.slab == len(s.all) {
		s.all = append(s.all, make([]float64, slabSize))
	}
	x := s.all[s.slab][s.at : s.at+n : s.at+n]
	s.at += n
	clear(x)
	return x
}

func newTape(record bool) *tape { return &tape{record: record, slabs: spare.Get().(*slabs)} }

// close gives the memory back: no node of the tape is of use any more.
func (t *tape) close() {
	t.slab, t.at = 0, 0
	spare.Put(t.slabs)
}

func (t *tape) node(r, c int) *node {
	n := &node{r: r, c: c, x: t.floats(r * c)}
	if t.record {
		n.g = t.floats(r * c)
	}
	return n
}

func (t *tape) later(back func()) {
	if t.record {
		t.backs = append(t.backs, back)
	}
}

// backward fills all gradients with those of loss [1,1].
func (t *tape) backward(loss *node) {
	loss.g[0] = 1
	for i := len(t.backs) - 1; i >= 0; i-- {
		t.backs[i]()
	}
}

func general(r, c int, x []float64) blas64.General {
	return blas64.General{Rows: r, Cols: c, Stride: max(c, 1), Data: x}
}

// mul is a·b.
func (t *tape) mul(a, b *node) *node {
	y := t.node(a.r, b.c)
	if a.r == 0 {
		return y
	}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, general(a.r, a.c, a.x), general(b.r, b.c, b.x), 0, general(y.r, y.c, y.x))
	t.later(func() {
		dy := general(y.r, y.c, y.g)
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, dy, general(b.r, b.c, b.x), 1, general(a.r, a.c, a.g))
		blas64.Gemm(blas.Trans, blas.NoTrans, 1, general(a.r, a.c, a.x), dy, 1, general(b.r, b.c, b.g))
	})
	return y
}

// add is the sum of matrices of one shape.
func (t *tape) add(a, b *node) *node {
	y := t.node(a.r, a.c)
	for i := range y.x {
		y.x[i] = a.x[i] + b.x[i]
	}
	t.later(func() {
		for i, g := range y.g {
			a.g[i] += g
			b.g[i] += g
		}
	})
	return y
}

// bias adds the row b [1, c] to each row of a.
func (t *tape) bias(a, b *node) *node {
	y := t.node(a.r, a.c)
	for i := range a.r {
		from, to := a.x[i*a.c:(i+1)*a.c], y.x[i*a.c:(i+1)*a.c]
		for j, v := range b.x {
			to[j] = from[j] + v
		}
	}
	t.later(func() {
		for i := range a.r {
			from, to := y.g[i*a.c:(i+1)*a.c], a.g[i*a.c:(i+1)*a.c]
			for j, g := range from {
				to[j] += g
				b.g[j] += g
			}
		}
	})
	return y
}

// linear is x·w + b.
func (t *tape) linear(x, w, b *node) *node { return t.bias(t.mul(x, w), b) }

// times is the product entry by entry.
func (t *tape) times(a, b *node) *node {
	y := t.node(a.r, a.c)
	for i := range y.x {
		y.x[i] = a.x[i] * b.x[i]
	}
	t.later(func() {
		for i, g := range y.g {
			a.g[i] += g * b.x[i]
			b.g[i] += g * a.x[i]
		}
	})
	return y
}

// weighted is row i of a times the number b[i, 0].
func (t *tape) weighted(a, b *node) *node {
	y := t.node(a.r, a.c)
	for i, f := range b.x {
		for j := i * a.c; j < (i+1)*a.c; j++ {
			y.x[j] = a.x[j] * f
		}
	}
	t.later(func() {
		for i, f := range b.x {
			for j := i * a.c; j < (i+1)*a.c; j++ {
				a.g[j] += y.g[j] * f
				b.g[i] += y.g[j] * a.x[j]
			}
		}
	})
	return y
}

// each is f of every entry; slope is its derivative by value and result.
func (t *tape) each(a *node, f func(float64) float64, slope func(x, y float64) float64) *node {
	y := t.node(a.r, a.c)
	for i, x := range a.x {
		y.x[i] = f(x)
	}
	t.later(func() {
		for i, g := range y.g {
			a.g[i] += g * slope(a.x[i], y.x[i])
		}
	})
	return y
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func (t *tape) sigmoid(a *node) *node {
	return t.each(a, logistic, func(_, y float64) float64 { return y * (1 - y) })
}

func (t *tape) tanh(a *node) *node {
	return t.each(a, math.Tanh, func(_, y float64) float64 { return 1 - y*y })
}

func (t *tape) relu(a *node) *node {
	return t.each(a, func(x float64) float64 { return math.Max(x, 0) }, func(x, _ float64) float64 {
		if x > 0 {
			return 1
		}
		return 0
	})
}

// affine is scale·a + shift with numbers.
func (t *tape) affine(a *node, scale, shift float64) *node {
	return t.each(a, func(x float64) float64 { return scale*x + shift }, func(_, _ float64) float64 { return scale })
}

// rows are the rows of a at these places, which may repeat.
func (t *tape) rows(a *node, places []int) *node {
	y := t.node(len(places), a.c)
	for i, at := range places {
		copy(y.x[i*a.c:(i+1)*a.c], a.x[at*a.c:(at+1)*a.c])
	}
	t.later(func() {
		for i, at := range places {
			for j := range a.c {
				a.g[at*a.c+j] += y.g[i*a.c+j]
			}
		}
	})
	return y
}

// sum adds row i of a to row places[i] of a matrix of n rows.
func (t *tape) sum(a *node, places []int, n int) *node {
	y := t.node(n, a.c)
	for i, at := range places {
		for j := range a.c {
			y.x[at*a.c+j] += a.x[i*a.c+j]
		}
	}
	t.later(func() {
		for i, at := range places {
			for j := range a.c {
				a.g[i*a.c+j] += y.g[at*a.c+j]
			}
		}
	})
	return y
}

// scaled is row i of a times factors[i].
func (t *tape) scaled(a *node, factors []float64) *node {
	y := t.node(a.r, a.c)
	for i, f := range factors {
		for j := i * a.c; j < (i+1)*a.c; j++ {
			y.x[j] = a.x[j] * f
		}
	}
	t.later(func() {
		for i, f := range factors {
			for j := i * a.c; j < (i+1)*a.c; j++ {
				a.g[j] += y.g[j] * f
			}
		}
	})
	return y
}

// beside has the columns of all parts, one after another.
func (t *tape) beside(parts ...*node) *node {
	c := 0
	for _, p := range parts {
		c += p.c
	}
	y := t.node(parts[0].r, c)
	at := 0
	for _, p := range parts {
		for i := range p.r {
			copy(y.x[i*c+at:i*c+at+p.c], p.x[i*p.c:(i+1)*p.c])
		}
		at += p.c
	}
	t.later(func() {
		at := 0
		for _, p := range parts {
			for i := range p.r {
				for j := range p.c {
					p.g[i*p.c+j] += y.g[i*c+at+j]
				}
			}
			at += p.c
		}
	})
	return y
}

// columns are n columns of a from first on.
func (t *tape) columns(a *node, first, n int) *node {
	y := t.node(a.r, n)
	for i := range a.r {
		copy(y.x[i*n:(i+1)*n], a.x[i*a.c+first:i*a.c+first+n])
	}
	t.later(func() {
		for i := range a.r {
			for j := range n {
				a.g[i*a.c+first+j] += y.g[i*n+j]
			}
		}
	})
	return y
}

// crossEntropy is Σ weight·(ln Σ exp z − z_target) over rows of logits.
func (t *tape) crossEntropy(logits *node, targets []int, weight float64) *node {
	y, p := t.node(1, 1), softmaxRows(logits)
	for i, target := range targets {
		y.x[0] -= weight * math.Log(math.Max(p[i*logits.c+target], 1e-300))
	}
	t.later(func() {
		for i, target := range targets {
			for j := range logits.c {
				d := p[i*logits.c+j]
				if j == target {
					d--
				}
				logits.g[i*logits.c+j] += y.g[0] * weight * d
			}
		}
	})
	return y
}

func softmaxRows(a *node) []float64 {
	p := make([]float64, len(a.x))
	for i := range a.r {
		row, out := a.x[i*a.c:(i+1)*a.c], p[i*a.c:(i+1)*a.c]
		top, sum := math.Inf(-1), 0.0
		for _, z := range row {
			top = math.Max(top, z)
		}
		for j, z := range row {
			out[j] = math.Exp(z - top)
			sum += out[j]
		}
		for j := range out {
			out[j] /= sum
		}
	}
	return p
}

// bernoulli is Σ weight·(ln(1 + exp z) − target·z) over logits [r, 1].
func (t *tape) bernoulli(logits *node, targets []float64, weight float64) *node {
	y := t.node(1, 1)
	for i, z := range logits.x {
		y.x[0] += weight * (math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - targets[i]*z)
	}
	t.later(func() {
		for i, z := range logits.x {
			logits.g[i] += y.g[0] * weight * (logistic(z) - targets[i])
		}
	})
	return y
}

// divergence is Σ ½(μ² + exp s − 1 − s): of N(μ, exp s) from N(0, 1), times weight.
func (t *tape) divergence(mean, logVar *node, weight float64) *node {
	y := t.node(1, 1)
	for i, m := range mean.x {
		s := logVar.x[i]
		y.x[0] += weight * (m*m + math.Exp(s) - 1 - s) / 2
	}
	t.later(func() {
		for i, m := range mean.x {
			mean.g[i] += y.g[0] * weight * m
			logVar.g[i] += y.g[0] * weight * (math.Exp(logVar.x[i]) - 1) / 2
		}
	})
	return y
}

// below has the rows of a, then those of b.
func (t *tape) below(a, b *node) *node {
	y := t.node(a.r+b.r, a.c)
	copy(y.x, a.x)
	copy(y.x[len(a.x):], b.x)
	t.later(func() {
		for i := range a.g {
			a.g[i] += y.g[i]
		}
		for i := range b.g {
			b.g[i] += y.g[len(a.g)+i]
		}
	})
	return y
}
