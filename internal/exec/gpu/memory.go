package gpu

import (
	"fmt"

	"idarts/internal/exec"
)

// memory is an [exec.Memory].
type memory struct {
	device *Device
	spaces [exec.NumSpaces]*vec
	hosts  [exec.NumSpaces]exec.Host
	// averages are by the first of the norms that they move.
	averages map[*exec.Averages]*bound
}

// Resize implements [exec.Memory].
func (m *memory) Resize(s exec.Space, n int) {
	d := m.device
	if old := m.spaces[s]; old != nil && s == exec.Scratch {
		// The large one must be gone before its successor is there. Nobody else has it: a
		// region of scratch memory means nothing.
		m.spaces[s] = nil
		d.heap.free(old.memory.region)
	}
	h := d.hold(n, s == exec.Scratch)
	m.spaces[s] = &vec{d, h, h.at, n}
	m.hosts[s] = exec.Host{}
	if s == exec.Stats || s == exec.Buffers {
		m.averages = map[*exec.Averages]*bound{}
	}
}

// Region implements [exec.Memory].
func (m *memory) Region(s exec.Space) exec.Vec { return m.spaces[s] }

// Host implements [exec.Memory].
func (m *memory) Host(s exec.Space) exec.Host {
	if m.hosts[s].F32 == nil {
		m.hosts[s] = exec.Host{F32: make([]float32, m.spaces[s].n)}
	}
	return m.hosts[s]
}

// Upload implements [exec.Memory].
func (m *memory) Upload(s exec.Space) { m.device.write(m.spaces[s].at, wordsOf(m.Host(s).F32)) }

// Download implements [exec.Memory].
func (m *memory) Download(s exec.Space) { m.device.read(m.spaces[s].at, wordsOf(m.Host(s).F32)) }

// Number implements [exec.Memory].
func (m *memory) Number(s exec.Space, i int) exec.Number {
	slot := m.device.slot()
	m.device.run(Launch{Kernel: "vec_copy", Groups: 1}, &Args{uint32(slot.place), 1, uint32(m.spaces[s].at + i)})
	return exec.Later(slot)
}

// averagingRow is the words of a row for running averages.
const averagingRow = 6

// Average implements [exec.Memory], in float32: the device need not have any other.
func (m *memory) Average(norms []exec.Averages) {
	if len(norms) == 0 {
		return
	}
	b := m.averages[&norms[0]]
	if b == nil {
		stats, buffers := m.spaces[exec.Stats], m.spaces[exec.Buffers]
		var words []uint32
		for _, n := range norms {
			unbias := 1.0
			if n.Rows > 1 {
				unbias = float64(n.Rows) / float64(n.Rows-1)
			}
			words = append(words, uint32(n.Channels), uint32(buffers.at+n.Buffers), uint32(stats.at+n.Stats),
				bits(1-n.Momentum), bits(n.Momentum), bits(n.Momentum*unbias))
		}
		var err error
		b, err = m.device.bind(words, []Launch{{Kernel: "bn_average", Groups: len(norms)}}, []*held{stats.memory, buffers.memory})
		m.device.must(err)
		m.averages[&norms[0]] = b
	}
	b.Run()
}

// Bind implements [exec.Memory].
func (m *memory) Bind(p *exec.Program, phase int, elsewhere map[exec.Space]exec.Vec) (exec.Bound, error) {
	at := m.spaces
	for s, v := range elsewhere {
		vec, ok := v.(*vec)
		if !ok || vec.device != m.device {
			return nil, fmt.Errorf("gpu: space %v is in a vector of another device", s)
		}
		at[s] = vec
	}
	if phase < 0 || phase >= len(p.Phases) {
		return nil, fmt.Errorf("gpu: phase %d of a program of %d", phase, len(p.Phases))
	}
	var places [exec.NumSpaces]place
	var uses []*held
	for s, v := range at {
		places[s] = place{v.at, v.n}
		uses = append(uses, v.memory)
	}
	l, err := m.device.order.lower(p.Phases[phase], places, func(words int) int {
		at := m.device.sums(words)
		uses = append(uses, m.device.partial)
		return at
	})
	if err != nil {
		return nil, fmt.Errorf("gpu: phase %d: %w", phase, err)
	}
	b, err := m.device.bind(l.rows, l.launches, uses)
	if err != nil {
		return nil, err
	}
	b.instrs = l.instrs
	return b, nil
}
