// Package ref computes every operator of [exec.Op] in float64, one plain loop
// after another, straight from the formulas documented there. It is what other
// devices are tested against; it is slow and allocates.
//
// Start at [Do] for one operator and [Run] for a program. Callers pass shapes
// that fit: a wrong one panics on an index.
package ref

import (
	"fmt"
	"math"

	"idarts/internal/exec"
)

// Memory is one slice for each space of a program.
type Memory [exec.NumSpaces][]float64

// NewMemory makes zeroed memory of the sizes that p needs.
func NewMemory(p *exec.Program) *Memory {
	mem := new(Memory)
	for s := range mem {
		mem[s] = make([]float64, p.Size[s])
	}
	return mem
}

// Run interprets one phase of p. Each result is computed aside and copied to its
// place, so an instruction that works in place gives the same numbers as one
// that does not.
func Run(p *exec.Program, mem *Memory, phase int) {
	for _, in := range p.Phases[phase] {
		args := make([][]float64, len(in.Args))
		shapes := make([]exec.Shape, len(in.Args))
		for i, a := range in.Args {
			args[i] = block(mem, a)
			shapes[i] = a.Shape
		}
		out := make([]float64, in.Out.Shape.Len())
		Do(in.Op, in.Attr, args, shapes, out, in.Out.Shape)
		copy(block(mem, in.Out), out)
	}
}

func block(mem *Memory, t exec.Tensor) []float64 {
	return mem[t.Space][t.Offset : t.Offset+t.Shape.Len()]
}

// Do computes one operator. args[i] has shapes[i]; out is fully overwritten. Out
// shares no memory with args.
func Do(op exec.Op, attr exec.Attr, args [][]float64, shapes []exec.Shape, out []float64, outShape exec.Shape) {
	for i := range out {
		out[i] = 0
	}
	attr = attr.Normal()
	c := outShape[3]
	switch op {
	case exec.Conv:
		for k := 0; k < len(args); k += 2 {
			x, w := args[k], args[k+1]
			taps(attr, shapes[k], shapes[k+1], outShape, func(xi, wi, yi int) { out[yi] += x[xi] * w[wi] })
		}
	case exec.ConvGradInput:
		for k := 0; k < len(args); k += 2 {
			w, dy := args[k], args[k+1]
			taps(attr, outShape, shapes[k], shapes[k+1], func(xi, wi, yi int) { out[xi] += w[wi] * dy[yi] })
		}
	case exec.ConvGradWeight:
		x, dy := args[0], args[1]
		taps(attr, shapes[0], outShape, shapes[1], func(xi, wi, yi int) { out[wi] += x[xi] * dy[yi] })

	case exec.ReLU:
		for i, x := range args[0] {
			out[i] = math.Max(x, 0)
		}
	case exec.ReLUMask:
		for i, x := range args[0] {
			if x > 0 {
				out[i] = args[1][i]
			}
		}

	case exec.AvgPool:
		windows(attr, shapes[0], outShape, func(yi int, inside []pixel) {
			for _, p := range inside {
				out[yi] += args[0][p.at] / float64(len(inside))
			}
		})
	case exec.AvgPoolGrad:
		windows(attr, outShape, shapes[0], func(yi int, inside []pixel) {
			for _, p := range inside {
				out[p.at] += args[0][yi] / float64(len(inside))
			}
		})
	case exec.MaxPoolIndex:
		windows(attr, shapes[0], outShape, func(yi int, inside []pixel) {
			best := inside[0]
			for _, p := range inside {
				if args[0][p.at] > args[0][best.at] {
					best = p
				}
			}
			out[yi] = float64(best.place)
		})
	case exec.MaxGather:
		windows(attr, shapes[1], outShape, func(yi int, inside []pixel) {
			for _, p := range inside {
				if p.place == int(args[0][yi]) {
					out[yi] = args[1][p.at]
				}
			}
		})
	case exec.MaxScatter:
		windows(attr, outShape, shapes[0], func(yi int, inside []pixel) {
			for _, p := range inside {
				if p.place == int(args[0][yi]) {
					out[p.at] += args[1][yi]
				}
			}
		})

	case exec.ChanLin:
		for i := range out {
			for k := 0; k < attr.Terms; k++ {
				out[i] += args[2*k+1][i%c%len(args[2*k+1])] * args[2*k][i]
			}
			for _, b := range args[2*attr.Terms:] {
				out[i] += b[i%c%len(b)]
			}
		}
	case exec.ChanDot:
		for i := range args[0] {
			out[i%c] += args[0][i] * args[1][i]
		}
	case exec.ChanSum:
		for i := range args[0] {
			out[i%c] += args[0][i]
		}
	case exec.Dot:
		for i := range args[0] {
			out[0] += args[0][i] * args[1][i]
		}

	case exec.BNStats:
		c := shapes[0][3]
		count := float64(len(args[0]) / c)
		mean, variance, rstd := out[:c], out[c:2*c], out[2*c:]
		for i, x := range args[0] {
			mean[i%c] += x / count
		}
		for i, x := range args[0] {
			d := x - mean[i%c]
			variance[i%c] += d * d / count
		}
		for k := range rstd {
			rstd[k] = 1 / math.Sqrt(variance[k]+attr.Eps)
		}
	case exec.BNNorm:
		mean, rstd := args[1][:c], args[1][2*c:]
		for i, x := range args[0] {
			out[i] = (x - mean[i%c]) * rstd[i%c]
		}
	case exec.BNGrad:
		g, y, rstd := args[0], args[1], args[2][2*c:]
		count := float64(len(g) / c)
		meanG, meanGY := make([]float64, c), make([]float64, c)
		for i := range g {
			meanG[i%c] += g[i] / count
			meanGY[i%c] += g[i] * y[i] / count
		}
		for i := range g {
			out[i] = rstd[i%c] * (g[i] - meanG[i%c] - y[i]*meanGY[i%c])
		}

	case exec.SpatialMean:
		image := shapes[0][1] * shapes[0][2]
		for i, x := range args[0] {
			out[i/(image*c)*c+i%c] += x / float64(image)
		}
	case exec.SpatialSpread:
		image := outShape[1] * outShape[2]
		for i := range out {
			out[i] = args[0][i/(image*c)*c+i%c] / float64(image)
		}

	case exec.CrossEntropy:
		n := shapes[0].Len() / shapes[0][3]
		for r := 0; r < n; r++ {
			z, t := row(args[0], shapes[0], r), row(args[1], shapes[0], r)
			out[0] += logSumExp(z) / float64(n)
			for k := range z {
				out[0] -= t[k] * z[k] / float64(n)
			}
		}
	case exec.Softmax:
		for i, z := range args[0] {
			out[i] = math.Exp(z - logSumExp(row(args[0], outShape, i/c)))
		}
	case exec.SoftmaxJac:
		for i := range out {
			p, u := row(args[0], outShape, i/c), row(args[1], outShape, i/c)
			out[i] = p[i%c] * (u[i%c] - dot(p, u))
		}
	case exec.RowDot:
		for r := range out {
			n := len(args[0]) / len(out)
			out[r] = dot(args[0][r*n:(r+1)*n], args[1][r*n:(r+1)*n])
		}
	case exec.RowScale:
		for i, x := range args[0] {
			out[i] = x * args[1][i/(len(out)/outShape[0])]
		}

	case exec.Add:
		for i := range out {
			for _, x := range args {
				out[i] += x[i]
			}
		}
	case exec.Mul:
		for i := range out {
			out[i] = args[0][i] * args[1][i]
		}
	case exec.Div:
		for i := range out {
			out[i] = args[0][i] / args[1][i]
		}
	case exec.Affine:
		for i, x := range args[0] {
			out[i] = attr.Alpha*x + attr.Beta
		}
	case exec.Rsqrt:
		for i, x := range args[0] {
			out[i] = 1 / math.Sqrt(x+attr.Eps)
		}
	case exec.Slice:
		for i := range out {
			out[i] = args[0][i/c*shapes[0][3]+attr.Offset+i%c]
		}
	case exec.Place:
		for i, x := range args[0] {
			out[i/shapes[0][3]*c+attr.Offset+i%shapes[0][3]] = x
		}
	case exec.Concat:
		at := 0
		for k, arg := range args {
			own := shapes[k][3]
			for i, x := range arg {
				out[i/own*c+at+i%own] = x
			}
			at += own
		}
	case exec.Subsample:
		sampled(attr, shapes[0], outShape, func(xi, yi int) { out[yi] = args[0][xi] })
	case exec.SubsampleGrad:
		sampled(attr, outShape, shapes[0], func(xi, yi int) { out[xi] = args[0][yi] })
	case exec.Copy:
		copy(out, args[0])
	case exec.Zero: // done above
	case exec.LinReLU:
		lin := make([]float64, len(out))
		Do(exec.ChanLin, attr, args, shapes, lin, outShape)
		Do(exec.ReLU, attr, [][]float64{lin}, []exec.Shape{outShape}, out, outShape)
	case exec.LinMask:
		lin := make([]float64, len(out))
		Do(exec.ChanLin, attr, args[1:], shapes[1:], lin, outShape)
		Do(exec.ReLUMask, attr, [][]float64{args[0], lin}, []exec.Shape{outShape, outShape}, out, outShape)
	case exec.ChanDots:
		c := shapes[0][3]
		Do(exec.ChanSum, attr, args[:1], shapes[:1], out[:c], exec.Vector(c))
		for k := 1; k < len(args); k++ {
			Do(exec.ChanDot, attr, [][]float64{args[0], args[k]}, shapes[:2], out[k*c:(k+1)*c], exec.Vector(c))
		}
	default:
		panic(fmt.Sprintf("ref: unknown operator %v", op))
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
