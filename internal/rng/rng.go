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
	return new(Source).Set(seed, purpose, counters...)
}

// Source is a stream that can be set to another one without allocating.
type Source struct {
	pcg  rand.PCG
	rand *rand.Rand
}

// Set is [New], in place of the stream that s was before.
func (s *Source) Set(seed uint64, purpose string, counters ...uint64) *rand.Rand {
	var room [128]byte
	key := binary.LittleEndian.AppendUint64(room[:0], seed)
	key = binary.LittleEndian.AppendUint64(key, uint64(len(purpose)))
	key = append(key, purpose...)
	for _, c := range counters {
		key = binary.LittleEndian.AppendUint64(key, c)
	}
	sum := sha256.Sum256(key)
	s.pcg.Seed(binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:]))
	if s.rand == nil {
		s.rand = rand.New(&s.pcg)
	}
	return s.rand
}
