package gpu

import "math"

// slots are places for numbers that nobody has asked for yet, used in turn.
type slots struct {
	memory *held
	owner  []*pending
	next   int
}

const slotCount = 256

// pending is an [exec.Pending] in a slot.
type pending struct {
	device *Device
	place  int
	value  float64
	known  bool
}

// slot is a place for the next number. Who had it before gets its value now.
func (d *Device) slot() *pending {
	s := &d.slots
	if s.memory == nil {
		s.memory, s.owner = d.hold(slotCount, false), make([]*pending, slotCount)
	}
	if old := s.owner[s.next]; old != nil {
		old.Wait()
	}
	p := &pending{device: d, place: s.memory.at + s.next}
	s.owner[s.next] = p
	s.next = (s.next + 1) % slotCount
	return p
}

// Wait implements [exec.Pending].
func (p *pending) Wait() float64 {
	if !p.known {
		var w [1]uint32
		p.device.read(p.place, w[:])
		p.value, p.known = float64(math.Float32frombits(w[0])), true
		p.device.slots.forget(p)
	}
	return p.value
}

func (s *slots) forget(p *pending) { s.owner[p.place-s.memory.at] = nil }
