package device

import (
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/cuda/cudatest"
)

func TestMain(m *testing.M) { cudatest.Main(m) }

func TestCUDA(t *testing.T) {
	cudatest.Fake(t, "DEVICES=2")
	for name, text := range map[string]string{"cuda": "no card 0 ", "cuda:1": "no card 1 ", "auto": "no card 0 "} {
		d, err := Open(name, 32, 1)
		if err != nil {
			t.Fatal(err)
		}
		if class, err := Class(name); d.Class() != gpu.Class || class != gpu.Class || err != nil || !strings.Contains(d.Name(), text) {
			t.Errorf("%q is %q of class %q or %q (%v), want a name with %q and class %q", name, d.Name(), d.Class(), class, err, text, gpu.Class)
		}
		v := d.NewVec(3)
		v.Write([]float64{1, 2, 3})
		if got := v.Dot(v).Value(); got != 14 {
			t.Errorf("%q: the product is %v, want 14", name, got)
		}
		d.Close()
	}
	for name, want := range map[string]string{"cuda:2": "cuda:1 (", "cuda:x": `"x" is no number`, "cuda:-1": `"-1" is no number`} {
		if _, err := Open(name, 32, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", name, err, want)
		}
	}
	if _, err := Open("cuda", 64, 1); err == nil || !strings.Contains(err.Error(), "64") {
		t.Errorf("in double precision: error %v", err)
	}
	classes.Clear()
}

// Best passes over cards that the kernels are not for, and drivers that are too old.
func TestBestCard(t *testing.T) {
	cudatest.Fake(t)
	for setting, want := range map[string]string{"CAPABILITY=80": "cuda:0", "CAPABILITY=75": "cpu", "VERSION=11000": "cpu", "DEVICES=0": "cpu", "INIT=999": "cpu"} {
		t.Run(setting, func(t *testing.T) {
			cudatest.Fake(t, setting)
			got, why := Best(32, false)
			if said := why != ""; said != slices.Contains([]string{"CAPABILITY=75", "VERSION=11000", "INIT=999"}, setting) || strings.Contains(why, "\n") {
				t.Errorf("it says %q", why)
			}
			if got != want && !(want == "cpu" && strings.HasPrefix(got, "opencl")) {
				t.Errorf("the best device is %q (%s), want %q", got, why, want)
			}
			if got, _ := Best(64, false); got != "cpu" {
				t.Errorf("the best device in double precision is %q", got)
			}
		})
	}
}

// A card with other bits is passed over, refused, or taken in a class of its own.
func TestOtherBits(t *testing.T) {
	cudatest.Fake(t, "SOURCE="+cudatest.OtherBits(t))
	tested.Clear()
	classes.Clear()
	t.Cleanup(classes.Clear)
	if name, why := Best(32, false); strings.HasPrefix(name, "cuda") || !strings.Contains(why, "other bits") || strings.Contains(why, "\n") {
		t.Errorf("the best device is %q (%s)", name, why)
	}
	if name, why := Best(32, true); name != "cuda:0,any" || why != "" {
		t.Errorf("the best device of any bits is %q (%s)", name, why)
	}
	if _, err := Open("cuda", 32, 1); err == nil || !strings.Contains(err.Error(), "other bits") {
		t.Errorf("error %v", err)
	}
	want, err := Class(Any("cuda"))
	if err != nil || !strings.HasPrefix(want, gpu.Class+" other bits ") {
		t.Fatalf("class %q, %v", want, err)
	}
	for _, name := range []string{Any("cuda"), Any(Any("cuda:0")), Any("auto")} {
		d, err := Open(name, 32, 1)
		if err != nil {
			t.Fatal(err)
		}
		if d.Class() != want {
			t.Errorf("%q is of class %q, want %q", name, d.Class(), want)
		}
		d.Close()
	}
	if class, err := Class(Any("cpu")); err != nil || strings.Contains(class, "other") {
		t.Errorf("the processor's class is %q, %v", class, err)
	}
}
