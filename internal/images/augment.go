package images

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Augment says what is done to each image of a batch, in this order: flip left
// to right with probability 1/2; crop to the old size at a uniform place of the
// image with Crop black pixels around it; normalise; cutout. The order is that of
// the search data of NAS-Bench-201 and DARTS.
type Augment struct {
	Flip   bool
	Crop   int // pixels of padding on each side; 0: none
	Cutout int // side of a square set to 0, the mean; 0: none
	// Mean and Std are per channel, of pixel/255: value = (pixel/255 − mean)/std.
	Mean, Std []float64
}

// Check says what of a does not fit s, if anything does not.
func (a *Augment) Check(s *Set) error {
	if a.Crop < 0 || a.Cutout < 0 {
		return fmt.Errorf("images: %s: crop padding %d, cutout %d, want 0 or more", s.Name, a.Crop, a.Cutout)
	}
	if len(a.Mean) != s.C || len(a.Std) != s.C {
		return fmt.Errorf("images: %s: %d means and %d deviations, want %d as there are channels", s.Name, len(a.Mean), len(a.Std), s.C)
	}
	for c := range a.Mean {
		if math.IsNaN(a.Mean[c]) || math.IsInf(a.Mean[c], 0) || !(a.Std[c] > 0) || math.IsInf(a.Std[c], 0) {
			return fmt.Errorf("images: %s: channel %d: mean %v, deviation %v, want finite and a deviation above 0", s.Name, c, a.Mean[c], a.Std[c])
		}
	}
	return nil
}

// table lists (v/255 − mean)/std for v = 0..255 of each channel: [C,256].
func (a *Augment) table(channels int) []float64 {
	table := make([]float64, 256*channels)
	for c := range channels {
		for v := range 256 {
			table[256*c+v] = (float64(v)/255 - a.Mean[c]) / a.Std[c]
		}
	}
	return table
}

// shift is where the pixels of an augmented image come from: (y, x) from row
// y+dy and column x+dx of the flipped or plain image, black outside.
type shift struct {
	flip   bool
	dy, dx int
}

// draw takes flip, row and column from r, as far as a asks for them.
func (a *Augment) draw(r *rand.Rand) (m shift) {
	if a.Flip {
		m.flip = r.Uint64()>>63 == 1
	}
	if a.Crop > 0 {
		m.dy = r.IntN(2*a.Crop+1) - a.Crop
		m.dx = r.IntN(2*a.Crop+1) - a.Crop
	}
	return m
}

// place writes image id, moved and normalised, to dst [H,W,C].
func place[T ~float32 | ~float64](l *Loader, id int, m shift, dst []T) {
	s, image := l.Set, l.Set.Image(id)
	h, w, c := s.H, s.W, s.C
	// Columns left..right-1 come from the image, the others are black.
	left, right := min(max(0, -m.dx), w), max(min(w, w-m.dx), 0)
	for y := range h {
		row := dst[y*w*c : (y+1)*w*c]
		from := y + m.dy
		if from < 0 || from >= h || left >= right {
			black(l.table, c, row)
			continue
		}
		black(l.table, c, row[:left*c])
		black(l.table, c, row[right*c:])
		source := image[from*w*c : (from+1)*w*c]
		at, step := left+m.dx, 1
		if m.flip {
			at, step = w-1-at, -1
		}
		if c == 1 {
			for x := left; x < right; x++ {
				row[x] = T(l.table[source[at]])
				at += step
			}
			continue
		}
		for x := left; x < right; x++ {
			for k, v := range source[at*c : (at+1)*c] {
				row[x*c+k] = T(l.table[256*k+int(v)])
			}
			at += step
		}
	}
}

// black writes normalised zeros of c channels.
func black[T ~float32 | ~float64](table []float64, c int, dst []T) {
	for i := range dst {
		dst[i] = T(table[256*(i%c)])
	}
}

// cutout sets the square of the given side around (cy, cx), as far as it lies in
// the image, to 0. An even square reaches one pixel further up and left.
func cutout[T ~float32 | ~float64](s *Set, side, cy, cx int, image []T) {
	top, left := cy-side/2, cx-side/2
	bottom, right := min(top+side, s.H), min(left+side, s.W)
	top, left = max(top, 0), max(left, 0)
	for y := top; y < bottom; y++ {
		clear(image[(y*s.W+left)*s.C : (y*s.W+right)*s.C])
	}
}
