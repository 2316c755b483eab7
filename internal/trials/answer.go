package trials

import "math"

// MeanOfTrials is the Seed of a number that is the mean over the trials of its
// source, which does not say how many they are. A table may hold such means beside
// trials with seeds of their own, but not under the same key.
const MeanOfTrials int64 = -1

// Trial is one trained network: its number, and what was measured at the end of its
// training. NaN stands for what is not known.
type Trial struct {
	Seed     int64   // or its place in the benchmark's file, from 0
	Accuracy float64 // percent
	Loss     float64 // mean cross-entropy, nats
	// Seconds is the time of the training, or of an evaluation: the key that the trial
	// stands under says which.
	Seconds float64
	// OtherNetwork is the share of the trainings behind the number that are of another
	// network than the cell's, by what the source records of their parameters: 1 for such a
	// training, 1/3 for the mean of three of which one is, or for each of three of which it
	// is not known which one. 0: none, as far as is known.
	OtherNetwork float64
}

// Answer is what a table knows of a cell under a key.
type Answer struct {
	Accuracy float64 // mean over Trials, percent
	Std      float64 // sample standard deviation of the accuracy; NaN for one trial
	Loss     float64 // mean over Trials; NaN when one of them is not known
	Seconds  float64 // mean over Trials; NaN when one of them is not known
	Trials   []Trial // by seed; at least one
	// LeftOut are trials of another network, which are not in the mean although all were
	// asked for; OtherNetwork is the share of trainings of another network in the mean.
	LeftOut      []Trial
	OtherNetwork float64
}

// Mean is the answer that trials give, at least one. It keeps their memory.
func Mean(trials []Trial) Answer {
	a := Answer{Std: math.NaN(), Trials: trials}
	for _, t := range trials {
		a.Accuracy += t.Accuracy
		a.Loss += t.Loss
		a.Seconds += t.Seconds
		a.OtherNetwork += t.OtherNetwork
	}
	n := float64(len(trials))
	a.Accuracy /= n
	a.Loss /= n
	a.Seconds /= n
	a.OtherNetwork /= n
	if n > 1 {
		sum := 0.0
		for _, t := range trials {
			sum += (t.Accuracy - a.Accuracy) * (t.Accuracy - a.Accuracy)
		}
		a.Std = math.Sqrt(sum / (n - 1))
	}
	return a
}

// Count is how many trained networks the mean is of; 0 where a source gave its
// mean without their number ([MeanOfTrials]).
func (a Answer) Count() int {
	if len(a.Trials) == 1 && a.Trials[0].Seed == MeanOfTrials {
		return 0
	}
	return len(a.Trials)
}
