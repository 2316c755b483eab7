// Package longtest marks tests that take longer than those of every day.
package longtest

import (
	"os"
	"testing"
)

// Wanted says whether the long ones are asked for, by make long.
func Wanted() bool { return os.Getenv("IDARTS_LONG") != "" }

// Needed skips a test unless the long ones are asked for, by make long.
func Needed(t testing.TB) {
	t.Helper()
	if !Wanted() {
		t.Skip("a long check: make long runs it")
	}
}

// Of is how much a test does with -short, every day, and in make long.
func Of[T any](short, everyDay, long T) T {
	switch {
	case Wanted():
		return long
	case testing.Short():
		return short
	}
	return everyDay
}
