// Package library finds the functions of a system's library when the program runs, without
// cgo: a program that was built anywhere goes on where the library is missing.
package library

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ebitengine/purego"
)

// Library is a library that is open, to the end of the process.
type Library uintptr

// Missing is the error of a library that the system does not have.
type Missing struct{ Err error }

func (m Missing) Error() string { return m.Err.Error() }

// Open opens the library of that name, as the system's loader finds it.
func Open(name string) (Library, error) {
	h, err := open(name)
	if err != nil {
		return 0, Missing{err}
	}
	return Library(h), nil
}

// Address is where a function is.
func (l Library) Address(function string) (uintptr, error) { return symbol(uintptr(l), function) }

// Find finds functions by their names: what they are found for is a pointer to a Go
// function that will call it, or one to a uintptr that takes its address. The first one
// in alphabetical order that is missing is named.
func (l Library) Find(functions map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		at, err := l.Address(name)
		if err != nil {
			return fmt.Errorf("function %s: %w", name, err)
		}
		if address, ok := functions[name].(*uintptr); ok {
			*address = at
		} else {
			purego.RegisterFunc(functions[name], at)
		}
	}
	return nil
}
