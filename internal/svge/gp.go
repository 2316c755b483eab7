package svge

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat/distuv"
)

// GP is a Gaussian process with the kernel
//
//	k(a, b) = s² exp(−½ Σ_d ((a_d − b_d)/l_d)²),  noise n² on the diagonal
//
// on values that are standardised. It is exact, where the paper's code has inducing
// points: there are hundreds of points here, not tens of thousands.
type GP struct {
	points      [][]float64
	logs        []float64 // ln l_d, ln s, ln n
	mean, scale float64   // of the values
	chol        mat.Cholesky
	weights     *mat.VecDense // K⁻¹ y
}

// FitGP maximises the likelihood of the values at the points by L-BFGS from length scales
// of the points' spread, for so many iterations.
func FitGP(points [][]float64, values []float64, iterations int) (*GP, error) {
	g := &GP{points: points}
	n, d := len(points), len(points[0])
	for _, v := range values {
		g.mean += v / float64(n)
	}
	for _, v := range values {
		g.scale += (v - g.mean) * (v - g.mean) / float64(n)
	}
	if g.scale = math.Sqrt(g.scale); g.scale == 0 {
		g.scale = 1
	}
	y := mat.NewVecDense(n, nil)
	for i, v := range values {
		y.SetVec(i, (v-g.mean)/g.scale)
	}
	start := make([]float64, d+2)
	for j := range d {
		mean, square := 0.0, 0.0
		for _, p := range points {
			mean += p[j] / float64(n)
			square += p[j] * p[j] / float64(n)
		}
		start[j] = math.Log(math.Sqrt(math.Max(square-mean*mean, 1e-6) * float64(d)))
	}
	start[d+1] = math.Log(0.3)
	result, err := optimize.Minimize(optimize.Problem{
		Func: func(logs []float64) float64 { v, _ := likelihood(points, y, logs, nil); return v },
		Grad: func(grad, logs []float64) { likelihood(points, y, logs, grad) },
	}, start, &optimize.Settings{MajorIterations: iterations}, &optimize.LBFGS{})
	if result == nil {
		return nil, err
	}
	g.logs = result.X
	if !g.chol.Factorize(kernelMatrix(points, g.logs)) {
		return nil, errors.New("svge: the covariance of the points is not positive")
	}
	g.weights = mat.NewVecDense(n, nil)
	return g, g.chol.SolveVecTo(g.weights, y)
}

func kernel(a, b, logs []float64) float64 {
	d := len(a)
	sum := 0.0
	for j := range d {
		z := (a[j] - b[j]) / math.Exp(logs[j])
		sum += z * z
	}
	return math.Exp(2*logs[d] - sum/2)
}

func kernelMatrix(points [][]float64, logs []float64) *mat.SymDense {
	n := len(points)
	k := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			k.SetSym(i, j, kernel(points[i], points[j], logs))
		}
		k.SetSym(i, i, k.At(i, i)+math.Exp(2*logs[len(logs)-1])+1e-8)
	}
	return k
}

// likelihood is −ln p(y) but for a constant, and a weak prior on the logarithms:
// ½(yᵀK⁻¹y + ln|K|) + 0.01 Σ logs². Its gradient is ½ tr((K⁻¹ − aaᵀ) ∂K) + 0.02 logs,
// a = K⁻¹y.
func likelihood(points [][]float64, y *mat.VecDense, logs, grad []float64) (float64, error) {
	n, d := len(points), len(logs)-2
	k := kernelMatrix(points, logs)
	var chol mat.Cholesky
	if !chol.Factorize(k) {
		for i := range grad {
			grad[i] = 0
		}
		return math.Inf(1), errors.New("svge: not positive")
	}
	a := mat.NewVecDense(n, nil)
	if err := chol.SolveVecTo(a, y); err != nil {
		var ill mat.Condition
		if !errors.As(err, &ill) {
			return math.Inf(1), err
		}
	}
	value := (mat.Dot(y, a) + chol.LogDet()) / 2
	for _, l := range logs {
		value += 0.01 * l * l
	}
	if grad == nil {
		return value, nil
	}
	var inverse mat.SymDense
	if err := chol.InverseTo(&inverse); err != nil {
		var ill mat.Condition
		if !errors.As(err, &ill) {
			return value, err
		}
	}
	for i := range grad {
		grad[i] = 0.02 * logs[i]
	}
	lengths := make([]float64, d)
	for j := range lengths {
		lengths[j] = math.Exp(-2 * logs[j])
	}
	noise := math.Exp(2 * logs[d+1])
	for i := range n {
		for j := range i + 1 {
			w := inverse.At(i, j) - a.AtVec(i)*a.AtVec(j)
			if i != j {
				w *= 2
			}
			clean := kernel(points[i], points[j], logs)
			for c := range d {
				diff := points[i][c] - points[j][c]
				grad[c] += w / 2 * clean * diff * diff * lengths[c]
			}
			grad[d] += w / 2 * 2 * clean
			if i == j {
				grad[d+1] += w / 2 * 2 * noise
			}
		}
	}
	return value, nil
}

// At is the mean and the deviation at a point, of the value without noise.
func (g *GP) At(x []float64) (mean, deviation float64) {
	k := mat.NewVecDense(len(g.points), nil)
	for i, p := range g.points {
		k.SetVec(i, kernel(p, x, g.logs))
	}
	mean = g.mean + g.scale*mat.Dot(k, g.weights)
	var solved mat.VecDense
	if err := g.chol.SolveVecTo(&solved, k); err != nil {
		var ill mat.Condition
		if !errors.As(err, &ill) {
			return mean, 0
		}
	}
	variance := kernel(x, x, g.logs) - mat.Dot(k, &solved)
	return mean, g.scale * math.Sqrt(math.Max(variance, 0))
}

// Improvement is the expected improvement E max(v − best, 0) of a normal value.
func Improvement(mean, deviation, best float64) float64 {
	if deviation <= 0 {
		return math.Max(mean-best, 0)
	}
	z := (mean - best) / deviation
	normal := distuv.UnitNormal
	return (mean-best)*normal.CDF(z) + deviation*normal.Prob(z)
}

// With is g with one more point, its numbers as they are.
func (g *GP) With(point []float64, value float64) (*GP, error) {
	more := &GP{points: append(append([][]float64(nil), g.points...), point), logs: g.logs, mean: g.mean, scale: g.scale}
	if !more.chol.Factorize(kernelMatrix(more.points, more.logs)) {
		return nil, errors.New("svge: the covariance of the points is not positive")
	}
	// y of the known points is K·weights.
	n := len(g.points)
	y := mat.NewVecDense(n+1, nil)
	var known mat.VecDense
	known.MulVec(kernelMatrix(g.points, g.logs), g.weights)
	for i := range n {
		y.SetVec(i, known.AtVec(i))
	}
	y.SetVec(n, (value-g.mean)/g.scale)
	more.weights = mat.NewVecDense(n+1, nil)
	return more, more.chol.SolveVecTo(more.weights, y)
}
