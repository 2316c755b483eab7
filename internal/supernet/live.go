package supernet

import (
	"slices"

	"idarts/internal/exec"
)

// SkipZeros says whether operations whose coefficient is zero are left out from now
// on: for methods that run one path, or a few. Coefficients are those of a pass, one
// of each operation in each layer.
//
// A pass then does what the full pass does with these coefficients at zero, in the
// same bits but for the sign of zeros, as long as the weights and images of what is
// left out are finite ([exec.Flow.Prune]); but
//   - the gradients and mixed products of coefficients at zero are 0 by definition,
//   - the running averages of batch norms that only skipped operations read stay
//     where they are,
//   - [Problem.GFLOP] counts what ran.
//
// Linearize decides for the products that follow it. The last few sets of live
// operations stay prepared; a new one takes a small part of a pass.
func (p *Problem) SkipZeros(on bool) {
	p.skipZeros = on
	p.linearized = nil
}

// pruned is a program for one set of skipped coefficients.
type pruned struct {
	dead    []bool
	program *program
}

// live is the program to run with coefs: prog, or what SkipZeros leaves of it.
func (p *Problem) live(prog *program, coefs []float64) (*program, error) {
	const most = 8 // sets that stay prepared
	if !p.skipZeros || !slices.Contains(coefs, 0) {
		return prog, nil
	}
	known := slices.IndexFunc(prog.pruned, func(q pruned) bool {
		return slices.EqualFunc(q.dead, coefs, func(dead bool, c float64) bool { return dead == (c == 0) })
	})
	if known >= 0 {
		q := prog.pruned[known]
		copy(prog.pruned[known:], prog.pruned[known+1:])
		prog.pruned[len(prog.pruned)-1] = q
		return q.program, nil
	}
	if prog.flow == nil {
		var err error
		if prog.flow, err = exec.NewFlow(prog.flat); err != nil {
			return nil, err
		}
	}
	dead := make([]bool, len(coefs))
	for i, c := range coefs {
		dead[i] = c == 0
	}
	q := pruned{dead, newProgram(prog.flow.Prune(dead), nil)}
	written := map[int]bool{}
	for _, s := range q.program.flat.Written(exec.Stats) {
		written[s.Offset] = true
	}
	for _, n := range prog.averages {
		if written[n.Stats] {
			q.program.averages = append(q.program.averages, n)
		}
	}
	if len(prog.pruned) == most {
		prog.pruned = slices.Delete(prog.pruned, 0, 1)
	}
	prog.pruned = append(prog.pruned, q)
	return q.program, nil
}
