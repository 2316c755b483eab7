// Package limits measures what a processor does at best: floating-point operations
// on numbers that stay in registers, and bytes to and from each level of memory.
//
// Its loops are its own and do nothing else, so that a kernel can be held against
// them: in assembly for AVX2 and AVX-512 (registers_amd64.s, traffic_amd64.s), in plain
// Go for all other processors and for builds with the tag noasm (portable.go). What
// the loops leave behind says how often they really did what is counted; the tests
// look at it.
//
// Start at [Arithmetic] and [Memory]. Speeds are operations on float32 and bytes, each
// per second.
package limits

import "time"

// Set is a group of vector instructions, and with it the loops that are made of them.
type Set int

const (
	Plain  Set = iota // what the compiler makes of plain Go
	AVX2              // vectors of 8 float32 in 16 registers, with FMA
	AVX512            // vectors of 16 float32 in 32 registers
)

func (s Set) String() string { return [...]string{"plain Go", "AVX2", "AVX-512"}[s] }

// Width is the number of float32 in a vector.
func (s Set) Width() int { return measured[s].width }

// loops measure one set.
type loops struct {
	// fused and apart do steps times perStep multiply-adds acc = 1·1 + acc, the one in
	// one instruction and the other as a product that is added. The accumulators are
	// zero at first and are added up to sums in the end, which so add up to the number
	// of multiply-adds, as long as that of a lane is below 2^24.
	fused, apart   func(steps int, sums *[16]float32)
	perStep, width int
	// load reads x so many times, and adds all that it read up to sums.
	load func(x []uint32, times int, sums *[16]uint32)
	// add writes z = x + y so many times.
	add func(z, x, y []uint32, times int)
}

// piece is what lengths of arrays must be multiples of, in bytes.
const piece = 512

// measured are the loops of each of [Sets].
var measured = append([]loops{{fused: plainFused, apart: plainApart, perStep: plainPerStep, width: 1, load: plainLoad, add: plainAdd}}, vectorLoops()...)

// Sets are those that this processor and this build have, the best one last.
func Sets() []Set {
	var list []Set
	for s := range measured {
		list = append(list, Set(s))
	}
	return list
}

// Operations are float32 operations per second of all workers together, on numbers
// that stay in registers. A multiply-add counts as two.
type Operations struct {
	Fused float64 // acc = x·y + acc in one instruction
	Apart float64 // the same in two, the product rounded
}

// Arithmetic measures a set with so many workers at once; it takes half a second.
// It panics for a set that is not among [Sets].
func Arithmetic(set Set, workers int) Operations {
	const steps = 1 << 17
	l := measured[set]
	speed := func(loop func(int, *[16]float32)) float64 {
		seconds := together(workers, func(int) {
			var sums [16]float32
			loop(steps, &sums)
		})
		return 2 * float64(workers*steps*l.perStep) / seconds
	}
	return Operations{Fused: speed(l.fused), Apart: speed(l.apart)}
}

// patience is how long a loop is repeated; tests have less.
var patience = 250 * time.Millisecond
