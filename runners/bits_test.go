package runners

import (
	"bytes"
	"fmt"
	"testing"

	"idarts/internal/exec/cpu"
	"idarts/internal/longtest"
	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/runners/protocol"
)

// A whole search ends in the same bits with 1, 2 and 7 workers, and with the kernels of
// each instruction set that this processor has. Its second derivatives go through
// every kind of kernel.
func TestSearchesHaveTheSameBitsWhateverComputes(t *testing.T) {
	longtest.Needed(t)
	sets := cpu.Sets()
	type computer struct {
		set     string
		workers int
	}
	with := []computer{{"plain", 2}}
	for _, set := range sets[1:] {
		with = append(with, computer{set, 1}, computer{set, 2}, computer{set, 7})
	}
	for _, tt := range []struct {
		space string
		c, n  int
	}{{"nb201", 4, 1}, {"nb1b1-s3", 4, 1}, {"darts", 4, 3}} {
		t.Run(tt.space, func(t *testing.T) {
			if testing.Short() && tt.space != "nb201" {
				t.Skip("plain Go takes its time")
			}
			p, err := protocol.Lookup(tt.space, "quick")
			if err != nil {
				t.Fatal(err)
			}
			space, err := protocol.LookupSpace(tt.space)
			if err != nil {
				t.Fatal(err)
			}
			p.Supernet, p.Batch = space.Sized(tt.c, tt.n), 8
			data, err := few(p.Dataset)
			if err != nil {
				t.Fatal(err)
			}
			bench, err := openBench(p, data, Inputs{Out: t.TempDir()}, false)
			if err != nil {
				t.Fatal(err)
			}
			end := func(c computer) []byte {
				d, err := cpu.OpenSet[float32](c.workers, c.set)
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				return searched(t, p, bench, func(o search.SupernetOptions) (search.Problem, error) { return bench.Problem(d, 3, o) })
			}
			want := end(computer{"plain", 1})
			for _, c := range with {
				if !bytes.Equal(end(c), want) {
					t.Errorf("%s with %d workers ends a search in other bits than plain Go with one", c.set, c.workers)
				}
			}
		})
	}
	t.Logf("instruction sets %q", sets)
}

// searched is all that is left of two steps of iDARTS on a supernet.
func searched(t *testing.T, p protocol.Protocol, bench *Bench, net func(search.SupernetOptions) (search.Problem, error)) []byte {
	t.Helper()
	method, err := search.Lookup("idarts")
	if err != nil {
		t.Fatal(err)
	}
	row, ok := p.Of("idarts")
	if !ok {
		t.Fatal("protocol quick has no iDARTS")
	}
	of := row.Settings
	for path, text := range map[string]string{"epochs": "1", "max_steps": "2"} {
		if of, err = settings.Set(of, path, text); err != nil {
			t.Fatal(err)
		}
	}
	s, err := method.New(search.Env{Space: bench.Space, Seed: 3, Supernet: net}, of)
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Epoch(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(s.State(), "%+v", report)
}
