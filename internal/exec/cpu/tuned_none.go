//go:build !amd64 || noasm

package cpu

// tune has nothing to offer here.
func tune(*inner[float32]) {}
