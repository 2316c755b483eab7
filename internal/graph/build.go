package graph

import (
	"fmt"

	"idarts/internal/exec"
)

// Window is the geometry of a convolution or pooling: a square of K by K taps.
// Zero Stride, Dilation or Groups mean 1; pooling takes no dilation or groups.
type Window struct{ K, Stride, Pad, Dilation, Groups int }

// Conv is the convolution of x [N,H,W,Cin] with w [K,K,Cin/groups,Cout], without bias.
func (g *Graph) Conv(x, w *Node, win Window) *Node {
	attr := exec.Attr{KH: win.K, KW: win.K, Stride: max(win.Stride, 1), Pad: win.Pad,
		Dilation: max(win.Dilation, 1), Groups: max(win.Groups, 1)}
	return g.Apply(exec.Conv, attr, resultShape(exec.Conv, attr, x, w), x, w)
}

// resultShape is the shape that the arguments decide; it panics when they do not
// fit, like [Graph.Apply].
func resultShape(op exec.Op, attr exec.Attr, args ...*Node) exec.Shape {
	shapes := make([]exec.Shape, len(args))
	for i, a := range args {
		shapes[i] = Shape(a)
	}
	s, err := exec.ResultShape(op, attr, shapes...)
	if err != nil {
		panic("graph: " + err.Error())
	}
	return s
}

// Linear is x·w for x [N,1,1,Cin] and w [1,1,Cin,Cout].
func (g *Graph) Linear(x, w *Node) *Node { return g.Conv(x, w, Window{K: 1}) }

// pooling is the attribute and the result shape of a pooling of x.
func pooling(x *Node, win Window) (exec.Attr, exec.Shape) {
	if win.Dilation > 1 || win.Groups > 1 {
		panic(fmt.Sprintf("graph: pooling with %+v: want no dilation and no groups", win))
	}
	attr := exec.Attr{KH: win.K, KW: win.K, Stride: max(win.Stride, 1), Pad: win.Pad}
	return attr, resultShape(exec.AvgPool, attr, x)
}

// AvgPool is the mean over the pixels of each window that lie inside the image.
func (g *Graph) AvgPool(x *Node, win Window) *Node {
	attr, out := pooling(x, win)
	return g.Apply(exec.AvgPool, attr, out, x)
}

// MaxPool is the maximum over each window.
func (g *Graph) MaxPool(x *Node, win Window) *Node {
	attr, out := pooling(x, win)
	return g.Apply(exec.MaxGather, attr, out, g.Apply(exec.MaxPoolIndex, attr, out, x), x)
}

// ReLU is max(x, 0).
func (g *Graph) ReLU(x *Node) *Node { return g.Apply(exec.ReLU, exec.Attr{}, Shape(x), x) }

// Term is a product of X with A, a vector over channels or a number.
type Term struct{ X, A *Node }

// ChanLin is Σ X⊙A + Σ biases in one pass. The biases are vectors over channels
// or numbers; there is at least one term.
func (g *Graph) ChanLin(terms []Term, biases ...*Node) *Node {
	if len(terms) == 0 {
		panic("graph: chan-lin without a term")
	}
	return g.chanLin(terms, biases, Shape(terms[0].X))
}

func (g *Graph) chanLin(terms []Term, biases []*Node, out exec.Shape) *Node {
	args := make([]*Node, 0, 2*len(terms)+len(biases))
	for _, t := range terms {
		args = append(args, t.X, t.A)
	}
	args = append(args, biases...)
	return g.Apply(exec.ChanLin, exec.Attr{Terms: len(terms)}, out, args...)
}

// BatchNorm is (x − mean)/sqrt(variance + eps) per channel with the statistics of
// the batch, without affine parameters. stats is [mean, biased variance, rstd],
// 3C numbers. The derivative of y in x counts the path through the statistics.
func (g *Graph) BatchNorm(x *Node, eps float64) (y, stats *Node) {
	attr := exec.Attr{Eps: eps}
	stats = g.Apply(exec.BNStats, attr, resultShape(exec.BNStats, attr, x), x)
	return g.Apply(exec.BNNorm, exec.Attr{}, Shape(x), x, stats), stats
}

// BatchNormEval is (x − mean)/sqrt(variance + eps) with given statistics, vectors
// over channels.
func (g *Graph) BatchNormEval(x, mean, variance *Node, eps float64) *Node {
	r := g.Rsqrt(variance, eps)
	return g.ChanLin([]Term{{x, r}}, g.Affine(g.Mul(mean, r), -1, 0))
}

// SpatialMean is the mean over pixels, [N,H,W,C] to [N,1,1,C].
func (g *Graph) SpatialMean(x *Node) *Node {
	return g.Apply(exec.SpatialMean, exec.Attr{}, resultShape(exec.SpatialMean, exec.Attr{}, x), x)
}

// CrossEntropy is the mean over rows of logsumexp(z) − t·z, for logits z and
// targets t [N,1,1,classes] whose rows sum to one.
func (g *Graph) CrossEntropy(z, t *Node) *Node {
	return g.Apply(exec.CrossEntropy, exec.Attr{}, exec.Vector(1), z, t)
}

// Softmax over the channels of each row of z [N,1,1,C].
func (g *Graph) Softmax(z *Node) *Node { return g.Apply(exec.Softmax, exec.Attr{}, Shape(z), z) }

// Add is the sum of nodes of one shape. One node is itself.
func (g *Graph) Add(x ...*Node) *Node {
	if len(x) == 1 {
		return x[0]
	}
	return g.Apply(exec.Add, exec.Attr{}, Shape(x[0]), x...)
}

// Mul is x∘y.
func (g *Graph) Mul(x, y *Node) *Node {
	x, y = ordered(x, y)
	return g.Apply(exec.Mul, exec.Attr{}, Shape(x), x, y)
}

// Div is x/y.
func (g *Graph) Div(x, y *Node) *Node { return g.Apply(exec.Div, exec.Attr{}, Shape(x), x, y) }

// Affine is a·x + b for constants a and b.
func (g *Graph) Affine(x *Node, a, b float64) *Node {
	if a == 1 && b == 0 {
		return x
	}
	if o := operator(x); o != nil && o.Op == exec.Affine {
		a, b = a*o.Attr.Alpha, a*o.Attr.Beta+b
		x = o.args[0]
	}
	return g.Apply(exec.Affine, exec.Attr{Alpha: a, Beta: b}, Shape(x), x)
}

// Rsqrt is 1/sqrt(x + eps).
func (g *Graph) Rsqrt(x *Node, eps float64) *Node {
	return g.Apply(exec.Rsqrt, exec.Attr{Eps: eps}, Shape(x), x)
}

// Slice is channels offset to offset+n of x.
func (g *Graph) Slice(x *Node, offset, n int) *Node {
	s := Shape(x)
	if offset == 0 && n == s[3] {
		return x
	}
	s[3] = n
	return g.Apply(exec.Slice, exec.Attr{Offset: offset}, s, x)
}

// Place has n channels: x from channel offset on, and zero elsewhere.
func (g *Graph) Place(x *Node, offset, n int) *Node {
	s := Shape(x)
	if offset == 0 && n == s[3] {
		return x
	}
	s[3] = n
	return g.Apply(exec.Place, exec.Attr{Offset: offset}, s, x)
}

// Concat has the channels of all x, one after another. They are alike but for
// the channels. One node is itself.
func (g *Graph) Concat(x ...*Node) *Node {
	if len(x) == 1 {
		return x[0]
	}
	return g.Apply(exec.Concat, exec.Attr{}, resultShape(exec.Concat, exec.Attr{}, x...), x...)
}

// Subsample is every stride-th pixel of x from offset on, in rows and in
// columns: y[h,w] = x[h·stride+offset, w·stride+offset], as many as there are.
func (g *Graph) Subsample(x *Node, stride, offset int) *Node {
	if stride == 1 && offset == 0 {
		return x
	}
	attr := exec.Attr{Stride: stride, Offset: offset}
	return g.Apply(exec.Subsample, attr, resultShape(exec.Subsample, attr, x), x)
}

// RowScale multiplies each image of x by its number in s [N,1,1,1].
func (g *Graph) RowScale(x, s *Node) *Node {
	return g.Apply(exec.RowScale, exec.Attr{}, Shape(x), x, s)
}

// Dot is the number Σ x·y.
func (g *Graph) Dot(x, y *Node) *Node {
	x, y = ordered(x, y)
	if Shape(x).Len() == 1 {
		return g.Mul(x, y)
	}
	return g.Apply(exec.Dot, exec.Attr{}, exec.Vector(1), x, y)
}

// ChanDot is Σ x·y per channel, a vector.
func (g *Graph) ChanDot(x, y *Node) *Node {
	x, y = ordered(x, y)
	s := Shape(x)
	if s == exec.Vector(s[3]) {
		return g.Mul(x, y)
	}
	return g.Apply(exec.ChanDot, exec.Attr{}, exec.Vector(s[3]), x, y)
}

// ChanSum is Σ x per channel, a vector.
func (g *Graph) ChanSum(x *Node) *Node {
	s := Shape(x)
	if s == exec.Vector(s[3]) {
		return x
	}
	return g.Apply(exec.ChanSum, exec.Attr{}, exec.Vector(s[3]), x)
}

// Sum is the number Σ x.
func (g *Graph) Sum(x *Node) *Node {
	c := g.ChanSum(x)
	if Shape(c).Len() == 1 {
		return c
	}
	return g.Dot(c, g.Affine(c, 0, 1))
}

// ordered lets x·y and y·x be one node.
func ordered(x, y *Node) (*Node, *Node) {
	if x.ID() > y.ID() {
		return y, x
	}
	return x, y
}

// constant is the value of a node that is the same number everywhere.
func constant(n *Node) (float64, bool) {
	if o := operator(n); o != nil && o.Op == exec.Affine && o.Attr.Alpha == 0 {
		return o.Attr.Beta, true
	}
	return 0, false
}
