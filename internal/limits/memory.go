package limits

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Caches are the data caches of one core, in bytes. L3 is its share of one that
// several cores have together, and 0 where there is none.
type Caches struct{ L1, L2, L3 int }

// assumed are the caches of a core of which the system tells nothing: small ones, as
// working sets must fit.
var assumed = Caches{L1: 32 << 10, L2: 256 << 10, L3: 1 << 20}

// ReadCaches reads /sys/devices/system/cpu/cpu0/cache of Linux, given as a file system.
// Where it cannot be understood, ok is false and the sizes are assumed.
func ReadCaches(system fs.FS) (c Caches, ok bool) {
	folders, err := fs.Glob(system, "index*")
	if err != nil {
		return assumed, false
	}
	for _, folder := range folders {
		var size, level int
		var unit string
		text := func(name string) string {
			content, _ := fs.ReadFile(system, path.Join(folder, name)) // an empty text is understood by nobody below
			return strings.TrimSpace(string(content))
		}
		if text("type") == "Instruction" {
			continue
		}
		if _, err := fmt.Sscanf(text("size"), "%d%s", &size, &unit); err != nil {
			return assumed, false
		}
		switch unit {
		case "K":
			size <<= 10
		case "M":
			size <<= 20
		default:
			return assumed, false
		}
		if _, err := fmt.Sscan(text("level"), &level); err != nil {
			return assumed, false
		}
		switch level {
		case 1:
			c.L1 = size
		case 2:
			c.L2 = size
		case 3:
			cores := count(text("shared_cpu_list"))
			if cores == 0 {
				return assumed, false
			}
			c.L3 = size / cores
		}
	}
	if c.L1 == 0 || c.L2 == 0 {
		return assumed, false
	}
	return c, true
}

// count is the number of processors in a list such as 0-3,8-11; 0 for what is none.
func count(list string) int {
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		var from, to int
		if _, err := fmt.Sscanf(part, "%d-%d", &from, &to); err != nil {
			if _, err := fmt.Sscanf(part, "%d", &from); err != nil {
				return 0
			}
			to = from
		}
		if to < from {
			return 0
		}
		n += to - from + 1
	}
	return n
}

// Level is a place where data can lie, and the bytes that each worker goes through in
// it when it is measured.
type Level struct {
	Name  string
	Bytes int
}

// Levels are the caches, nearest first, and memory: half of each cache, so that there
// is room for what else is in it, and 256 MB or more of memory for all workers together.
func (c Caches) Levels(workers int) []Level {
	list := []Level{{"L1", c.L1 / 2}, {"L2", c.L2 / 2}}
	if c.L3 > 0 {
		list = append(list, Level{"L3", max(c.L3/2, 2*c.L2)}) // beyond L2 where the share is small
	}
	return append(list, Level{"memory", max(256<<20/workers, 4*max(c.L2, c.L3))})
}

// Traffic is what all workers together move between registers and a level, in bytes
// per second.
type Traffic struct {
	Level
	Load float64 // one array read
	Add  float64 // two arrays read, a third written; what is fetched to be written over is not counted
}

// Memory measures a set with so many workers at once, each on data of its own; it takes
// some two seconds. It panics for a set that is not among [Sets].
func Memory(set Set, workers int, caches Caches) []Traffic {
	const moved = 64 << 20 // bytes in a round, so that it takes a millisecond
	levels := caches.Levels(workers)
	data := make([][]uint32, workers)
	for i := range data {
		data[i] = make([]uint32, levels[len(levels)-1].Bytes/4)
		for k := range data[i] {
			data[i][k] = 1 // memory that nobody wrote is one page of zeros
		}
	}
	var list []Traffic
	for _, level := range levels {
		list = append(list, traffic(measured[set], level, data, moved))
	}
	return list
}

// traffic goes through the beginning of each worker's data.
func traffic(l loops, level Level, data [][]uint32, moved int) Traffic {
	bytes := level.Bytes / piece * piece
	times := max(moved/bytes, 1)
	t := Traffic{Level: level}
	t.Load = float64(len(data)*times*bytes) / together(len(data), func(worker int) {
		var sums [16]uint32
		l.load(data[worker][:bytes/4], times, &sums)
	})
	n := third(bytes) / 4
	times = max(moved/(12*n), 1)
	t.Add = float64(len(data)*times*12*n) / together(len(data), func(worker int) {
		d := data[worker]
		l.add(d[2*n:3*n], d[:n], d[n:2*n], times)
	})
	return t
}

// third is the size of each of three arrays that lie one behind the other in so many
// bytes. They do not begin at the same place of a page: a processor may hold up a load
// for a store just before it whose address has the same 12 lowest bits.
func third(bytes int) int {
	const page = 4096
	if bytes < 3*page {
		return bytes / 3 / piece * piece
	}
	return (bytes/3-3*piece)/page*page + 3*piece
}
