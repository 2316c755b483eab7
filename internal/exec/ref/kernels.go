package ref

import (
	"math"

	"idarts/internal/exec"
)

func conv(in call) {
	for k := 0; k < len(in.args); k += 2 {
		x, w := in.args[k], in.args[k+1]
		taps(in.attr, in.shapes[k], in.shapes[k+1], in.shape, func(xi, wi, yi int) { in.out[yi] += x[xi] * w[wi] })
	}
}

func convGradInput(in call) {
	for k := 0; k < len(in.args); k += 2 {
		w, dy := in.args[k], in.args[k+1]
		taps(in.attr, in.shape, in.shapes[k], in.shapes[k+1], func(xi, wi, yi int) { in.out[xi] += w[wi] * dy[yi] })
	}
}

func convGradWeight(in call) {
	x, dy := in.args[0], in.args[1]
	taps(in.attr, in.shapes[0], in.shape, in.shapes[1], func(xi, wi, yi int) { in.out[wi] += x[xi] * dy[yi] })
}

func relu(in call) {
	for i, x := range in.args[0] {
		in.out[i] = math.Max(x, 0)
	}
}

func reluMask(in call) {
	for i, x := range in.args[0] {
		if x > 0 {
			in.out[i] = in.args[1][i]
		}
	}
}

func avgPool(in call) {
	windows(in.attr, in.shapes[0], in.shape, func(yi int, inside []pixel) {
		for _, p := range inside {
			in.out[yi] += in.args[0][p.at] / float64(len(inside))
		}
	})
}

func avgPoolGrad(in call) {
	windows(in.attr, in.shape, in.shapes[0], func(yi int, inside []pixel) {
		for _, p := range inside {
			in.out[p.at] += in.args[0][yi] / float64(len(inside))
		}
	})
}

func maxPoolIndex(in call) {
	windows(in.attr, in.shapes[0], in.shape, func(yi int, inside []pixel) {
		best := inside[0]
		for _, p := range inside {
			if in.args[0][p.at] > in.args[0][best.at] {
				best = p
			}
		}
		in.out[yi] = float64(best.place)
	})
}

func maxGather(in call) {
	windows(in.attr, in.shapes[1], in.shape, func(yi int, inside []pixel) {
		for _, p := range inside {
			if p.place == int(in.args[0][yi]) {
				in.out[yi] = in.args[1][p.at]
			}
		}
	})
}

func maxScatter(in call) {
	windows(in.attr, in.shape, in.shapes[0], func(yi int, inside []pixel) {
		for _, p := range inside {
			if p.place == int(in.args[0][yi]) {
				in.out[p.at] += in.args[1][yi]
			}
		}
	})
}

func chanLin(in call) {
	c := in.shape[3]
	for i := range in.out {
		for k := 0; k < in.attr.Terms; k++ {
			in.out[i] += in.args[2*k+1][i%c%len(in.args[2*k+1])] * in.args[2*k][i]
		}
		for _, b := range in.args[2*in.attr.Terms:] {
			in.out[i] += b[i%c%len(b)]
		}
	}
}

func chanDot(in call) {
	c := in.shape[3]
	for i := range in.args[0] {
		in.out[i%c] += in.args[0][i] * in.args[1][i]
	}
}

func chanSum(in call) {
	c := in.shape[3]
	for i := range in.args[0] {
		in.out[i%c] += in.args[0][i]
	}
}

func wholeDot(in call) {
	for i := range in.args[0] {
		in.out[0] += in.args[0][i] * in.args[1][i]
	}
}

func bnStats(in call) {
	c := in.shapes[0][3]
	count := float64(len(in.args[0]) / c)
	mean, variance, rstd := in.out[:c], in.out[c:2*c], in.out[2*c:]
	for i, x := range in.args[0] {
		mean[i%c] += x / count
	}
	for i, x := range in.args[0] {
		d := x - mean[i%c]
		variance[i%c] += d * d / count
	}
	for k := range rstd {
		rstd[k] = 1 / math.Sqrt(variance[k]+in.attr.Eps)
	}
}

func bnNorm(in call) {
	c := in.shape[3]
	mean, rstd := in.args[1][:c], in.args[1][2*c:]
	for i, x := range in.args[0] {
		in.out[i] = (x - mean[i%c]) * rstd[i%c]
	}
}

func bnGrad(in call) {
	c := in.shape[3]
	g, y, rstd := in.args[0], in.args[1], in.args[2][2*c:]
	count := float64(len(g) / c)
	meanG, meanGY := make([]float64, c), make([]float64, c)
	for i := range g {
		meanG[i%c] += g[i] / count
		meanGY[i%c] += g[i] * y[i] / count
	}
	for i := range g {
		in.out[i] = rstd[i%c] * (g[i] - meanG[i%c] - y[i]*meanGY[i%c])
	}
}

func spatialMean(in call) {
	c := in.shape[3]
	image := in.shapes[0][1] * in.shapes[0][2]
	for i, x := range in.args[0] {
		in.out[i/(image*c)*c+i%c] += x / float64(image)
	}
}

func spatialSpread(in call) {
	c := in.shape[3]
	image := in.shape[1] * in.shape[2]
	for i := range in.out {
		in.out[i] = in.args[0][i/(image*c)*c+i%c] / float64(image)
	}
}

func crossEntropy(in call) {
	n := in.shapes[0].Len() / in.shapes[0][3]
	for r := 0; r < n; r++ {
		z, t := row(in.args[0], in.shapes[0], r), row(in.args[1], in.shapes[0], r)
		in.out[0] += logSumExp(z) / float64(n)
		for k := range z {
			in.out[0] -= t[k] * z[k] / float64(n)
		}
	}
}

func softmax(in call) {
	c := in.shape[3]
	for i, z := range in.args[0] {
		in.out[i] = math.Exp(z - logSumExp(row(in.args[0], in.shape, i/c)))
	}
}

func softmaxJac(in call) {
	c := in.shape[3]
	for i := range in.out {
		p, u := row(in.args[0], in.shape, i/c), row(in.args[1], in.shape, i/c)
		in.out[i] = p[i%c] * (u[i%c] - dot(p, u))
	}
}

func rowDot(in call) {
	for r := range in.out {
		n := len(in.args[0]) / len(in.out)
		in.out[r] = dot(in.args[0][r*n:(r+1)*n], in.args[1][r*n:(r+1)*n])
	}
}

func rowScale(in call) {
	for i, x := range in.args[0] {
		in.out[i] = x * in.args[1][i/(len(in.out)/in.shape[0])]
	}
}

func add(in call) {
	for i := range in.out {
		for _, x := range in.args {
			in.out[i] += x[i]
		}
	}
}

func mul(in call) {
	for i := range in.out {
		in.out[i] = in.args[0][i] * in.args[1][i]
	}
}

func div(in call) {
	for i := range in.out {
		in.out[i] = in.args[0][i] / in.args[1][i]
	}
}

func affine(in call) {
	for i, x := range in.args[0] {
		in.out[i] = in.attr.Alpha*x + in.attr.Beta
	}
}

func rsqrt(in call) {
	for i, x := range in.args[0] {
		in.out[i] = 1 / math.Sqrt(x+in.attr.Eps)
	}
}

func slice(in call) {
	c := in.shape[3]
	for i := range in.out {
		in.out[i] = in.args[0][i/c*in.shapes[0][3]+in.attr.Offset+i%c]
	}
}

func place(in call) {
	c := in.shape[3]
	for i, x := range in.args[0] {
		in.out[i/in.shapes[0][3]*c+in.attr.Offset+i%in.shapes[0][3]] = x
	}
}

func concat(in call) {
	c := in.shape[3]
	at := 0
	for k, arg := range in.args {
		own := in.shapes[k][3]
		for i, x := range arg {
			in.out[i/own*c+at+i%own] = x
		}
		at += own
	}
}

func subsample(in call) {
	sampled(in.attr, in.shapes[0], in.shape, func(xi, yi int) { in.out[yi] = in.args[0][xi] })
}

func subsampleGrad(in call) {
	sampled(in.attr, in.shape, in.shapes[0], func(xi, yi int) { in.out[xi] = in.args[0][yi] })
}

func copied(in call) {
	copy(in.out, in.args[0])
}

func linReLU(in call) {
	chanLin(in)
	in.args, in.shapes = [][]float64{in.out}, []exec.Shape{in.shape}
	relu(in)
}

func linMask(in call) {
	lin := in
	lin.args, lin.shapes, lin.out = in.args[1:], in.shapes[1:], make([]float64, len(in.out))
	chanLin(lin)
	in.args, in.shapes = [][]float64{in.args[0], lin.out}, []exec.Shape{in.shape, in.shape}
	reluMask(in)
}

func chanDots(in call) {
	c := in.shapes[0][3]
	part := in
	part.shape, part.out = exec.Vector(c), in.out[:c]
	chanSum(part)
	for k := 1; k < len(in.args); k++ {
		part.args, part.out = [][]float64{in.args[0], in.args[k]}, in.out[k*c:(k+1)*c]
		chanDot(part)
	}
}

// taps calls f with the places of every product x·w that is added to an element
// of y = conv(x, w).
func taps(a exec.Attr, x, w, y exec.Shape, f func(xi, wi, yi int)) {
	cin, cout := w[2], y[3]/a.Groups // per group
	for n := 0; n < y[0]; n++ {
		for oh := 0; oh < y[1]; oh++ {
			for ow := 0; ow < y[2]; ow++ {
				for oc := 0; oc < y[3]; oc++ {
					for kh := 0; kh < a.KH; kh++ {
						for kw := 0; kw < a.KW; kw++ {
							ih, iw := oh*a.Stride-a.Pad+kh*a.Dilation, ow*a.Stride-a.Pad+kw*a.Dilation
							if ih < 0 || ih >= x[1] || iw < 0 || iw >= x[2] {
								continue
							}
							for ic := 0; ic < cin; ic++ {
								f(index(x, n, ih, iw, oc/cout*cin+ic), index(w, kh, kw, ic, oc), index(y, n, oh, ow, oc))
							}
						}
					}
				}
			}
		}
	}
}

// pixel is an element of a pooling window: where it is, and its kh*KW+kw.
type pixel struct{ at, place int }

// windows calls f for each element of y with the part of its window that lies
// inside the image x, in the order of places.
func windows(a exec.Attr, x, y exec.Shape, f func(yi int, inside []pixel)) {
	for n := 0; n < y[0]; n++ {
		for oh := 0; oh < y[1]; oh++ {
			for ow := 0; ow < y[2]; ow++ {
				for c := 0; c < y[3]; c++ {
					var inside []pixel
					for kh := 0; kh < a.KH; kh++ {
						for kw := 0; kw < a.KW; kw++ {
							ih, iw := oh*a.Stride-a.Pad+kh, ow*a.Stride-a.Pad+kw
							if ih >= 0 && ih < x[1] && iw >= 0 && iw < x[2] {
								inside = append(inside, pixel{index(x, n, ih, iw, c), kh*a.KW + kw})
							}
						}
					}
					f(index(y, n, oh, ow, c), inside)
				}
			}
		}
	}
}

// sampled calls f for each element of y with the element of x that Subsample
// takes.
func sampled(a exec.Attr, x, y exec.Shape, f func(xi, yi int)) {
	for n := 0; n < y[0]; n++ {
		for h := 0; h < y[1]; h++ {
			for w := 0; w < y[2]; w++ {
				for c := 0; c < y[3]; c++ {
					f(index(x, n, h*a.Stride+a.Offset, w*a.Stride+a.Offset, c), index(y, n, h, w, c))
				}
			}
		}
	}
}

func index(s exec.Shape, n, h, w, c int) int { return ((n*s[1]+h)*s[2]+w)*s[3] + c }

func row(x []float64, s exec.Shape, r int) []float64 { return x[r*s[3] : (r+1)*s[3]] }

func dot(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// logSumExp is log Σ exp z, safe for large z.
func logSumExp(z []float64) float64 {
	top := math.Inf(-1)
	for _, v := range z {
		top = math.Max(top, v)
	}
	sum := 0.0
	for _, v := range z {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}
