// Package protocol holds the experiments: every number but the seed ([All]), the
// search spaces that they are about ([Spaces]), and the tables that they score by.
// Nothing here runs.
package protocol

import (
	"fmt"
	"slices"
	"strings"

	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/internal/supernet"
	"idarts/internal/training"
	"idarts/nb1b1"
)

// Protocol is every number of an experiment but the seed. What its JSON form has is
// part of the identity of each run; a run directory with other numbers is not
// touched. Fields that JSON leaves out are descriptions, or numbers that count
// elsewhere: a test lists them.
type Protocol struct {
	Name    string `json:"-"`
	Title   string `json:"-"`
	Space   string `json:"space"`   // name of a row of [Spaces]
	Dataset string `json:"dataset"` // name of a row of images.Datasets

	Supernet Net              `json:"supernet"`
	Batch    int              `json:"batch"`   // images in a search batch, training and validation alike
	Augment  training.Augment `json:"augment"` // of search batches, training and validation alike
	Score    Scoring          `json:"score"`

	// Retrain is the long training of one architecture, see runners.Retrain. Searches do
	// not depend on it.
	Retrain *Recipe `json:"-"`
	// Search are the methods that it has settings for. A run stores only its own.
	Search []Search `json:"-"`
}

// Search is one method with its settings.
type Search struct {
	Method   string // name of a row of search.Methods
	Settings search.Settings
	// Source says where the numbers come from, for people. Except has other sources of
	// single ones, by their names or how these begin: "weights" is all of "weights.lr",
	// "weights.clip" and so on.
	Source string
	Except map[string]string
	// Aside: it runs when it is asked for, not when a user names no methods.
	Aside bool
}

// SourceOf is where the number of that name comes from.
func (s Search) SourceOf(name string) string {
	for {
		if source, ok := s.Except[name]; ok {
			return source
		}
		end := strings.LastIndexByte(name, '.')
		if end < 0 {
			return s.Source
		}
		name = name[:end]
	}
}

// Net is the size of a space's networks: a struct of the space, such as
// [nb201.Net], with names in JSON.
type Net interface {
	// Search is the one-shot network for images like d, with the number of its cells.
	// Each cell has its own copy of all mixture coefficients.
	Search(d supernet.Data) (build supernet.Build, cells int)
	// SearchWith is Search, changed as a method asks. What the network cannot be
	// built with is an error.
	SearchWith(o search.SupernetOptions, d supernet.Data) (build supernet.Build, cells int, err error)
	// Train is the network of one architecture, for training from scratch.
	Train(arch string, d supernet.Data) (supernet.Build, error)
}

// Scoring says how a derived architecture is scored.
type Scoring struct {
	// Table looks it up in a benchmark's table: Valid and Test name the columns,
	// and every trained network that the table holds counts (mean over trials).
	Table bool `json:"table"`
	// BuiltIn names the table inside the program that is meant; "": that of the user.
	BuiltIn string `json:"built_in,omitempty"`
	Valid   Column `json:"valid"`
	Test    Column `json:"test"`
	// Fitness is what methods that ask the table for accuracies are told; nil: Valid.
	Fitness *Column `json:"fitness,omitempty"`
	// Fitted is what the networks behind Valid were trained on, for their cost;
	// nil: the data of the protocol.
	Fitted *TrainingSet `json:"fitted,omitempty"`
	// TableFrom is the command that makes a fitting table, up to the name of its
	// file; "" is the space's.
	TableFrom string `json:"-"`
	// Last scores nothing but the architecture of the last epoch.
	Last bool `json:"last,omitempty"`

	// Otherwise the final network is trained from scratch on the images that fit
	// the weights in the search, and tested on those that fitted the
	// architecture (Valid) and on the test images (Test).
	Trials int `json:"trials"` // trainings per class of architectures, with seeds 0, 1, ...
	Recipe
}

// Recipe is the training of networks of one size.
type Recipe struct {
	Net Net `json:"net"`
	training.Recipe
}

// Column is a column of a benchmark's table.
type Column struct {
	Dataset   string `json:"dataset"`    // whose images it was measured on
	TrainedOn string `json:"trained_on"` // whose images it was trained on
	Split     string `json:"split"`
	Epochs    int    `json:"epochs,omitempty"` // length of the training
}

// TrainingSet is the images that a benchmark trained its networks on.
type TrainingSet struct {
	Images   int `json:"images"`
	Size     int `json:"size"` // pixels of a side
	Channels int `json:"channels"`
	Classes  int `json:"classes"`
}

// All lists the experiments.
var All = []Protocol{
	nb201Laptop,
	quickNB201, quickOneShot1, quickOneShot2, quickOneShot3, quickDARTS,
	oneShotLaptop("nb1b1-s1", nb1b1.Space1, 8), oneShotLaptop("nb1b1-s2", nb1b1.Space2, 12), oneShotLaptop("nb1b1-s3", nb1b1.Space3, 8),
	dartsLaptop,
	nb201Paper,
	oneShotPaper("nb1b1-s1", nb1b1.Space1), oneShotPaper("nb1b1-s2", nb1b1.Space2), oneShotPaper("nb1b1-s3", nb1b1.Space3),
	dartsPaper, nb201Less,
	nb201LaptopTable, dartsSurrogate, nb201Desk, nb201Fair, nb201FairUntuned, nb201FairSteps,
}

// Methods lists those of a catalog that p has settings for, in its order.
func (p Protocol) Methods(catalog search.Catalog) []string {
	return slices.DeleteFunc(catalog.Names(), func(name string) bool {
		_, ok := p.Of(name)
		return !ok
	})
}

// Main lists those that run when a user names none.
func (p Protocol) Main(catalog search.Catalog) []string {
	return slices.DeleteFunc(p.Methods(catalog), func(name string) bool {
		of, _ := p.Of(name)
		return of.Aside
	})
}

// With is p with other settings of a method, or with a method more.
func (p Protocol) With(method string, s search.Settings) Protocol {
	of, _ := p.Of(method)
	of.Method, of.Settings = method, s
	p.Search = slices.DeleteFunc(slices.Clone(p.Search), func(s Search) bool { return s.Method == method })
	p.Search = append(p.Search, of)
	return p
}

// Of finds the settings of a method.
func (p Protocol) Of(method string) (Search, bool) {
	i := slices.IndexFunc(p.Search, func(s Search) bool { return s.Method == method })
	if i < 0 {
		return Search{}, false
	}
	return p.Search[i], true
}

// Lookup finds the protocol of a name for a space.
func Lookup(space, name string) (Protocol, error) {
	if _, err := LookupSpace(space); err != nil {
		return Protocol{}, err
	}
	var names []string
	for _, p := range All {
		if p.Space == space {
			if p.Name == name {
				return p, nil
			}
			names = append(names, p.Name)
		}
	}
	return Protocol{}, fmt.Errorf("protocol: space %q has no protocol %q, want %s", space, name, settings.Offer(name, names))
}
