//go:build linux || darwin

package opencl

import (
	"runtime"

	"github.com/ebitengine/purego"
)

var defaultLibrary = map[string]string{
	"linux":  "libOpenCL.so.1",
	"darwin": "/System/Library/Frameworks/OpenCL.framework/OpenCL",
}[runtime.GOOS]

func open(name string) (uintptr, error) {
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func symbol(library uintptr, name string) (uintptr, error) { return purego.Dlsym(library, name) }
