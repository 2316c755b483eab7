package supernet

import (
	"slices"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/rng"
)

// A batch is the same whether it was assembled ahead of time or not, in any order
// of asking.
func TestBatchesAheadAreTheSame(t *testing.T) {
	set, r := randomSet(40), rng.New(2, "batches")
	loader := func() *images.Loader {
		return &images.Loader{Set: set, Batch: 8, Name: "test", Seed: 3, Smoothing: 0.1,
			Augment: images.Augment{Flip: true, Crop: 2, Mean: []float64{0, 0}, Std: []float64{1, 1}}}
	}
	feed := Loaders(loader(), loader())
	alone := Loaders(loader()) // reads each batch once, so nothing is ahead
	pixels, targets := exec.Host{F32: make([]float32, 8*72)}, exec.Host{F32: make([]float32, 8*3)}
	wide, wideTargets := exec.Host{F64: make([]float64, 8*72)}, exec.Host{F64: make([]float64, 8*3)}
	seen := 0
	for range 300 {
		b := batch.Batch{Split: batch.Split(r.IntN(2)), Draw: batch.Draw(r.IntN(3)), Index: uint64(seen/20) + r.Uint64N(2)}
		if err := feed.Fill(b, pixels, targets); err != nil {
			t.Fatal(err)
		}
		alone = Loaders(loader())
		if err := alone.Fill(batch.Batch{Draw: b.Draw, Index: b.Index}, wide, wideTargets); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(pixels.F32, rounded(wide.F64)) {
			t.Fatalf("%+v: other pixels than when it is asked for alone", b)
		}
		if !slices.Equal(targets.F32, rounded(wideTargets.F64)) {
			t.Fatalf("%+v: other targets than when it is asked for alone", b)
		}
		seen++
	}
	if err := alone.Fill(batch.Batch{Split: batch.Valid}, wide, wideTargets); err == nil {
		t.Error("a batch of a half without images gives no error")
	}
}

func rounded(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}
