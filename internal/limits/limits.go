// Package limits measures what a processor can do at best: floating-point operations
// on numbers that stay in registers, and bytes to and from each level of memory.
//
// Its loops are its own and do nothing else, so that a kernel can be held against
// them: in assembly for AVX2 and AVX-512 (loops_amd64.s), and plain Go for all other
// processors and for builds with the tag noasm (portable.go). What the loops leave
// behind says how often they really did what is counted; the tests look at it.
//
// Start at [Measure], or at [Arithmetic] for the registers alone. Times are of
// float32, speeds in operations and bytes per second.
package limits

// Set is a group of vector instructions, and with it the loops that are made of them.
type Set int

const (
	Plain  Set = iota // what the compiler makes of plain Go
	AVX2              // vectors of 8 float32 in 16 registers, with FMA
	AVX512            // vectors of 16 float32 in 32 registers
)

func (s Set) String() string { return [...]string{"plain Go", "AVX2", "AVX-512"}[s] }

// loops measure one set.
type loops struct {
	// fused and apart do steps times perStep multiply-adds acc = 1·1 + acc, the one in
	// one instruction and the other as a product that is added. The accumulators are
	// zero at first and are added up to sums in the end, which so add up to the number
	// of multiply-adds, as long as that of a lane is below 2^24.
	fused, apart func(steps int, sums *[16]float32)
	perStep      int
}

// Sets are those that this processor and this build have, the best one last.
func Sets() []Set {
	var list []Set
	for s := Plain; int(s) < len(measured); s++ {
		list = append(list, s)
	}
	return list
}

// measured are the loops of each of [Sets].
var measured = append([]loops{{fused: plainFused, apart: plainApart, perStep: plainPerStep}}, vectorLoops()...)
