package graph

import (
	"fmt"

	"idarts/internal/exec"
)

// piece is one summand of an adjoint or a tangent: X⊙A, where A is a vector over
// channels or a number, or nothing for 1. A spread piece is a vector X that is
// added at every pixel. The zero piece is no summand.
//
// Sums stay lists of pieces until their value is needed: what reaches a node
// from all branches is then one pass, and a number in front (an edge's mixture
// coefficient) is carried through whole branches instead of being multiplied in.
type piece struct {
	X, A   *Node
	spread bool
}

// bare is x as it is.
func bare(x *Node) piece { return piece{X: x} }

// times is x⊙a. Constants become part of the node: they have no derivative.
func (g *Graph) times(x, a *Node) piece {
	if v, ok := constant(a); ok {
		return bare(g.Affine(x, v, 0))
	}
	return piece{X: x, A: a}
}

// total is the node of a sum, nil for an empty one.
func (g *Graph) total(sum []piece, shape exec.Shape) *Node {
	var terms []Term
	var biases, rest []*Node
	for _, p := range sum {
		switch {
		case p.X == nil:
		case p.spread && Shape(p.X) == shape:
			rest = append(rest, p.X)
		case p.spread:
			biases = append(biases, p.X)
		case p.A != nil:
			terms = append(terms, Term{p.X, p.A})
		default:
			rest = append(rest, p.X)
		}
	}
	if len(terms)+len(biases) == 0 {
		if len(rest) == 0 {
			return nil
		}
		return g.Add(rest...)
	}
	if len(rest) > 0 {
		var one *Node
		if len(terms) > 0 {
			one = g.Affine(terms[0].A, 0, 1)
		} else {
			one = g.Affine(biases[0], 0, 1)
		}
		for _, x := range rest {
			terms = append(terms, Term{x, one})
		}
	}
	return g.chanLin(terms, biases, shape)
}

// scaled is c·p for a number c.
func (g *Graph) scaled(p piece, c *Node) piece {
	switch {
	case p.X == nil || c == nil:
		return p
	case p.A == nil && !p.spread:
		p.A = c
	case p.A == nil:
		p.X = g.total([]piece{{X: p.X, A: c}}, Shape(p.X))
	case Shape(p.A).Len() == 1:
		p.A = g.Mul(p.A, c)
	default:
		p.A = g.total([]piece{{X: p.A, A: c}}, Shape(p.A))
	}
	return p
}

// small says that a value is so small that carrying a factor costs more than
// multiplying it in.
func small(s exec.Shape) bool { return s[1]*s[2] == 1 }

// Gradient is the reverse pass: dy/dx for the number y and each x of wrt, nil
// where y does not depend on x. An x may be any node; one that is not a leaf
// counts as a variable of its own for its own derivative, and as a function of
// what it is made of for the others.
func (g *Graph) Gradient(y *Node, wrt ...*Node) []*Node {
	if Shape(y).Len() != 1 {
		panic(fmt.Sprintf("graph: gradient of a value of shape %v: want a number", Shape(y)))
	}
	order := ancestors([]*Node{y})
	active := dependents(order, wrt)
	wanted := map[*Node]*Node{}
	for _, x := range wrt {
		wanted[x] = nil
	}
	sums := map[*Node][]piece{}
	if active[y] {
		sums[y] = []piece{bare(g.Affine(y, 0, 1))}
	}
	for k := len(order) - 1; k >= 0; k-- {
		n := order[k]
		sum := sums[n]
		delete(sums, n)
		if len(sum) == 0 {
			continue
		}
		if _, ok := wanted[n]; ok {
			h := g.total(sum, Shape(n))
			wanted[n] = h
			sum = []piece{bare(h)}
		}
		o := operator(n)
		if o == nil || !anyArg(o.args, active) {
			continue
		}
		// The adjoint is factor·h. Rules are linear, so the factor can wait.
		var h, factor *Node
		if len(sum) == 1 && sum[0].A != nil && Shape(sum[0].A).Len() == 1 && !small(Shape(n)) {
			h, factor = sum[0].X, sum[0].A
		} else {
			h = g.total(sum, Shape(n))
		}
		// Later arguments first: weights get their gradient before the input does,
		// which is often the last use of the activations.
		for i := len(o.args) - 1; i >= 0; i-- {
			if a := o.args[i]; active[a] && rules[o.Op].differentiable(i) {
				p := rules[o.Op].reverse(call{g, n, o, o.args}, i, h)
				if p.X != nil {
					sums[a] = append(sums[a], g.scaled(p, factor))
				}
			}
		}
	}
	grads := make([]*Node, len(wrt))
	for i, x := range wrt {
		grads[i] = wanted[x]
	}
	return grads
}

// Tangent is the forward pass: the change of each of outs when the nodes at move
// in the directions dir, nil for no change. Nodes of at are taken as independent
// variables, leaves or not. A nil direction is zero.
func (g *Graph) Tangent(outs []*Node, at, dir []*Node) []*Node {
	if len(at) != len(dir) {
		panic("graph: tangent: length mismatch")
	}
	dots := map[*Node]*Node{}
	for i, n := range at {
		if dir[i] != nil && Shape(dir[i]) != Shape(n) {
			panic(fmt.Sprintf("graph: tangent: direction of shape %v for a node of shape %v", Shape(dir[i]), Shape(n)))
		}
		dots[n] = dir[i]
	}
	order := ancestors(outs)
	active := dependents(order, at)
	for _, n := range order {
		if _, given := dots[n]; given || !active[n] {
			continue
		}
		o := operator(n)
		own := make([]*Node, len(o.args))
		moves := false
		for i, a := range o.args {
			if rules[o.Op].differentiable(i) {
				own[i] = dots[a]
				moves = moves || own[i] != nil
			}
		}
		if !moves {
			continue
		}
		c := call{g, n, o, o.args}
		if rule := rules[o.Op].tangent; rule != nil {
			dots[n] = rule(c, own)
		} else {
			dots[n] = multilinear(c, own)
		}
	}
	out := make([]*Node, len(outs))
	for i, n := range outs {
		if n != nil {
			out[i] = dots[n]
		}
	}
	return out
}

// multilinear is the product rule: the sum over arguments of the operator with
// that argument replaced by its change.
func multilinear(c call, dots []*Node) *Node {
	var sum []piece
	for i, d := range dots {
		if d != nil {
			changed := append([]*Node(nil), c.args...)
			changed[i] = d
			sum = append(sum, bare(c.like(c.o.Op, c.o.Out, changed...)))
		}
	}
	return c.total(sum, c.o.Out)
}

// dependents are the nodes of a topological order that can change when those of
// at do, at included.
func dependents(order, at []*Node) map[*Node]bool {
	active := make(map[*Node]bool, len(order))
	for _, n := range at {
		active[n] = true
	}
	for _, n := range order {
		if o := operator(n); o != nil && !active[n] {
			for i, a := range o.args {
				if active[a] && rules[o.Op].differentiable(i) {
					active[n] = true
					break
				}
			}
		}
	}
	return active
}

func anyArg(args []*Node, set map[*Node]bool) bool {
	for _, a := range args {
		if set[a] {
			return true
		}
	}
	return false
}
