// Package result holds the plain records that a search run leaves behind: what
// was run, what came out, and how long it took. The runners write them and the
// reports read them; neither knows the other.
//
// A run directory is a pure function of its [Cell] and holds
//
//	config.json    [Config]: what was asked for, fully resolved
//	events.jsonl   one [Event] per finished epoch
//	result.json    [Result]; renamed in last, so its presence is completion
//	failure.json   [Failure], when the run ended with an error instead
//	timing.json    [Timing]: wall-clock seconds
//
// All but timing.json are the same bytes each time the cell is run, also when
// the run was killed and resumed. Accuracies are in percent, times in seconds.
//
// # What is read is not trusted
//
// Every record has a field "sha256": the digest of the rest of it in canonical form,
// see [Digest], so that other tools can read, print and lay out the file as they like,
// and no value in it changes unseen. The one of an event covers the event before it as
// well, and that of the first the identity of the run; a result and a failure name
// that identity, and the result the checksum of the last event. So neither a line nor
// a file can be taken out, or be put in from another run. Records of versions before
// had no checksums: where config.json has none, those of the other files are checked
// where they are there.
//
// A run counts where its own cell says that it belongs, and nowhere else. [Load] gives
// the runs that are sound, and names what it left out.
package result

import (
	"path/filepath"
	"strconv"
	"strings"
)

// Cell is one run of the grid. Its parts decide every bit of the result.
type Cell struct {
	Space    string `json:"space"`    // "nb201"
	Dataset  string `json:"dataset"`  // "fashion"
	Method   string `json:"method"`   // "idarts"
	Protocol string `json:"protocol"` // "laptop"
	// Settings names those of the method that differ from the protocol's, as a folder
	// can be called: "inner_steps=2,neumann_terms=0"; "" where none does.
	Settings string `json:"settings,omitempty"`
	Seed     uint64 `json:"seed"`
}

// Dir is the run directory of c below an output root.
func (c Cell) Dir(root string) string {
	return filepath.Join(root, c.Space, c.Dataset, c.Protocol, c.Method, c.Settings, seedPrefix+strconv.FormatUint(c.Seed, 10))
}

// seedPrefix is how the names of run directories begin.
const seedPrefix = "seed-"

// Name is the method, with the settings that differ from the protocol's: "idarts
// inner_steps=2".
func (c Cell) Name() string { return strings.TrimSpace(c.Method + " " + c.Settings) }

// String is "space/dataset/protocol/method/seed-N", or with settings before the seed:
// the directory without its root.
func (c Cell) String() string { return filepath.ToSlash(c.Dir("")) }

// Config is the resolved input of a run: what decides its result, and what is said
// of it.
type Config struct {
	Cell     Cell              `json:"cell"`
	Identity string            `json:"identity"` // of Numbers
	Numbers  Numbers           `json:"numbers"`
	About    map[string]string `json:"about"` // titles, notes, sources: shown, never compared
	// Set are the settings of the method that differ from the protocol's, by name:
	// a description too.
	Set      map[string]string `json:"set,omitempty"`
	Versions map[string]string `json:"versions"` // "idarts", "go" and the pinned modules
	// Old: it was read from a record of before runs had an identity. About is empty
	// then, and the settings may hold more than the method uses.
	Old bool `json:"-"`
	// Unsummed: it was read from a record without a checksum.
	Unsummed bool `json:"-"`
}

// Score is what the benchmark says of one architecture. A search never sees Test.
type Score struct {
	Valid  float64 `json:"valid"`  // percent
	Test   float64 `json:"test"`   // percent
	Trials int     `json:"trials"` // how many trained networks the two are means of; 0: not stated
	Source string  `json:"source"` // where it comes from: "trained:laptop", "table:nats-tss"
	// TestSD is the sample standard deviation of the test accuracy over the trials, 0 where
	// that is not known, for which it takes two.
	TestSD float64 `json:"test_sd,omitempty"`
}

// Scored is a score and what it took to get it for the first time, which records
// do not hold.
type Scored struct {
	Score
	GFLOP   float64 // arithmetic of training the network, all trials
	Seconds float64 // wall clock of the same; 0 where it is not known
}

// Event is one finished epoch of a search.
type Event struct {
	Epoch     int     `json:"epoch"`      // 1 after the first
	TrainLoss float64 `json:"train_loss"` // mean over the weight steps; 0 for methods without
	ValidLoss float64 `json:"valid_loss"` // mean over the architecture steps; 0 for methods without
	Entropy   float64 `json:"entropy"`    // mean over rows of the entropy of softmax(alpha), nats
	GFLOP     float64 `json:"gflop"`      // arithmetic of the search so far
	Arch      string  `json:"arch"`       // the architecture derived now
	Score     Score   `json:"score"`
	// Extra are further named values of the method, such as the norm of the hypergradient,
	// and under [ArchSteps] how many architecture steps the epoch had.
	Extra map[string]float64 `json:"extra,omitempty"`
}

// ArchSteps is a name in [Event.Extra].
const ArchSteps = "architecture_steps"

// Result is the end of a run.
type Result struct {
	Cell     Cell     `json:"cell"`
	Arch     string   `json:"arch"`
	Score    Score    `json:"score"`
	GFLOP    float64  `json:"gflop"` // arithmetic of the search
	Epochs   int      `json:"epochs"`
	Warnings []string `json:"warnings,omitempty"`
	// Optimum is known where the scores come from a table of the whole space.
	Optimum *Optimum `json:"optimum,omitempty"`
	// Noise is known of searches by a softmax and Adam.
	Noise *Noise `json:"noise,omitempty"`
	// Expected is what a run of this method and budget ends with on average, where that
	// follows from a table of the whole space.
	Expected *Expected `json:"expected,omitempty"`
	// Columns are the numbers of Arch that papers print, as far as the table has them.
	Columns []Measured `json:"columns,omitempty"`
	// Run is the identity of the run, Events the checksum of its last event. Both are
	// written by [WriteResult]; old records have none.
	Run    string `json:"run,omitempty"`
	Events string `json:"events,omitempty"`
}

// Noise is the entropy that α has lost in a search, beside what its optimiser makes of noise
// alone: mean over rows, nats.
type Noise struct {
	Lost      float64 `json:"lost"`
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
}

// Expected is the exact expectation of random search that keeps the best by validation, with
// the standard deviation of its test accuracy. No search sees it.
type Expected struct {
	Draws  int     `json:"draws"` // distinct architectures
	Valid  float64 `json:"valid"` // percent
	Test   float64 `json:"test"`  // percent
	TestSD float64 `json:"test_sd"`
}

// Measured is what a table says of one architecture in one column. No search sees it.
type Measured struct {
	Column   string  `json:"column"`   // "cifar100 test"
	Accuracy float64 `json:"accuracy"` // mean over the trials, percent
	Trials   int     `json:"trials"`   // 0: not stated
	Release  string  `json:"release"`  // of the benchmark; numbers of two are not compared
	// OtherNetwork is the share of the trainings behind the number that are of another
	// network than the architecture's.
	OtherNetwork float64 `json:"other_network,omitempty"`
}

// Optimum is what a complete table says of its space. No search sees it.
type Optimum struct {
	Archs int `json:"archs"` // how many the table has
	// Among is how many of these have as many trials of the test accuracy as BestTest, the
	// most that one has. 0 in records of before there was a choice by trials.
	Among int `json:"among,omitempty"`
	// BestTest has the highest mean test accuracy, BestValid the highest mean validation
	// accuracy, each among the architectures with the most trials of it: BestValid is what
	// a search ends with that goes by validation and misses nothing. The first of equal ones.
	BestTest  ArchScore `json:"best_test"`
	BestValid ArchScore `json:"best_valid"`
}

// ArchScore is an architecture with its score.
type ArchScore struct {
	Arch  string `json:"arch"`
	Score Score  `json:"score"`
	// TestSE is the standard error of the mean test accuracy, in percentage points: the
	// sample standard deviation over its trials by the root of their number. 0 where it is
	// not known, for which it takes two trials.
	TestSE float64 `json:"test_se,omitempty"`
}

// Failure is the end of a run that did not work out.
type Failure struct {
	Cell  Cell   `json:"cell"`
	Error string `json:"error"`
	Run   string `json:"run,omitempty"` // the identity of the run
}

// Timing is the wall clock of a run, summed over its sessions.
type Timing struct {
	SearchSeconds []float64 `json:"search_seconds"` // by epoch, not cumulative
	ScoreSeconds  float64   `json:"score_seconds"`  // training or looking up derived architectures
	Machine       string    `json:"machine"`        // processor and worker count, where it began
	// Attempts is how often the run was begun or gone on with, Places where, in this order; of
	// attempts one after another at the same place there is one. Old records have neither.
	Attempts int     `json:"attempts,omitempty"`
	Places   []Place `json:"places,omitempty"`
}

// Place is where a part of a run was done.
type Place struct {
	Host         string `json:"host"`
	Machine      string `json:"machine"` // processor and worker count
	Device       string `json:"device"`
	Instructions string `json:"instructions,omitempty"` // the processor's instruction set
	From         int    `json:"from"`                   // the first epoch there, from 1
}

// Run is a run directory as read back.
type Run struct {
	Cell    Cell
	Dir     string
	Config  Config
	Events  []Event
	Result  *Result  // nil when not finished
	Failure *Failure // nil when it did not fail
	Timing  Timing
	// Faults are the files that are not what the program wrote. What was in them is
	// not in the fields above.
	Faults []Fault
}

// File names inside a run directory.
const (
	ConfigFile  = "config.json"
	EventsFile  = "events.jsonl"
	ResultFile  = "result.json"
	FailureFile = "failure.json"
	TimingFile  = "timing.json"
)

// Compare orders cells by space, dataset, protocol, method, settings, seed.
func (c Cell) Compare(d Cell) int {
	for _, pair := range [][2]string{{c.Space, d.Space}, {c.Dataset, d.Dataset}, {c.Protocol, d.Protocol}, {c.Method, d.Method}, {c.Settings, d.Settings}} {
		if order := strings.Compare(pair[0], pair[1]); order != 0 {
			return order
		}
	}
	switch {
	case c.Seed < d.Seed:
		return -1
	case c.Seed > d.Seed:
		return 1
	}
	return 0
}
