// Package conformance is the table of everything that a device and the
// derivatives must get right: every operator of internal/exec, in the shapes that
// break implementations (odd sizes, batch 1, one channel, strides that do not
// divide, padding, dilation, groups, depthwise).
//
// internal/graph walks [Cases] to check derivatives; a device walks it to check
// its kernels, in first- and second-order programs, with [Case.Lower]. To add an
// operator, add its row here: a test fails until there is one.
package conformance

import (
	"fmt"

	"idarts/internal/exec"
	"idarts/internal/exec/ref"
	"idarts/internal/graph"
	"idarts/internal/rng"
)

// Case is one function y of variables, made of one operator or a few.
type Case struct {
	Name string
	Op   exec.Op // what it is about; Build's graph contains it
	// Vars are the shapes of what y is differentiated in, Fixed those of further
	// inputs. Values are normal, but at least 0.1 away from 0; Positive makes all
	// positive.
	Vars, Fixed []exec.Shape
	Positive    bool
	Build       func(g *graph.Graph, v, f []*graph.Node) *graph.Node
	// Forward is y by its definition, written independently of the kernels. Nil
	// where the operator is an adjoint of one that has it: differences check those.
	Forward func(v, f []Array) []float64
}

// Array is a dense [N,H,W,C] block.
type Array struct {
	exec.Shape
	Data []float64
}

// At is the entry at (n, h, w, c).
func (a Array) At(n, h, w, c int) float64 {
	return a.Data[((n*a.Shape[1]+h)*a.Shape[2]+w)*a.Shape[3]+c]
}

// Problem is a case as a program. Phase 0 computes y (exec.Logits), the number
// L = Σ r·y + ½ Σ y² (exec.Loss) and dL/dv (exec.WeightGrad); phase 1 computes
// the Hessian of L times the direction (exec.HessianVec). A variable that L does
// not depend on leaves zeros.
type Problem struct {
	Case
	Graph             *graph.Graph
	Vars              []*graph.Node
	Directions        []*graph.Node
	One               *graph.Node // a leaf that is 1
	Y, L              *graph.Node
	Gradient, Product []*graph.Node // one for each variable, nil for zero
	Program           *exec.Program
	Inputs            *ref.Memory // as large as the program wants, outputs zero
	VarLen            int         // of all variables together
}

// Lower builds the case's graph, its derivatives and the program for a target.
func (c Case) Lower(target exec.Target) (*Problem, error) {
	p := &Problem{Case: c, Graph: graph.New()}
	p.Graph.Target = target
	g := p.Graph
	var fixed []*graph.Node
	for _, s := range c.Vars {
		p.Vars = append(p.Vars, g.Input(exec.Weights, p.VarLen, s))
		p.Directions = append(p.Directions, g.Input(exec.Direction, p.VarLen, s))
		p.VarLen += s.Len()
	}
	offset := 0
	for _, s := range c.Fixed {
		fixed = append(fixed, g.Input(exec.Images, offset, s))
		offset += s.Len()
	}
	p.Y = c.Build(g, p.Vars, fixed)
	r := g.Input(exec.Targets, 0, graph.Shape(p.Y))
	p.One = g.Input(exec.Coefs, 0, exec.Vector(1))
	p.L = g.Dot(p.Y, g.Add(r, g.Affine(p.Y, 0.5, 0)))
	p.Gradient = g.Gradient(p.L, p.Vars...)
	p.Product = g.Tangent(p.Gradient, p.Vars, p.Directions)
	first := []graph.Output{{Node: p.Y, Space: exec.Logits}, {Node: p.L, Space: exec.Loss}}
	var second []graph.Output
	at := 0
	for i, s := range c.Vars {
		first = append(first, graph.Output{Node: p.Gradient[i], Space: exec.WeightGrad, Offset: at})
		second = append(second, graph.Output{Node: p.Product[i], Space: exec.HessianVec, Offset: at})
		at += s.Len()
	}
	var err error
	if p.Program, err = g.Lower(first, second); err != nil {
		return nil, fmt.Errorf("conformance: %s: %w", c.Name, err)
	}
	// All leaves of the graph, also those that the program does not read.
	for space, n := range map[exec.Space]int{
		exec.Weights: p.VarLen, exec.Direction: p.VarLen, exec.WeightGrad: p.VarLen, exec.HessianVec: p.VarLen,
		exec.Images: offset, exec.Targets: graph.Shape(p.Y).Len(), exec.Coefs: 1,
	} {
		p.Program.Size[space] = max(p.Program.Size[space], n)
	}
	p.Inputs = ref.NewMemory(p.Program)
	for _, space := range []exec.Space{exec.Weights, exec.Direction, exec.Images, exec.Targets} {
		rand := rng.New(uint64(space), c.Name)
		for i := range p.Inputs[space] {
			v := rand.NormFloat64()
			if v < 0 {
				v -= 0.1
			} else {
				v += 0.1
			}
			if c.Positive && v < 0 && (space == exec.Weights || space == exec.Images) {
				v = -v
			}
			p.Inputs[space][i] = v
		}
	}
	p.Inputs[exec.Coefs][0] = 1
	return p, nil
}

// Run computes phases with the reference kernels on a copy of in.
func (p *Problem) Run(in *ref.Memory, phases ...int) *ref.Memory {
	mem := ref.NewMemory(p.Program)
	for s := range mem {
		copy(mem[s], in[s])
	}
	for _, phase := range phases {
		ref.Run(p.Program, mem, phase)
	}
	return mem
}

// Arrays cuts the variables and the fixed inputs out of memory.
func (p *Problem) Arrays(mem *ref.Memory) (vars, fixed []Array) {
	cut := func(space exec.Space, shapes []exec.Shape) (out []Array) {
		at := 0
		for _, s := range shapes {
			out = append(out, Array{s, mem[space][at : at+s.Len()]})
			at += s.Len()
		}
		return out
	}
	return cut(exec.Weights, p.Case.Vars), cut(exec.Images, p.Fixed)
}
