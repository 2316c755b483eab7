// Package benchmarks times the stages of a search, one Benchmark each:
//
//	go test -bench . ./benchmarks
//
// The network is the NAS-Bench-201 supernet with 16 channels on batches of 64
// images of 32x32x3, with 1 and with 5 cells in a stage, in float32 on all cores.
// Stages that run the network report GFLOP/s, and MB/s as the bytes that their
// instructions read and write over the time. There is nothing to import.
package benchmarks
