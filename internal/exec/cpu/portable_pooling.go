package cpu

// The kernels of pooling, for every processor.

func portableMaxIndex[T Float](r *zone[T], dst, src []T) {
	starts, places, f := r.g.starts, r.places, &r.flat
	var largest [64]T
	for row := range f.rows {
		for p := range f.pixels {
			for k := 0; k < f.channels; k += len(largest) {
				src := src[f.src.at(row, p)+k:]
				best := largest[:copy(largest[:min(len(largest), f.channels-k)], src[starts[0]:])]
				dst := dst[f.dst.at(row, p)+k:][:len(best)]
				for k := range dst {
					dst[k] = places[0]
				}
				for t := 1; t < len(starts); t++ {
					place := places[t]
					for k, v := range src[starts[t]:][:len(best)] {
						if v > best[k] {
							best[k], dst[k] = v, place
						}
					}
				}
			}
		}
	}
}

func portableMaxGather[T Float](r *zone[T], dst, index, src []T) {
	places, f, c := r.places, &r.flat, r.flat.channels
	for row := range f.rows {
		for p := range f.pixels {
			at := f.dst.at(row, p)
			dst, index := dst[at:][:c], index[at:][:c]
			clear(dst)
			for t, off := range r.g.starts {
				src, place := src[f.src.at(row, p)+off:][:c], places[t]
				for k, v := range index {
					if v == place {
						dst[k] = src[k]
					}
				}
			}
		}
	}
}

func portableMaxScatter[T Float](r *zone[T], dst, index, src []T) {
	places, f, c := r.places, &r.flat, r.flat.channels
	for row := range f.rows {
		for p := range f.pixels {
			dst := dst[f.dst.at(row, p):][:c]
			clear(dst)
			for t, off := range r.g.starts {
				at := f.src.at(row, p) + off
				src, place := src[at:][:c], places[t]
				for k, v := range index[at:][:c] {
					if v == place {
						dst[k] += src[k]
					}
				}
			}
		}
	}
}

func portableBox[T Float](b *box[T], y, x []T) {
	c, n := b.channels, b.pixels*b.channels
	for row := range b.rows {
		at := row * n
		above, here, below, shares, y := b.outside, x[at:at+n], b.outside, b.inner, y[at:at+n]
		if row > 0 {
			above = x[at-n : at]
		}
		if row+1 < b.rows {
			below = x[at+n : at+2*n]
		}
		if row == 0 || row+1 == b.rows {
			shares = b.edge
		}
		for k := range c {
			left, middle := b.outside[0], above[k]+here[k]+below[k]
			i := k
			for ; i < n-c; i += c {
				right := above[i+c] + here[i+c] + below[i+c]
				y[i] = (left + middle + right) * shares[i]
				left, middle = middle, right
			}
			y[i] = (left + middle) * shares[i]
		}
	}
}
