//go:build linux || darwin

package cuda

import "github.com/ebitengine/purego"

// Where the system has no NVIDIA driver at all, as macOS, this is not found.
const defaultLibrary = "libcuda.so.1"

func open(name string) (uintptr, error) {
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func symbol(library uintptr, name string) (uintptr, error) { return purego.Dlsym(library, name) }
