// Package device chooses what computes. It is the one place that knows which devices
// there are; all others have an [exec.Device].
package device

import (
	"fmt"
	"strings"
	"sync"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
)

// Names are what [Open] knows, besides "auto". The processor is also there with the
// kernels of one instruction set alone, to compare them: "cpu:plain" is Go without any.
var Names = func() []string {
	names := []string{"cpu"}
	for _, set := range cpu.Sets() {
		names = append(names, processor+set)
	}
	return names
}()

const processor = "cpu:" // before the name of an instruction set

// Open opens the device of that name in a precision of 32 bits, as searches run, or
// 64. "auto", and no name, is the best one that there is. A device that computes on
// the processor has so many workers there. Each serves one run at a time.
func Open(name string, bits, workers int) (exec.Device, error) {
	switch name {
	case "", "auto", "cpu":
		if bits == 64 {
			return cpu.Open[float64](workers), nil
		}
		return cpu.Open[float32](workers), nil
	}
	if set, ok := strings.CutPrefix(name, processor); ok {
		if bits == 64 {
			return orError(cpu.OpenSet[float64](workers, set))
		}
		return orError(cpu.OpenSet[float32](workers, set))
	}
	return nil, fmt.Errorf("device: %q: want auto or one of %q", name, Names)
}

// orError keeps a device that could not be opened from being one that is nil.
func orError[D exec.Device](d D, err error) (exec.Device, error) {
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return d, nil
}

// OpenEach opens one for each of so many runs at a time, as Open does; closeAll closes
// them.
func OpenEach(n int, name string, bits, workers int) (devices []exec.Device, closeAll func(), err error) {
	closeAll = func() {
		for _, d := range devices {
			d.Close()
		}
	}
	for range n {
		d, err := Open(name, bits, workers)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		devices = append(devices, d)
	}
	return devices, closeAll, nil
}

// classes are what Class has found, by name.
var classes sync.Map

// Class is what the bits of a search on a device depend on, see [exec.Device]. The
// device is opened for it once, however many runs ask.
func Class(name string) (string, error) {
	if class, ok := classes.Load(name); ok {
		return class.(string), nil
	}
	d, err := Open(name, 32, 1)
	if err != nil {
		return "", err
	}
	defer d.Close()
	classes.Store(name, d.Class())
	return d.Class(), nil
}
