// Package device chooses what computes. It is the one place that knows which devices
// there are; all others have an [exec.Device].
package device

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/cuda"
	"idarts/internal/exec/gpu/library"
	"idarts/internal/exec/gpu/opencl"
)

// Names are what [Open] knows, besides "auto". The processor is also there with the
// kernels of one instruction set alone, to compare them: "cpu:plain" is Go without any.
// A library of graphics cards is there with its devices by number as well: "opencl:1".
var Names = func() []string {
	names := []string{"cpu"}
	for _, set := range cpu.Sets() {
		names = append(names, processor+set)
	}
	for _, l := range libraries {
		names = append(names, l.name)
	}
	return names
}()

const (
	processor = "cpu:" // before the name of an instruction set
	anyBits   = ",any" // after the name of a card that may have bits of its own
)

// Any is the name of the same device that need not give the bits of all others: a card
// that rounds otherwise is opened all the same, in a class of its own.
func Any(name string) string { return strings.TrimSuffix(name, anyBits) + anyBits }

// api is a way to reach graphics cards.
type api struct {
	name string
	// count is how many devices it has, and which one is a card, -1 for none.
	count func() (n, card int, err error)
	open  func(n int) (gpu.Driver, error)
	// cards: all its devices are cards, so that it is worth a word if none can be used.
	cards bool
}

// The first that has a card is the best: NVIDIA's own starts kernels faster.
var libraries = []api{
	{"cuda", countCUDA, func(n int) (gpu.Driver, error) { return asDriver(cuda.Open(n, cuda.Options{})) }, true},
	{"opencl", countOpenCL, func(n int) (gpu.Driver, error) { return asDriver(opencl.Open(n, opencl.Options{})) }, false},
}

func countCUDA() (n, card int, err error) {
	found, err := cuda.List()
	return len(found), slices.IndexFunc(found, cuda.Found.Fits), err
}

func countOpenCL() (n, card int, err error) {
	found, err := opencl.List()
	if len(found) > 0 && found[0].Kind == "gpu" { // cards come first
		return len(found), 0, err
	}
	return len(found), -1, err
}

func asDriver[D gpu.Driver](d D, err error) (gpu.Driver, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Open opens the device of that name in a precision of 32 bits, as searches run, or
// 64. "auto", and no name, is the best one that there is: a graphics card in 32 bits,
// or else the processor. A device that computes on the processor has so many workers
// there. Each serves one run at a time.
func Open(name string, bits, workers int) (exec.Device, error) {
	name = chosen(name, bits)
	if name == "cpu" {
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
	l, n, err := find(name)
	if err != nil {
		return nil, err
	}
	if bits != 32 {
		return nil, fmt.Errorf("device: %q computes with 32 bits, not with %d; want a processor for that", name, bits)
	}
	driver, err := l.open(n)
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	if _, ok := tested.Load(name); ok {
		return gpu.New(driver), nil
	}
	d, err := gpu.Tested(driver, strings.HasSuffix(name, anyBits))
	if err == nil && d.Class() == gpu.Class {
		tested.Store(name, true)
	}
	return orError(d, err)
}

// tested are the names of devices that have shown in this process that they give the
// bits of all others.
var tested sync.Map

// find is the library and number in a name.
func find(name string) (api, int, error) {
	prefix, number, numbered := strings.Cut(strings.TrimSuffix(name, anyBits), ":")
	for _, l := range libraries {
		if l.name != prefix {
			continue
		}
		if !numbered {
			return l, 0, nil
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return l, 0, fmt.Errorf("device: %q: %q is no number of a device, want one like %s:0", name, number, prefix)
		}
		return l, n, nil
	}
	return api{}, 0, fmt.Errorf("device: %q: want auto or one of %q", name, Names)
}

// chosen is the name, or what it stands for.
func chosen(name string, bits int) string {
	switch plain, other := strings.CutSuffix(name, anyBits); {
	case plain != "" && plain != "auto":
		if !onCard(plain) {
			return plain // its bits are known
		}
		return name
	default:
		best, _ := Best(bits, other)
		return best
	}
}

// Best names what "auto" is: the first graphics card of a library that can be used, for
// 32 bits, or else the processor. other takes cards with bits of their own as well. why
// says, in one line, what is wrong with a card or driver that was passed over.
func Best(bits int, other bool) (name, why string) {
	if bits != 32 {
		return "cpu", ""
	}
	for _, l := range libraries {
		n, card, err := l.count()
		if missing := (library.Missing{}); errors.As(err, &missing) || err == nil && card < 0 && (n == 0 || !l.cards) {
			continue
		}
		name := fmt.Sprintf("%s:%d", l.name, max(card, 0))
		if other {
			name = Any(name)
		}
		if err == nil {
			var d exec.Device
			if d, err = Open(name, bits, 1); err == nil {
				d.Close()
				return name, why
			}
		}
		why = strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return "cpu", why
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
		if card, ok := d.(*gpu.Device); ok {
			card.Share(n)
		}
		devices = append(devices, d)
	}
	return devices, closeAll, nil
}

// Need is how many bytes of a card's memory f takes at most. f gets a device for which all
// numbers are 0.
func Need(f func(d exec.Device) error) (int64, error) { return gpu.Need(f) }

// OnCard says that the device of that name is not the processor: its runs gain nothing
// from many at a time.
func OnCard(name string) bool {
	return onCard(chosen(name, 32))
}

// Instructions names the instruction set that a device computes with, "" for a card. It
// changes no bit.
func Instructions(name string) string {
	if set, ok := strings.CutPrefix(name, processor); ok {
		return set
	}
	if OnCard(name) {
		return ""
	}
	sets := cpu.Sets()
	return sets[len(sets)-1]
}

// onCard is OnCard of a name that is chosen.
func onCard(name string) bool { return name != "cpu" && !strings.HasPrefix(name, processor) }

// classes are what Class has found, by name.
var classes sync.Map

// Class is what the bits of a search on a device depend on, see [exec.Device]. It is
// found once, however many runs ask.
func Class(name string) (string, error) {
	if class, ok := classes.Load(name); ok {
		return class.(string), nil
	}
	best := chosen(name, 32)
	if onCard(best) { // opening compiles its kernels, which only other bits are worth
		l, n, err := find(best)
		if err != nil {
			return "", err
		}
		switch count, _, err := l.count(); {
		case err != nil:
			return "", fmt.Errorf("device: %w", err)
		case count == 0:
			return "", fmt.Errorf("device: %q: the library of %s is there, and no device", name, l.name)
		case n >= count:
			return "", fmt.Errorf("device: %q: there is no device %d, want %s:0 to %s:%d", name, n, l.name, l.name, count-1)
		}
		if !strings.HasSuffix(best, anyBits) {
			classes.Store(name, gpu.Class)
			return gpu.Class, nil
		}
	}
	d, err := Open(best, 32, 1)
	if err != nil {
		return "", err
	}
	defer d.Close()
	classes.Store(name, d.Class())
	return d.Class(), nil
}
