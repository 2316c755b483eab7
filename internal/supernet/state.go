package supernet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"idarts/internal/exec"
)

// State is everything that training changes: the weights, the running averages
// of batch norm and the arithmetic done so far.
func (p *Problem) State() []byte {
	state := binary.LittleEndian.AppendUint64(nil, math.Float64bits(p.gflop))
	state = append(state, p.mem.Region(exec.Buffers).Bytes()...)
	return append(state, p.weights.Bytes()...)
}

// SetState restores what State gave; a wrong length is an error.
func (p *Problem) SetState(b []byte) error {
	split := 8 + p.opt.Device.Bits()/8*p.size[exec.Buffers]
	if len(b) < split {
		return fmt.Errorf("supernet: a state of %d bytes is too short for this network", len(b))
	}
	if err := p.mem.Region(exec.Buffers).SetBytes(b[8:split]); err != nil {
		return err
	}
	if err := p.weights.SetBytes(b[split:]); err != nil {
		return err
	}
	p.linearized = nil
	p.gflop = math.Float64frombits(binary.LittleEndian.Uint64(b))
	return nil
}

// snapshot is the network of a problem as it was.
type snapshot struct {
	of               *Problem
	weights, buffers exec.Vec
}

// Snapshot copies the weights and the running averages of batch norm.
func (p *Problem) Snapshot() any {
	s := &snapshot{p, p.NewVec(), p.opt.Device.NewVec(p.size[exec.Buffers])}
	s.weights.Copy(p.weights)
	s.buffers.Copy(p.mem.Region(exec.Buffers))
	return s
}

// Restore puts back what Snapshot of the same problem gave, any number of times.
// Arithmetic that was done in between stays counted.
func (p *Problem) Restore(taken any) error {
	s, ok := taken.(*snapshot)
	if !ok || s.of != p {
		return errors.New("supernet: the snapshot is of another problem")
	}
	p.weights.Copy(s.weights)
	p.mem.Region(exec.Buffers).Copy(s.buffers)
	p.linearized = nil
	return nil
}

// Carry copies from another Problem on the same device every parameter of the same
// name and shape, and the running averages of every batch norm of the same name and
// size. It returns the number of parameters that it found.
func (p *Problem) Carry(from any) (int, error) {
	other, params, norms, err := p.donor(from)
	if err != nil {
		return 0, err
	}
	carried := 0
	for _, param := range p.train.params {
		if old, ok := params[param.Name]; ok && old.Shape == param.Shape {
			n := param.Shape.Len()
			p.weights.Slice(param.Offset, n).Copy(other.weights.Slice(old.Offset, n))
			carried++
		}
	}
	to, old := p.mem.Region(exec.Buffers), other.mem.Region(exec.Buffers)
	for _, n := range p.train.norms {
		if o, ok := norms[n.name]; ok && o.Channels == n.Channels {
			to.Slice(n.Buffers, 2*n.Channels).Copy(old.Slice(o.Buffers, 2*n.Channels))
		}
	}
	p.linearized = nil
	return carried, nil
}

// donor is a problem that p may take weights from, with its parameters and batch norms by
// name.
func (p *Problem) donor(from any) (other *Problem, params map[string]Param, norms map[string]norm, err error) {
	other, ok := from.(*Problem)
	if !ok {
		return nil, nil, nil, fmt.Errorf("supernet: weights cannot be carried from a %T", from)
	}
	if other.opt.Device != p.opt.Device {
		return nil, nil, nil, errors.New("supernet: weights cannot be carried from another device")
	}
	params, norms = map[string]Param{}, map[string]norm{}
	for _, param := range other.train.params {
		params[param.Name] = param
	}
	for _, n := range other.train.norms {
		norms[n.name] = n
	}
	return other, params, norms, nil
}
