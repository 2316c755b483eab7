// Package provenance says what a result comes from besides its settings: the
// program with its libraries, and the machine.
package provenance

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// Names in the metadata of the files that the program writes.
const (
	MetaFormat  = "format" // what the file calls itself
	MetaSpace   = "space"
	MetaDataset = "dataset"
	MetaOrigin  = "origin"  // what its numbers depend on: settings and data
	MetaVersion = "version" // of the program that wrote it
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

// Host is the name of this machine in its network.
func Host() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
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

// Commit is the version control commit that this program was built from, with
// "+changes" where files differed from it; "" when the linker did not know.
func Commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var revision, changed string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	return revision + changed
}
