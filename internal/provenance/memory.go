package provenance

import (
	"fmt"
	"os"
	"strings"
)

// Memory is what the system says of its own memory.
func Memory() string {
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "not known on this system"
	}
	var parts []string
	for l := range strings.Lines(string(content)) {
		var kib int
		name, rest, _ := strings.Cut(l, ":")
		if name != "MemTotal" && name != "MemAvailable" {
			continue
		}
		if _, err := fmt.Sscan(rest, &kib); err == nil {
			parts = append(parts, fmt.Sprintf("%.1f GB %s", float64(kib)*1024/1e9, map[string]string{"MemTotal": "in all", "MemAvailable": "free"}[name]))
		}
	}
	return strings.Join(parts, ", ")
}
