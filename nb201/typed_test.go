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
	for _, k := range []struct{ rate, clip float64 }{{1e-2, 1}, {5e-3, 1}} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			m := svge.NewModel(svge.Sizes{Types: 7, Nodes: 8, Hidden: 16, Latent: 16}, rng.New(2, "w"))
			start := time.Now()
			l := m.Train(train, svge.Training{Epochs: 12, Batch: 16, Rate: k.rate, Clip: k.clip}, rng.New(1, "t"))
			right := 0
			for i, g := range m.Decode(m.Encode(held), nil) {
				if c, err := ofTyped(g); err == nil && c == cells[i] {
					right++
				}
			}
			t.Logf("%v %v: losses %.4f, %d of 500", k, time.Since(start), l, right)
		})
	}
}
