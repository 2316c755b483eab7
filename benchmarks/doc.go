// Package benchmarks times the stages of a search:
//
//	go test -bench . ./benchmarks
//	go test -bench Search/nb201/N=1 ./benchmarks
//	IDARTS_DEVICE=opencl go test -bench Search ./benchmarks
//	make bench BASE=main~3     compares with another commit
//	make bench-peers           compares with PyTorch
//
// The stages of runners/stages run on supernets of three spaces in the sizes and batches
// of the published searches, in float32, on all cores where IDARTS_DEVICE names nothing
// else. They report GFLOP/s, and MB/s as the bytes that their instructions read and write
// over the time. Batch assembly, derivation and look-ups have benchmarks of their own.
package benchmarks
