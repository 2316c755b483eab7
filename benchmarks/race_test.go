//go:build race

package benchmarks

// The race detector allocates on its own.
func init() { detector = true }
