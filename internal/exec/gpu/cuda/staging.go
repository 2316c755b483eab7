package cuda

import "unsafe"

// staging is memory of the host that the card reads and writes by itself, for all that
// goes to and fro: the driver would copy pageable memory into such a place as well, and
// waits for large copies. Go's memory is never on its way.
//
// Writes take the first part as a ring: what was written last is still being read by the
// card while the next goes behind it. Reads take the last part, and wait.
type staging struct {
	memory  unsafe.Pointer
	ring    []uint32
	reading []uint32
	next    int       // in the ring
	way     []flight  // oldest first
	idle    []uintptr // events
}

// flight is a write on its way: words of the ring, and what happens when it has landed.
type flight struct {
	from, to int
	event    uintptr
}

const (
	ringWords    = 4 << 20 // 16 MiB
	readingWords = 1 << 20
	mostFlights  = 64
	// largest is what goes at once: the ring has room for several.
	largest = ringWords / 4
)

func (s *staging) open(d *Driver) error {
	const words = ringWords + readingWords
	if err := check("memory of the host", d.hostAlloc(&s.memory, 4*words+unsafe.Sizeof(launch{}), 0)); err != nil {
		return err
	}
	d.launch = (*launch)(unsafe.Add(s.memory, 4*words))
	d.launch.find()
	all := unsafe.Slice((*uint32)(s.memory), words)
	s.ring, s.reading = all[:ringWords], all[ringWords:]
	return nil
}

// close is called when all is done.
func (s *staging) close(d *Driver) {
	for _, f := range s.way {
		d.eventDestroy(f.event)
	}
	for _, e := range s.idle {
		d.eventDestroy(e)
	}
	if s.memory != nil {
		d.hostFree(s.memory)
	}
	*s = staging{}
}

// write sends src to a place on the card, in bytes.
func (s *staging) write(d *Driver, to uint64, src []uint32) error {
	for len(src) > 0 {
		n := min(len(src), largest)
		at, err := s.room(d, n)
		if err != nil {
			return err
		}
		copy(s.ring[at:at+n], src)
		event, err := s.event(d)
		if err != nil {
			return err
		}
		s.way = append(s.way, flight{at, at + n, event})
		s.next = at + n
		if err := check("writing", d.call(d.toDevice, uintptr(to), uintptr(unsafe.Pointer(&s.ring[at])), 4*uintptr(n), d.stream)); err != nil {
			return err
		}
		if err := check("writing", d.call(d.eventRecord, event, d.stream)); err != nil {
			return err
		}
		src, to = src[n:], to+4*uint64(n)
	}
	return nil
}

// room finds n words of the ring that nobody reads any more.
func (s *staging) room(d *Driver, n int) (at int, err error) {
	at = s.next
	if at+n > len(s.ring) {
		at = 0
	}
	for len(s.way) == mostFlights || s.busy(at, at+n) {
		f := s.way[0]
		if err := check("writing", d.call(d.eventWait, f.event)); err != nil {
			return 0, err
		}
		s.way = append(s.way[:0], s.way[1:]...)
		s.idle = append(s.idle, f.event)
	}
	return at, nil
}

func (s *staging) busy(from, to int) bool {
	for _, f := range s.way {
		if f.from < to && from < f.to {
			return true
		}
	}
	return false
}

func (s *staging) event(d *Driver) (e uintptr, err error) {
	if n := len(s.idle); n > 0 {
		e, s.idle = s.idle[n-1], s.idle[:n-1]
		return e, nil
	}
	err = check("making an event", d.eventCreate(&e, withoutTiming))
	return e, err
}

// read fills dst from a place on the card, in bytes, once all before it is done.
func (s *staging) read(d *Driver, from uint64, dst []uint32) error {
	for len(dst) > 0 {
		n := min(len(dst), len(s.reading))
		if err := check("reading", d.call(d.toHost, uintptr(unsafe.Pointer(&s.reading[0])), uintptr(from), 4*uintptr(n), d.stream)); err != nil {
			return err
		}
		if err := d.wait(); err != nil {
			return err
		}
		copy(dst, s.reading[:n])
		dst, from = dst[n:], from+4*uint64(n)
	}
	return nil
}
