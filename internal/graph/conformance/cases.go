package conformance

import (
	"fmt"
	"math"

	"idarts/internal/exec"
	"idarts/internal/graph"
)

type (
	nodes  = []*graph.Node
	shapes = []exec.Shape
)

// Cases lists every operator at least once.
func Cases() []Case {
	var cases []Case
	add := func(c ...Case) { cases = append(cases, c...) }

	for _, k := range []struct {
		name          string
		x             exec.Shape
		cout, kh, kw  int
		stride, pad   int
		dilate, group int
	}{
		{"3x3", exec.Shape{2, 5, 4, 3}, 4, 3, 3, 1, 1, 1, 1},
		{"3x3 batch 1", exec.Shape{1, 4, 4, 2}, 3, 3, 3, 1, 1, 1, 1},
		{"1x1", exec.Shape{2, 3, 3, 5}, 2, 1, 1, 1, 0, 1, 1},
		{"3x3 16 channels", exec.Shape{1, 5, 7, 16}, 16, 3, 3, 1, 1, 1, 1},
		{"3x3 17 to 18 channels", exec.Shape{1, 4, 3, 17}, 18, 3, 3, 1, 1, 1, 1},
		{"3x3 stride 2 odd image", exec.Shape{2, 7, 5, 3}, 4, 3, 3, 2, 1, 1, 1},
		{"3x3 stride 2 even image", exec.Shape{2, 6, 4, 3}, 4, 3, 3, 2, 1, 1, 1},
		{"1x1 stride 2", exec.Shape{2, 5, 5, 3}, 4, 1, 1, 2, 0, 1, 1},
		{"3x3 stride 3 no padding", exec.Shape{1, 8, 7, 2}, 3, 3, 3, 3, 0, 1, 1},
		{"5x5 padding 2", exec.Shape{1, 5, 6, 2}, 3, 5, 5, 1, 2, 1, 1},
		{"3x3 dilation 2", exec.Shape{1, 7, 6, 2}, 3, 3, 3, 1, 2, 2, 1},
		{"5x5 dilation 2 stride 2", exec.Shape{1, 9, 8, 2}, 2, 5, 5, 2, 4, 2, 1},
		{"3x3 two groups", exec.Shape{2, 4, 5, 4}, 6, 3, 3, 1, 1, 1, 2},
		{"3x3 depthwise", exec.Shape{2, 5, 4, 5}, 5, 3, 3, 1, 1, 1, 5},
		{"5x5 depthwise dilation 2 stride 2", exec.Shape{1, 9, 9, 3}, 3, 5, 5, 2, 4, 2, 3},
		{"depthwise multiplier 2", exec.Shape{1, 4, 4, 3}, 6, 3, 3, 1, 1, 1, 3},
		{"1x3 and 3 channels to 1", exec.Shape{2, 4, 5, 3}, 1, 1, 3, 1, 0, 1, 1},
		{"image smaller than window", exec.Shape{2, 1, 2, 3}, 4, 3, 3, 1, 1, 1, 1},
		{"linear", exec.Shape{4, 1, 1, 6}, 5, 1, 1, 1, 0, 1, 1},
	} {
		attr := exec.Attr{KH: k.kh, KW: k.kw, Stride: k.stride, Pad: k.pad, Dilation: k.dilate, Groups: k.group}
		size := func(n, taps int) int { return (n+2*k.pad-k.dilate*(taps-1)-1)/k.stride + 1 }
		w := exec.Shape{k.kh, k.kw, k.x[3] / k.group, k.cout}
		y := exec.Shape{k.x[0], size(k.x[1], k.kh), size(k.x[2], k.kw), k.cout}
		add(Case{Name: "conv " + k.name, Op: exec.Conv, Vars: shapes{k.x, w},
			Build:   func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.Conv, attr, y, v...) },
			Forward: func(v, _ []Array) []float64 { return convolve(attr, y, v[0], v[1]) },
		}, Case{Name: "conv-grad-input " + k.name, Op: exec.ConvGradInput, Vars: shapes{w, y},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.ConvGradInput, attr, k.x, v...) },
		}, Case{Name: "conv-grad-weight " + k.name, Op: exec.ConvGradWeight, Vars: shapes{k.x, y},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.ConvGradWeight, attr, w, v...) },
		})
	}

	for _, k := range []struct {
		name           string
		x              exec.Shape
		k, stride, pad int
	}{
		{"3x3", exec.Shape{2, 5, 4, 3}, 3, 1, 1},
		{"3x3 16 channels", exec.Shape{1, 4, 5, 16}, 3, 1, 1},
		{"2x2 stride 2", exec.Shape{2, 6, 4, 3}, 2, 2, 0},
		{"2x2 stride 2 odd image", exec.Shape{1, 5, 7, 2}, 2, 2, 0},
		{"3x3 stride 2 batch 1", exec.Shape{1, 7, 6, 2}, 3, 2, 1},
		{"1x1 stride 2", exec.Shape{2, 5, 4, 3}, 1, 2, 0},
		{"image smaller than window", exec.Shape{2, 1, 2, 3}, 3, 1, 1},
		{"2x2 stride 2 padding 1", exec.Shape{2, 6, 4, 3}, 2, 2, 1},
		{"2x2 stride 2 padding 1, 32 to 17", exec.Shape{1, 32, 32, 1}, 2, 2, 1},
		{"5x5 stride 3", exec.Shape{2, 8, 8, 3}, 5, 3, 0},
	} {
		attr := exec.Attr{KH: k.k, KW: k.k, Stride: k.stride, Pad: k.pad}
		window := graph.Window{K: k.k, Stride: k.stride, Pad: k.pad}
		y := k.x
		y[1], y[2] = (k.x[1]+2*k.pad-k.k)/k.stride+1, (k.x[2]+2*k.pad-k.k)/k.stride+1
		index := func(g *graph.Graph, x *graph.Node) *graph.Node { return g.Apply(exec.MaxPoolIndex, attr, y, x) }
		add(Case{Name: "avg-pool " + k.name, Op: exec.AvgPool, Vars: shapes{k.x},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.AvgPool(v[0], window) },
			Forward: func(v, _ []Array) []float64 {
				return pool(attr, y, v[0], mean)
			},
		}, Case{Name: "avg-pool-grad " + k.name, Op: exec.AvgPoolGrad, Vars: shapes{y},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.AvgPoolGrad, attr, k.x, v[0]) },
		}, Case{Name: "max-pool " + k.name, Op: exec.MaxGather, Vars: shapes{k.x},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.MaxPool(v[0], window) },
			Forward: func(v, _ []Array) []float64 {
				return pool(attr, y, v[0], largest)
			},
		}, Case{Name: "max-pool-index " + k.name, Op: exec.MaxPoolIndex, Vars: shapes{k.x},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return index(g, v[0]) },
		}, Case{Name: "max-gather " + k.name, Op: exec.MaxGather, Vars: shapes{k.x}, Fixed: shapes{k.x},
			Build: func(g *graph.Graph, v, f nodes) *graph.Node {
				return g.Apply(exec.MaxGather, attr, y, index(g, f[0]), v[0])
			},
		}, Case{Name: "max-scatter " + k.name, Op: exec.MaxScatter, Vars: shapes{y}, Fixed: shapes{k.x},
			Build: func(g *graph.Graph, v, f nodes) *graph.Node {
				return g.Apply(exec.MaxScatter, attr, k.x, index(g, f[0]), v[0])
			},
		})
	}

	for _, s := range (shapes{{2, 3, 5, 4}, {1, 1, 1, 1}, {1, 3, 3, 17}, {3, 2, 1, 1}, {2, 4, 4, 16}}) {
		name := fmt.Sprintf(" %v", s)
		vec := exec.Vector(s[3])
		number := exec.Vector(1)
		add(elementwise("relu"+name, exec.ReLU, s, 1, func(g *graph.Graph, v nodes) *graph.Node { return g.ReLU(v[0]) },
			func(x ...float64) float64 { return math.Max(x[0], 0) }),
			elementwise("mul"+name, exec.Mul, s, 2, func(g *graph.Graph, v nodes) *graph.Node { return g.Mul(v[0], v[1]) },
				func(x ...float64) float64 { return x[0] * x[1] }),
			elementwise("square"+name, exec.Mul, s, 1, func(g *graph.Graph, v nodes) *graph.Node { return g.Mul(v[0], v[0]) },
				func(x ...float64) float64 { return x[0] * x[0] }),
			elementwise("div"+name, exec.Div, s, 2, func(g *graph.Graph, v nodes) *graph.Node { return g.Div(v[0], v[1]) },
				func(x ...float64) float64 { return x[0] / x[1] }),
			elementwise("affine"+name, exec.Affine, s, 1, func(g *graph.Graph, v nodes) *graph.Node { return g.Affine(v[0], 1.5, -0.25) },
				func(x ...float64) float64 { return 1.5*x[0] - 0.25 }),
			elementwise("rsqrt"+name, exec.Rsqrt, s, 1, func(g *graph.Graph, v nodes) *graph.Node { return g.Rsqrt(v[0], 0.01) },
				func(x ...float64) float64 { return math.Pow(x[0]+0.01, -0.5) }),
			elementwise("add 2"+name, exec.Add, s, 2, func(g *graph.Graph, v nodes) *graph.Node { return g.Add(v...) },
				func(x ...float64) float64 { return x[0] + x[1] }),
			elementwise("add 5"+name, exec.Add, s, 5, func(g *graph.Graph, v nodes) *graph.Node { return g.Add(v...) },
				func(x ...float64) float64 { return x[0] + x[1] + x[2] + x[3] + x[4] }),
			elementwise("add itself"+name, exec.Add, s, 1, func(g *graph.Graph, v nodes) *graph.Node { return g.Add(v[0], v[0]) },
				func(x ...float64) float64 { return 2 * x[0] }),
			Case{Name: "relu-mask" + name, Op: exec.ReLUMask, Vars: shapes{s}, Fixed: shapes{s},
				Build: func(g *graph.Graph, v, f nodes) *graph.Node {
					return g.Apply(exec.ReLUMask, exec.Attr{}, s, f[0], v[0])
				},
				Forward: func(v, f []Array) []float64 {
					return each(s, func(n, h, w, c int) float64 {
						if f[0].At(n, h, w, c) > 0 {
							return v[0].At(n, h, w, c)
						}
						return 0
					})
				}},
			Case{Name: "chan-lin vectors" + name, Op: exec.ChanLin, Vars: shapes{s, vec, s, vec, vec},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
					return g.ChanLin([]graph.Term{{X: v[0], A: v[1]}, {X: v[2], A: v[3]}}, v[4])
				},
				Forward: func(v, _ []Array) []float64 {
					return each(s, func(n, h, w, c int) float64 {
						return v[0].At(n, h, w, c)*v[1].Data[c] + v[2].At(n, h, w, c)*v[3].Data[c] + v[4].Data[c]
					})
				}},
			Case{Name: "chan-lin numbers" + name, Op: exec.ChanLin, Vars: shapes{s, number, s, number, s, vec, vec, number},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
					return g.ChanLin([]graph.Term{{X: v[0], A: v[1]}, {X: v[2], A: v[3]}, {X: v[4], A: v[5]}}, v[6], v[7])
				},
				Forward: func(v, _ []Array) []float64 {
					return each(s, func(n, h, w, c int) float64 {
						return v[0].At(n, h, w, c)*v[1].Data[0] + v[2].At(n, h, w, c)*v[3].Data[0] + v[4].At(n, h, w, c)*v[5].Data[c] +
							v[6].Data[c] + v[7].Data[0]
					})
				}},
			Case{Name: "chan-lin of one x" + name, Op: exec.ChanLin, Vars: shapes{s, vec, number},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
					return g.ChanLin([]graph.Term{{X: v[0], A: v[1]}, {X: v[0], A: v[2]}})
				}},
			Case{Name: "chan-lin of biases" + name, Op: exec.ChanLin, Vars: shapes{vec, number},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.ChanLin, exec.Attr{}, s, v...) },
				Forward: func(v, _ []Array) []float64 {
					return each(s, func(_, _, _, c int) float64 { return v[0].Data[c] + v[1].Data[0] })
				}},
			Case{Name: "chan-dot" + name, Op: exec.ChanDot, Vars: shapes{s, s},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.ChanDot, exec.Attr{}, vec, v...) },
				Forward: func(v, _ []Array) []float64 {
					return perChannel(s, func(n, h, w, c int) float64 { return v[0].At(n, h, w, c) * v[1].At(n, h, w, c) })
				}},
			Case{Name: "chan-sum" + name, Op: exec.ChanSum, Vars: shapes{s},
				Build:   func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.ChanSum, exec.Attr{}, vec, v...) },
				Forward: func(v, _ []Array) []float64 { return perChannel(s, v[0].At) }},
			Case{Name: "dot" + name, Op: exec.Dot, Vars: shapes{s, s},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.Dot, exec.Attr{}, number, v...) },
				Forward: func(v, _ []Array) []float64 {
					total := 0.0
					for i, x := range v[0].Data {
						total += x * v[1].Data[i]
					}
					return []float64{total}
				}},
			Case{Name: "spatial-mean" + name, Op: exec.SpatialMean, Vars: shapes{s},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.SpatialMean(v[0]) },
				Forward: func(v, _ []Array) []float64 {
					return each(exec.Shape{s[0], 1, 1, s[3]}, func(n, _, _, c int) float64 {
						total := 0.0
						for h := range s[1] {
							for w := range s[2] {
								total += v[0].At(n, h, w, c)
							}
						}
						return total / float64(s[1]*s[2])
					})
				}},
			Case{Name: "spatial-spread" + name, Op: exec.SpatialSpread, Vars: shapes{{s[0], 1, 1, s[3]}},
				Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
					return g.Apply(exec.SpatialSpread, exec.Attr{}, s, v[0])
				}})
	}

	const eps = 0.05
	for _, s := range (shapes{{2, 3, 5, 4}, {1, 3, 2, 1}, {4, 1, 1, 3}, {1, 3, 3, 17}, {3, 4, 4, 16}}) {
		name := fmt.Sprintf(" %v", s)
		vec, stats := exec.Vector(s[3]), exec.Vector(3*s[3])
		add(Case{Name: "bn-stats" + name, Op: exec.BNStats, Vars: shapes{s},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
				_, stats := g.BatchNorm(v[0], eps)
				return stats
			},
			Forward: func(v, _ []Array) []float64 {
				mean, variance := moments(v[0])
				out := append(append([]float64(nil), mean...), variance...)
				for _, x := range variance {
					out = append(out, 1/math.Sqrt(x+eps))
				}
				return out
			},
		}, Case{Name: "bn-norm" + name, Op: exec.BNNorm, Vars: shapes{s},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
				y, _ := g.BatchNorm(v[0], eps)
				return y
			},
			Forward: func(v, _ []Array) []float64 {
				mean, variance := moments(v[0])
				return each(s, func(n, h, w, c int) float64 {
					return (v[0].At(n, h, w, c) - mean[c]) / math.Sqrt(variance[c]+eps)
				})
			},
		}, Case{Name: "batch norm, affine, relu" + name, Op: exec.BNNorm, Vars: shapes{s, vec, vec},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
				y, _ := g.BatchNorm(v[0], eps)
				return g.ReLU(g.ChanLin([]graph.Term{{X: y, A: v[1]}}, v[2]))
			},
		}, Case{Name: "batch norm twice" + name, Op: exec.BNNorm, Vars: shapes{s},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
				y, _ := g.BatchNorm(v[0], eps)
				z, stats := g.BatchNorm(g.Mul(y, v[0]), eps)
				return g.Add(z, g.ChanLin([]graph.Term{{X: v[0], A: g.Slice(stats, s[3], s[3])}}))
			},
		}, Case{Name: "batch norm in evaluation" + name, Op: exec.Rsqrt, Vars: shapes{s, vec, vec}, Positive: true,
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.BatchNormEval(v[0], v[1], v[2], eps) },
			Forward: func(v, _ []Array) []float64 {
				return each(s, func(n, h, w, c int) float64 {
					return (v[0].At(n, h, w, c) - v[1].Data[c]) / math.Sqrt(v[2].Data[c]+eps)
				})
			},
		}, Case{Name: "bn-grad" + name, Op: exec.BNGrad, Vars: shapes{s, s, stats}, Positive: true,
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.BNGrad, exec.Attr{}, s, v...) },
			Forward: func(v, _ []Array) []float64 {
				m := float64(s[0] * s[1] * s[2])
				sumG := perChannel(s, v[0].At)
				sumGY := perChannel(s, func(n, h, w, c int) float64 { return v[0].At(n, h, w, c) * v[1].At(n, h, w, c) })
				return each(s, func(n, h, w, c int) float64 {
					return v[2].Data[2*s[3]+c] * (v[0].At(n, h, w, c) - sumG[c]/m - v[1].At(n, h, w, c)*sumGY[c]/m)
				})
			},
		})
	}

	for _, s := range (shapes{{3, 1, 1, 5}, {1, 1, 1, 2}, {2, 1, 1, 17}, {4, 1, 1, 1}}) {
		name := fmt.Sprintf(" %v", s)
		column := exec.Shape{s[0], 1, 1, 1}
		add(Case{Name: "cross-entropy" + name, Op: exec.CrossEntropy, Vars: shapes{s}, Fixed: shapes{s},
			Build: func(g *graph.Graph, v, f nodes) *graph.Node { return g.CrossEntropy(v[0], g.Softmax(f[0])) },
			Forward: func(v, f []Array) []float64 {
				p, t := softmax(v[0]), softmax(f[0])
				total := 0.0
				for i := range p {
					total -= t[i] * math.Log(p[i])
				}
				return []float64{total / float64(s[0])}
			},
		}, Case{Name: "cross-entropy in targets" + name, Op: exec.CrossEntropy, Vars: shapes{s, s},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.CrossEntropy(v[0], v[1]) },
		}, Case{Name: "softmax" + name, Op: exec.Softmax, Vars: shapes{s},
			Build:   func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Softmax(v[0]) },
			Forward: func(v, _ []Array) []float64 { return softmax(v[0]) },
		}, Case{Name: "softmax-jac" + name, Op: exec.SoftmaxJac, Vars: shapes{s, s},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.SoftmaxJac, exec.Attr{}, s, v...) },
		}, Case{Name: "row-dot" + name, Op: exec.RowDot, Vars: shapes{s, s},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.RowDot, exec.Attr{}, column, v...) },
			Forward: func(v, _ []Array) []float64 {
				return each(column, func(n, _, _, _ int) float64 {
					total := 0.0
					for c := range s[3] {
						total += v[0].At(n, 0, 0, c) * v[1].At(n, 0, 0, c)
					}
					return total
				})
			},
		}, Case{Name: "row-scale" + name, Op: exec.RowScale, Vars: shapes{s, column},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.RowScale, exec.Attr{}, s, v...) },
			Forward: func(v, _ []Array) []float64 {
				return each(s, func(n, _, _, c int) float64 { return v[0].At(n, 0, 0, c) * v[1].Data[n] })
			},
		})
	}

	for _, k := range []struct {
		name string
		x    exec.Shape
		c    []int // channels of the arguments
	}{
		{"2", exec.Shape{2, 3, 4, 0}, []int{3, 5}},
		{"3", exec.Shape{1, 3, 2, 0}, []int{16, 1, 4}},
		{"2 vectors", exec.Shape{1, 1, 1, 0}, []int{4, 2}},
	} {
		var vars shapes
		for _, c := range k.c {
			k.x[3] = c
			vars = append(vars, k.x)
		}
		y := k.x
		y[3] = 0
		for _, c := range k.c {
			y[3] += c
		}
		add(Case{Name: "concat " + k.name, Op: exec.Concat, Vars: vars,
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Concat(v...) },
			Forward: func(v, _ []Array) []float64 {
				return each(y, func(n, h, w, c int) float64 {
					for _, x := range v {
						if c < x.Shape[3] {
							return x.At(n, h, w, c)
						}
						c -= x.Shape[3]
					}
					panic("conformance: channel of no argument")
				})
			},
		})
	}
	images := exec.Shape{2, 3, 2, 5}
	twice := func(g *graph.Graph, x *graph.Node) *graph.Node { return g.Concat(g.Mul(x, x), x, g.ReLU(x)) }
	add(Case{Name: "concat of one x", Op: exec.Concat, Vars: shapes{images},
		Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return twice(g, v[0]) },
		Forward: func(v, _ []Array) []float64 {
			return each(exec.Shape{2, 3, 2, 15}, func(n, h, w, c int) float64 {
				x := v[0].At(n, h, w, c%5)
				return []float64{x * x, x, math.Max(x, 0)}[c/5]
			})
		},
	}, Case{Name: "concat with what does not change", Op: exec.Concat, Vars: shapes{images}, Fixed: shapes{images},
		Build: func(g *graph.Graph, v, f nodes) *graph.Node {
			x := g.Concat(g.Mul(v[0], v[0]), f[0], g.Mul(v[0], f[0]))
			return g.Mul(x, g.Concat(f[0], v[0], f[0]))
		},
	}, Case{Name: "slice of images", Op: exec.Slice, Vars: shapes{{2, 3, 2, 9}},
		Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Slice(v[0], 3, 4) },
		Forward: func(v, _ []Array) []float64 {
			return each(exec.Shape{2, 3, 2, 4}, func(n, h, w, c int) float64 { return v[0].At(n, h, w, c+3) })
		},
	}, Case{Name: "place of images", Op: exec.Place, Vars: shapes{images},
		Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Place(v[0], 2, 9) },
		Forward: func(v, _ []Array) []float64 {
			return each(exec.Shape{2, 3, 2, 9}, func(n, h, w, c int) float64 {
				if c < 2 || c >= 7 {
					return 0
				}
				return v[0].At(n, h, w, c-2)
			})
		},
	})

	for _, s := range (shapes{images, exec.Vector(5)}) {
		add(Case{Name: fmt.Sprintf("concat, parts again %v", s), Op: exec.Concat, Vars: shapes{s, s},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
				x := g.Concat(v[0], g.Mul(v[0], v[1]))
				return g.Add(g.Mul(g.Slice(x, 0, 5), g.Slice(x, 5, 5)), g.Mul(g.Slice(x, 1, 5), g.Slice(x, 4, 5)))
			},
			Forward: func(v, _ []Array) []float64 {
				return each(s, func(n, h, w, c int) float64 {
					at := func(c int) float64 {
						if c < 5 {
							return v[0].At(n, h, w, c)
						}
						return v[0].At(n, h, w, c-5) * v[1].At(n, h, w, c-5)
					}
					return at(c)*at(c+5) + at(c+1)*at(c+4)
				})
			},
		})
	}

	for _, k := range []struct {
		name           string
		x              exec.Shape
		stride, offset int
		y              [2]int // by hand
	}{
		{"2 from 0 even image", exec.Shape{2, 6, 4, 3}, 2, 0, [2]int{3, 2}},
		{"2 from 0 odd image", exec.Shape{2, 5, 7, 3}, 2, 0, [2]int{3, 4}},
		{"2 from 1 even image", exec.Shape{2, 6, 4, 3}, 2, 1, [2]int{3, 2}},
		{"2 from 1 odd image", exec.Shape{1, 5, 7, 16}, 2, 1, [2]int{2, 3}},
		{"3 from 0", exec.Shape{2, 7, 6, 1}, 3, 0, [2]int{3, 2}},
		{"3 from 1", exec.Shape{1, 8, 5, 2}, 3, 1, [2]int{3, 2}},
		{"1 from 1", exec.Shape{1, 3, 4, 2}, 1, 1, [2]int{2, 3}},
	} {
		y := exec.Shape{k.x[0], k.y[0], k.y[1], k.x[3]}
		add(Case{Name: "subsample " + k.name, Op: exec.Subsample, Vars: shapes{k.x},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Subsample(v[0], k.stride, k.offset) },
			Forward: func(v, _ []Array) []float64 {
				return each(y, func(n, h, w, c int) float64 { return v[0].At(n, h*k.stride+k.offset, w*k.stride+k.offset, c) })
			},
		}, Case{Name: "subsample-grad " + k.name, Op: exec.SubsampleGrad, Vars: shapes{y},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node {
				return g.Apply(exec.SubsampleGrad, exec.Attr{Stride: k.stride, Offset: k.offset}, k.x, v[0])
			},
			Forward: func(v, _ []Array) []float64 {
				return each(k.x, func(n, h, w, c int) float64 {
					h, w = h-k.offset, w-k.offset
					if h < 0 || w < 0 || h%k.stride != 0 || w%k.stride != 0 {
						return 0
					}
					return v[0].At(n, h/k.stride, w/k.stride, c)
				})
			},
		})
	}

	for _, s := range (shapes{{3, 2, 4, 5}, {1, 3, 3, 2}, {2, 1, 5, 16}}) {
		name := fmt.Sprintf(" of images %v", s)
		column := exec.Shape{s[0], 1, 1, 1}
		add(Case{Name: "row-scale" + name, Op: exec.RowScale, Vars: shapes{s, column},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.RowScale(v[0], v[1]) },
			Forward: func(v, _ []Array) []float64 {
				return each(s, func(n, h, w, c int) float64 { return v[0].At(n, h, w, c) * v[1].Data[n] })
			},
		}, Case{Name: "row-dot" + name, Op: exec.RowDot, Vars: shapes{s, s},
			Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Apply(exec.RowDot, exec.Attr{}, column, v...) },
			Forward: func(v, _ []Array) []float64 {
				out := make([]float64, s[0])
				each(s, func(n, h, w, c int) float64 {
					out[n] += v[0].At(n, h, w, c) * v[1].At(n, h, w, c)
					return 0
				})
				return out
			},
		})
	}

	add(Case{Name: "slice", Op: exec.Slice, Vars: shapes{exec.Vector(9)},
		Build:   func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Slice(v[0], 3, 4) },
		Forward: func(v, _ []Array) []float64 { return v[0].Data[3:7] },
	}, Case{Name: "place", Op: exec.Place, Vars: shapes{exec.Vector(4)},
		Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return g.Place(v[0], 3, 9) },
		Forward: func(v, _ []Array) []float64 {
			out := make([]float64, 9)
			copy(out[3:], v[0].Data)
			return out
		},
	})
	return append(cases, networks()...)
}

// elementwise is a case with arguments of one shape; rsqrt wants positive ones.
func elementwise(name string, op exec.Op, s exec.Shape, count int, build func(*graph.Graph, nodes) *graph.Node, f func(x ...float64) float64) Case {
	c := Case{Name: name, Op: op, Positive: op == exec.Rsqrt,
		Build: func(g *graph.Graph, v, _ nodes) *graph.Node { return build(g, v) },
		Forward: func(v, _ []Array) []float64 {
			x := make([]float64, count)
			return each(s, func(n, h, w, c int) float64 {
				for i := range x {
					x[i] = v[i].At(n, h, w, c)
				}
				return f(x...)
			})
		}}
	for range count {
		c.Vars = append(c.Vars, s)
	}
	return c
}

func each(s exec.Shape, f func(n, h, w, c int) float64) []float64 {
	out := make([]float64, 0, s.Len())
	for n := range s[0] {
		for h := range s[1] {
			for w := range s[2] {
				for c := range s[3] {
					out = append(out, f(n, h, w, c))
				}
			}
		}
	}
	return out
}

func perChannel(s exec.Shape, f func(n, h, w, c int) float64) []float64 {
	out := make([]float64, s[3])
	each(s, func(n, h, w, c int) float64 {
		out[c] += f(n, h, w, c)
		return 0
	})
	return out
}

func sum(x []float64) float64 {
	total := 0.0
	for _, v := range x {
		total += v
	}
	return total
}

func moments(x Array) (mean, variance []float64) {
	m := float64(x.Shape[0] * x.Shape[1] * x.Shape[2])
	mean = perChannel(x.Shape, x.At)
	for c := range mean {
		mean[c] /= m
	}
	variance = perChannel(x.Shape, func(n, h, w, c int) float64 { return math.Pow(x.At(n, h, w, c)-mean[c], 2) / m })
	return mean, variance
}

func softmax(z Array) []float64 {
	return each(z.Shape, func(n, _, _, c int) float64 {
		total := 0.0
		for k := range z.Shape[3] {
			total += math.Exp(z.At(n, 0, 0, k) - z.At(n, 0, 0, c))
		}
		return 1 / total
	})
}

// convolve gathers, for every output, the inputs under its window.
func convolve(a exec.Attr, y exec.Shape, x, w Array) []float64 {
	cin, cout := w.Shape[2], y[3]/a.Groups
	return each(y, func(n, oh, ow, co int) float64 {
		total := 0.0
		for kh := range a.KH {
			for kw := range a.KW {
				h, v := oh*a.Stride-a.Pad+kh*a.Dilation, ow*a.Stride-a.Pad+kw*a.Dilation
				if h < 0 || h >= x.Shape[1] || v < 0 || v >= x.Shape[2] {
					continue
				}
				for ci := range cin {
					total += x.At(n, h, v, co/cout*cin+ci) * w.At(kh, kw, ci, co)
				}
			}
		}
		return total
	})
}

// pool reduces the pixels under each window that lie inside the image.
func pool(a exec.Attr, y exec.Shape, x Array, reduce func([]float64) float64) []float64 {
	return each(y, func(n, oh, ow, c int) float64 {
		var in []float64
		for kh := range a.KH {
			for kw := range a.KW {
				h, w := oh*a.Stride-a.Pad+kh, ow*a.Stride-a.Pad+kw
				if h >= 0 && h < x.Shape[1] && w >= 0 && w < x.Shape[2] {
					in = append(in, x.At(n, h, w, c))
				}
			}
		}
		return reduce(in)
	})
}
