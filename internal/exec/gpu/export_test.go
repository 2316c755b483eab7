package gpu

import "idarts/internal/exec"

// Orders are all ways in which a device may run a phase, which give the same bits.
var Orders = map[string]func(*Device){
	"as they are written":   func(d *Device) { d.order = order{plain: true} },
	"by level without tape": func(d *Device) { d.order = order{untaped: true} },
	"without joined passes": func(d *Device) { d.order = order{unformed: true} },
	"by level":              func(d *Device) { d.order = order{} },
}

// Step is an instruction in a launch, with the pass before it whose result its kernel
// computes, or -1, and whether it writes that.
type Step struct {
	Instr, Form int32
	Writes      bool
}

// Steps are the instructions that run at once, one step after another, of a phase in the
// order that Hoisted gives.
func Steps(phase []exec.Instr) (steps [][]Step) {
	plain := func(list []int32) (step []Step) {
		for _, i := range list {
			step = append(step, Step{i, -1, false})
		}
		return step
	}
	for _, b := range (order{}).batches(phase) {
		if b.levels != nil {
			for _, level := range b.levels {
				steps = append(steps, plain(level))
			}
			continue
		}
		var first, second []Step
		for k, i := range b.instrs {
			with := b.with[k]
			first = append(first, Step{i, with.form, with.writes})
			if with.norm >= 0 {
				second = append(second, Step{with.norm, -1, false})
			}
		}
		steps = append(steps, first)
		if second != nil {
			steps = append(steps, second)
		}
	}
	return steps
}

// Hoisted is a phase in the order in which it is put into launches, and where each
// instruction was.
func Hoisted(phase []exec.Instr) (hoisted []exec.Instr, from []int32) { return order{}.hoist(phase) }

// Simple has a device use no tuned kernels.
func Simple(d *Device, on bool) { d.order = order{simple: on} }

// Kernels are those that compute an instruction.
func Kernels(in exec.Instr) (names []string) {
	for _, p := range (order{}).plan(in).passes {
		if p.kernel != "" {
			names = append(names, p.kernel)
		}
	}
	return names
}

// LaunchesOf are the kernels of a phase's launches, "" for a tape.
func LaunchesOf(phase []exec.Instr) (kernels []string) {
	phase, _ = order{}.hoist(phase)
	for _, b := range (order{}).batches(phase) {
		kernels = append(kernels, b.passes[0].kernel)
		for _, p := range b.passes[1:] {
			if p.kernel != "" {
				kernels = append(kernels, p.kernel)
			}
		}
	}
	return kernels
}

// Launches is how many launches a phase takes.
func Launches(phase []exec.Instr) int { return len(LaunchesOf(phase)) }
