package trials

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Seeds is a choice of trials: [All] of those that a table has, or [Only] some. The
// zero value is no choice, and tables do not answer without one.
type Seeds struct {
	all  bool
	only []int64
}

// All chooses every trial that is there, however many.
var All = Seeds{all: true}

// Only chooses the trials with these numbers. A table that lacks one of them has no
// answer.
func Only(seeds ...int64) Seeds { return Seeds{only: slices.Clone(seeds)} }

// Chosen reports whether there is a choice.
func (s Seeds) Chosen() bool { return s.all || len(s.only) > 0 }

// Has reports whether the trial with this number is chosen.
func (s Seeds) Has(seed int64) bool { return s.all || slices.Contains(s.only, seed) }

// Missing lists the chosen numbers that are not among those that are there.
func (s Seeds) Missing(there []int64) []int64 {
	var out []int64
	for _, seed := range s.only {
		if !slices.Contains(there, seed) {
			out = append(out, seed)
		}
	}
	return out
}

// Len is how many trials are chosen, 0 for all.
func (s Seeds) Len() int { return len(s.only) }

// String is "all", or numbers such as "777,888"; Parse reads it.
func (s Seeds) String() string {
	if s.all {
		return "all"
	}
	return List(s.only)
}

// List is numbers joined by commas.
func List(seeds []int64) string {
	texts := make([]string, len(seeds))
	for i, seed := range seeds {
		texts[i] = strconv.FormatInt(seed, 10)
	}
	return strings.Join(texts, ",")
}

// choices are the texts that [Parse] reads for trials that are there.
func choices(there []int64) string {
	if slices.Contains(there, MeanOfTrials) {
		return "all" // it has no number
	}
	return "all or some of " + List(there)
}

// present says which trials are there.
func present(there []int64) string {
	if slices.Contains(there, MeanOfTrials) {
		return "a mean over trials without numbers (all)"
	}
	return List(there)
}

// Parse reads "all" or numbers joined by commas, each once. An empty text is no
// choice and no error.
func Parse(text string) (Seeds, error) {
	switch text {
	case "":
		return Seeds{}, nil
	case "all":
		return All, nil
	}
	var s Seeds
	for _, part := range strings.Split(text, ",") {
		seed, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return Seeds{}, fmt.Errorf("trials: %q is no seed in %q, want all, or numbers such as 777,888", part, text)
		}
		if slices.Contains(s.only, seed) {
			return Seeds{}, fmt.Errorf("trials: seed %d is twice in %q", seed, text)
		}
		s.only = append(s.only, seed)
	}
	return s, nil
}
