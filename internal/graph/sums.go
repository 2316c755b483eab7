package graph

import (
	"slices"

	"idarts/internal/exec"
)

// Sums over pixels, made of sums over the images that forms are made of.

// sum is Σ u over pixels, for a node n of the old graph that wants it.
func (f *fusion) sum(n, u *Node) *Node {
	x, c := f.forms[u], Shape(u)[3]
	f.together(n, u, nil)
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
	f.together(n, u, v)
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

// together computes what node n needs of sums over u and v, together with what the
// other readers of u, or of v, will need and is there already: whichever is more.
func (f *fusion) together(n, u, v *Node) {
	lists := f.missing(n, u)
	if v != nil {
		if other := f.missing(n, v); size(other) > size(lists) {
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

// sumsOf are sums over the pixels of x: with each image of a list, and its own.
type sumsOf struct {
	x     *Node
	with  []*Node
	alone bool
}

func size(lists []sumsOf) (n int) {
	for _, l := range lists {
		n += len(l.with)
	}
	return n
}

// missing lists, for each image that u is made of, the sums that readers of u in
// the phases of n want and that are not there yet.
func (f *fusion) missing(n, u *Node) []sumsOf {
	var lists []sumsOf
	for _, s := range f.forms[u].terms {
		l := sumsOf{x: s.X}
		for _, r := range f.readers[u] {
			if f.phases[r] != f.phases[n] {
				continue
			}
			o := operator(r)
			l.alone = l.alone || o.Op == exec.ChanSum || o.Op == exec.BNGrad
			z, known := f.forms[factor(o, u)]
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

// factor is what an operator multiplies u with before it sums over pixels, nil if
// it does not.
func factor(o *Operator, u *Node) *Node {
	switch o.Op {
	case exec.BNGrad, exec.ChanDot, exec.Dot:
		if o.args[0] == u {
			return o.args[1]
		}
		return o.args[0]
	}
	return nil
}
