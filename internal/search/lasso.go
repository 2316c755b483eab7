package search

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Lasso returns the z that minimises ½‖A z − b‖² + λ‖z‖₁, A [m, n], for n of at most some
// hundreds. It follows the exact path of solutions from the λ where z is 0 down to the one
// that is asked for: between two changes of the support S, with signs s,
//
//	z_S = (A_Sᵀ A_S)⁻¹ (A_Sᵀ b − λ s)
//
// Source: Osborne et al., 2000; Efron et al., Least angle regression, 2004.
func Lasso(a *mat.Dense, b []float64, lambda float64) ([]float64, error) {
	m, n := a.Dims()
	z := make([]float64, n)
	var support []int
	var signs []float64
	at := 0.0 // λ of the path so far
	enter := -1
	correlation := make([]float64, n)
	for j := range n {
		correlation[j] = column(a, j, b)
		if c := math.Abs(correlation[j]); c > at {
			at, enter = c, j
		}
	}
	if at <= lambda {
		return z, nil
	}
	support, signs = []int{enter}, []float64{sign(correlation[enter])}
	// What entered or left the support at this λ is on its bound there, by one sign, and
	// not again before the next change.
	entered, left, leftSign := enter, -1, 0.0
	for range 50 * (n + m) {
		// On the way down z_S = p − λ q.
		p, q, err := direction(a, b, support, signs)
		if err != nil {
			return nil, err
		}
		next, event := lambda, -1
		for i, j := range support { // crosses 0
			if root := p[i] / q[i]; j != entered && q[i] != 0 && root > next && root < at {
				next, event = root, j
			}
		}
		r, d := residual(a, b, support, p, q)
		for j := range n { // a_jᵀ(b − A z) = u + λ v reaches ±λ
			if slices.Contains(support, j) {
				continue
			}
			u, v := column(a, j, r), column(a, j, d)
			for _, s := range [2]float64{1, -1} {
				if root := s * u / (1 - s*v); !(j == left && s == leftSign) && 1-s*v != 0 && root > next && root < at {
					next, event = root, j
				}
			}
		}
		if event < 0 {
			for i, j := range support {
				z[j] = p[i] - lambda*q[i]
			}
			return z, nil
		}
		at, entered, left = next, -1, -1
		if i := slices.Index(support, event); i >= 0 {
			left, leftSign = event, signs[i]
			support, signs = slices.Delete(support, i, i+1), slices.Delete(signs, i, i+1)
			continue
		}
		entered = event
		support = append(support, event)
		signs = append(signs, sign(column(a, event, r)+next*column(a, event, d)))
	}
	return nil, errors.New("search: the path of the LASSO does not end")
}

// direction is p = G⁻¹ A_Sᵀ b and q = G⁻¹ s, G = A_Sᵀ A_S.
func direction(a *mat.Dense, b []float64, support []int, signs []float64) (p, q []float64, err error) {
	k := len(support)
	g, right := mat.NewDense(k, k, nil), mat.NewDense(k, 2, nil)
	m, _ := a.Dims()
	for i, ci := range support {
		for j, cj := range support {
			sum := 0.0
			for row := range m {
				sum += a.At(row, ci) * a.At(row, cj)
			}
			g.Set(i, j, sum)
		}
		right.Set(i, 0, column(a, ci, b))
		right.Set(i, 1, signs[i])
	}
	var x mat.Dense
	if err := x.Solve(g, right); err != nil {
		var ill mat.Condition
		if !errors.As(err, &ill) || math.IsInf(float64(ill), 1) {
			return nil, nil, err
		}
	}
	return mat.Col(nil, 0, &x), mat.Col(nil, 1, &x), nil
}

// residual is b − A z = r + λ d.
func residual(a *mat.Dense, b []float64, support []int, p, q []float64) (r, d []float64) {
	r, d = slices.Clone(b), make([]float64, len(b))
	for row := range b {
		for i, j := range support {
			r[row] -= a.At(row, j) * p[i]
			d[row] += a.At(row, j) * q[i]
		}
	}
	return r, d
}

// column is a_jᵀ x.
func column(a *mat.Dense, j int, x []float64) float64 {
	sum := 0.0
	for row, v := range x {
		sum += a.At(row, j) * v
	}
	return sum
}
