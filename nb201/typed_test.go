package nb201

import (
	"testing"
	"time"

	"idarts/internal/rng"
	"idarts/internal/svge"
)

func TestTypedTry(t *testing.T) {
	r := rng.New(1, "x")
	seen := map[Cell]bool{}
	var train, held []svge.Graph
	var cells []Cell
	for len(train) < 4000 {
		c := Random(r)
		if !seen[c] {
			seen[c] = true
			train = append(train, c.typed())
		}
	}
	for len(held) < 500 {
		c := Random(r)
		if !seen[c] {
			seen[c] = true
			held = append(held, c.typed())
			cells = append(cells, c)
		}
	}
	for _, k := range []struct {
		epochs, batch int
		rate          float64
	}{{20, 16, 1e-2}, {12, 8, 1e-2}} {
		m := svge.NewModel(svge.Sizes{Types: 7, Nodes: 8, Hidden: 16, Latent: 16}, rng.New(2, "w"))
		start := time.Now()
		l := m.Train(train, svge.Training{Epochs: k.epochs, Batch: k.batch, Rate: k.rate, Clip: 1}, rng.New(1, "t"))
		right := 0
		for i, g := range m.Decode(m.Encode(held), nil) {
			if c, err := ofTyped(g); err == nil && c == cells[i] {
				right++
			}
		}
		t.Logf("%v %v: losses %.4f, %d of 500", k, time.Since(start), l, right)
	}
}
