package cpu

// padding is images of h x w pixels that are copied with zeros around them, so that
// kernels need not know where an image ends:
//
//	          |- left -|---- w ----|
//	first     0  0  0  0  0  0  0  0  0      a row above the image
//	          0  0  0  x  x  x  x  x  0
//	last      0  0  0  x  x  x  x  x  0
//	          |-------- wide --------|
type padding struct {
	h, w, channels int
	left, wide     int // columns of zeros before a row, and columns in all
}

// strides are those of rows with their zeros.
func (d *padding) strides() strides { return strides{d.wide * d.channels, d.channels} }

// at is where a pixel begins in rows with their zeros, from the first of them; columns
// count from that of the image.
func (d *padding) at(row, col int) int { return (row*d.wide + d.left + col) * d.channels }

// len is the number of elements of so many rows with their zeros.
func (d *padding) len(rows int) int { return rows * d.wide * d.channels }

// imageOf is image n of a batch.
func imageOf[T Float](batch []T, d *padding, n int) []T {
	size := d.h * d.w * d.channels
	return batch[n*size : (n+1)*size]
}

// padRows copies rows first..last of an image, which may lie outside of it.
func padRows[T Float](dst, image []T, d *padding, first, last int) {
	n, pitch, lead := d.w*d.channels, d.wide*d.channels, d.left*d.channels
	top, bottom := max(first, 0), min(last+1, d.h) // rows of the image
	if top >= bottom {
		clear(dst[:(last-first+1)*pitch])
		return
	}
	at := (top-first)*pitch + lead
	clear(dst[:at])
	for r := top; r < bottom; r++ {
		copy(dst[at:at+n], image[r*n:])
		if r+1 < bottom {
			clear(dst[at+n : at+pitch])
		}
		at += pitch
	}
	clear(dst[at-pitch+n : (last-first+1)*pitch])
}
