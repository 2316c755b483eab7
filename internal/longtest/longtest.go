// Package longtest marks tests that take longer than those of every day.
package longtest

import (
	"os"
	"testing"
)

// Needed skips a test unless the long ones are asked for, by make long.
func Needed(t testing.TB) {
	t.Helper()
	if os.Getenv("IDARTS_LONG") == "" {
		t.Skip("a long check: make long runs it")
	}
}
