package gpu

import "idarts/internal/exec"

// Orders are all ways in which a device may run a phase, which give the same bits.
var Orders = map[string]func(*Device){
	"as they are written":   func(d *Device) { d.order = order{plain: true} },
	"by level without tape": func(d *Device) { d.order = order{untaped: true} },
	"by level":              func(d *Device) { d.order = order{} },
}

// Steps are the instructions that run at once, one step after another.
func Steps(phase []exec.Instr) (steps [][]int32) {
	for _, b := range (order{}).batches(phase) {
		if b.levels == nil {
			steps = append(steps, b.instrs)
		}
		if b.second != nil {
			steps = append(steps, b.second)
		}
		steps = append(steps, b.levels...)
	}
	return steps
}

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
