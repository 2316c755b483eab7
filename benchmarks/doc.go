// Package benchmarks times the stages of a search:
//
//	go test -bench . ./benchmarks
//	go test -bench Search/nb201/N=1 ./benchmarks
//	make bench BASE=main~3     compares with another commit
//	make bench-peers           compares with PyTorch
//
// [Stages] run on [Nets], supernets of three spaces in the sizes and batches of the
// published searches, in float32 on all cores; they report GFLOP/s, and MB/s as the
// bytes that their instructions read and write over the time. Batch assembly,
// derivation and look-ups have benchmarks of their own.
package benchmarks
