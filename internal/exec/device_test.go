package exec

import (
	"slices"
	"testing"
)

type pending struct{ asked int }

func (p *pending) Wait() float64 { p.asked++; return 2.5 }

// A number that is known asks nobody; one on its way is waited for when it is read.
func TestNumber(t *testing.T) {
	if got := Known(1.5).Value(); got != 1.5 {
		t.Errorf("got %v, want 1.5", got)
	}
	p := new(pending)
	n := Later(p)
	if p.asked != 0 {
		t.Error("waited before anybody asked")
	}
	if got := n.Value(); got != 2.5 || p.asked != 1 {
		t.Errorf("got %v after %d waits, want 2.5 after 1", got, p.asked)
	}
	if allocations := testing.AllocsPerRun(10, func() { Known(3).Value() }); allocations != 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

func TestHostRoundsToItsPrecision(t *testing.T) {
	const third = 1.0 / 3
	for _, tt := range []struct {
		name string
		h    Host
		want float64
	}{
		{"32 bits", Host{F32: make([]float32, 2)}, float64(float32(third))},
		{"64 bits", Host{F64: make([]float64, 2)}, third},
	} {
		tt.h.Write([]float64{third, 7})
		twin := tt.h.New()
		twin.Copy(tt.h)
		tt.h.Clear()
		if got, want := twin.Read(), []float64{tt.want, 7}; !slices.Equal(got, want) || tt.h.At(1) != 0 || tt.h.Len() != 2 {
			t.Errorf("%s: got %v, want %v; and %v after Clear", tt.name, got, want, tt.h.Read())
		}
	}
}
