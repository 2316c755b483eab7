// Package batch names batches of images: which part of the data they come from,
// how they are drawn, and their number. Methods ask for batches by name, loaders
// make them; neither knows the other.
package batch

import "fmt"

// Draw says how the batches of a stream are chosen. Each is a pure function of
// the run's seed, the split, the draw and the batch's index.
type Draw uint8

const (
	// Epochs walks through a fresh permutation of the split each epoch.
	Epochs Draw = iota
	// Fresh takes the first batch of a new permutation each time, as code that
	// restarts its loader for every batch does.
	Fresh
	// Replaced draws every image independently, with replacement.
	Replaced

	NumDraws // how many there are
)

var draws = [NumDraws]string{Epochs: "epochs", Fresh: "fresh", Replaced: "replaced"}

// String is the name of d in settings files: "epochs", "fresh", "replaced".
func (d Draw) String() string {
	if int(d) < len(draws) {
		return draws[d]
	}
	return fmt.Sprintf("draw %d", uint8(d))
}

// MarshalText makes settings readable.
func (d Draw) MarshalText() ([]byte, error) {
	if int(d) >= len(draws) {
		return nil, fmt.Errorf("batch: %v is not one of %q", d, draws)
	}
	return []byte(draws[d]), nil
}

// UnmarshalText is the inverse of MarshalText.
func (d *Draw) UnmarshalText(text []byte) error {
	for i, name := range draws {
		if name == string(text) {
			*d = Draw(i)
			return nil
		}
	}
	return fmt.Errorf("batch: draw %q: want one of %q", text, draws)
}

// Split names the part of the data that a batch comes from.
type Split uint8

const (
	Train Split = iota // fits the weights
	Valid              // fits the architecture
	Whole              // all that may be trained on, in one stream

	NumSplits // how many there are
)

// Batch names one augmented batch of images.
type Batch struct {
	Split Split
	Draw  Draw
	Index uint64
}

// Evaluation is what a network makes of images: the mean cross-entropy in nats and
// the share of right answers in percent.
type Evaluation struct{ Loss, Accuracy float64 }
