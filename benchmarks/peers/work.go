package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"

	"idarts/benchmarks"
	"idarts/internal/device"
	"idarts/internal/exec"
	"idarts/runners/parity"
	"idarts/runners/stages"
)

// timeFixture is one turn of the engine on a device: samples of each stage in seconds, after one
// run that is not counted, and what its instructions are. After so many seconds of a
// stage there is no further sample.
func timeFixture(out io.Writer, path, name string, names []string, samples int, seconds float64) error {
	d, err := device.Open(name, 32, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	defer d.Close()
	f, err := parity.OpenFixture(path)
	if err != nil {
		return err
	}
	p, coefs, v, err := parity.FixtureProblem(f, d)
	if err != nil {
		return err
	}
	s := stages.Of(p, f.Space.Search(), coefs, v)
	sets := benchmarks.Sets()
	m := measurement{Seconds: map[string][]float64{}, Kinds: map[string][]benchmarks.Kind{}, Set: sets[len(sets)-1]}
	for _, name := range names {
		stage, err := stages.Lookup(name)
		if err != nil || stage.Before != nil {
			return fmt.Errorf("stage %q has no twin in PyTorch", name)
		}
		if err := stage.Do(s); err != nil {
			return err
		}
		s.Wait()
		for total := 0.0; len(m.Seconds[name]) < samples && total < seconds; {
			began := time.Now()
			if err := stage.Do(s); err != nil {
				return err
			}
			s.Wait()
			sample := time.Since(began).Seconds()
			m.Seconds[name] = append(m.Seconds[name], sample)
			total += sample
		}
		if m.Kinds[name], err = benchmarks.Profile(s, stage); err != nil {
			return err
		}
	}
	m.Peak = peakMemory()
	if _, ok := d.(exec.Card); ok {
		_, total := p.Bytes()
		m.Peak = float64(total)
	}
	return json.NewEncoder(out).Encode(m)
}

// computeParity is `idarts parity` in float32 and in float64, into two files.
func computeParity(in, out string) error {
	f, err := parity.OpenFixture(in)
	if err != nil {
		return err
	}
	for _, bits := range []int{32, 64} {
		d, err := device.Open("cpu", bits, runtime.GOMAXPROCS(0))
		if err != nil {
			return err
		}
		defer d.Close()
		if err := parity.Parity(f, d, fmt.Sprint(out, bits)); err != nil {
			return err
		}
	}
	return nil
}
