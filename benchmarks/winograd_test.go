package benchmarks

import (
	"testing"
	"time"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/runners/stages"
)

// Winograd's form rounds otherwise than the direct one. It came when the tables of the
// small protocols were there, and must stay off the networks behind them: the sizes below
// are theirs, in search and in training; 4 images are a block at 8x8 and larger.
func TestSmallNetworksDoWithoutWinograd(t *testing.T) {
	device := cpu.Open[float32](1)
	t.Cleanup(device.Close)
	for _, tt := range []struct {
		name string
		net  stages.Net
		size int
		want bool
	}{
		{"nb201: laptop, laptop-nb201 and the micro benchmark", stages.Net{Space: "nb201", C: 8, N: 1, Batch: 4}, 8, false},
		{"nb201: quick", stages.Net{Space: "nb201", C: 4, N: 1, Batch: 4}, 16, false},
		{"nb1b1-s1: laptop", stages.Net{Space: "nb1b1-s1", C: 8, N: 1, Batch: 4}, 16, false},
		{"nb1b1-s2: laptop, its wider networks", stages.Net{Space: "nb1b1-s2", C: 12, N: 1, Batch: 4}, 16, false},
		{"nb1b1-s3: laptop", stages.Net{Space: "nb1b1-s3", C: 8, N: 1, Batch: 4}, 16, false},
		{"darts: laptop, its retraining", stages.Net{Space: "darts", C: 12, N: 6, Batch: 4}, 16, false},
		{"nb201: published", stages.Net{Space: "nb201", C: 16, N: 1, Batch: 4}, 32, true},
	} {
		s, err := stages.New(tt.net, tt.size, device)
		check(t, err)
		got, instructions := false, 0
		s.Problem.Profile(func(in exec.Instr, _ time.Duration) {
			got = got || cpu.Winograd(in)
			instructions++
		})
		for _, stage := range stages.All {
			if stage.Name == "forward-backward" {
				check(t, stage.Do(s))
			}
		}
		if got != tt.want || instructions == 0 {
			t.Errorf("%s: Winograd's form in some of %d instructions: %v, want %v", tt.name, instructions, got, tt.want)
		}
	}
}
