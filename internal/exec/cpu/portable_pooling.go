package cpu

// The kernels of pooling by the maximum, for every processor.

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
