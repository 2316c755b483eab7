//go:build !unix

package durable

import "os"

// Elsewhere two processes must not be given the same output folder at once.
func flock(*os.File, bool) error { return nil }
