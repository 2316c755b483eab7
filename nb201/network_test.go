package nb201

import (
	"math"
	"math/rand/v2"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/supernet"
)

// A final network has as many parameters and multiply-adds as its cost says.
func TestCostIsThatOfTheNetwork(t *testing.T) {
	net := Net{C: 16, N: 5, Classes: 10, InChannels: 3, Size: 32}
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		cell := Random(r)
		mflops, params := cell.Cost(net)
		got, err := supernet.Measure(net.Final(cell), exec.Shape{1, 32, 32, 3}, 10)
		if err != nil {
			t.Fatal(err)
		}
		// The benchmark counts the biases of the classifier as well.
		want := supernet.Size{Params: int(math.Round(params * 1e6)), MACs: int(math.Round(mflops*1e6)) - net.Classes}
		if got != want {
			t.Errorf("%v has %+v, want %+v", cell, got, want)
		}
	}
}
