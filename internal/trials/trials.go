// Package trials holds tables of trained networks: what was measured of each cell of
// a space, by trial. A trial is one training of one cell, known by a number: its
// seed, or its place in the benchmark's file.
//
// Start at [Results]: numbers in columns, answers as means over a choice of trials,
// and why there is none. [Scores] reads two columns as searches are scored, [Open]
// and [Column] are the form of files, [Results.Summaries] checks what a file holds.
// A space brings what differs: its cells and their rows, its keys, the names of its
// columns, the optima that are known of it. Accuracies are in percent, losses in
// nats, times in seconds. Nothing here knows what a cell is, or trains a network.
package trials

import "fmt"

// Kind is what the tables of one benchmark call themselves.
type Kind struct {
	Package string // begins errors: "nb201"
	Format  string // in the metadata of files
	Trial   string // what a trial's number is called: "seed", "repeat"
}

// Origin is a table's account of itself.
type Origin struct {
	Source   string // where the numbers come from
	Licence  string
	SHA256   string // of the input they were made from, as Source explains
	Training string // how the networks were trained
}

// Names of Origin's parts, and of the format, in the metadata of a file.
const (
	metaFormat                                        = "format"
	metaSource, metaLicence, metaSHA256, metaTraining = "source", "licence", "sha256", "protocol"
)

// OriginOf reads an origin from the metadata of a file.
func OriginOf(meta map[string]string) Origin {
	return Origin{Source: meta[metaSource], Licence: meta[metaLicence], SHA256: meta[metaSHA256], Training: meta[metaTraining]}
}

// Meta is the metadata of a file: its format and its origin.
func (k Kind) Meta(o Origin) map[string]string {
	return map[string]string{metaFormat: k.Format, metaSource: o.Source, metaLicence: o.Licence, metaSHA256: o.SHA256, metaTraining: o.Training}
}

// About is the origin in four lines.
func (o Origin) About() string {
	return fmt.Sprintf("source: %s\nlicence: %s\nprotocol: %s\ninput sha256: %s\n", o.Source, o.Licence, o.Training, o.SHA256)
}

// Reading is a way in which papers read a table: questions, and the trials that each
// answer is a mean of.
type Reading[K any] struct {
	Name, About string
	Questions   []Question[K]
	Seeds       Seeds
}

// Question is a key under the name that papers have for it, "" where there is none.
type Question[K any] struct {
	Name string // "cifar10 valid"
	Key  K
}
