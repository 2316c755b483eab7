package nb201

import (
	"fmt"
	"math"
)

// official is the network that the benchmark trains on a data set.
func official(trainedOn string) (Net, error) {
	switch trainedOn {
	case "cifar10-valid", "cifar10":
		return Net{C: 16, N: 5, Classes: 10, InChannels: 3, Size: 32}, nil
	case "cifar100":
		return Net{C: 16, N: 5, Classes: 100, InChannels: 3, Size: 32}, nil
	case "ImageNet16-120":
		return Net{C: 16, N: 5, Classes: 120, InChannels: 3, Size: 16}, nil
	}
	return Net{}, fmt.Errorf("unknown dataset %q, want cifar10-valid, cifar10, cifar100 or ImageNet16-120", trainedOn)
}

// rounding is how far recorded sizes, in millions, may be from those of [Cell.Cost]; a
// convolution of a cell has at least 0.028 million parameters.
const rounding = 1e-6

// otherNetwork says whether recorded sizes, in millions, are those of another network than
// the one of c.
func otherNetwork(c Cell, net Net, mflops, mparams float64) bool {
	ownFlops, ownParams := c.Cost(net)
	return math.Abs(mparams-ownParams) > rounding || math.Abs(mflops-ownFlops) > rounding
}

// shareOfOthers is the share of the two or three trainings behind a mean of recorded
// parameters, in millions, that are of a network with one convolution more or less; 0 where
// the mean is that of the cell's own network. A mean that cannot be such is an error.
func shareOfOthers(c Cell, mparams float64) (float64, error) {
	net, err := official("cifar10")
	if err != nil {
		return 0, err
	}
	size := func(c Cell) float64 {
		_, params := c.Cost(net)
		return params
	}
	apart := math.Abs(mparams - size(c))
	if apart <= rounding {
		return 0, nil
	}
	for _, share := range []float64{1. / 3, 1. / 2, 2. / 3} {
		for op := range Ops {
			if conv := size(Cell{Op(op)}) - size(Cell{}); conv > 0 && math.Abs(apart-share*conv) <= 2*rounding {
				return share, nil
			}
		}
	}
	return 0, fmt.Errorf("cell %q: recorded parameters %v million, want %v, or one convolution more or less in some trials", c, mparams, size(c))
}
