package limits

import "testing"

// With x = y = 1 and sums from zero, the sums add up to the multiply-adds done.
func TestRegisterLoopsDoWhatIsCounted(t *testing.T) {
	ran := 0
	for i, l := range measured {
		for _, kind := range []struct {
			name string
			loop func(int, *[16]float32)
		}{{"fused", l.fused}, {"apart", l.apart}} {
			for _, steps := range []int{0, 1, 2, 1000} {
				var sums [16]float32
				kind.loop(steps, &sums)
				got := 0.0
				for _, s := range sums {
					got += float64(s)
				}
				if want := float64(steps * l.perStep); got != want {
					t.Errorf("%v, %s: %d steps did %v multiply-adds, want %v", Set(i), kind.name, steps, got, want)
				}
				ran++
			}
		}
	}
	t.Logf("%d sets, %d runs", len(measured), ran)
}

func TestMeasuredSpeedsArePositive(t *testing.T) {
	for _, set := range Sets() {
		for _, workers := range []int{1, 2} {
			ops := Arithmetic(set, workers)
			t.Logf("%v, %d workers: %.1f GFLOP/s fused, %.1f apart", set, workers, ops.Fused/1e9, ops.Apart/1e9)
			if !(ops.Fused > 0 && ops.Apart > 0) {
				t.Errorf("%v, %d workers: %+v, want speeds above zero", set, workers, ops)
			}
		}
	}
}
