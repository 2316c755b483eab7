// Package kernels is the source of all kernels, in OpenCL C.
package kernels

import (
	_ "embed"
	"fmt"
	"strings"

	"idarts/internal/exec"
)

//go:embed device.h
var device string

//go:embed ops.cl
var ops string

//go:embed net.cl
var net string

//go:embed quad.cl
var quad string

//go:embed vec.cl
var vec string

//go:embed peak.cl
var peak string

// Source is what a compiler gets: one text.
func Source() string {
	var b strings.Builder
	for op := range exec.NumOps {
		fmt.Fprintf(&b, "#define OP_%s %d\n", strings.ToUpper(strings.ReplaceAll(op.String(), "-", "_")), op)
	}
	return b.String() + device + ops + net + quad + vec + peak
}
