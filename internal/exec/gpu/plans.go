package gpu

import "idarts/internal/exec"

// plan is the kernels that compute an instruction, one after another.
type plan struct {
	passes [3]pass // the first is there always
	parts  int     // how many partial sums each sum has
}

// pass is a kernel with so many groups for a row.
type pass struct {
	kernel string
	groups int
}

// partial is how many words of partial sums the instruction takes.
func (p plan) partial(in exec.Instr) int {
	if p.passes[1].kernel == "" {
		return 0
	}
	return p.parts * in.Out.Shape.Len()
}

// plan chooses kernels by shapes alone, so that they are the same for all cards.
func (o order) plan(in exec.Instr) plan {
	return plan{passes: [3]pass{{plainKernel(in), groups(in)}}}
}
