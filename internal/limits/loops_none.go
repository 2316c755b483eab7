//go:build !amd64 || noasm

package limits

// vectorLoops has nothing to offer here.
func vectorLoops() []loops { return nil }
