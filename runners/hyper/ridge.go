package hyper

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/rng"
	"idarts/internal/search"
)

// ridge is ridge regression with a penalty for each of its weights:
//
//	L₁ = ‖Xw − y‖²/2n + Σ cᵢwᵢ²/2,  L₂ = ‖w − t‖²/2
//
// so that H = XᵀX/n + diag(c) and (Mu)ᵢ = wᵢuᵢ. It is only what a hypergradient asks of a
// problem.
type ridge struct {
	search.Problem
	d       exec.Device
	w       exec.Vec
	gram    *mat.SymDense // XᵀX/n
	xty, t  []float64     // Xᵀy/n
	at      []float64     // the weights of the linearization
	penalty []float64
}

// The sizes of the regression: weights and examples. Its columns differ in scale, so that H
// has a wide spectrum.
const ridgeWeights, ridgeExamples = 20, 60

func newRidge(d exec.Device) *ridge {
	r := rng.New(1, "hyper ridge")
	x, y := mat.NewDense(ridgeExamples, ridgeWeights, nil), mat.NewVecDense(ridgeExamples, nil)
	p := &ridge{d: d, w: d.NewVec(ridgeWeights), gram: mat.NewSymDense(ridgeWeights, nil)}
	for i := range ridgeExamples {
		for j := range ridgeWeights {
			x.Set(i, j, r.NormFloat64()*math.Pow(0.2, float64(j)/(ridgeWeights-1)))
		}
		y.SetVec(i, 0.5*r.NormFloat64()+x.At(i, 0)-x.At(i, 5)+x.At(i, 15))
	}
	p.gram.SymOuterK(1./ridgeExamples, x.T())
	var xty mat.VecDense
	xty.MulVec(x.T(), y)
	xty.ScaleVec(1./ridgeExamples, &xty)
	p.xty = xty.RawVector().Data
	for range ridgeWeights {
		p.t = append(p.t, 0.5*r.NormFloat64())
	}
	return p
}

func (p *ridge) Weights() exec.Vec { return p.w }
func (p *ridge) NewVec() exec.Vec  { return p.d.NewVec(ridgeWeights) }

// hessian is XᵀX/n + diag(c).
func (p *ridge) hessian(c []float64) *mat.SymDense {
	h := mat.NewSymDense(ridgeWeights, nil)
	h.CopySym(p.gram)
	for i, x := range c {
		h.SetSym(i, i, h.At(i, i)+x)
	}
	return h
}

// solve is H⁻¹ b.
func (p *ridge) solve(c, b []float64) ([]float64, error) {
	var chol mat.Cholesky
	if !chol.Factorize(p.hessian(c)) {
		return nil, fmt.Errorf("hyper: ridge regression with penalties %v is not convex", c)
	}
	var x mat.VecDense
	err := chol.SolveVecTo(&x, mat.NewVecDense(len(b), b))
	return x.RawVector().Data, err
}

func (p *ridge) Gradient(b batch.Batch, c []float64, dw exec.Vec, dc []float64) (exec.Number, error) {
	w, g, loss := make([]float64, ridgeWeights), make([]float64, ridgeWeights), 0.0
	p.w.Read(w)
	clear(dc)
	if b.Split == batch.Valid {
		for i := range w {
			g[i] = w[i] - p.t[i]
			loss += g[i] * g[i] / 2
		}
	} else {
		h := p.hessian(c)
		for i := range g {
			g[i] = -p.xty[i]
			for j := range w {
				g[i] += h.At(i, j) * w[j]
			}
			loss += w[i] * (g[i] - p.xty[i]) / 2
			if dc != nil {
				dc[i] = w[i] * w[i] / 2
			}
		}
	}
	if dw != nil {
		dw.Write(g)
	}
	return exec.Known(loss), nil
}

func (p *ridge) Linearize(_ batch.Batch, c []float64) error {
	p.at = make([]float64, ridgeWeights)
	p.w.Read(p.at)
	p.penalty = append([]float64(nil), c...)
	return nil
}

func (p *ridge) Product(v, hv exec.Vec, mixed []float64) error {
	x, y := make([]float64, ridgeWeights), make([]float64, ridgeWeights)
	v.Read(x)
	h := p.hessian(p.penalty)
	for i := range y {
		for j := range x {
			y[i] += h.At(i, j) * x[j]
		}
		if mixed != nil {
			mixed[i] = p.at[i] * x[i]
		}
	}
	if hv != nil {
		hv.Write(y)
	}
	return nil
}

// ridges measures the series on ridge regression, with γ at half of 1/L and at 1/L.
func ridges(d exec.Device) (out []result.HyperRidge, err error) {
	p := newRidge(d)
	c := make([]float64, ridgeWeights)
	for i := range c {
		c[i] = 0.05
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(p.hessian(c), false) {
		return nil, fmt.Errorf("hyper: no eigenvalues of ridge regression")
	}
	values := eigen.Values(nil)
	mu, largest := values[0], values[len(values)-1]
	best, err := p.solve(c, p.xty)
	if err != nil {
		return nil, err
	}
	p.w.Write(best)
	exact, err := p.exact(c)
	if err != nil {
		return nil, err
	}
	size, v, steepest := norm(exact), 0.0, 0.0
	for i, w := range best {
		v += (w - p.t[i]) * (w - p.t[i])
		steepest = max(steepest, math.Abs(w))
	}
	at := search.Point{Coefs: c, Train: batch.Batch{Split: batch.Train}, Valid: batch.Batch{Split: batch.Valid}}
	for _, part := range []float64{0.5, 1} {
		r := result.HyperRidge{Gamma: part / largest, Searches: []int{0, 2, 5, 20}}
		for k := 0; k <= 50; k++ {
			got := make([]float64, ridgeWeights)
			at.Gamma = r.Gamma
			if _, err := search.Hypergradient(got, p, at, search.Neumann{K: k}); err != nil {
				return nil, err
			}
			r.K = append(r.K, k)
			r.Error = append(r.Error, apart(got, exact).Error)
			r.Bound = append(r.Bound, math.Pow(1-r.Gamma*mu, float64(k+1))*steepest*math.Sqrt(v)/mu/size)
		}
		for _, k := range r.Searches {
			descent, err := p.descend(c, r.Gamma, k)
			if err != nil {
				return nil, err
			}
			r.Descent = append(r.Descent, descent)
		}
		p.w.Write(best)
		out = append(out, r)
	}
	return out, nil
}

// exact is the hypergradient at w*(c), −w ∘ H⁻¹(w − t).
func (p *ridge) exact(c []float64) ([]float64, error) {
	w, err := p.solve(c, p.xty)
	if err != nil {
		return nil, err
	}
	v := make([]float64, len(w))
	for i := range w {
		v[i] = w[i] - p.t[i]
	}
	u, err := p.solve(c, v)
	if err != nil {
		return nil, err
	}
	for i := range u {
		u[i] *= -w[i]
	}
	return u, nil
}

// Outer and inner steps of a search on the regression.
const ridgeOuter, ridgeInner, ridgeRate = 100, 4, 0.05

// descend moves the penalties along hypergradients with K, after ridgeInner steps of the
// weights each; they stay at 0.001 or above.
func (p *ridge) descend(start []float64, gamma float64, k int) (losses []float64, err error) {
	c := append([]float64(nil), start...)
	p.w.Zero()
	grad, dc := p.NewVec(), make([]float64, ridgeWeights)
	at := search.Point{Coefs: c, Train: batch.Batch{Split: batch.Train}, Valid: batch.Batch{Split: batch.Valid}, Gamma: gamma}
	for step := 0; step <= ridgeOuter; step++ {
		w, err := p.solve(c, p.xty)
		if err != nil {
			return nil, err
		}
		loss := 0.0
		for i := range w {
			loss += (w[i] - p.t[i]) * (w[i] - p.t[i]) / 2
		}
		losses = append(losses, loss)
		for range ridgeInner {
			if _, err := p.Gradient(at.Train, c, grad, nil); err != nil {
				return nil, err
			}
			p.w.Axpy(-gamma, grad)
		}
		if _, err := search.Hypergradient(dc, p, at, search.Neumann{K: k}); err != nil {
			return nil, err
		}
		for i := range c {
			c[i] = max(0.001, c[i]-ridgeRate*dc[i])
		}
	}
	return losses, nil
}
