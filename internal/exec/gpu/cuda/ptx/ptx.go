// Package ptx is the kernels of internal/exec/gpu/kernels as text for NVIDIA's driver,
// which makes a card's instructions of it. It is compiled ahead, so that a user needs
// no compiler: `make kernels` does that again after a kernel has changed.
package ptx

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// What the text asks for. Version is that of its language, 70 for 7.0, which drivers
// of CUDA 11.0 and newer read; Card is the compute capability, 80 for 8.0.
const (
	Version = 70
	Card    = 80
)

//go:embed kernels.ptx.gz
var packed []byte

// Text is the kernels.
var Text = sync.OnceValues(func() (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("ptx: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return "", fmt.Errorf("ptx: %w", err)
	}
	return string(text), nil
})

// Entry is a kernel in a text.
type Entry struct {
	Name    string
	Threads int   // of a group
	Params  []int // bytes of each parameter
}

var (
	entry = regexp.MustCompile(`(?s)\.visible \.entry (\w+)\(\n(.*?)\n\)[^\n]*\n([^{]*)\{`)
	param = regexp.MustCompile(`\.param (?:\.align \d+ )?\.([ubfs])(\d+) (?:\.ptr )?(?:\.\w+ )*(?:\.align \d+ )?\w+(?:\[(\d+)\])?`)
	size  = regexp.MustCompile(`\.reqntid (\d+), 1, 1`)
)

// Entries lists the kernels of a text, in its order. One that does not say how many
// threads a group has is an error.
func Entries(text string) ([]Entry, error) {
	var out []Entry
	for _, m := range entry.FindAllStringSubmatch(text, -1) {
		e := Entry{Name: m[1]}
		threads := size.FindStringSubmatch(m[3])
		if threads == nil {
			return nil, fmt.Errorf("ptx: kernel %q does not say how many threads a group has, want a line .reqntid N, 1, 1", e.Name)
		}
		e.Threads, _ = strconv.Atoi(threads[1])
		for line := range strings.Lines(m[2]) {
			p := param.FindStringSubmatch(line)
			if p == nil {
				return nil, fmt.Errorf("ptx: kernel %q: no parameter is read from %q", e.Name, strings.TrimSpace(line))
			}
			bits, _ := strconv.Atoi(p[2])
			count := 1
			if p[3] != "" {
				count, _ = strconv.Atoi(p[3])
			}
			e.Params = append(e.Params, bits/8*count)
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("ptx: no kernels in %d bytes", len(text))
	}
	return out, nil
}
