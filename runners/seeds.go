package runners

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxSeeds bounds one list of seeds, so that a slip such as "0-20000000" is an
// error and not a very long plan.
const maxSeeds = 10000

// ParseSeeds reads a list of seeds and ranges, both ends included: "0-2,5" is
// 0, 1, 2, 5. The result is in ascending order without repeats.
func ParseSeeds(s string) ([]uint64, error) {
	var seeds []uint64
	for _, part := range strings.Split(s, ",") {
		part = strings.TrimSpace(part)
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, errFrom := strconv.ParseUint(low, 10, 64)
		to, errTo := strconv.ParseUint(high, 10, 64)
		if errFrom != nil || errTo != nil {
			return nil, fmt.Errorf("runners: seeds %q: %q is no seed, want numbers and ranges such as 0-2,5", s, part)
		}
		if to < from {
			return nil, fmt.Errorf("runners: seeds %q: range %q runs backwards, want %d-%d", s, part, to, from)
		}
		if to-from >= maxSeeds || len(seeds)+int(to-from) >= maxSeeds {
			return nil, fmt.Errorf("runners: seeds %q: more than %d seeds", s, maxSeeds)
		}
		for n := uint64(0); n <= to-from; n++ {
			seeds = append(seeds, from+n)
		}
	}
	slices.Sort(seeds)
	return slices.Compact(seeds), nil
}
