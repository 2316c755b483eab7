//go:build !amd64 || noasm

package cpu

// levels has nothing to offer here.
func levels() []func(*inner[float32]) { return nil }
