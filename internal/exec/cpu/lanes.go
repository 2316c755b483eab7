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

func portableFold[T Float](into []float64, acc *lanes[T], width int) {
	for k := range into[:width] {
		sum := 0.0
		for l := k; l < len(acc); l += width {
			sum += float64(acc[l])
		}
		into[k] += sum
	}
}

func portableMeans[T Float](mean *lanes[T], sums []float64, n float64, width int) {
	for k, s := range sums[:width] {
		mean[k] = T(s / n)
	}
	repeat(mean[:], mean[:width])
}

// tilePixels is how many pixels of c channels one tile of a channel reduction over so many
// images has: a few thousand elements, so that a tile stays in the fastest cache and
// float32 sums stay short. Tiles end where images end, so that they can be chained, unless
// images are very large.
func tilePixels(c, image, images int) int {
	n := max(4096/c/32*32, 32)
	switch {
	case n%image == 0 || image%n == 0 || image > 4*n:
		return n
	case image > n:
		return image
	}
	return evenBlock(n, image, images)
}

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
	clear(acc[:])
	piece, step := laneRows(c, width)
	lane, end := 0, (pixels-1)*c+width
	for at := 0; at < end; at += step {
		n := min(piece, end-at)
		addProducts(acc[lane:][:n], x[at:], y[at:])
		lane = (lane + piece) % 32
	}
}

func portableSquare[T Float](acc *lanes[T], x []T, mean *lanes[T], c, width, pixels int) {
	clear(acc[:])
	piece, step := laneRows(c, width)
	lane, end := 0, (pixels-1)*c+width
	var d lanes[T]
	for at := 0; at < end; at += step {
		n := min(piece, end-at)
		for k, v := range x[at:][:n] {
			d[k] = v - mean[lane+k]
		}
		addProducts(acc[lane:][:n], d[:], d[:])
		lane = (lane + piece) % 32
	}
}

// laneRows says how many neighbours go to lanes one after another, and how far it is to
// the next ones: the block's channels of one pixel, or 32 numbers where the channels of
// all pixels lie side by side.
func laneRows(c, width int) (piece, step int) {
	if width == c {
		return 32, 32
	}
	return width, c
}
