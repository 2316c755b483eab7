package cuda

import (
	"time"

	"idarts/internal/exec/gpu"
)

// sequence is a [gpu.Sequence]: a graph, which is made when it first runs on a block of
// memory.
type sequence struct {
	driver  *Driver
	table   uint64
	list    []gpu.Launch
	kernels []*kernel

	executable uintptr
	memory     gpu.Block // that executable is for
}

// Load implements [gpu.Driver].
func (d *Driver) Load(table gpu.Block, list []gpu.Launch) (gpu.Sequence, error) {
	s := &sequence{driver: d, table: uint64(table), list: list}
	for _, l := range list {
		k, err := d.kernel(l, false)
		if err != nil {
			return nil, err
		}
		s.kernels = append(s.kernels, k)
	}
	d.sequences[s] = true
	return s, nil
}

// Run implements [gpu.Sequence].
func (s *sequence) Run(memory gpu.Block) error {
	if len(s.list) == 0 {
		return nil
	}
	d := s.driver
	return d.do(func() error {
		if d.withoutGraphs {
			return s.startAll(memory)
		}
		if s.executable == 0 || s.memory != memory {
			if err := s.capture(memory); err != nil {
				return err
			}
		}
		return check("starting a graph", d.call(d.graphLaunch, s.executable, d.stream))
	})
}

// start starts launch i.
func (s *sequence) start(memory gpu.Block, i int) error {
	l := s.driver.launch
	l.memory, l.table, l.row = uint64(memory), s.table, uint32(s.list[i].Row)
	return s.driver.start(s.kernels[i], s.list[i].Kernel, s.list[i].Groups)
}

func (s *sequence) startAll(memory gpu.Block) error {
	for i := range s.list {
		if err := s.start(memory, i); err != nil {
			return err
		}
	}
	return nil
}

// capture makes the graph for a block of memory, in place of the one there was.
func (s *sequence) capture(memory gpu.Block) error {
	d := s.driver
	if err := s.forget(); err != nil {
		return err
	}
	if err := check("recording launches", d.beginCapture(d.stream, threadLocal)); err != nil {
		return err
	}
	failed := s.startAll(memory)
	var graph uintptr
	err := check("recording launches", d.endCapture(d.stream, &graph)) // also after a failure: it ends the recording
	if failed != nil {
		err = failed
	}
	if err == nil {
		err = check("making a graph", d.graphInstantiate(&s.executable, graph, 0))
	}
	if graph != 0 {
		d.graphDestroy(graph)
	}
	s.memory = memory
	return err
}

// forget gives the graph back. It may still be at work.
func (s *sequence) forget() error {
	if s.executable == 0 {
		return nil
	}
	if err := s.driver.wait(); err != nil {
		return err
	}
	err := check("giving a graph back", s.driver.executableEnd(s.executable))
	s.executable = 0
	return err
}

// Profile implements [gpu.Sequence]: without the graph, with an event between two
// launches.
func (s *sequence) Profile(memory gpu.Block) (times []time.Duration, err error) {
	d := s.driver
	err = d.do(func() error {
		events := make([]uintptr, len(s.list)+1)
		defer func() {
			for _, e := range events {
				if e != 0 {
					d.eventDestroy(e)
				}
			}
		}()
		for i := range events {
			if err := check("making an event", d.eventCreate(&events[i], 0)); err != nil {
				return err
			}
		}
		for i, e := range events {
			if err := check("recording an event", d.call(d.eventRecord, e, d.stream)); err != nil {
				return err
			}
			if i == len(s.list) {
				break
			}
			if err := s.start(memory, i); err != nil {
				return err
			}
		}
		if err := d.wait(); err != nil {
			return err
		}
		for i := range s.list {
			var ms float32
			if err := check("reading a time", d.eventElapsed(&ms, events[i], events[i+1])); err != nil {
				return err
			}
			times = append(times, time.Duration(float64(ms)*float64(time.Millisecond)))
		}
		return nil
	})
	return times, err
}

// Close implements [gpu.Sequence].
func (s *sequence) Close() {
	if s.driver.sequences[s] {
		delete(s.driver.sequences, s)
		s.driver.do(s.forget)
	}
}
