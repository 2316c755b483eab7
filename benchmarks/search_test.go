package benchmarks

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/device"
	"idarts/internal/exec/cpu"
	"idarts/internal/images"
	"idarts/internal/rng"
	"idarts/internal/trials"
	"idarts/nb201"
	"idarts/runners/protocol"
	"idarts/runners/stages"
)

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkSearch times each stage after one run that lowers the programs and fills
// caches, on the device that IDARTS_DEVICE names, to the end of what it asks the device
// for. On the processor, which is the device without a name, a stage allocates nothing.
func BenchmarkSearch(b *testing.B) {
	for _, n := range stages.Nets {
		b.Run(n.String(), func(b *testing.B) {
			for _, stage := range stages.All {
				b.Run(stage.Name, func(b *testing.B) {
					device, err := device.Open(cmp.Or(os.Getenv("IDARTS_DEVICE"), "cpu"), 32, runtime.GOMAXPROCS(0))
					check(b, err)
					b.Cleanup(device.Close)
					s, err := stages.New(n, stages.Size, device)
					check(b, err)
					if stage.Before != nil {
						check(b, stage.Before(s))
					}
					check(b, stage.Do(s))
					s.Wait()
					gflop, traffic := s.Problem.GFLOP(), s.Problem.Traffic()
					b.ReportAllocs()
					for b.Loop() {
						check(b, stage.Do(s))
						s.Wait()
					}
					b.ReportMetric((s.Problem.GFLOP()-gflop)/b.Elapsed().Seconds(), "GFLOP/s")
					b.SetBytes(int64((s.Problem.Traffic() - traffic) / float64(b.N)))
				})
			}
		})
	}
}

// Every benchmark's stage runs, and runs again, on a small net of each space.
func TestStagesRun(t *testing.T) {
	device := cpu.Open[float32](2)
	t.Cleanup(device.Close)
	ran := 0
	for _, n := range stages.Nets[1:] {
		n.C, n.N, n.Batch = 2, 1, 2
		if n.Space == "darts" {
			n.N = 3
		}
		s, err := stages.New(n, 8, device)
		check(t, err)
		for _, stage := range stages.All {
			if stage.Before != nil {
				check(t, stage.Before(s))
			}
			for range 2 {
				if err := stage.Do(s); err != nil {
					t.Errorf("%s, %s: %v", n.Space, stage.Name, err)
				}
				ran++
			}
		}
	}
	t.Logf("%d stages", ran)
}

var detector bool // of races is on

// After the first runs, which lower the programs, no stage allocates.
func TestStagesAllocateNothing(t *testing.T) {
	if detector {
		t.Skip("the race detector allocates")
	}
	device := cpu.Open[float32](1)
	t.Cleanup(device.Close)
	n := stages.Nets[0]
	n.C, n.Batch = 2, 8
	s, err := stages.New(n, 8, device)
	check(t, err)
	for _, stage := range stages.All {
		if stage.Before != nil {
			check(t, stage.Before(s))
		}
		check(t, stage.Do(s))
		allocations := testing.AllocsPerRun(10, func() {
			check(t, stage.Do(s))
			s.Wait()
		})
		t.Logf("%s: %v allocations", stage.Name, allocations)
		if allocations != 0 {
			t.Errorf("%s: %v allocations in a run, want none", stage.Name, allocations)
		}
	}
}

func BenchmarkBatchAssembly(b *testing.B) {
	for _, n := range []int{64, 96} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			l := stages.Loader("train", stages.Size, n)
			ids := make([]int, n)
			pixels, targets := make([]float32, n*stages.Size*stages.Size*3), make([]float32, n*stages.Classes)
			b.SetBytes(int64(4 * (len(pixels) + len(targets))))
			b.ReportAllocs()
			i := uint64(0)
			for b.Loop() {
				i++
				images.Fill(l, l.Pick(batch.Epochs, i, ids), batch.Epochs, i, pixels, targets)
			}
		})
	}
}

// Of an architecture from α, in each space.
func BenchmarkDerivation(b *testing.B) {
	for _, s := range protocol.Spaces {
		b.Run(s.Name, func(b *testing.B) {
			space := s.Search()
			r := rng.New(1, "alpha")
			alpha := make([]float64, space.Layout.Len())
			for i := range alpha {
				alpha[i] = r.NormFloat64()
			}
			b.ReportAllocs()
			for b.Loop() {
				if space.Derive(alpha) == "" {
					b.Fatal("no architecture")
				}
			}
		})
	}
}

// The representative of an architecture, by which trained scores are looked up.
func BenchmarkCanonical(b *testing.B) {
	for _, s := range protocol.Spaces {
		b.Run(s.Name, func(b *testing.B) {
			space, r := s.Search(), rng.New(1, "architectures")
			archs := make([]string, 64)
			for i := range archs {
				archs[i] = space.Random(r)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				_, err := s.Canonical(archs[i%len(archs)])
				check(b, err)
			}
		})
	}
}

// BenchmarkQuery asks a table of the size of the real benchmark's, with made-up
// accuracies of three trials.
func BenchmarkQuery(b *testing.B) {
	b.Run("nb201", func(b *testing.B) {
		key := nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200}
		table := nb201.NewTable(trials.Origin{Source: "made up", Training: "none"})
		r := rand.New(rand.NewPCG(1, 1))
		var records []nb201.Record
		for _, cell := range nb201.All() {
			for _, seed := range []int64{777, 888, 999} {
				records = append(records, nb201.Record{Cell: cell, Key: key, Seed: seed, Accuracy: 10 + 84*r.Float64(), Loss: 1, Seconds: 1})
			}
		}
		check(b, table.Append(records...))
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i = (i + 4099) % (len(records) / 3)
			_, err := table.Query(nb201.FromIndex(i), key, trials.All)
			check(b, err)
		}
	})
}
