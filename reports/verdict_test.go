package reports

import "testing"

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name      string
		ours      []float64
		mean, std float64
		want      Verdict
	}{
		{"nothing", nil, 93, 0.3, NotRun},
		{"one seed", []float64{93}, 93, 0.3, Undecided},
		{"close and sure", []float64{93.0, 93.1, 92.9, 93.05}, 93.2, 0.3, Reproduced},
		{"half a point counts as the same where nothing is printed", []float64{93.0, 93.1, 92.9, 93.05}, 93.3, none, Reproduced},
		{"far and sure", []float64{91.0, 91.1, 90.9, 91.05}, 93.2, 0.3, Refuted},
		{"what is printed behind ± is taken off", []float64{91.0, 91.1, 90.9, 91.05}, 93.2, 2.5, Reproduced},
		{"far on the other side", []float64{95.0, 95.1, 94.9}, 93.2, 0.3, Refuted},
		{"close, but two seeds far apart", []float64{92, 94}, 93, 0.3, Undecided},
	} {
		if got := Judge(tt.ours, tt.mean, tt.std); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
