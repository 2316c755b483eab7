//go:build !linux

package cpu

// zeros are n numbers.
func zeros[T Float](n int) []T { return make([]T, n) }
