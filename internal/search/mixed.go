package search

import "idarts/internal/exec"

// Mixed fills dst = M u, M = ∂²L₁/∂c∂w on at.Train. v is the vector of the system
// H u = v that u solves.
type Mixed func(h *Hyper, at Point, v, u exec.Vec, dst []float64) error

// Exact is the product by one tangent pass.
func Exact(h *Hyper, _ Point, _, u exec.Vec, dst []float64) error {
	return h.Problem.Product(u, nil, dst)
}

// Differences is the product by central differences along s = u/γ with the radius
// of the DARTS and iDARTS code, ε = 0.01/‖v‖ (the norm of v, not of s):
//
//	M u ≈ γ [∂L₁/∂c(w+εs) − ∂L₁/∂c(w−εs)]/2ε
//
// The weights are restored exactly.
func Differences(h *Hyper, at Point, v, u exec.Vec, dst []float64) error {
	w, saved := h.Problem.Weights(), h.vector(&h.saved)
	saved.Copy(w)
	_, err := h.differences(at, v, u, dst)
	w.Copy(saved)
	return err
}

// Released is [Differences] as the authors' notebook runs it: instead of +εs it
// adds +εv at the end, so w moves by ε(v−s), a step of about 0.01·K down the
// validation loss.
// Source: MiaoZhang0525/iDARTS, NAS_Bench201_codes/exps/algos/iDARTS_V2.ipynb.
func Released(h *Hyper, at Point, v, u exec.Vec, dst []float64) error {
	eps, err := h.differences(at, v, u, dst)
	h.Problem.Weights().Axpy(eps, v)
	return err
}

// differences leaves the weights at w − εs.
func (h *Hyper) differences(at Point, v, u exec.Vec, dst []float64) (eps float64, err error) {
	const radius = 0.01
	norm := Norm(v)
	if norm == 0 { // then u = 0 as well
		clear(dst)
		return 0, nil
	}
	eps = radius / norm
	w := h.Problem.Weights()
	w.Axpy(eps/at.Gamma, u)
	if _, err := h.Problem.Gradient(at.Train, at.Coefs, nil, dst); err != nil {
		return eps, err
	}
	w.Axpy(-2*eps/at.Gamma, u)
	minus := make([]float64, len(dst))
	if _, err := h.Problem.Gradient(at.Train, at.Coefs, nil, minus); err != nil {
		return eps, err
	}
	for i := range dst {
		dst[i] = at.Gamma * (dst[i] - minus[i]) / (2 * eps)
	}
	return eps, nil
}
