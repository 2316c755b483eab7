package supernet

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"idarts/internal/exec"
)

// Widen is [Problem.Carry] from a problem whose operations have fewer channels, with
// momentum: what has the same shape is copied, and where an operation has more channels
// than there, each further one is a copy of one that r chooses, the same one in all
// tensors of the operation and in the averages of its batch norms. Inputs that are copies
// keep their weights (they are not divided by the number of copies, as Net2Net does).
// old and momentum are like the weights of from and of p.
//
// Source: DrNAS, net2wider.py.
func (p *Problem) Widen(from any, old, momentum exec.Vec, r *rand.Rand) error {
	other, params, norms, err := p.donor(from)
	if err != nil {
		return err
	}
	read := func(v exec.Vec) []float64 {
		x := make([]float64, v.Len())
		v.Read(x)
		return x
	}
	copies := copier{r: r, of: map[string][]int{}}
	was, moved := read(other.weights), read(old)
	w, m := read(p.weights), make([]float64, momentum.Len())
	for _, param := range p.train.params {
		before, ok := params[param.Name]
		if !ok {
			continue
		}
		from, ok := copies.places(param, before)
		if !ok {
			return fmt.Errorf("supernet: %s of shape %v cannot become one of %v", param.Name, before.Shape, param.Shape)
		}
		for i, at := range from {
			w[param.Offset+i], m[param.Offset+i] = was[before.Offset+at], moved[before.Offset+at]
		}
	}
	p.weights.Write(w)
	momentum.Write(m)
	to, averages := read(p.mem.Region(exec.Buffers)), read(other.mem.Region(exec.Buffers))
	for _, n := range p.train.norms {
		before, ok := norms[n.name]
		if !ok || before.Channels > n.Channels {
			continue
		}
		channels := copies.channels(n.name, before.Channels, n.Channels)
		for c, at := range channels {
			to[n.Buffers+c] = averages[before.Buffers+at]
			to[n.Buffers+n.Channels+c] = averages[before.Buffers+before.Channels+at]
		}
	}
	p.mem.Region(exec.Buffers).Write(to)
	p.linearized = nil
	return nil
}

// copier remembers which channels are copies.
type copier struct {
	r  *rand.Rand
	of map[string][]int // by operation and numbers of channels
}

// channels are, for each of n channels of an operation that had old of them, the one
// that it is a copy of.
func (c *copier) channels(name string, old, n int) []int {
	path := strings.SplitN(name, ".", 4) // cell, edge, operation, tensor
	key := fmt.Sprint(strings.Join(path[:min(len(path), 3)], "."), " ", old, " ", n)
	if c.of[key] == nil {
		list := make([]int, n)
		for i := range list {
			list[i] = i
			if i >= old {
				list[i] = c.r.IntN(old)
			}
		}
		c.of[key] = list
	}
	return c.of[key]
}

// places are, for each entry of a tensor, the one of before that it is a copy of.
func (c *copier) places(param, before Param) ([]int, bool) {
	shape, was := param.Shape, before.Shape
	if shape[0] != was[0] || shape[1] != was[1] || shape[2] < was[2] || shape[3] < was[3] {
		return nil, false
	}
	in, out := c.channels(param.Name, was[2], shape[2]), c.channels(param.Name, was[3], shape[3])
	list := make([]int, 0, shape.Len())
	for k := range shape[0] * shape[1] {
		for i := range shape[2] {
			for o := range shape[3] {
				list = append(list, (k*was[2]+in[i])*was[3]+out[o])
			}
		}
	}
	return list, true
}
