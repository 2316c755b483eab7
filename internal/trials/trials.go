// Package trials has what the tables of trained networks share: the account of
// where a table comes from, and the choice of trials that a mean is taken over. A
// trial is one training of one architecture, known by a number: its seed, or its
// place in the benchmark's file.
package trials

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Origin is a table's account of itself.
type Origin struct {
	Source   string // where the numbers come from
	Licence  string
	SHA256   string // of the input they were made from, as Source explains
	Protocol string // how the networks were trained
}

// Names of Origin's parts in the metadata of a file.
const (
	metaSource, metaLicence, metaSHA256, metaProtocol = "source", "licence", "sha256", "protocol"
)

// OriginOf reads an origin from the metadata of a file.
func OriginOf(meta map[string]string) Origin {
	return Origin{Source: meta[metaSource], Licence: meta[metaLicence], SHA256: meta[metaSHA256], Protocol: meta[metaProtocol]}
}

// AddTo puts the origin into the metadata of a file.
func (o Origin) AddTo(meta map[string]string) {
	meta[metaSource], meta[metaLicence], meta[metaSHA256], meta[metaProtocol] = o.Source, o.Licence, o.SHA256, o.Protocol
}

// About is the origin in four lines.
func (o Origin) About() string {
	return fmt.Sprintf("source: %s\nlicence: %s\nprotocol: %s\ninput sha256: %s\n", o.Source, o.Licence, o.Protocol, o.SHA256)
}

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
