// Package rng derives independent random streams from a run's seed.
//
// A stream has one purpose ("shuffle", "crop", "init") and any number of
// counters (epoch, step). It is a pure function of all of these, so a resumed
// run needs no generator state: it asks for the same stream again.
package rng

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// New returns the PCG stream of (seed, purpose, counters...). Its 128-bit state
// is the head of SHA-256 over all of them, so streams that differ in anything
// are unrelated, also for neighbouring seeds.
func New(seed uint64, purpose string, counters ...uint64) *rand.Rand {
	hash := sha256.New()
	var word [8]byte
	put := func(v uint64) {
		binary.LittleEndian.PutUint64(word[:], v)
		hash.Write(word[:])
	}
	put(seed)
	put(uint64(len(purpose)))
	hash.Write([]byte(purpose))
	for _, c := range counters {
		put(c)
	}
	sum := hash.Sum(nil)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])))
}
