package graph

import (
	"slices"

	"idarts/internal/exec"
)

// form is Σ X⊙A + Σ biases. A nil A is 1; biases are vectors over channels or
// numbers.
type form struct {
	terms  []Term
	biases []*Node
}

// single says that a form is one value.
func (f form) single() bool { return len(f.terms) == 1 && f.terms[0].A == nil && len(f.biases) == 0 }

func (f *fusion) node(form form, shape exec.Shape) *Node {
	if form.single() {
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
