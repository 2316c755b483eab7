package supernet

import (
	"slices"
	"time"

	"idarts/internal/exec"
	"idarts/internal/graph"
)

// program is a lowered program of a problem.
type program struct {
	flat     *exec.Program
	bound    []binding
	gflop    []float64       // by phase
	moved    []int           // by phase, elements
	averages []exec.Averages // of the norms whose statistics it leaves

	flow   *exec.Flow // made when it is first pruned
	pruned []pruned   // the one used last comes last
}

func newProgram(flat *exec.Program, averages []exec.Averages) *program {
	prog := &program{flat: flat, averages: averages}
	for phase := range flat.Phases {
		prog.gflop = append(prog.gflop, flat.FLOP(phase)/1e9)
		prog.moved = append(prog.moved, flat.Elements(phase))
	}
	return prog
}

// vectors are those of a caller that a phase works on directly, nil where it has
// none.
type vectors struct{ gradient, direction, product exec.Vec }

// binding is a phase of a program bound to the problem's memory and to vectors.
type binding struct {
	phase int
	at    vectors
	run   exec.Bound
}

// took gets the time of each instruction.
type took func(in exec.Instr, d time.Duration)

// lower makes a program of the graph n, and room for it in the problem's memory.
func (p *Problem) lower(n *network, phases ...[]graph.Output) (*program, error) {
	n.Target = p.opt.Device.Target()
	flat, err := n.Lower(phases...)
	if err != nil {
		return nil, err
	}
	// Scratch memory means nothing between runs, so programs share the largest block.
	if need := flat.Size[exec.Scratch]; need > p.size[exec.Scratch] {
		for _, other := range p.programs { // let go of the old one first
			other.bound = nil
			for _, q := range other.pruned {
				q.program.bound = nil
			}
		}
		p.resize(exec.Scratch, need)
	}
	prog := newProgram(flat, n.averages)
	p.programs = append(p.programs, prog)
	return prog, nil
}

// Profile calls took with the time of each instruction from now on; nil ends it.
func (p *Problem) Profile(took func(in exec.Instr, d time.Duration)) { p.took = took }

// run does one phase of prog on the vectors at.
func (p *Problem) run(prog *program, phase int, at vectors) error {
	bound, err := p.bind(prog, phase, at)
	if err != nil {
		return err
	}
	if p.took == nil {
		bound.Run()
	} else {
		for i, d := range bound.Profile() {
			p.took(prog.flat.Phases[phase][i], d)
		}
	}
	p.gflop += prog.gflop[phase]
	p.moved += prog.moved[phase]
	if l, ok := bound.(exec.Launcher); ok {
		p.launches += l.Launches()
	}
	return nil
}

// bind finds or makes the binding of a phase to vectors. A method has a few work
// vectors, so that of many vectors only the last ones are remembered.
func (p *Problem) bind(prog *program, phase int, at vectors) (exec.Bound, error) {
	const most = 16
	for _, b := range prog.bound {
		if b.phase == phase && b.at == at {
			return b.run, nil
		}
	}
	elsewhere := map[exec.Space]exec.Vec{}
	for space, v := range map[exec.Space]exec.Vec{
		exec.WeightGrad: at.gradient, exec.Direction: at.direction, exec.HessianVec: at.product,
	} {
		if v != nil {
			elsewhere[space] = v
		}
	}
	run, err := p.mem.Bind(prog.flat, phase, elsewhere)
	if err != nil {
		return nil, err
	}
	if len(prog.bound) == most {
		prog.bound = slices.Delete(prog.bound, 0, 1)
	}
	prog.bound = append(prog.bound, binding{phase, at, run})
	return run, nil
}

// weightOutputs places one node per weight tensor in a region laid out as the
// weights are, coefOutputs one number per coefficient.
func (n *network) weightOutputs(nodes []*graph.Node, space exec.Space) []graph.Output {
	var out []graph.Output
	for i, node := range nodes {
		out = append(out, graph.Output{Node: node, Space: space, Offset: n.params[i].Offset})
	}
	return out
}

func (n *network) coefOutputs(nodes []*graph.Node, space exec.Space) []graph.Output {
	var out []graph.Output
	for i, node := range nodes {
		out = append(out, graph.Output{Node: node, Space: space, Offset: n.coefOrder[i]})
	}
	return out
}

// gradients builds the reverse pass of n once: the gradient of the loss in each
// weight tensor, then in each coefficient that the network reads.
func (n *network) gradients() (weights, coefs []*graph.Node) {
	if n.grads == nil {
		var leaves []*graph.Node
		for _, param := range n.params {
			leaves = append(leaves, param.node)
		}
		for _, i := range n.coefOrder {
			leaves = append(leaves, n.Coef(i))
		}
		n.grads = n.Gradient(n.loss, leaves...)
	}
	return n.grads[:len(n.params)], n.grads[len(n.params):]
}

// observed is what every training-mode pass leaves besides gradients.
func (n *network) observed() []graph.Output {
	out := []graph.Output{{Node: n.loss, Space: exec.Loss}, {Node: n.logits, Space: exec.Logits}}
	for _, bn := range n.norms {
		out = append(out, graph.Output{Node: bn.node, Space: exec.Stats, Offset: bn.Stats})
	}
	return out
}

// firstOrder is the program that computes just what is asked for.
func (p *Problem) firstOrder(dw, dcoefs bool) (*program, error) {
	slot := &p.first[index(dw)][index(dcoefs)]
	if *slot != nil {
		return *slot, nil
	}
	n := p.train
	weights, coefs := n.gradients()
	out := n.observed()
	if dw {
		out = append(out, n.weightOutputs(weights, exec.WeightGrad)...)
	}
	if dcoefs {
		out = append(out, n.coefOutputs(coefs, exec.CoefGrad)...)
	}
	var err error
	*slot, err = p.lower(n, out)
	return *slot, err
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// secondOrder is the gradient program and its tangent in a weight direction.
func (p *Problem) secondOrder() (*program, error) {
	if p.second != nil {
		return p.second, nil
	}
	n := p.train
	weights, coefs := n.gradients()
	var at, directions []*graph.Node
	for _, param := range n.params {
		at = append(at, param.node)
		directions = append(directions, n.Input(exec.Direction, param.Offset, param.Shape))
	}
	tangents := n.Tangent(n.grads, at, directions)
	hv := n.weightOutputs(tangents[:len(weights)], exec.HessianVec)
	mixed := n.coefOutputs(tangents[len(weights):], exec.MixedVec)
	gradient := slices.Concat([]graph.Output{{Node: n.loss, Space: exec.Loss}},
		n.weightOutputs(weights, exec.WeightGrad), n.coefOutputs(coefs, exec.CoefGrad))
	var err error
	if p.second, err = p.lower(n, gradient, slices.Concat(hv, mixed), hv, mixed); err != nil {
		return nil, err
	}
	p.resize(exec.WeightGrad, n.weights) // nobody asks for the gradient of phase 0
	return p.second, nil
}

// curvatures is the gradient in the coefficients and its tangent in a direction of theirs.
func (p *Problem) curvatures() (*program, error) {
	if p.curved != nil {
		return p.curved, nil
	}
	n := p.train
	_, coefs := n.gradients()
	var at, directions []*graph.Node
	for _, i := range n.coefOrder {
		at = append(at, n.Coef(i))
		directions = append(directions, n.Input(exec.CoefDirection, i, exec.Vector(1)))
	}
	var err error
	p.curved, err = p.lower(n, n.coefOutputs(coefs, exec.CoefGrad), n.coefOutputs(n.Tangent(coefs, at, directions), exec.MixedVec))
	p.resize(exec.CoefDirection, p.size[exec.Coefs])
	return p.curved, err
}

// runningNorms is the network in evaluation mode.
func (p *Problem) runningNorms() (*program, error) {
	if p.evaluation != nil {
		return p.evaluation, nil
	}
	n, err := assemble(p.build, p.opt, true)
	if err != nil {
		return nil, err
	}
	p.evaluation, err = p.lower(n, []graph.Output{{Node: n.logits, Space: exec.Logits}})
	return p.evaluation, err
}
