package cpu

import (
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec"
)

func TestDeviceSaysWhatItIs(t *testing.T) {
	single, double := Open[float32](1), Open[float64](3)
	defer single.Close()
	defer double.Close()
	for _, tt := range []struct {
		d             exec.Device
		name, class   string
		bits, workers int
	}{
		{single, "cpu, 1 worker", "cpu float32 fma v2", 32, 1},
		{double, "cpu, 3 workers", "cpu float64 fma v2", 64, 3},
	} {
		if tt.d.Name() != tt.name || tt.d.Class() != tt.class || tt.d.Bits() != tt.bits || tt.d.Workers() != tt.workers {
			t.Errorf("%q, %q, %d bits, %d workers; want %+v", tt.d.Name(), tt.d.Class(), tt.d.Bits(), tt.d.Workers(), tt)
		}
	}
}

// Momentum 0.25 towards means 4, 8 and biased variances 3, 6 of 4 values, unbiased 4,
// 8; and towards a mean of 1 with a variance of 2 of one value.
func TestAverageByHand(t *testing.T) {
	d := Open[float32](1)
	defer d.Close()
	mem := d.NewMemory()
	mem.Resize(exec.Stats, 9)
	mem.Resize(exec.Buffers, 6)
	mem.Region(exec.Stats).Write([]float64{4, 8, 3, 6, -1, -1, 1, 2, -1})
	mem.Region(exec.Buffers).Write([]float64{0, 4, 1, 1, 0, 1})
	mem.Average([]exec.Averages{
		{Channels: 2, Rows: 4, Momentum: 0.25},
		{Channels: 1, Rows: 1, Buffers: 4, Stats: 6, Momentum: 0.5},
	})
	got := make([]float64, 6)
	mem.Region(exec.Buffers).Read(got)
	if want := []float64{1, 5, 1.75, 2.75, 0.5, 1.5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMemoryBind(t *testing.T) {
	d := Open[float32](1)
	defer d.Close()
	mem := d.NewMemory()
	mem.Resize(exec.Images, 4)
	mem.Resize(exec.Logits, 4)
	vector := exec.Vector(4)
	copies := []exec.Instr{{Op: exec.Copy, Args: []exec.Tensor{{Space: exec.Images, Shape: vector}}, Out: exec.Tensor{Space: exec.Logits, Shape: vector}}}
	p := &exec.Program{Phases: [][]exec.Instr{{}, copies}}
	host := mem.Host(exec.Images)
	for i := range 4 {
		host.Set(i, float64(i))
	}
	mem.Upload(exec.Images)
	b, err := mem.Bind(p, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Run()
	mem.Download(exec.Logits)
	if got, want := mem.Host(exec.Logits).Read(), []float64{0, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := mem.Number(exec.Logits, 3).Value(); got != 3 {
		t.Errorf("number 3 is %v", got)
	}
	if times := b.Profile(); len(times) != 1 {
		t.Errorf("%d times of one instruction", len(times))
	}
	for _, tt := range []struct {
		name, want string
		at         exec.Vec
	}{
		{"a vector that is too short", "phase 1, instruction 0", d.NewVec(3)},
		{"a vector of another device", "another device", Open[float64](1).NewVec(4)},
	} {
		if _, err := mem.Bind(p, 1, map[exec.Space]exec.Vec{exec.Logits: tt.at}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}
