package nb201

// Net are the sizes of the network around a cell: a 3x3 stem, 3 stages of N cells
// with C, 2C and 4C channels, and a classifier. The benchmark's networks have C=16
// and N=5.
type Net struct {
	C          int `json:"c"` // channels of the first stage
	N          int `json:"n"` // cells a stage
	Classes    int `json:"-"`
	InChannels int `json:"-"` // 3 for colour images
	Size       int `json:"-"` // height and width of the images; a multiple of 4
}

// Cost is the size of the network that is trained for c, in the units and by the
// counting rule of the benchmark's records:
//
//   - mflops are 10⁶ multiply-adds (not twice as many operations) of one forward
//     pass on one image, of convolutions and the classifier, plus one operation
//     for each bias of the classifier. Batch norm, pooling, ReLU and sums count 0;
//   - mparams are 10⁶ weights: convolutions (they have no bias), scale and shift
//     of each batch norm, classifier and its biases.
//
// Edges that cannot reach the output count as well, as they do there. The rule
// was found by matching the official records, which it reproduces exactly.
func (c Cell) Cost(n Net) (mflops, mparams float64) {
	var ops, weights int
	conv := func(k, in, out, size int) {
		ops += k * k * in * out * size * size
		weights += k * k * in * out
	}
	norm := func(channels int) { weights += 2 * channels }

	channels, size := n.C, n.Size
	conv(3, n.InChannels, channels, size)
	norm(channels)
	for stage := range 3 {
		if stage > 0 { // the residual block between two stages
			size /= 2
			conv(3, channels, 2*channels, size)
			norm(2 * channels)
			conv(3, 2*channels, 2*channels, size)
			norm(2 * channels)
			conv(1, channels, 2*channels, size) // shortcut, behind an average pool
			channels *= 2
		}
		for range n.N {
			for _, op := range c {
				switch Ops[op] {
				case "nor_conv_1x1":
					conv(1, channels, channels, size)
					norm(channels)
				case "nor_conv_3x3":
					conv(3, channels, channels, size)
					norm(channels)
				}
			}
		}
	}
	norm(channels)
	ops += (channels + 1) * n.Classes
	weights += (channels + 1) * n.Classes
	return float64(ops) / 1e6, float64(weights) / 1e6
}
