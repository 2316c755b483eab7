package reports

import (
	"fmt"
	"math"

	"idarts/internal/statistics"
)

// Stats are those of one number over the finished seeds of a method.
type Stats struct {
	N              int
	Mean, Min, Max float64 // NaN when N is 0
	Std            float64 // sample standard deviation, divisor N-1; NaN when N is 0 or 1
}

// Summarize computes the statistics of values, in their order.
func Summarize(values []float64) Stats {
	nan := math.NaN()
	s := Stats{N: len(values), Mean: nan, Min: nan, Max: nan, Std: nan}
	if s.N == 0 {
		return s
	}
	sum := 0.0
	s.Min, s.Max = values[0], values[0]
	for _, v := range values {
		sum += v
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	s.Mean = sum / float64(s.N)
	s.Std = statistics.SD(values)
	return s
}

// plusMinus is "89.86 ± 0.60", "89.86" where the spread is unknown, and "–"
// where nothing is known.
func (s Stats) plusMinus(decimals int) string {
	switch {
	case s.N == 0 || math.IsNaN(s.Mean):
		return missing
	case math.IsNaN(s.Std):
		return fmt.Sprintf("%.*f", decimals, s.Mean)
	}
	return fmt.Sprintf("%.*f ± %.*f", decimals, s.Mean, decimals, s.Std)
}

// missing stands in a cell that has no number.
const missing = "–"
