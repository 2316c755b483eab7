package main

import (
	"strings"
	"testing"

	"idarts/benchmarks"
	"idarts/internal/limits"
)

// At 100 GFLOP/s and 50 GB/s, by hand:
//
//	conv 3x3   0.5 GFLOP in 10 ms are 50 GFLOP/s, 50 %; at best 5 ms, as 20 MB take 0.4
//	add        100 MB in 4 ms are 25 GB/s; at best 2 ms, as 0.02 GFLOP take 0.2
//	relu       60 MB in 1 ms are 60 GB/s, 120 %; at best 1.2 ms
//	conv 1x1   0.06 GFLOP in 0.5 ms are 120 GFLOP/s, 120 %; at best 0.6 ms, as 1 MB takes 0.02
//	winograd   0.9 GFLOP in 6 ms are 150 GFLOP/s, 150 %; at best 4 ms, as it does 0.4 of them
//	all        at best 5 + 2 + 1.2 + 0.6 + 4 = 12.8 of 21.5 ms, 60 %
func TestTable(t *testing.T) {
	kinds := []benchmarks.Kind{
		{Name: "add", Calls: 3, Seconds: 4e-3, FLOP: 0.02e9, Bytes: 100e6},
		{Name: "conv 3x3", Calls: 2, Seconds: 10e-3, FLOP: 0.5e9, Bytes: 20e6},
		{Name: "relu", Calls: 1, Seconds: 1e-3, Bytes: 60e6},
		{Name: "conv 1x1", Calls: 1, Seconds: 0.5e-3, FLOP: 0.06e9, Bytes: 1e6},
		{Name: "conv 3x3 winograd", Calls: 1, Seconds: 6e-3, FLOP: 0.9e9, Saved: 0.5e9, Bytes: 8e6},
	}
	var got strings.Builder
	write(&got, kinds, benchmarks.Roof{FLOPs: 100e9, Bytes: 50e9, Level: "L3"})
	const want = `
┌───────────────────┬───────┬──────┬───────┬───────────┬────────┬─────┬────────┬──────────┬──────────┐
│      KERNEL       │ CALLS │  MS  │ GFLOP │ GFLOP / S │ OF FMA │ MB  │ GB / S │ LEAST MS │ OF LEAST │
├───────────────────┼───────┼──────┼───────┼───────────┼────────┼─────┼────────┼──────────┼──────────┤
│ conv 3x3          │ 2     │ 10.0 │ 0.50  │ 50        │ 50 %   │ 20  │ 2      │ 5.0      │ 50 %     │
│ conv 3x3 winograd │ 1     │ 6.0  │ 0.90  │ 150       │ 150 %  │ 8   │ 1      │ 4.0      │ 67 %     │
│ add               │ 3     │ 4.0  │ 0.02  │ 5         │ 5 %    │ 100 │ 25     │ 2.0      │ 50 %     │
│ relu              │ 1     │ 1.0  │ 0.00  │ 0         │ 0 %    │ 60  │ 60     │ 1.2      │ 120 %    │
│ conv 1x1          │ 1     │ 0.5  │ 0.06  │ 120       │ 120 %  │ 1   │ 2      │ 0.6      │ 120 %    │
│ all               │ 8     │ 21.5 │ 1.48  │ 69        │ 69 %   │ 189 │ 9      │ 12.8     │ 60 %     │
└───────────────────┴───────┴──────┴───────┴───────────┴────────┴─────┴────────┴──────────┴──────────┘
note: conv 3x3 winograd does 0.40 of the 0.90 GFLOP that its formula has
note: relu moved 120 % of the bytes that L3 gives: its data lay nearer
warning: conv 1x1 did 120 % of the operations that registers allow: the limit or the time is wrong
`
	if got.String() != want[1:] {
		t.Errorf("table is\n%s\nwant\n%s", got.String(), want)
	}
}

// A clock of 2 GHz and one float32 a vector: 4 GFLOP/s are 1 fused vector a cycle and 2 of
// products and sums, 16 GB/s are 8 bytes.
func TestMachine(t *testing.T) {
	traffic := func(load, add float64) []limits.Traffic {
		return []limits.Traffic{{Level: limits.Level{Name: "L1"}, Load: load, Add: add}, {Level: limits.Level{Name: "memory"}, Load: load / 4, Add: add / 2}}
	}
	m := machine{
		processor: "Made Up 1", sets: []limits.Set{limits.Plain}, hertz: 2e9, caches: limits.Caches{L1: 32 << 10, L2: 256 << 10},
		speeds: []benchmarks.Limits{
			{Threads: 1, Operations: []limits.Operations{{Fused: 4e9, Apart: 4e9}}, Traffic: traffic(16e9, 24e9)},
			{Threads: 4, Operations: []limits.Operations{{Fused: 15e9, Apart: 14e9}}, Traffic: traffic(64e9, 90e9)},
		},
	}
	var got strings.Builder
	m.write(&got)
	const want = `
Made Up 1, 4 threads, plain Go, 2.00 GHz
caches of a core: 32 KB, 256 KB and no third, assumed, since the system does not tell
limits are those of plain Go: there are no vector loops for this processor and build

┌───────────────────────────────────┬───────────┬────────────┬──────────────┐
│               LIMIT               │ 1 THREAD  │ 4 THREADS  │   A CYCLE    │
├───────────────────────────────────┼───────────┼────────────┼──────────────┤
│ plain Go, fused multiply-adds     │ 4 GFLOP/s │ 15 GFLOP/s │ 1.00 vectors │
│ plain Go, products and sums apart │ 4 GFLOP/s │ 14 GFLOP/s │ 2.00 vectors │
│ L1, read                          │ 16 GB/s   │ 64 GB/s    │ 8.00 bytes   │
│ L1, two read and one written      │ 24 GB/s   │ 90 GB/s    │ 12.00 bytes  │
│ memory, read                      │ 4 GB/s    │ 16 GB/s    │ 2.00 bytes   │
│ memory, two read and one written  │ 12 GB/s   │ 45 GB/s    │ 6.00 bytes   │
└───────────────────────────────────┴───────────┴────────────┴──────────────┘
least ms below: operations over 15 GFLOP/s or bytes over the 45 GB/s of memory, whichever takes longer
`
	if got.String() != want[1:] {
		t.Errorf("machine is\n%s\nwant\n%s", got.String(), want)
	}
}
