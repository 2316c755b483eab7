package benchmarks

import "slices"

// Summary is what is said of repeated measurements.
type Summary struct {
	Min, Median, Max float64
	N                int
}

// Summarize is the summary of some measurements; of none it is all 0.
func Summarize(samples []float64) Summary {
	n := len(samples)
	if n == 0 {
		return Summary{}
	}
	s := slices.Sorted(slices.Values(samples))
	return Summary{Min: s[0], Median: (s[(n-1)/2] + s[n/2]) / 2, Max: s[n-1], N: n}
}

// Spread is (Max−Min)/Median.
func (s Summary) Spread() float64 {
	if s.Median == 0 {
		return 0
	}
	return (s.Max - s.Min) / s.Median
}
