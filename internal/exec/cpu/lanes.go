package cpu

// lanes are 32 partial sums, as many as fill the registers of a vector unit.
//
// A block of width channels (a power of two up to 32) of pixels that lie c
// elements apart is summed with 32/width pixels side by side: lane l belongs to
// channel l%width of every pixel that is l/width modulo 32/width. Within a lane
// the order is that of the pixels, from zero.
type lanes[T Float] [32]T

// laneBlock is the channels from one on that are summed together.
type laneBlock struct{ from, width int }

// laneBlocks cuts c channels.
func laneBlocks(c int) []laneBlock {
	var list []laneBlock
	for from := 0; from < c; {
		width := 32
		for width > c-from {
			width /= 2
		}
		list = append(list, laneBlock{from, width})
		from += width
	}
	return list
}

// fold adds the lanes to their channels, in the order of the lanes.
func fold[T Float](into []float64, acc *lanes[T], width int) {
	for k := range into[:width] {
		sum := 0.0
		for l := k; l < len(acc); l += width {
			sum += float64(acc[l])
		}
		into[k] += sum
	}
}

// tilePixels is how many pixels of c channels one tile of a channel reduction
// has: a few thousand elements, so that a tile stays in the fastest cache and
// float32 sums stay short.
func tilePixels(c int) int { return max(4096/c/32*32, 32) }

func portableSum[T Float](acc *lanes[T], x []T, c, width, pixels int) {
	if width == c && width < 4 { // one after another: the lanes of 32 channels
		n := pixels * c / 32 * 32
		portableSum(acc, x, 32, 32, n/32)
		for i, v := range x[n : pixels*c] {
			acc[i] += v
		}
		return
	}
	side := 32 / width
	for lane := 0; lane < 32; lane += min(width, 4) {
		i, step := lane/width*c+lane%width, side*c
		count := (pixels - lane/width + side - 1) / side
		if width < 4 {
			for k := range width {
				acc[lane+k] = 0
				for r := range count {
					acc[lane+k] += x[i+k+r*step]
				}
			}
			continue
		}
		var a0, a1, a2, a3 T
		for range count {
			x := (*[4]T)(x[i:])
			a0 += x[0]
			a1 += x[1]
			a2 += x[2]
			a3 += x[3]
			i += step
		}
		*(*[4]T)(acc[lane:]) = [4]T{a0, a1, a2, a3}
	}
}

func portableDot[T Float](acc *lanes[T], x, y []T, c, width, pixels int) {
	if width == c && width < 4 {
		n := pixels * c / 32 * 32
		portableDot(acc, x, y, 32, 32, n/32)
		for i, v := range x[n : pixels*c] {
			acc[i] += T(v * y[n+i])
		}
		return
	}
	side := 32 / width
	for lane := 0; lane < 32; lane += min(width, 4) {
		i, step := lane/width*c+lane%width, side*c
		count := (pixels - lane/width + side - 1) / side
		if width < 4 {
			for k := range width {
				acc[lane+k] = 0
				for r := range count {
					acc[lane+k] += T(x[i+k+r*step] * y[i+k+r*step])
				}
			}
			continue
		}
		var a0, a1, a2, a3 T
		for range count {
			x, y := (*[4]T)(x[i:]), (*[4]T)(y[i:])
			a0 += T(x[0] * y[0])
			a1 += T(x[1] * y[1])
			a2 += T(x[2] * y[2])
			a3 += T(x[3] * y[3])
			i += step
		}
		*(*[4]T)(acc[lane:]) = [4]T{a0, a1, a2, a3}
	}
}

func portableSquare[T Float](acc *lanes[T], x []T, mean *lanes[T], c, width, pixels int) {
	if width == c && width < 4 {
		n := pixels * c / 32 * 32
		portableSquare(acc, x, mean, 32, 32, n/32)
		for i, v := range x[n : pixels*c] {
			d := v - mean[i]
			acc[i] += T(d * d)
		}
		return
	}
	side := 32 / width
	for lane := 0; lane < 32; lane += min(width, 4) {
		i, step := lane/width*c+lane%width, side*c
		count := (pixels - lane/width + side - 1) / side
		if width < 4 {
			for k := range width {
				acc[lane+k] = 0
				for r := range count {
					d := x[i+k+r*step] - mean[lane+k]
					acc[lane+k] += T(d * d)
				}
			}
			continue
		}
		var a0, a1, a2, a3 T
		m := (*[4]T)(mean[lane:])
		for range count {
			x := (*[4]T)(x[i:])
			d0, d1, d2, d3 := x[0]-m[0], x[1]-m[1], x[2]-m[2], x[3]-m[3]
			a0 += T(d0 * d0)
			a1 += T(d1 * d1)
			a2 += T(d2 * d2)
			a3 += T(d3 * d3)
			i += step
		}
		*(*[4]T)(acc[lane:]) = [4]T{a0, a1, a2, a3}
	}
}
