package nb201

import (
	"math"
	"slices"
	"testing"
)

// The network as a function of its weights: a number for each edge. Convolutions
// are maps with weights that are not 0 at 0; pooling has no weights and is linear.
func (c Cell) value(w [6]float64) float64 {
	nodes := [4]float64{0.7}
	edge := 0
	for to := 1; to < 4; to++ {
		for from := range to {
			x := nodes[from]
			switch Ops[c[edge]] {
			case "skip_connect":
				nodes[to] += x
			case "nor_conv_1x1":
				nodes[to] += w[edge] * (0.6 + x/(1+0.13*x*x))
			case "nor_conv_3x3":
				nodes[to] += w[edge] * (0.9 + x/(0.4+0.31*x*x))
			case "avg_pool_3x3":
				nodes[to] += 0.4142 * x
			}
			edge++
		}
	}
	return nodes[3]
}

// Two cells are one network when some renaming of the edges makes their functions
// equal: then the smallest value over all ways to hand out six weights is equal,
// and for weights without special relations only then.
func TestNetworkByFunction(t *testing.T) {
	if testing.Short() {
		t.Skip("tries 720 orders of weights for each network")
	}
	var orders [][6]float64
	var permute func(w [6]float64, from int)
	permute = func(w [6]float64, from int) {
		if from == len(w) {
			orders = append(orders, w)
			return
		}
		for i := from; i < len(w); i++ {
			w[from], w[i] = w[i], w[from]
			permute(w, from+1)
			w[from], w[i] = w[i], w[from]
		}
	}
	permute([6]float64{0.377, 0.581, 0.743, 0.919, 1.127, 1.361}, 0)
	smallest := func(c Cell) float64 {
		least := math.Inf(1)
		for _, w := range orders {
			least = min(least, c.value(w))
		}
		return least
	}
	var minima []float64
	byRep := map[Cell]float64{}
	for i, c := range All() {
		rep := c.Network()
		if rep == c {
			byRep[c] = smallest(c)
			minima = append(minima, byRep[c])
		} else if want, ok := byRep[rep]; !ok {
			t.Fatalf("cell %d has a representative %d behind it", i, rep.Index())
		} else if got := smallest(c); math.Abs(got-want) > 1e-12*math.Max(1, want) {
			t.Fatalf("%q is another function than its representative %q: %v, %v", c, rep, got, want)
		}
	}
	slices.Sort(minima)
	for i := 1; i < len(minima); i++ {
		if minima[i]-minima[i-1] < 1e-11 {
			t.Errorf("two of the networks seem to be one: both have the value %v", minima[i])
		}
	}
	t.Logf("%d networks", len(minima))
}

func TestNetwork(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b string
		same bool
	}{
		{"the input and a copy of it may be swapped, whatever zeros are around",
			"|skip_connect~0|+|skip_connect~0|none~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
			"|skip_connect~0|+|skip_connect~0|none~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|", true},
		{"a convolution read twice is not two convolutions",
			"|none~0|+|nor_conv_1x1~0|none~1|+|nor_conv_1x1~0|none~1|skip_connect~2|",
			"|skip_connect~0|+|nor_conv_1x1~0|none~1|+|none~0|nor_conv_1x1~1|skip_connect~2|", true},
		{"the same, but shared",
			"|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|",
			"|nor_conv_1x1~0|+|nor_conv_1x1~0|none~1|+|none~0|skip_connect~1|skip_connect~2|", false},
		{"a convolution of nothing still has a shift",
			"|none~0|+|skip_connect~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_1x1~2|",
			"|none~0|+|skip_connect~0|none~1|+|none~0|none~1|nor_conv_1x1~2|", false},
		{"pooling of nothing is nothing",
			"|none~0|+|skip_connect~0|avg_pool_3x3~1|+|none~0|none~1|nor_conv_1x1~2|",
			"|none~0|+|skip_connect~0|none~1|+|none~0|none~1|nor_conv_1x1~2|", true},
		{"one value pooled twice is one term twice",
			"|avg_pool_3x3~0|+|none~0|none~1|+|avg_pool_3x3~0|skip_connect~1|none~2|",
			"|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|", true},
		{"pooling once more is another network",
			"|avg_pool_3x3~0|+|none~0|avg_pool_3x3~1|+|none~0|avg_pool_3x3~1|avg_pool_3x3~2|",
			"|avg_pool_3x3~0|+|none~0|avg_pool_3x3~1|+|none~0|none~1|avg_pool_3x3~2|", false},
		{"the pooled sum is the sum of the pooled",
			"|nor_conv_3x3~0|+|skip_connect~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|",
			"|nor_conv_3x3~0|+|none~0|none~1|+|avg_pool_3x3~0|avg_pool_3x3~1|none~2|", true},
	} {
		a, b := cell(t, tt.a).Network(), cell(t, tt.b).Network()
		if (a == b) != tt.same {
			t.Errorf("%s: %q and %q", tt.name, a, b)
		}
	}
}
