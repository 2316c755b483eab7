package graph

import (
	"slices"

	"idarts/internal/exec"
)

// fuse gives outputs of the same values that need fewer passes over memory. The
// graph keeps the nodes it has; new ones come beside them.
//
// Batch norms, their derivatives and mixtures are linear in images once the sums
// over pixels are known. So their results are kept as forms, Σ X_i⊙a_i + b, and
// become values only where something else reads them: a node of a cell is then one
// pass over what the convolutions of its branches leave, and neither a normalised
// image nor its change is ever written. Sums over pixels of forms are made of sums
// over their X_i, and those that share an image are taken together
// ([exec.ChanDots]). A ReLU or its mask behind a form is done in the same pass.
//
// Convolutions of one geometry that are added up become one ([exec.Conv] with
// Terms).
//
// Values differ from those of the graph as it was by rounding: with means μ and
// deviations σ of a channel, by some |μ|/σ units in the last place.
func (g *Graph) fuse(phases [][]Output) [][]Output {
	f, order := g.newFusion(phases)
	for _, n := range order {
		f.forms[n] = f.rewrite(n)
	}
	out := make([][]Output, len(phases))
	for p, outs := range phases {
		out[p] = slices.Clone(outs)
		for i, o := range outs {
			if o.Node != nil {
				out[p][i].Node = f.value(o.Node)
			}
		}
	}
	return out
}

// newFusion finds out who reads what; order are all nodes, each after its
// arguments.
func (g *Graph) newFusion(phases [][]Output) (f *fusion, order []*Node) {
	f = &fusion{Graph: g, forms: map[*Node]form{}, readers: map[*Node][]*Node{}, wanted: map[*Node]bool{},
		phases: map[*Node]uint64{}, sums: map[[2]*Node]*Node{}}
	order = ancestors(allNodes(phases))
	for p, outs := range phases {
		roots := allNodes([][]Output{outs})
		for _, n := range roots {
			if n != nil {
				f.wanted[n] = true
			}
		}
		for _, n := range ancestors(roots) {
			f.phases[n] |= 1 << min(p, 63)
		}
	}
	changing := g.changing(order)
	for _, n := range order {
		if !changing[n] {
			f.phases[n] = 0 // computed once, whoever needs it
		}
		if _, leaf := g.inputs[n]; leaf && Shape(n).Len() == 1 && !changing[n] && f.number == nil {
			f.number = n
		}
		for i, a := range args(n) {
			if !slices.Contains(args(n)[:i], a) {
				f.readers[a] = append(f.readers[a], n)
			}
		}
	}
	return f, order
}

// changing are the nodes that depend on a direction.
func (g *Graph) changing(order []*Node) map[*Node]bool {
	changing := map[*Node]bool{}
	for _, n := range order {
		in, leaf := g.inputs[n]
		changing[n] = leaf && (in.Space == exec.Direction || in.Space == exec.CoefDirection) || anyArg(args(n), changing)
	}
	return changing
}

type fusion struct {
	*Graph
	forms   map[*Node]form // by node of the old graph
	readers map[*Node][]*Node
	wanted  map[*Node]bool
	phases  map[*Node]uint64   // that need a changing node, 0 for all others
	sums    map[[2]*Node]*Node // Σ x·z over pixels, Σ x where z is nil, of new nodes
	number  *Node              // any input that is a number
}

// image says that a node is worth a pass of its own.
func image(n *Node) bool { return !small(Shape(n)) }

// value is the node of the new graph with the value of n.
func (f *fusion) value(n *Node) *Node { return f.node(f.forms[n], Shape(n)) }

// rewrite is the form of a node, those of its arguments being known.
func (f *fusion) rewrite(n *Node) form {
	o := operator(n)
	if o == nil {
		return single(n)
	}
	if s := f.pixelSum(n, o); s != nil {
		return single(s)
	}
	if !image(n) {
		return single(f.rebuilt(o))
	}
	var sum form
	switch o.Op {
	case exec.BNNorm:
		mean, r := f.bnParts(f.value(o.args[1]))
		sum = f.scaled(f.forms[o.args[0]], r)
		sum.biases = append(sum.biases, f.Affine(f.Mul(mean, r), -1, 0))
	case exec.BNGrad:
		sum = f.bnGrad(n, o)
	case exec.ChanLin:
		for i := range o.Attr.Terms {
			t := f.scaled(f.forms[o.args[2*i]], f.value(o.args[2*i+1]))
			sum.terms, sum.biases = append(sum.terms, t.terms...), append(sum.biases, t.biases...)
		}
		for _, b := range o.args[2*o.Attr.Terms:] {
			sum.biases = append(sum.biases, f.value(b))
		}
	case exec.Add:
		sum = f.add(o)
	case exec.ReLU, exec.ReLUMask:
		return single(f.rectified(o))
	default:
		return single(f.rebuilt(o))
	}
	sum = f.gathered(sum)
	if f.linear(n, len(sum.terms)) {
		return sum
	}
	return single(f.node(sum, o.Out))
}

// pixelSum is the node of a sum over the pixels of images, nil for anything else.
func (f *fusion) pixelSum(n *Node, o *Operator) *Node {
	if !image(o.args[0]) {
		return nil
	}
	switch o.Op {
	case exec.ChanSum:
		return f.sum(n, o.args[0])
	case exec.ChanDot:
		return f.dot(n, o.args[0], o.args[1])
	case exec.Dot:
		return f.Sum(f.dot(n, o.args[0], o.args[1]))
	}
	return nil
}

// rectified is a ReLU or a mask of a form, in one pass with it where that is more
// than one image.
func (f *fusion) rectified(o *Operator) *Node {
	last := len(o.args) - 1
	x := f.forms[o.args[last]]
	if x.single() {
		return f.rebuilt(o)
	}
	op, mask := exec.LinReLU, []*Node(nil)
	if o.Op == exec.ReLUMask {
		op, mask = exec.LinMask, []*Node{f.value(o.args[0])}
	}
	if y := f.lin(op, o.Out, x, mask...); y != nil {
		return y
	}
	return f.rebuilt(o)
}

// rebuilt is the node with new arguments.
func (f *fusion) rebuilt(o *Operator) *Node {
	args := make([]*Node, len(o.args))
	for i, a := range o.args {
		args[i] = f.value(a)
	}
	return f.Apply(o.Op, o.Attr, o.Out, args...)
}

// linear says that every reader of n can take its form of so many terms, and is not
// the slower for it.
func (f *fusion) linear(n *Node, terms int) bool {
	if f.wanted[n] || len(f.readers[n]) == 0 {
		return false
	}
	long := terms > f.Target.Terms
	for _, r := range f.readers[n] {
		o := operator(r)
		switch o.Op {
		case exec.ChanLin, exec.Add:
			if !image(r) || len(f.readers[n]) > 1 && long {
				return false
			}
		case exec.ReLU:
			if len(f.readers[n]) > 1 && long {
				return false
			}
		case exec.ReLUMask:
			if o.args[0] == n || len(f.readers[n]) > 1 && long {
				return false
			}
		case exec.BNNorm, exec.BNGrad, exec.ChanSum, exec.ChanDot, exec.Dot:
			if long {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// bnGrad is r·g − r·mean(g) − r·mean(g·y)·y.
func (f *fusion) bnGrad(n *Node, o *Operator) form {
	g, y := o.args[0], o.args[1]
	_, r := f.bnParts(f.value(o.args[2]))
	scale := -1 / pixels(o.Out)
	f.together(n, g, y)
	sum := f.scaled(f.forms[g], r)
	cov := f.scaled(f.forms[y], f.times(r, f.Affine(f.dot(n, g, y), scale, 0)))
	sum.terms = append(sum.terms, cov.terms...)
	sum.biases = append(append(sum.biases, cov.biases...), f.times(r, f.Affine(f.sum(n, g), scale, 0)))
	return sum
}

// add is a sum of images, convolutions of one geometry being one.
func (f *fusion) add(o *Operator) form {
	var sum form
	merged := map[*Node]bool{}
	for i, a := range o.args {
		if merged[a] {
			continue
		}
		if c := f.convolution(a); c != nil {
			attr, args := c.Attr, slices.Clone(c.args)
			for _, b := range o.args[i+1:] {
				d := f.convolution(b)
				if d != nil && !merged[b] && d.Op == c.Op && d.Attr == c.Attr &&
					Shape(d.args[0]) == Shape(c.args[0]) && Shape(d.args[1]) == Shape(c.args[1]) {
					args = append(args, d.args...)
					merged[b] = true
				}
			}
			if attr.Terms = len(args) / 2; attr.Terms > 1 {
				sum.terms = append(sum.terms, Term{X: f.Apply(c.Op, attr, c.Out, args...)})
				continue
			}
		}
		x := f.forms[a]
		sum.terms, sum.biases = append(sum.terms, x.terms...), append(sum.biases, x.biases...)
	}
	return sum
}

// convolution is how the value of a is computed, if that is a convolution or its
// adjoint in the image and one sum alone reads it; else nil.
func (f *fusion) convolution(a *Node) *Operator {
	x := f.forms[a]
	if !x.single() || len(f.readers[a]) != 1 || f.wanted[a] {
		return nil
	}
	c := operator(x.terms[0].X)
	if c == nil || c.Op != exec.Conv && c.Op != exec.ConvGradInput || c.Attr.Terms > 1 {
		return nil
	}
	return c
}

// lin is a form with what follows it, in one pass; nil if it cannot be.
func (f *fusion) lin(op exec.Op, shape exec.Shape, x form, first ...*Node) *Node {
	args, one := first, f.one(x)
	for _, t := range x.terms {
		if t.A == nil {
			if t.A = one; one == nil {
				return nil
			}
		}
		args = append(args, t.X, t.A)
	}
	return f.Apply(op, exec.Attr{Terms: len(x.terms)}, shape, append(args, x.biases...)...)
}
