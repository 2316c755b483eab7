package graph

import "idarts/internal/exec"

// rule is how one operator is differentiated.
//
// reverse gives, for the adjoint h of the result, the adjoint of argument i. It
// is linear in h.
//
// tangent gives the change of the result for the changes dots of the arguments
// (nil: no change; not all are nil). Without one, the operator is linear in each
// differentiable argument, and the change is the sum of the operator with one
// argument replaced by its change.
//
// Both are written with operators of the family, so results can be
// differentiated again.
type rule struct {
	arguments uint64 // bit i: there is a derivative in argument i; bit 63 stands for all further ones
	reverse   func(c call, i int, h *Node) piece
	tangent   func(c call, dots []*Node) *Node
}

const (
	first  = 1 << 0
	second = 1 << 1
	third  = 1 << 2
	every  = ^uint64(0)
)

func (r rule) differentiable(i int) bool { return r.arguments>>min(i, 63)&1 == 1 }

// call is a node that is being differentiated.
type call struct {
	*Graph
	n    *Node
	o    *Operator
	args []*Node
}

// like applies an operator with the constants of the call.
func (c call) like(op exec.Op, out exec.Shape, args ...*Node) *Node {
	return c.Apply(op, c.o.Attr, out, args...)
}

func (c call) shape(i int) exec.Shape { return Shape(c.args[i]) }

// rules has one row per operator; formulas use the names of the arguments in
// exec.Op, h for the adjoint of the result and a dot for a change.
var rules [exec.NumOps]rule

func init() {
	// The rules build nodes, and nodes know their rules: the table is filled here
	// because Go sees an initialization cycle otherwise.
	rules = [exec.NumOps]rule{
		// Three partials of the form Σ dy·conv(x, w), which is linear in x, w and dy:
		// each one's derivatives are the other two.
		exec.Conv: {arguments: first | second, reverse: func(c call, i int, h *Node) piece {
			if i == 0 {
				return bare(c.like(exec.ConvGradInput, c.shape(0), c.args[1], h))
			}
			return bare(c.like(exec.ConvGradWeight, c.shape(1), c.args[0], h))
		}},
		exec.ConvGradInput: {arguments: first | second, reverse: func(c call, i int, h *Node) piece {
			if i == 0 {
				return bare(c.like(exec.ConvGradWeight, c.shape(0), h, c.args[1]))
			}
			return bare(c.like(exec.Conv, c.shape(1), h, c.args[0]))
		}},
		exec.ConvGradWeight: {arguments: first | second, reverse: func(c call, i int, h *Node) piece {
			if i == 0 {
				return bare(c.like(exec.ConvGradInput, c.shape(0), h, c.args[1]))
			}
			return bare(c.like(exec.Conv, c.shape(1), c.args[0], h))
		}},

		// y > 0 exactly where x > 0, so y serves as the mask and x may die.
		exec.ReLU: {arguments: first,
			reverse: func(c call, _ int, h *Node) piece { return bare(c.like(exec.ReLUMask, c.o.Out, c.n, h)) },
			tangent: func(c call, dots []*Node) *Node { return c.like(exec.ReLUMask, c.o.Out, c.n, dots[0]) }},
		exec.ReLUMask: {arguments: second, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.like(exec.ReLUMask, c.o.Out, c.args[0], h))
		}},

		exec.AvgPool: {arguments: first, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.like(exec.AvgPoolGrad, c.shape(0), h))
		}},
		exec.AvgPoolGrad: {arguments: first, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.like(exec.AvgPool, c.shape(0), h))
		}},
		exec.MaxPoolIndex: {}, // piecewise constant
		exec.MaxGather: {arguments: second, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.like(exec.MaxScatter, c.shape(1), c.args[0], h))
		}},
		exec.MaxScatter: {arguments: second, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.like(exec.MaxGather, c.shape(1), c.args[0], h))
		}},

		exec.ChanLin: {arguments: every, reverse: reverseChanLin, tangent: tangentChanLin},
		exec.ChanDot: {arguments: first | second, reverse: func(c call, i int, h *Node) piece {
			return c.times(c.args[1-i], h)
		}},
		exec.ChanSum: {arguments: first, reverse: func(c call, _ int, h *Node) piece { return piece{X: h, spread: true} }},
		exec.Dot: {arguments: first | second, reverse: func(c call, i int, h *Node) piece {
			return c.times(c.args[1-i], h)
		}},

		exec.BNStats: {arguments: first, reverse: reverseBNStats, tangent: tangentBNStats},
		exec.BNNorm: {arguments: first, // in total: stats are taken to be BNStats(x)
			reverse: func(c call, _ int, h *Node) piece {
				return bare(c.like(exec.BNGrad, c.o.Out, h, c.n, c.args[1]))
			},
			tangent: func(c call, dots []*Node) *Node {
				return c.like(exec.BNGrad, c.o.Out, dots[0], c.n, c.args[1])
			}},
		exec.BNGrad: {arguments: first | second | third, reverse: reverseBNGrad, tangent: tangentBNGrad},

		exec.SpatialMean: {arguments: first, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.like(exec.SpatialSpread, c.shape(0), h))
		}},
		exec.SpatialSpread: {arguments: first, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.like(exec.SpatialMean, c.shape(0), h))
		}},

		// dz = (softmax(z) − t)·h/N, dt = −z·h/N.
		exec.CrossEntropy: {arguments: first | second,
			reverse: func(c call, i int, h *Node) piece {
				n := float64(c.shape(0)[0])
				if i == 0 {
					return c.times(c.residual(), c.Affine(h, 1/n, 0))
				}
				return c.times(c.args[0], c.Affine(h, -1/n, 0))
			},
			tangent: func(c call, dots []*Node) *Node {
				n := float64(c.shape(0)[0])
				var sum []piece
				if dots[0] != nil {
					sum = append(sum, bare(c.Affine(c.Dot(c.residual(), dots[0]), 1/n, 0)))
				}
				if dots[1] != nil {
					sum = append(sum, bare(c.Affine(c.Dot(c.args[0], dots[1]), -1/n, 0)))
				}
				return c.total(sum, c.o.Out)
			}},
		exec.Softmax: {arguments: first,
			reverse: func(c call, _ int, h *Node) piece { return bare(c.like(exec.SoftmaxJac, c.o.Out, c.n, h)) },
			tangent: func(c call, dots []*Node) *Node { return c.like(exec.SoftmaxJac, c.o.Out, c.n, dots[0]) }},
		exec.SoftmaxJac: {arguments: first | second, reverse: reverseSoftmaxJac, tangent: tangentSoftmaxJac},
		exec.RowDot: {arguments: first | second, reverse: func(c call, i int, h *Node) piece {
			return bare(c.RowScale(c.args[1-i], h))
		}},
		exec.RowScale: {arguments: first | second, reverse: func(c call, i int, h *Node) piece {
			if i == 0 {
				return bare(c.RowScale(h, c.args[1]))
			}
			return bare(c.rowDot(h, c.args[0]))
		}},

		exec.Add: {arguments: every,
			reverse: func(_ call, _ int, h *Node) piece { return bare(h) },
			tangent: func(c call, dots []*Node) *Node {
				var sum []piece
				for _, d := range dots {
					if d != nil {
						sum = append(sum, bare(d))
					}
				}
				return c.total(sum, c.o.Out)
			}},
		exec.Mul: {arguments: first | second, reverse: func(c call, i int, h *Node) piece {
			return bare(c.Mul(h, c.args[1-i]))
		}},
		// dx = h/y, dy = −h·(x/y)/y.
		exec.Div: {arguments: first | second,
			reverse: func(c call, i int, h *Node) piece {
				if i == 0 {
					return bare(c.Div(h, c.args[1]))
				}
				return bare(c.Affine(c.Div(c.Mul(h, c.n), c.args[1]), -1, 0))
			},
			tangent: func(c call, dots []*Node) *Node {
				var sum []piece
				if dots[0] != nil {
					sum = append(sum, bare(dots[0]))
				}
				if dots[1] != nil {
					sum = append(sum, bare(c.Affine(c.Mul(c.n, dots[1]), -1, 0)))
				}
				return c.Div(c.total(sum, c.o.Out), c.args[1])
			}},
		exec.Affine: {arguments: first,
			reverse: func(c call, _ int, h *Node) piece {
				if c.o.Attr.Alpha == 0 {
					return piece{}
				}
				return bare(c.Affine(h, c.o.Attr.Alpha, 0))
			},
			tangent: func(c call, dots []*Node) *Node {
				if c.o.Attr.Alpha == 0 {
					return nil
				}
				return c.Affine(dots[0], c.o.Attr.Alpha, 0)
			}},
		// y = (x + eps)^(-1/2), dy/dx = −y³/2.
		exec.Rsqrt: {arguments: first,
			reverse: func(c call, _ int, h *Node) piece { return bare(c.Mul(h, c.Affine(c.cube(c.n), -0.5, 0))) },
			tangent: func(c call, dots []*Node) *Node { return c.Mul(dots[0], c.Affine(c.cube(c.n), -0.5, 0)) }},
		exec.Slice: {arguments: first, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.Place(h, c.o.Attr.Offset, c.shape(0)[3]))
		}},
		exec.Place: {arguments: first,
			reverse: func(c call, _ int, h *Node) piece { return bare(c.part(h, c.o.Attr.Offset, c.shape(0)[3])) }},
		exec.Concat: {arguments: every, reverse: reverseConcat, tangent: tangentConcat},
		exec.Subsample: {arguments: first, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.like(exec.SubsampleGrad, c.shape(0), h))
		}},
		exec.SubsampleGrad: {arguments: first, reverse: func(c call, _ int, h *Node) piece {
			return bare(c.like(exec.Subsample, c.shape(0), h))
		}},
	}
}

func (g *Graph) cube(x *Node) *Node { return g.Mul(g.Mul(x, x), x) }

func (g *Graph) rowDot(x, y *Node) *Node {
	x, y = ordered(x, y)
	return g.Apply(exec.RowDot, exec.Attr{}, exec.Shape{Shape(x)[0], 1, 1, 1}, x, y)
}

// residual is softmax(z) − t of a cross-entropy.
func (c call) residual() *Node {
	return c.Add(c.Softmax(c.args[0]), c.Affine(c.args[1], -1, 0))
}

// part is [Graph.Slice], but looks into placed channels and into sums of placed
// vectors. It gives nil where nothing was placed.
func (g *Graph) part(x *Node, offset, n int) *Node {
	if o := operator(x); o != nil {
		switch {
		case o.Op == exec.Place:
			at, size := o.Attr.Offset, Shape(o.args[0])[3]
			if at == offset && size == n {
				return o.args[0]
			}
			if at >= offset+n || at+size <= offset {
				return nil
			}
		case o.Op == exec.Add && small(o.Out): // of images, one pass over the sum is less
			var sum []piece
			for _, a := range o.args {
				if p := g.part(a, offset, n); p != nil {
					sum = append(sum, bare(p))
				}
			}
			s := o.Out
			s[3] = n
			return g.total(sum, s)
		}
	}
	return g.Slice(x, offset, n)
}

// The adjoint of an argument is its channels of h.
func reverseConcat(c call, i int, h *Node) piece {
	at := 0
	for k := range i {
		at += c.shape(k)[3]
	}
	return bare(c.part(h, at, c.shape(i)[3]))
}

// The changes side by side, with zeros for arguments that do not change.
func tangentConcat(c call, dots []*Node) *Node {
	var moving, offset, at int
	var last *Node
	for i, d := range dots {
		if d != nil {
			moving, offset, last = moving+1, at, d
		}
		at += c.shape(i)[3]
	}
	if moving == 1 {
		return c.Place(last, offset, at)
	}
	changes := append([]*Node(nil), dots...)
	for i, d := range dots {
		if d == nil {
			changes[i] = c.Affine(c.args[i], 0, 0)
		}
	}
	return c.Concat(changes...)
}

// y = Σ x⊙a + Σ b: dx = h⊙a; da = Σ h·x over pixels, or over everything where a
// is a number; db = Σ h likewise.
func reverseChanLin(c call, i int, h *Node) piece {
	number := c.shape(i).Len() == 1
	switch terms := c.o.Attr.Terms; {
	case i < 2*terms && i%2 == 0:
		return c.times(h, c.args[i+1])
	case i < 2*terms && number:
		return bare(c.Dot(h, c.args[i-1]))
	case i < 2*terms:
		return bare(c.ChanDot(h, c.args[i-1]))
	case number:
		return bare(c.Sum(h))
	default:
		return bare(c.ChanSum(h))
	}
}

func tangentChanLin(c call, dots []*Node) *Node {
	var sum []piece
	for i, d := range dots {
		switch {
		case d == nil:
		case i >= 2*c.o.Attr.Terms:
			sum = append(sum, piece{X: d, spread: true})
		case i%2 == 0:
			sum = append(sum, c.times(d, c.args[i+1]))
		default:
			sum = append(sum, piece{X: c.args[i-1], A: d})
		}
	}
	return c.total(sum, c.o.Out)
}

// bnParts are the mean and 1/sqrt(variance+eps) of a stats vector.
func (g *Graph) bnParts(stats *Node) (mean, r *Node) {
	n := Shape(stats)[3] / 3
	return g.Slice(stats, 0, n), g.Slice(stats, 2*n, n)
}

// pixels is M = N·H·W, over which a batch norm takes means.
func pixels(s exec.Shape) float64 { return float64(s[0] * s[1] * s[2]) }

// The adjoints m, v, ρ of mean, variance and r = (variance+eps)^(-1/2) give
//
//	dx = m/M + (x − mean)·a,  a = (2v − r³ρ)/M.
func reverseBNStats(c call, _ int, h *Node) piece {
	x, n, scale := c.args[0], c.shape(0)[3], 1/pixels(c.shape(0))
	mean, r := c.bnParts(c.n)
	var a, b []piece
	if v := c.part(h, n, n); v != nil {
		a = append(a, bare(c.Affine(v, 2*scale, 0)))
	}
	if rho := c.part(h, 2*n, n); rho != nil {
		a = append(a, bare(c.Affine(c.Mul(c.cube(r), rho), -scale, 0)))
	}
	if m := c.part(h, 0, n); m != nil {
		b = append(b, bare(c.Affine(m, scale, 0)))
	}
	if len(a) == 0 {
		if len(b) == 0 {
			return piece{}
		}
		return piece{X: b[0].X, spread: true}
	}
	slope := c.total(a, exec.Vector(n))
	b = append(b, bare(c.Affine(c.Mul(mean, slope), -1, 0)))
	return bare(c.ChanLin([]Term{{x, slope}}, c.total(b, exec.Vector(n))))
}

// With y = (x − mean)·r and means over pixels:
//
//	mean˙ = mean(x˙), variance˙ = 2·mean(y·x˙)/r, r˙ = −r²·mean(y·x˙).
func tangentBNStats(c call, dots []*Node) *Node {
	x, n, scale := c.args[0], c.shape(0)[3], 1/pixels(c.shape(0))
	_, r := c.bnParts(c.n)
	y := c.Apply(exec.BNNorm, exec.Attr{}, c.shape(0), x, c.n)
	cov := c.ChanDot(y, dots[0])
	return c.Add(
		c.Place(c.Affine(c.ChanSum(dots[0]), scale, 0), 0, 3*n),
		c.Place(c.Div(c.Affine(cov, 2*scale, 0), r), n, 3*n),
		c.Place(c.Mul(c.Mul(r, r), c.Affine(cov, -scale, 0)), 2*n, 3*n))
}

// o = r·(g − mean(g) − y·mean(g·y)) as a function of g, y and r:
//
//	dg = BNGrad(h), dy = −r·mean(g·y)·h − r·mean(h·y)·g, dr = Σ h·o/r.
func reverseBNGrad(c call, i int, h *Node) piece {
	grad, y, stats := c.args[0], c.args[1], c.args[2]
	s := c.o.Out
	n, scale := s[3], 1/pixels(s)
	_, r := c.bnParts(stats)
	switch i {
	case 0:
		return bare(c.Apply(exec.BNGrad, exec.Attr{}, s, h, y, stats))
	case 1:
		return bare(c.ChanLin([]Term{
			{h, c.Mul(r, c.Affine(c.ChanDot(grad, y), -scale, 0))},
			{grad, c.Mul(r, c.Affine(c.ChanDot(h, y), -scale, 0))},
		}))
	default:
		return bare(c.Place(c.Div(c.ChanDot(h, c.n), r), 2*n, 3*n))
	}
}

// The same function's change, in one pass over its parts:
//
//	o˙ = r·g˙ − r·mean(g˙) − r·mean(g·y)·y˙ − r·(mean(g˙·y) + mean(g·y˙))·y + (r˙/r)·o.
func tangentBNGrad(c call, dots []*Node) *Node {
	grad, y, stats := c.args[0], c.args[1], c.args[2]
	gradDot, yDot, statsDot := dots[0], dots[1], dots[2]
	s := c.o.Out
	n, scale := s[3], 1/pixels(s)
	_, r := c.bnParts(stats)
	var sum, cov []piece
	if gradDot != nil {
		sum = append(sum, piece{X: gradDot, A: r},
			piece{X: c.Mul(r, c.Affine(c.ChanSum(gradDot), -scale, 0)), spread: true})
		cov = append(cov, bare(c.ChanDot(gradDot, y)))
	}
	if yDot != nil {
		sum = append(sum, piece{X: yDot, A: c.Mul(r, c.Affine(c.ChanDot(grad, y), -scale, 0))})
		cov = append(cov, bare(c.ChanDot(grad, yDot)))
	}
	if len(cov) > 0 {
		sum = append(sum, piece{X: y, A: c.Mul(r, c.Affine(c.total(cov, exec.Vector(n)), -scale, 0))})
	}
	if statsDot != nil {
		if rDot := c.part(statsDot, 2*n, n); rDot != nil {
			sum = append(sum, piece{X: c.n, A: c.Div(rDot, r)})
		}
	}
	return c.total(sum, s)
}

// o = p∘u − s·p with s = ⟨p,u⟩ per row: du = SoftmaxJac(p, h),
// dp = h∘u − s·h − ⟨h,p⟩·u.
func reverseSoftmaxJac(c call, i int, h *Node) piece {
	p, u := c.args[0], c.args[1]
	if i == 1 {
		return bare(c.Apply(exec.SoftmaxJac, exec.Attr{}, c.o.Out, p, h))
	}
	return bare(c.Add(c.Mul(h, u), c.Affine(c.Add(c.RowScale(h, c.rowDot(p, u)), c.RowScale(u, c.rowDot(h, p))), -1, 0)))
}

// o˙ = SoftmaxJac(p, u˙) + p˙∘u − s·p˙ − ⟨p˙,u⟩·p.
func tangentSoftmaxJac(c call, dots []*Node) *Node {
	p, u := c.args[0], c.args[1]
	var sum []piece
	if d := dots[1]; d != nil {
		sum = append(sum, bare(c.Apply(exec.SoftmaxJac, exec.Attr{}, c.o.Out, p, d)))
	}
	if d := dots[0]; d != nil {
		sum = append(sum, bare(c.Mul(d, u)),
			bare(c.Affine(c.Add(c.RowScale(d, c.rowDot(p, u)), c.RowScale(p, c.rowDot(d, u))), -1, 0)))
	}
	return c.total(sum, c.o.Out)
}
