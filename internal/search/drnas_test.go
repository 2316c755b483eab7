package search

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// betaSlope against a quantile that is found by bisection.
func TestBetaSlope(t *testing.T) {
	quantile := func(p, a, b float64) float64 { return mathext.InvRegIncBeta(a, b, p) }
	for _, tt := range []struct{ a, b, p float64 }{
		{1, 1, 0.3}, {0.7, 2.1, 0.02}, {0.7, 2.1, 0.98}, {3, 0.5, 0.5}, {1.2, 5, 0.999}, {0.9, 3.8, 1e-4},
	} {
		const h = 1e-4
		x := quantile(tt.p, tt.a, tt.b)
		want := (quantile(tt.p, tt.a+h, tt.b) - quantile(tt.p, tt.a-h, tt.b)) / (2 * h)
		near(t, "slope", betaSlope(x, tt.a, tt.b)/want, 1, 1e-5)
	}
}

// The mean of the pathwise gradient of E f(x), x ~ Dir(β), f = x₀² + 2x₁ − x₀x₂, is that
// of two others: Gamma draws moved by the slope of their quantiles (implicit
// reparametrisation through the incomplete gamma function) and a million samples of the
// score function.
func TestDirichletGradient(t *testing.T) {
	alpha := []float64{0.4, -0.6, 0.1} // both branches of elu
	f := func(x []float64) float64 { return x[0]*x[0] + 2*x[1] - x[0]*x[2] }
	df := func(x, g []float64) { g[0], g[1], g[2] = 2*x[0]-x[2], 2, -x[0] }
	rows := Layout{{Name: "1<-0", Options: []string{"a", "b", "c"}, Keep: 1}}
	d := &dirichlet{logits: &logits{rows: rows, alpha: alpha}, beta: make([]float64, 3), x: make([]float64, 3)}
	r := rand.New(rand.NewPCG(3, 4))
	g, da := make([]float64, 3), make([]float64, 3)
	mean := func(n int, one func(out []float64)) (m, e []float64) { // and standard errors
		m, e = make([]float64, 3), make([]float64, 3)
		for range n {
			one(da)
			for i, x := range da {
				m[i] += x / float64(n)
				e[i] += x * x / float64(n)
			}
		}
		for i := range e {
			e[i] = math.Sqrt((e[i] - m[i]*m[i]) / float64(n))
		}
		return m, e
	}
	coefs := make([]float64, 3)
	pathwise, pe := mean(20000, func(out []float64) {
		back := d.Mix(coefs, Use{For: ForWeights, Rand: r})
		df(d.x, g)
		back(g, out)
	})
	gammaRoute, ge := mean(20000, func(out []float64) {
		var raw, slopes [3]float64
		sum := 0.0
		for i, a := range alpha {
			beta := concentration(a)
			raw[i] = distuv.Gamma{Alpha: beta, Beta: 1, Src: r}.Rand()
			const h = 1e-4
			density := math.Exp((beta-1)*math.Log(raw[i]) - raw[i] - lgamma(beta))
			slopes[i] = -(mathext.GammaIncReg(beta+h, raw[i]) - mathext.GammaIncReg(beta-h, raw[i])) / (2 * h) / density * slope(a)
			sum += raw[i]
		}
		x := []float64{raw[0] / sum, raw[1] / sum, raw[2] / sum}
		df(x, g)
		dot := x[0]*g[0] + x[1]*g[1] + x[2]*g[2]
		for i := range out {
			out[i] = (g[i] - dot) / sum * slopes[i]
		}
	})
	score, se := mean(1_000_000, func(out []float64) {
		d.Mix(coefs, Use{For: ForWeights, Rand: r})
		total := d.beta[0] + d.beta[1] + d.beta[2]
		for i, a := range alpha {
			out[i] = f(d.x) * (math.Log(d.x[i]) + mathext.Digamma(total) - mathext.Digamma(d.beta[i])) * slope(a)
		}
	})
	t.Logf("pathwise %.4f ± %.4f, gamma %.4f ± %.4f, score function %.4f ± %.4f", pathwise, pe, gammaRoute, ge, score, se)
	for i := range alpha {
		near(t, "pathwise beside the score function", pathwise[i], score[i], 4*math.Hypot(pe[i], se[i]))
		near(t, "gamma route beside pathwise", gammaRoute[i], pathwise[i], 4*math.Hypot(pe[i], ge[i]))
	}
}

// Mean and variance of draws are those of the distribution: β_i/B, and
// β_i(B−β_i)/(B²(B+1)).
func TestDirichletDraws(t *testing.T) {
	beta, r := []float64{0.3, 1, 2.7}, rand.New(rand.NewPCG(5, 6))
	x, mean, square := make([]float64, 3), make([]float64, 3), make([]float64, 3)
	const n = 200000
	for range n {
		drawDirichlet(x, beta, r)
		for i := range x {
			mean[i] += x[i] / n
			square[i] += x[i] * x[i] / n
		}
	}
	for i, b := range beta {
		near(t, "mean", mean[i], b/4, 0.003)
		near(t, "variance", square[i]-mean[i]*mean[i], b*(4-b)/(16*5), 0.002)
	}
}

// The gradient of the anchor by differences of the closed form, and the closed form by
// samples: KL = E ln p/q.
func TestAnchor(t *testing.T) {
	alpha := []float64{0.5, -0.3, 0.2, 0, 0.1, -1}
	kl := func(alpha []float64) float64 {
		sum := 0.0
		for _, row := range toyRows.Parts(alpha) {
			total, part := 0.0, 0.0
			for _, a := range row {
				total += concentration(a)
			}
			for _, a := range row {
				b := concentration(a)
				part += (b-1)*(mathext.Digamma(b)-mathext.Digamma(total)) - lgamma(b)
			}
			sum += lgamma(total) - lgamma(3) + part
		}
		return sum
	}
	grad := make([]float64, 6)
	anchorKL(toyRows, 2)(alpha, grad, Clock{})
	for i := range alpha {
		const h = 1e-5
		old := alpha[i]
		alpha[i] = old + h
		up := kl(alpha)
		alpha[i] = old - h
		if i == 3 { // elu bends at 0
			alpha[i] = old
			near(t, "gradient at the bend", grad[i], 2*(up-kl(alpha))/h, 1e-4)
			continue
		}
		near(t, "gradient", grad[i], 2*(up-kl(alpha))/(2*h), 1e-8)
		alpha[i] = old
	}
	near(t, "KL of the uniform distribution with itself", kl(make([]float64, 6)), 0, 1e-12)
	r, x, sum := rand.New(rand.NewPCG(7, 8)), make([]float64, 3), 0.0
	beta := []float64{concentration(0.5), concentration(-0.3), concentration(0.2)}
	const n = 200000
	for range n {
		drawDirichlet(x, beta, r)
		log := lgamma(beta[0]+beta[1]+beta[2]) - lgamma(3)
		for i, b := range beta {
			log += (b-1)*math.Log(x[i]) - lgamma(b)
		}
		sum += log / n
	}
	near(t, "KL by samples", sum, kl([]float64{0.5, -0.3, 0.2, 0, 0, 0}), 0.005)
}

func lgamma(x float64) float64 {
	y, _ := math.Lgamma(x)
	return y
}
