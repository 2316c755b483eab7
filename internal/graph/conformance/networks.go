package conformance

import (
	"fmt"
	"math"

	"idarts/internal/exec"
	"idarts/internal/graph"
)

// normEps is as large as it is so that differences of second order stay exact to
// seven digits on the few pixels that a case has.
const normEps = 0.05

// norm is a batch norm without affine parameters.
func norm(g *graph.Graph, x *graph.Node) *graph.Node {
	y, _ := g.BatchNorm(x, normEps)
	return y
}

// depthwise is a KxK convolution of each channel by itself, w [K,K,1,C].
func depthwise(g *graph.Graph, x, w *graph.Node, k, stride, pad, dilation int) *graph.Node {
	return g.Conv(x, w, graph.Window{K: k, Stride: stride, Pad: pad, Dilation: dilation, Groups: graph.Shape(x)[3]})
}

// separable is DARTS's separable convolution: ReLU, depthwise with the stride,
// pointwise, norm, and the same again with stride 1. w are the four weights.
func separable(g *graph.Graph, x *graph.Node, w nodes, k, stride int) *graph.Node {
	for i := 0; i < 4; i += 2 {
		x = depthwise(g, g.ReLU(x), w[i], k, stride, k/2, 1)
		x = norm(g, g.Conv(x, w[i+1], graph.Window{K: 1}))
		stride = 1
	}
	return x
}

// dilated is DARTS's dilated convolution: ReLU, depthwise with dilation 2,
// pointwise, norm.
func dilated(g *graph.Graph, x *graph.Node, w nodes, k, stride int) *graph.Node {
	x = depthwise(g, g.ReLU(x), w[0], k, stride, k-1, 2)
	return norm(g, g.Conv(x, w[1], graph.Window{K: 1}))
}

// reduce is DARTS's factorized reduce: ReLU, a pointwise convolution of every
// other pixel from 0 and one of every other from 1, side by side, norm.
func reduce(g *graph.Graph, x *graph.Node, w nodes) *graph.Node {
	x = g.ReLU(x)
	a := g.Conv(g.Subsample(x, 2, 0), w[0], graph.Window{K: 1})
	b := g.Conv(g.Subsample(x, 2, 1), w[1], graph.Window{K: 1})
	return norm(g, g.Concat(a, b))
}

// networks are the parts that the networks of the spaces are made of: here
// operators meet whose derivatives run through each other.
func networks() []Case {
	var cases []Case
	add := func(c ...Case) { cases = append(cases, c...) }

	for _, k := range []int{3, 5} {
		for _, stride := range []int{1, 2} {
			x, wide, point := exec.Shape{2, 6, 5, 3}, exec.Shape{k, k, 1, 3}, exec.Shape{1, 1, 3, 3}
			name := fmt.Sprintf(" %dx%d stride %d", k, k, stride)
			add(Case{Name: "separable block" + name, Op: exec.Conv, Vars: shapes{x, wide, point, wide, point},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return separable(g, v[0], v[1:], k, stride) },
				Forward: func(v, _ []Array) []float64 {
					y := v[0]
					for i, s := range []int{stride, 1} {
						y = conv(rectified(y), v[1+2*i], exec.Attr{Stride: s, Pad: k / 2, Dilation: 1, Groups: 3})
						y = normalized(conv(y, v[2+2*i], unpadded))
					}
					return y.Data
				},
			}, Case{Name: "dilated block" + name, Op: exec.Conv, Vars: shapes{x, wide, {1, 1, 3, 4}},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return dilated(g, v[0], v[1:], k, stride) },
				Forward: func(v, _ []Array) []float64 {
					y := conv(rectified(v[0]), v[1], exec.Attr{Stride: stride, Pad: k - 1, Dilation: 2, Groups: 3})
					return normalized(conv(y, v[2], unpadded)).Data
				},
			})
		}
	}

	for _, x := range (shapes{{2, 6, 4, 3}, {1, 4, 4, 16}}) {
		add(Case{Name: fmt.Sprintf("factorized reduce %v", x), Op: exec.Concat, Vars: shapes{x, {1, 1, x[3], 2}, {1, 1, x[3], 3}},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return reduce(g, v[0], v[1:]) },
			Forward: func(v, _ []Array) []float64 {
				// Where the released code moves the image by a pixel, its last row and
				// column are simply not met: no pixel is missing when sizes are even.
				y := rectified(v[0])
				a, b := conv(y, v[1], strided), conv(moved(y), v[2], strided)
				s := a.Shape
				s[3] += b.Shape[3]
				return normalized(Array{s, each(s, func(n, h, w, c int) float64 {
					if c < a.Shape[3] {
						return a.At(n, h, w, c)
					}
					return b.At(n, h, w, c-a.Shape[3])
				})}).Data
			},
		})
	}

	for _, k := range []struct {
		name string
		x    exec.Shape
		win  graph.Window
		y    [2]int
	}{
		{"3x3", exec.Shape{2, 5, 4, 3}, graph.Window{K: 3, Stride: 1, Pad: 1}, [2]int{5, 4}},
		{"3x3 stride 2", exec.Shape{2, 6, 7, 3}, graph.Window{K: 3, Stride: 2, Pad: 1}, [2]int{3, 4}},
		{"2x2 stride 2 padding 1", exec.Shape{2, 6, 4, 3}, graph.Window{K: 2, Stride: 2, Pad: 1}, [2]int{4, 3}},
	} {
		attr := exec.Attr{KH: k.win.K, KW: k.win.K, Stride: k.win.Stride, Pad: k.win.Pad}
		y := exec.Shape{k.x[0], k.y[0], k.y[1], k.x[3]}
		add(Case{Name: "max pool and norm " + k.name, Op: exec.MaxGather, Vars: shapes{k.x},
			Build:   func(g *graph.Graph, v, _ nodes) *graph.Node { return norm(g, g.MaxPool(v[0], k.win)) },
			Forward: func(v, _ []Array) []float64 { return normalized(Array{y, pool(attr, y, v[0], largest)}).Data },
		}, Case{Name: "average pool and norm " + k.name, Op: exec.AvgPool, Vars: shapes{k.x},
			Build:   func(g *graph.Graph, v, _ nodes) *graph.Node { return norm(g, g.AvgPool(v[0], k.win)) },
			Forward: func(v, _ []Array) []float64 { return normalized(Array{y, pool(attr, y, v[0], mean)}).Data },
		})
	}

	// The mixture of a DARTS edge, with its coefficients; the zero operation has no term.
	x, vec := exec.Shape{2, 4, 4, 2}, exec.Vector(1)
	point := exec.Shape{1, 1, 2, 2}
	weights := shapes{{3, 3, 1, 2}, point, {3, 3, 1, 2}, point, {5, 5, 1, 2}, point, {5, 5, 1, 2}, point,
		{3, 3, 1, 2}, point, {5, 5, 1, 2}, point}
	for _, stride := range []int{1, 2} {
		vars := append(append(shapes{x}, weights...), vec, vec, vec, vec, vec, vec, vec)
		if stride == 2 {
			vars = append(vars, exec.Shape{1, 1, 2, 1}, exec.Shape{1, 1, 2, 1})
		}
		add(Case{Name: fmt.Sprintf("mixed edge stride %d", stride), Op: exec.ChanLin, Vars: vars,
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
				x, w, coef, win := v[0], v[1:13], v[13:20], graph.Window{K: 3, Stride: stride, Pad: 1}
				skip := x
				if stride == 2 {
					skip = reduce(g, x, v[20:])
				}
				return g.ChanLin([]graph.Term{
					{X: norm(g, g.MaxPool(x, win)), A: coef[0]}, {X: norm(g, g.AvgPool(x, win)), A: coef[1]}, {X: skip, A: coef[2]},
					{X: separable(g, x, w[:4], 3, stride), A: coef[3]}, {X: separable(g, x, w[4:8], 5, stride), A: coef[4]},
					{X: dilated(g, x, w[8:10], 3, stride), A: coef[5]}, {X: dilated(g, x, w[10:], 5, stride), A: coef[6]}})
			},
		})
	}

	add(Case{Name: "concat of branches and skip", Op: exec.Concat, Vars: shapes{{2, 4, 3, 4}, {3, 3, 4, 2}, {1, 1, 4, 2}, {3, 3, 2, 2}, {1, 1, 4, 4}},
		// A cell of NAS-Bench-101: two branches, one of them added to the other's next node.
		Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
			a := g.ReLU(norm(g, g.Conv(v[0], v[1], graph.Window{K: 3, Pad: 1})))
			b := g.ReLU(norm(g, g.Conv(v[0], v[2], graph.Window{K: 1})))
			c := g.ReLU(norm(g, g.Conv(g.Add(a, b), v[3], graph.Window{K: 3, Pad: 1})))
			return g.Add(g.Concat(c, b), g.ReLU(norm(g, g.Conv(v[0], v[4], graph.Window{K: 1}))))
		},
		Forward: func(v, _ []Array) []float64 {
			same := exec.Attr{Stride: 1, Pad: 1, Dilation: 1, Groups: 1}
			a := rectified(normalized(conv(v[0], v[1], same)))
			b := rectified(normalized(conv(v[0], v[2], unpadded)))
			sum := Array{a.Shape, each(a.Shape, func(n, h, w, c int) float64 { return a.At(n, h, w, c) + b.At(n, h, w, c) })}
			next := rectified(normalized(conv(sum, v[3], same)))
			out := rectified(normalized(conv(v[0], v[4], unpadded)))
			return each(out.Shape, func(n, h, w, c int) float64 {
				if c < 2 {
					return next.At(n, h, w, c) + out.At(n, h, w, c)
				}
				return b.At(n, h, w, c-2) + out.At(n, h, w, c)
			})
		},
	}, Case{Name: "drop path beside a skip", Op: exec.RowScale, Vars: shapes{{4, 3, 3, 2}, {3, 3, 2, 2}}, Fixed: shapes{{4, 1, 1, 1}},
		Build: func(g *graph.Graph, v, f nodes) *graph.Node {
			branch := norm(g, g.Conv(g.ReLU(v[0]), v[1], graph.Window{K: 3, Pad: 1}))
			return g.Add(g.RowScale(branch, dropped(g, f[0])), v[0])
		},
		Forward: func(v, f []Array) []float64 {
			branch := normalized(conv(rectified(v[0]), v[1], exec.Attr{Stride: 1, Pad: 1, Dilation: 1, Groups: 1}))
			return each(v[0].Shape, func(n, h, w, c int) float64 {
				return branch.At(n, h, w, c)*math.Max(f[0].Data[n], 0) + v[0].At(n, h, w, c)
			})
		},
	}, Case{Name: "auxiliary loss", Op: exec.CrossEntropy, Vars: shapes{{3, 8, 8, 2}, {3, 3, 2, 3}, {1, 1, 3, 4}, {2, 2, 2, 3}, {1, 1, 3, 4}}, Fixed: shapes{{3, 1, 1, 4}},
		// The auxiliary head of DARTS in small: ReLU, average pool 5x5 stride 3,
		// convolution 2x2 to one pixel, norm, ReLU, linear.
		Build: func(g *graph.Graph, v, f nodes) *graph.Node {
			aux := g.AvgPool(g.ReLU(v[0]), graph.Window{K: 5, Stride: 3})
			aux = g.ReLU(norm(g, g.Conv(aux, v[3], graph.Window{K: 2})))
			z := g.SpatialMean(g.ReLU(norm(g, g.Conv(v[0], v[1], graph.Window{K: 3, Pad: 1}))))
			t := g.Softmax(f[0])
			return g.Add(g.CrossEntropy(g.Linear(z, v[2]), t), g.Affine(g.CrossEntropy(g.Linear(aux, v[4]), t), 0.4, 0))
		},
		Forward: func(v, f []Array) []float64 {
			pooled := exec.Shape{3, 2, 2, 2}
			aux := Array{pooled, pool(exec.Attr{KH: 5, KW: 5, Stride: 3}, pooled, rectified(v[0]), mean)}
			aux = rectified(normalized(conv(aux, v[3], unpadded)))
			y := rectified(normalized(conv(v[0], v[1], exec.Attr{Stride: 1, Pad: 1, Dilation: 1, Groups: 1})))
			z := Array{exec.Shape{3, 1, 1, 3}, each(exec.Shape{3, 1, 1, 3}, func(n, _, _, c int) float64 {
				total := 0.0
				for i := range 64 {
					total += y.At(n, i/8, i%8, c)
				}
				return total / 64
			})}
			t := softmax(f[0])
			return []float64{entropy(conv(z, v[2], unpadded), t) + 0.4*entropy(conv(aux, v[4], unpadded), t)}
		},
	}, Case{Name: "label smoothing", Op: exec.CrossEntropy, Vars: shapes{{4, 1, 1, 3}, {1, 1, 3, 5}}, Fixed: shapes{{4, 1, 1, 5}},
		// With labels smoothed by 0.1 the targets are 0.9·t + 0.1/classes.
		Build: func(g *graph.Graph, v, f nodes) *graph.Node {
			return g.CrossEntropy(g.Linear(v[0], v[1]), g.Affine(g.Softmax(f[0]), 0.9, 0.02))
		},
		Forward: func(v, f []Array) []float64 {
			t := softmax(f[0])
			for i := range t {
				t[i] = 0.9*t[i] + 0.1/5
			}
			return []float64{entropy(conv(v[0], v[1], unpadded), t)}
		},
	})
	return cases
}

// dropped makes factors of drop path from any numbers: some are 0.
func dropped(g *graph.Graph, x *graph.Node) *graph.Node { return g.ReLU(x) }

// The same by definition, on arrays.

var (
	unpadded = exec.Attr{Stride: 1, Dilation: 1, Groups: 1}
	strided  = exec.Attr{Stride: 2, Dilation: 1, Groups: 1}
)

func conv(x, w Array, a exec.Attr) Array {
	a.KH, a.KW = w.Shape[0], w.Shape[1]
	size := func(n, k int) int { return (n+2*a.Pad-a.Dilation*(k-1)-1)/a.Stride + 1 }
	y := exec.Shape{x.Shape[0], size(x.Shape[1], a.KH), size(x.Shape[2], a.KW), w.Shape[3]}
	return Array{y, convolve(a, y, x, w)}
}

func rectified(x Array) Array {
	return Array{x.Shape, each(x.Shape, func(n, h, w, c int) float64 { return math.Max(x.At(n, h, w, c), 0) })}
}

func normalized(x Array) Array {
	mean, variance := moments(x)
	return Array{x.Shape, each(x.Shape, func(n, h, w, c int) float64 {
		return (x.At(n, h, w, c) - mean[c]) / math.Sqrt(variance[c]+normEps)
	})}
}

// moved is x without its first row and column.
func moved(x Array) Array {
	s := x.Shape
	s[1], s[2] = s[1]-1, s[2]-1
	return Array{s, each(s, func(n, h, w, c int) float64 { return x.At(n, h+1, w+1, c) })}
}

func largest(x []float64) float64 {
	m := x[0]
	for _, v := range x {
		m = math.Max(m, v)
	}
	return m
}

func mean(x []float64) float64 { return sum(x) / float64(len(x)) }

// entropy is −Σ t·log softmax(z), the mean over rows.
func entropy(z Array, t []float64) float64 {
	total := 0.0
	for i, p := range softmax(z) {
		total -= t[i] * math.Log(p)
	}
	return total / float64(z.Shape[0])
}
