//go:build !amd64 || noasm

package limits

// vectorLoops has nothing to offer here.
func vectorLoops() []loops { return nil }

// Clock is not known: the compiler would take a chain of additions apart.
func Clock() (hertz float64, ok bool) { return 0, false }
