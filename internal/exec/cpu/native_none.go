//go:build !amd64 || noasm

package cpu

// instructionSets has nothing to offer here.
func instructionSets() []func(*kernels[float32]) { return nil }
