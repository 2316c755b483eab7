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
// Values differ from those of the plain graph by rounding: with means μ and
// deviations σ of a channel, by some |μ|/σ units in the last place.
func (g *Graph) fuse(phases [][]Output) [][]Output {
	f := &fusion{Graph: g, forms: map[*Node]form{}, readers: map[*Node][]*Node{}, wanted: map[*Node]bool{},
		phases: map[*Node]uint64{}, sums: map[[2]*Node]*Node{}}
	order := ancestors(allNodes(phases))
	for p, outs := range phases {
		var roots []*Node
		for _, o := range outs {
			roots = append(roots, o.Node)
			if o.Node != nil {
				f.wanted[o.Node] = true
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

// changing are the nodes that depend on a direction.
func (g *Graph) changing(order []*Node) map[*Node]bool {
	changing := map[*Node]bool{}
	for _, n := range order {
		in, leaf := g.inputs[n]
		changing[n] = leaf && (in.Space == exec.Direction || in.Space == exec.CoefDirection) || anyArg(args(n), changing)
	}
	return changing
}

// form is Σ X⊙A + Σ biases. A nil A is 1; biases are vectors over channels or
// numbers.
type form struct {
	terms  []Term
	biases []*Node
}

// plain says that a form is one value.
func (f form) plain() bool { return len(f.terms) == 1 && f.terms[0].A == nil && len(f.biases) == 0 }

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

func (f *fusion) node(form form, shape exec.Shape) *Node {
	if form.plain() {
		return form.terms[0].X
	}
	return f.total(pieces(form), shape)
}

func pieces(form form) []piece {
	var sum []piece
	for _, t := range form.terms {
		sum = append(sum, piece{X: t.X, A: t.A})
	}
	for _, b := range form.biases {
		sum = append(sum, piece{X: b, spread: true})
	}
	return sum
}

func single(n *Node) form { return form{terms: []Term{{X: n}}} }

// rewrite is the form of a node, those of its arguments being known.
func (f *fusion) rewrite(n *Node) form {
	o := operator(n)
	if o == nil {
		return single(n)
	}
	switch o.Op {
	case exec.ChanSum:
		if image(o.args[0]) {
			return single(f.sum(n, o.args[0]))
		}
	case exec.ChanDot:
		if image(o.args[0]) {
			return single(f.dot(n, o.args[0], o.args[1]))
		}
	case exec.Dot:
		if image(o.args[0]) {
			return single(f.Sum(f.dot(n, o.args[0], o.args[1])))
		}
	}
	if !image(n) {
		return single(f.again(o))
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
	case exec.ReLU:
		x := f.forms[o.args[0]]
		if x.plain() {
			return single(f.again(o))
		}
		if y := f.lin(exec.LinReLU, o.Out, x); y != nil {
			return single(y)
		}
		return single(f.ReLU(f.value(o.args[0])))
	case exec.ReLUMask:
		x := f.forms[o.args[1]]
		if x.plain() {
			return single(f.again(o))
		}
		if y := f.lin(exec.LinMask, o.Out, x, f.value(o.args[0])); y != nil {
			return single(y)
		}
		return single(f.again(o))
	default:
		return single(f.again(o))
	}
	sum = f.gathered(sum)
	if f.linear(n, len(sum.terms)) {
		return sum
	}
	return single(f.node(sum, o.Out))
}

// again is the node with new arguments.
func (f *fusion) again(o *Operator) *Node {
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
	for _, r := range f.readers[n] {
		o := operator(r)
		switch o.Op {
		case exec.ChanLin, exec.Add:
			if !image(r) || len(f.readers[n]) > 1 && terms > 2 {
				return false
			}
		case exec.ReLU:
			if len(f.readers[n]) > 1 && terms > 2 {
				return false
			}
		case exec.ReLUMask:
			if o.args[0] == n || len(f.readers[n]) > 1 && terms > 2 {
				return false
			}
		case exec.BNNorm, exec.BNGrad, exec.ChanSum, exec.ChanDot, exec.Dot:
			if terms > 2 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// scaled is a form times a vector or number.
func (f *fusion) scaled(x form, a *Node) form {
	var out form
	for _, t := range x.terms {
		out.terms = append(out.terms, Term{t.X, f.times(t.A, a)})
	}
	for _, b := range x.biases {
		out.biases = append(out.biases, f.times(b, a))
	}
	return out
}

// times is a product of vectors and numbers, nil standing for 1.
func (f *fusion) times(a, b *Node) *Node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	if v, ok := constant(a); ok && Shape(a).Len() <= Shape(b).Len() {
		return f.Affine(b, v, 0)
	}
	if v, ok := constant(b); ok && Shape(b).Len() <= Shape(a).Len() {
		return f.Affine(a, v, 0)
	}
	switch n, m := Shape(a).Len(), Shape(b).Len(); {
	case n == m:
		return f.Mul(a, b)
	case n == 1:
		a, b = b, a
	}
	return f.ChanLin([]Term{{a, b}})
}

// plus is a sum of vectors and numbers, a vector over c channels.
func (f *fusion) plus(c int, list ...*Node) *Node {
	var sum []piece
	for _, v := range list {
		sum = append(sum, piece{X: v, spread: true})
	}
	return f.total(sum, exec.Vector(c))
}

// gathered puts the terms of the same image together.
func (f *fusion) gathered(x form) form {
	out := form{biases: x.biases}
	for i, t := range x.terms {
		var factors []*Node
		for k, u := range x.terms {
			if u.X != t.X {
				continue
			}
			if k < i {
				break
			}
			if u.A == nil {
				u.A = f.one(x)
			}
			factors = append(factors, u.A)
		}
		switch {
		case slices.Contains(factors, nil): // no 1 to be had
			return x
		case len(factors) == 1:
			out.terms = append(out.terms, t)
		case len(factors) > 1:
			out.terms = append(out.terms, Term{t.X, f.plus(Shape(t.X)[3], factors...)})
		}
	}
	return out
}

// one is a number or vector of ones that fits x, nil if there is nothing to make
// it of.
func (f *fusion) one(x form) *Node {
	for _, t := range x.terms {
		if t.A != nil {
			return f.Affine(t.A, 0, 1)
		}
	}
	if len(x.biases) > 0 {
		return f.Affine(x.biases[0], 0, 1)
	}
	if f.number != nil {
		return f.Affine(f.number, 0, 1)
	}
	return nil
}

// bnGrad is r·g − r·mean(g) − r·mean(g·y)·y.
func (f *fusion) bnGrad(n *Node, o *Operator) form {
	g, y := o.args[0], o.args[1]
	_, r := f.bnParts(f.value(o.args[2]))
	scale := -1 / pixels(o.Out)
	f.take(n, g, y)
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
	if !x.plain() || len(f.readers[a]) != 1 || f.wanted[a] {
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

// sum is Σ u over pixels, for a node n of the old graph that wants it.
func (f *fusion) sum(n, u *Node) *Node {
	x, c := f.forms[u], Shape(u)[3]
	f.take(n, u, nil)
	var sum []*Node
	for _, t := range x.terms {
		sum = append(sum, f.times(f.raw(t.X, nil), t.A))
	}
	for _, b := range x.biases {
		sum = append(sum, f.Affine(b, pixels(Shape(u)), 0))
	}
	return f.plus(c, sum...)
}

// dot is Σ u·v over pixels: Σ_ij a_i·a_j·(Σ X_i·Z_j) and what the biases bring.
func (f *fusion) dot(n, u, v *Node) *Node {
	x, z, c := f.forms[u], f.forms[v], Shape(u)[3]
	f.take(n, u, v)
	var sum []*Node
	for _, s := range x.terms {
		for _, t := range z.terms {
			sum = append(sum, f.times(f.raw(s.X, t.X), f.times(s.A, t.A)))
		}
		for _, b := range z.biases {
			sum = append(sum, f.times(f.raw(s.X, nil), f.times(s.A, b)))
		}
	}
	for _, b := range x.biases {
		for _, t := range z.terms {
			sum = append(sum, f.times(f.raw(t.X, nil), f.times(t.A, b)))
		}
		for _, d := range z.biases {
			sum = append(sum, f.times(f.Affine(b, pixels(Shape(u)), 0), d))
		}
	}
	return f.plus(c, sum...)
}

// pair is the key of Σ x·z, or Σ x where z is nil.
func pair(x, z *Node) [2]*Node {
	if z != nil {
		x, z = ordered(x, z)
	}
	return [2]*Node{x, z}
}

// raw is Σ x·z over pixels, or Σ x where z is nil.
func (f *fusion) raw(x, z *Node) *Node {
	key := pair(x, z)
	if f.sums[key] == nil {
		if z == nil {
			f.sums[key] = f.ChanSum(x)
		} else {
			f.sums[key] = f.ChanDot(x, z)
		}
	}
	return f.sums[key]
}

// take computes what node n needs of sums over u and v, together with what the
// other readers of u, or of v, will need and is there already: whichever is more.
func (f *fusion) take(n, u, v *Node) {
	lists := f.wants(n, u)
	if v != nil {
		if other := f.wants(n, v); size(other) > size(lists) {
			lists = other
		}
	}
	for _, l := range lists {
		if len(l.with) == 0 || len(l.with) == 1 && !l.alone {
			continue // one sum; raw makes it
		}
		c := Shape(l.x)[3]
		all := f.Apply(exec.ChanDots, exec.Attr{}, exec.Vector(c*(1+len(l.with))), append([]*Node{l.x}, l.with...)...)
		for i, z := range l.with {
			f.sums[pair(l.x, z)] = f.Slice(all, (i+1)*c, c)
		}
		if key := pair(l.x, nil); f.sums[key] == nil {
			f.sums[key] = f.Slice(all, 0, c)
		}
	}
}

// wants lists, for each image that u is made of, the images with which sums are
// wanted and not yet there. alone: its own sum is, too.
type wants struct {
	x     *Node
	with  []*Node
	alone bool
}

func size(lists []wants) (n int) {
	for _, l := range lists {
		n += len(l.with)
	}
	return n
}

func (f *fusion) wants(n, u *Node) []wants {
	var lists []wants
	for _, s := range f.forms[u].terms {
		l := wants{x: s.X}
		for _, r := range f.readers[u] {
			if f.phases[r] != f.phases[n] {
				continue
			}
			var other *Node
			switch o := operator(r); o.Op {
			case exec.ChanSum:
				l.alone = true
				continue
			case exec.BNGrad:
				l.alone = true
				other = o.args[0]
				if other == u {
					other = o.args[1]
				}
			case exec.ChanDot, exec.Dot:
				other = o.args[0]
				if other == u {
					other = o.args[1]
				}
			default:
				continue
			}
			z, known := f.forms[other]
			if !known {
				continue
			}
			l.alone = l.alone || len(z.biases) > 0
			for _, t := range z.terms {
				if f.sums[pair(l.x, t.X)] == nil && !slices.Contains(l.with, t.X) {
					l.with = append(l.with, t.X)
				}
			}
		}
		l.alone = l.alone && f.sums[pair(l.x, nil)] == nil
		lists = append(lists, l)
	}
	return lists
}
