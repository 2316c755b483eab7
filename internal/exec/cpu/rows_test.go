package cpu

import (
	"math"
	"testing"
)

func TestExpAndLog(t *testing.T) {
	for x := -700.0; x < 700; x += 0.37 {
		if got, want := exp(x), math.Exp(x); math.Abs(got/want-1) > 5e-16 {
			t.Errorf("exp(%v) = %v, want %v", x, got, want)
		}
		v := math.Exp(x)
		if got, want := log(v), math.Log(v); math.Abs(got-want) > 4e-16*max(1, math.Abs(want)) {
			t.Errorf("log(%v) = %v, want %v", v, got, want)
		}
	}
	if exp(math.Inf(-1)) != 0 || exp(0) != 1 || log(1) != 0 || !math.IsNaN(exp(math.NaN())) || !math.IsInf(log(0), -1) {
		t.Error("wrong at an end of the range")
	}
}
