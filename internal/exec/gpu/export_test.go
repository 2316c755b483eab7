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

// Launches is how many launches a phase takes.
func Launches(phase []exec.Instr) int {
	n := 0
	for _, b := range (order{}).batches(phase) {
		n++
		for _, p := range b.passes[1:] {
			if p.kernel != "" {
				n++
			}
		}
	}
	return n
}
