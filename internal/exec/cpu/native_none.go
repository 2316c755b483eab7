//go:build !amd64 || noasm

package cpu

// nativeSets has nothing to offer here.
func nativeSets() []instructionSet { return nil }
