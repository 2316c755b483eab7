package runners

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// pinned are the modules whose versions a result depends on or is written by.
var pinned = []string{
	"github.com/apache/arrow/go/v15",
	"gonum.org/v1/gonum",
	"gorgonia.org/gorgonia",
	"gorgonia.org/tensor",
}

// Versions are those of this program, of Go and of the modules that matter, as
// the linker wrote them into the binary. A program built outside a version
// control checkout calls itself "devel".
func Versions() map[string]string {
	versions := map[string]string{"go": runtime.Version(), "idarts": "devel"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versions
	}
	if v := strings.Trim(info.Main.Version, "()"); v != "" {
		versions["idarts"] = v
	}
	for _, dep := range info.Deps {
		if slices.Contains(pinned, dep.Path) {
			versions[dep.Path] = dep.Version
		}
	}
	return versions
}

// Machine names the processor and the number of workers that a run has.
func Machine(workers int) string {
	return fmt.Sprintf("%s, %d of %d cores", Processor(), workers, runtime.NumCPU())
}

// Processor is the name of the processor, as far as the system tells it.
func Processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOOS + "/" + runtime.GOARCH
}

// sortedKeys are the keys of both maps in ascending order.
func sortedKeys[K cmp.Ordered, V any](a, b map[K]V) []K {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
