package provenance

import (
	"fmt"
	"os"
	"strings"
)

// Memory is what the system says of its own memory.
func Memory() string {
	all, free := memory()
	if all == 0 && free == 0 {
		return "not known on this system"
	}
	var parts []string
	if all > 0 {
		parts = append(parts, fmt.Sprintf("%.1f GB in all", float64(all)/1e9))
	}
	if free > 0 {
		parts = append(parts, fmt.Sprintf("%.1f GB free", float64(free)/1e9))
	}
	return strings.Join(parts, ", ")
}

// FreeMemory is how many bytes programs can still take, 0 where the system does not say.
func FreeMemory() int64 {
	_, free := memory()
	return free
}

// memory is in bytes, 0 where the system does not say.
func memory() (all, free int64) {
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	for l := range strings.Lines(string(content)) {
		name, rest, _ := strings.Cut(l, ":")
		to := map[string]*int64{"MemTotal": &all, "MemAvailable": &free}[name]
		if to == nil {
			continue
		}
		var kib int64
		if _, err := fmt.Sscan(rest, &kib); err == nil {
			*to = 1024 * kib
		}
	}
	return all, free
}
