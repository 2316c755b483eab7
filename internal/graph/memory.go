package graph

import (
	"slices"
	"sort"

	"idarts/internal/exec"
)

// direct removes copies: a value is computed where it is first wanted, unless
// later phases read it (the owner of an output region may change it meanwhile).
func (l *lowering) direct() {
	kept := l.steps[:0]
	removed := make([]int, len(l.steps)+1) // how many steps before each are gone
	gone := 0
	for i, s := range l.steps {
		removed[i] = gone
		if s.out == nil && s.vals[0] != nil && !s.vals[0].kept && s.vals[0].place.Space == exec.Scratch {
			s.vals[0].place = s.to
			gone++
			continue
		}
		kept = append(kept, s)
	}
	removed[len(l.steps)] = gone
	l.steps = kept
	for _, s := range l.steps {
		if s.out != nil {
			s.out.def -= removed[s.out.def]
			s.out.last -= removed[s.out.last]
			s.out.last = max(s.out.last, s.out.def)
		}
	}
}

// block is a piece of the scratch space, for one value after another.
type block struct {
	size, offset int
	def, last    int
	own          bool // see [exec.Target.Own]
}

// share gives scratch values their blocks: a new one, or that of an argument
// that the instruction is the last to read and may overwrite. New ones start at
// multiples of align. Values of at most own elements never share; nor, with apart, is an
// image that a convolution reads, and not a sum of several, over what it is made of.
func (l *lowering) share(align, own int, apart bool) []*block {
	var blocks []*block
	var convolved map[*value]bool
	if apart {
		convolved = l.convolved()
	}
	for at, s := range l.steps {
		v := s.out
		if v == nil || v.place.Space != exec.Scratch {
			continue
		}
		for i, a := range s.vals {
			if v.size <= own || convolved[v] {
				break
			}
			if a != nil && a.block != nil && a.last == at && !a.kept && a.size == v.size && !v.kept && inPlaceEverywhere(s, a) &&
				exec.InPlace(s.op, s.attr, i) {
				v.block = a.block
				v.block.last = max(v.block.last, v.last)
				break
			}
		}
		if v.block == nil {
			size := (v.size + align - 1) / align * align
			v.block = &block{size: size, def: v.def, last: v.last, own: v.size <= own}
			blocks = append(blocks, v.block)
		}
	}
	return blocks
}

// convolved are the arguments of convolutions and of their adjoints in the images, but
// for those of sums of several.
func (l *lowering) convolved() map[*value]bool {
	args := map[*value]bool{}
	for _, s := range l.steps {
		if s.attr.Terms <= 1 && (s.op == exec.Conv || s.op == exec.ConvGradInput) {
			for _, a := range s.vals {
				args[a] = true
			}
		}
	}
	return args
}

// inPlaceEverywhere says that a is no argument that must outlive the result's
// first element.
func inPlaceEverywhere(s step, a *value) bool {
	for i, v := range s.vals {
		if v == a && !exec.InPlace(s.op, s.attr, i) {
			return false
		}
	}
	return true
}

// pack places blocks so that those alive at the same time do not overlap. It
// returns the size of the whole.
func pack(blocks []*block, rest int) int {
	largest := 0
	for _, b := range blocks {
		largest = max(largest, b.size)
		b.last += rest
	}
	// A supernet has some large blocks and ten times as many small ones, for vectors
	// over channels, where a close fit gains nothing.
	var large, small, own []*block
	for _, b := range blocks {
		switch {
		case b.own:
			own = append(own, b)
		case b.size > largest/256:
			large = append(large, b)
		default:
			small = append(small, b)
		}
	}
	end := packSmall(small, packLarge(large))
	for _, b := range own {
		b.offset = end
		end += b.size
	}
	return end
}

// packLarge goes by size, the largest first, and places each block in the lowest
// gap that holds it.
func packLarge(blocks []*block) int {
	slices.SortStableFunc(blocks, func(a, b *block) int {
		if a.size != b.size {
			return b.size - a.size
		}
		return a.def - b.def
	})
	// placed is ordered by offset; values in place of pointers keep the scan fast.
	type span struct{ offset, end, def, last int }
	placed := make([]span, 0, len(blocks))
	total := 0
	for _, b := range blocks {
		at := 0
		for _, p := range placed {
			if p.def > b.last || b.def > p.last {
				continue
			}
			if p.offset-at >= b.size {
				break
			}
			at = max(at, p.end)
		}
		b.offset = at
		total = max(total, at+b.size)
		i := sort.Search(len(placed), func(i int) bool { return placed[i].offset > at })
		placed = slices.Insert(placed, i, span{at, at + b.size, b.def, b.last})
	}
	return total
}

// packSmall goes by time from offset start on, and gives a block the place of one
// of its size that is no longer alive, or else a new one.
func packSmall(blocks []*block, start int) int {
	byLast := slices.Clone(blocks)
	slices.SortStableFunc(blocks, func(a, b *block) int { return a.def - b.def })
	slices.SortStableFunc(byLast, func(a, b *block) int { return a.last - b.last })
	free := map[int][]int{} // offsets by size
	for _, b := range blocks {
		for byLast[0].last < b.def {
			dead := byLast[0]
			free[dead.size] = append(free[dead.size], dead.offset)
			byLast = byLast[1:]
		}
		if places := free[b.size]; len(places) > 0 {
			b.offset, free[b.size] = places[len(places)-1], places[:len(places)-1]
			continue
		}
		b.offset = start
		start += b.size
	}
	return start
}

// liveSize is the largest total of blocks alive at one position.
func liveSize(blocks []*block) int {
	end := 0
	for _, b := range blocks {
		end = max(end, b.last)
	}
	change := make([]int, end+2)
	for _, b := range blocks {
		change[b.def] += b.size
		change[b.last+1] -= b.size
	}
	live, peak := 0, 0
	for _, c := range change {
		live += c
		peak = max(peak, live)
	}
	return peak
}
