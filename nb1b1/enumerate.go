package nb1b1

import (
	"cmp"
	"math/bits"
	"slices"
)

// Enumerate makes all cells of NAS-Bench-101, [Cells] of them: of isomorphic ones the
// representative ([Cell.Canonical]), ascending by vertices, then as numbers. It takes half a
// second.
func Enumerate() []Cell {
	all := make([]Cell, 0, Cells)
	for n := 2; n <= MaxVertices; n++ {
		edges := n * (n - 1) / 2
		shapes := map[Cell]bool{} // without operations
		for set := range int64(1) << edges {
			if bits.OnesCount64(uint64(set)) > MaxEdges {
				continue
			}
			c := Cell{inner: uint8(n - 2)}
			for v := 1; v < n; v++ {
				c.parents[v-1] = uint8(set >> (v * (v - 1) / 2) & (1<<v - 1))
			}
			if c.onPath() == 1<<n-1 {
				shapes[c.Canonical()] = true
			}
		}
		cells := map[Cell]bool{}
		for c := range shapes {
			var label func(v int)
			label = func(v int) {
				if v == n-1 {
					cells[c.Canonical()] = true
					return
				}
				for c.ops[v-1] = 0; int(c.ops[v-1]) < len(Ops); c.ops[v-1]++ {
					label(v + 1)
				}
				c.ops[v-1] = 0
			}
			label(1)
		}
		first := len(all)
		for c := range cells {
			all = append(all, c)
		}
		slices.SortFunc(all[first:], func(a, b Cell) int { return cmp.Compare(a.code(), b.code()) })
	}
	return all
}
