package nb1b1

import (
	"slices"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/rng"
	"idarts/internal/supernet"
)

// The cell of NAS-Bench-101's README, whose record says 2,694,282 trainable
// parameters. Source: google-research/nasbench, README.
func TestParametersOfAPublishedCell(t *testing.T) {
	cell, err := NewCell([][]int{
		{0, 1, 1, 1, 0, 1, 0},
		{0, 0, 0, 0, 0, 0, 1},
		{0, 0, 0, 0, 0, 0, 1},
		{0, 0, 0, 0, 1, 0, 0},
		{0, 0, 0, 0, 0, 0, 1},
		{0, 0, 0, 0, 0, 0, 1},
		{0, 0, 0, 0, 0, 0, 0},
	}, []string{"input", "conv1x1-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "output"})
	if err != nil {
		t.Fatal(err)
	}
	net := Net{C: 128, N: 3, Classes: 10, InChannels: 3, Size: 32}
	size, err := supernet.Measure(net.Final(cell), exec.Shape{1, 32, 32, 3}, 10)
	if err != nil || size.Params != 2694282 {
		t.Errorf("%d parameters, %v; want 2694282", size.Params, err)
	}
}

func TestWidths(t *testing.T) {
	for _, tt := range []struct {
		name, cell string
		width      int
		want       []int // from vertex 1 on
	}{
		{"all to one", "conv3x3-bn-relu(0) output(1)", 16, []int{16, 16}},
		{"what does not divide goes to the first", "conv3x3-bn-relu(0) maxpool3x3(0) conv1x1-bn-relu(0) output(1,2,3)", 16, []int{6, 5, 5, 16}},
		{"a vertex is as wide as the widest that reads it", "conv3x3-bn-relu(0) maxpool3x3(1) conv1x1-bn-relu(1) output(2,3)", 17, []int{9, 9, 8, 17}},
		{"but not when the output reads it", "conv3x3-bn-relu(0) maxpool3x3(1) conv1x1-bn-relu(2) output(1,3)", 9, []int{5, 4, 4, 9}},
		{"the input takes no share", "conv3x3-bn-relu(0) output(0,1)", 8, []int{8, 8}},
	} {
		cell, err := Parse(tt.cell)
		if err != nil {
			t.Fatal(err)
		}
		if got := cell.widths(tt.width)[1:]; !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// The one-shot network pools with padding, NAS-Bench-101's networks do not: 32,
// 17, 9 against 32, 16, 8 pixels; every cell of a space can be built at width 8.
func TestNetworksBuild(t *testing.T) {
	built := 0
	for _, s := range OneShots {
		r := rng.New(1, s.String())
		net := Net{C: 8, N: 1, Classes: 10, InChannels: 1, Size: 16}
		for range 50 {
			cell := s.Cell(s.Random(r))
			whole, err := supernet.Measure(net.Final(cell), exec.Shape{1, 16, 16, 1}, 10)
			if err != nil {
				t.Fatalf("%s: %v", cell, err)
			}
			again, err := supernet.Measure(net.Final(cell.Canonical()), exec.Shape{1, 16, 16, 1}, 10)
			if err != nil || whole.Params < 100 || again.MACs > 2*whole.MACs {
				t.Errorf("%s: %+v, as %s %+v, %v", cell, whole, cell.Canonical(), again, err)
			}
			built++
		}
	}
	t.Logf("%d networks", built)
}
