package cpu

import (
	"slices"
	"time"

	"idarts/internal/exec"
)

// Instructions that go by images, one after another, form a chain: a worker takes
// some images through all of them before it turns to the next ones, so that what one
// instruction leaves is still in cache when the next one reads it. A convolution, the
// sums of the batch norm after it, the masks and the convolutions of the reverse pass
// are one walk through the batch then. Tiles stay what they are, and with them the
// bits of the results.

// split is how the tiles of a stage divide the images of a batch: evenly, in order.
type split struct {
	images, tiles int
	together      int // tiles that must be done in order by one worker
	run           func(tile, worker int)
	runs          func(from, to int) // tiles from..to-1 in one call, nil where that is no faster
}

// contiguous is the split of what f does from element lo to hi of tiles of so many
// elements.
func contiguous(images, tiles, size int, f func(lo, hi int)) split {
	runs := func(from, to int) { f(from*size, to*size) }
	return split{images: images, tiles: tiles, together: 1, run: func(tile, _ int) { runs(tile, tile+1) }, runs: runs}
}

// link is a stage in a chain, with so many tiles in each step.
type link struct {
	run        func(tile, worker int)
	per, owner int
}

// link is what a chain does with n tiles at a time.
func (s *split) link(n, owner int) link {
	if s.runs == nil {
		return link{run: s.run, per: n, owner: owner}
	}
	return link{run: func(step, _ int) { s.runs(step*n, (step+1)*n) }, per: 1, owner: owner}
}

// walk takes one worker's images through all links, steps times some of them. took,
// if there is one, gets the time of each link.
func walk(links []link, steps, tile, worker int, took func(link, worker int, d time.Duration)) {
	var start time.Time
	for at := tile * steps; at < (tile+1)*steps; at++ {
		for i := range links {
			if took != nil {
				start = time.Now()
			}
			l := &links[i]
			for t := at * l.per; t < (at+1)*l.per; t++ {
				l.run(t, worker)
			}
			if took != nil {
				took(i, worker, time.Since(start))
			}
		}
	}
}

// chain collects instructions until one does not fit.
type chain struct {
	workers, worthWaking int

	instrs               []exec.Instr
	before, links, after []stage
	whole                []stage // as they came
	images, step, unit   int     // images that go through all stages at a time, and those that one worker takes
}

func (c *chain) empty() bool { return len(c.instrs) == 0 }

// add takes the stages of the next instruction and appends to out what is complete.
func (c *chain) add(out *[]stage, in exec.Instr, stages []stage) {
	first := slices.IndexFunc(stages, func(s stage) bool { return s.split != nil })
	if first < 0 {
		c.close(out)
		*out = append(*out, stages...)
		return
	}
	last := first
	for last+1 < len(stages) && stages[last+1].split != nil {
		last++
	}
	images, step, unit := geometry(stages[first : last+1])
	if slices.ContainsFunc(stages[last+1:], func(s stage) bool { return s.split != nil }) || !c.enough(images, unit) {
		c.close(out)
		*out = append(*out, stages...)
		return
	}
	if !c.empty() {
		s, u := multiple(step, c.step), multiple(unit, c.unit)
		u = multiple(u, s)
		if images != c.images || !c.enough(images, u) || !c.fits(in) {
			c.close(out)
		} else {
			step, unit = s, u
		}
	}
	c.images, c.step, c.unit = images, step, unit
	c.instrs = append(c.instrs, in)
	c.whole = append(c.whole, stages...)
	c.before = append(c.before, stages[:first]...)
	c.links = append(c.links, stages[first:last+1]...)
	c.after = append(c.after, stages[last+1:]...)
}

// geometry is the number of images, how many fill whole tiles of all stages, and how
// many one worker must take.
func geometry(stages []stage) (images, step, unit int) {
	images, step, unit = stages[0].split.images, 1, 1
	for _, s := range stages {
		tile := s.split.images / divisor(s.split.images, s.split.tiles)
		step = multiple(step, tile)
		unit = multiple(unit, s.split.together*s.split.images/divisor(s.split.together*s.split.images, s.split.tiles))
	}
	return images, step, multiple(step, unit)
}

// enough says that the workers can share images in pieces of unit images.
func (c *chain) enough(images, unit int) bool {
	const each = 4 // pieces a worker, so that none waits long for another
	return images%unit == 0 && images/unit >= each*c.workers
}

// fits says that in may follow the chain image by image: where it shares memory
// with an instruction before it that one of them writes, both go through the very
// same images.
func (c *chain) fits(in exec.Instr) bool {
	for _, before := range c.instrs {
		if !apart(before.Out, in.Out, c.images) {
			return false
		}
		for _, arg := range in.Args {
			if !apart(before.Out, arg, c.images) {
				return false
			}
		}
		for _, arg := range before.Args {
			if !apart(arg, in.Out, c.images) {
				return false
			}
		}
	}
	return true
}

func apart(a, b exec.Tensor, images int) bool {
	if a.Space != b.Space || a.Offset+a.Shape.Len() <= b.Offset || b.Offset+b.Shape.Len() <= a.Offset {
		return true
	}
	return a.Offset == b.Offset && a.Shape.Len() == b.Shape.Len() && a.Shape[0] == images && b.Shape[0] == images
}

// close appends what has been collected to out.
func (c *chain) close(out *[]stage) {
	if len(c.links) < 2 {
		*out = append(*out, c.whole...)
	} else {
		s := stage{tiles: c.images / c.unit}
		for _, l := range c.links {
			s.work += l.work
			s.links = append(s.links, l.split.link(c.step*l.split.tiles/l.split.images, l.owner))
		}
		s.alone = s.tiles < 2 || s.work < c.worthWaking
		s.steps = c.unit / c.step
		links, steps := s.links, s.steps
		s.run = func(tile, worker int) { walk(links, steps, tile, worker, nil) }
		*out = append(append(append(*out, c.before...), s), c.after...)
	}
	*c = chain{workers: c.workers, worthWaking: c.worthWaking}
}

func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// multiple is the least common one.
func multiple(a, b int) int { return a / divisor(a, b) * b }
