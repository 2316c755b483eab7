package search

import (
	"context"
	"fmt"
	"reflect"

	"idarts/internal/settings"
)

// Method is a row of [Methods].
type Method struct {
	Name, Title, Paper string
	Note               string // order of steps, and where it departs from paper or code
	Traits             Traits
	// BlackBox: it asks for accuracies of architectures and trains no supernet.
	BlackBox bool
	// Revision is raised by hand when a change of its code moves a bit of its results:
	// runs of before are then other runs, see result.Numbers.
	Revision int
	// Zero is an empty value of the method's own settings.
	Zero Settings
	// Begin starts a search; settings are of the type of Zero and have been checked.
	// Callers use [Method.New].
	Begin func(env Env, settings Settings) (Searcher, error)
}

// New starts a search.
func (m Method) New(env Env, settings Settings) (Searcher, error) {
	if got, want := reflect.TypeOf(settings), reflect.TypeOf(m.Zero); got != want {
		return nil, fmt.Errorf("search: method %q has settings of type %v, want %v", m.Name, got, want)
	}
	err := settings.Check()
	if err == nil {
		env.Method = m.Name
		var s Searcher
		if s, err = m.Begin(env, settings); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("search: method %q: %w", m.Name, err)
}

// with makes the Begin of a row from a function of the method's own settings.
func with[S Settings](begin func(Env, S) (Searcher, error)) func(Env, Settings) (Searcher, error) {
	return func(env Env, s Settings) (Searcher, error) { return begin(env, s.(S)) }
}

// Methods lists the methods in report order.
var Methods = Catalog{
	random, rea, reinforcement, local, bohb, svgeRow,
	dartsFirst, dartsSecond, idarts, idartsReleased, idartsHess, idartsApprox,
	lambdaDARTS, shapleyNAS, zartsMGS, zartsRS, zartsGLD, dartsPT, istaNAS, drnas, drnasProgressive, gaea, gaeaPC, gaeaGDAS,
	gdas, setn, rsps, enas, pcDARTS, snas, sdartsRS, sdartsADV, sgas, pDARTS, fairDARTS, betaDARTS, rdartsL2, dartsES, dartsADA,
}

// Catalog is a list of methods with different names.
type Catalog []Method

// Names lists the names in order.
func (c Catalog) Names() []string {
	var names []string
	for _, m := range c {
		names = append(names, m.Name)
	}
	return names
}

// Lookup finds a method by its name.
func (c Catalog) Lookup(name string) (Method, error) {
	for _, m := range c {
		if m.Name == name {
			return m, nil
		}
	}
	return Method{}, fmt.Errorf("search: unknown method %q, want %s", name, settings.Offer(name, c.Names()))
}

// Names lists the names of [Methods] in report order.
func Names() []string { return Methods.Names() }

// Lookup finds a method of [Methods] by its name.
func Lookup(name string) (Method, error) { return Methods.Lookup(name) }

// Env is what a search runs on.
type Env struct {
	Method string // its name, for errors and states
	Space  Space
	Seed   uint64
	// Supernet builds a supernet with the starting weights of the seed; nil for
	// black-box methods.
	Supernet func(SupernetOptions) (Problem, error)
	// Query is the validation accuracy of an architecture in percent, by table or
	// by training. Only black-box methods call it.
	Query func(arch string) (valid float64, err error)
	// Keep keeps what is trained without accuracies and serves all runs; nil: this
	// process does.
	Keep Keep
}

// Report is what an epoch has to show.
type Report struct {
	TrainLoss float64            // mean over the training batches of the inner level; 0 for methods without
	ValidLoss float64            // mean over the architecture steps; 0 for methods without
	Entropy   float64            // of the scores, mean over rows, nats
	GFLOP     float64            // arithmetic so far; black-box methods do none themselves
	Arch      string             // derived now
	Extra     map[string]float64 // means over the epoch, by name
}

// Searcher is a search in progress.
type Searcher interface {
	// Epochs is how many there are in all, as far as is known; for black-box methods
	// one per query. A search that stops early lowers it, one that
	// goes back raises it.
	Epochs() int
	// Epoch runs the next one. progress may be nil. When ctx ends it returns
	// ctx.Err(). After any error the searcher is of no more use; go on from the
	// last State. Numbers that are no longer finite give an error wrapping
	// [ErrDiverged].
	Epoch(ctx context.Context, progress func(done, total int)) (Report, error)
	// State is everything that changes, the problem's state included. A fresh
	// searcher of the same Env that takes it goes on with the same bits.
	State() []byte
	// SetState takes what State gave. It refuses bytes of another method, space
	// or seed, and damaged ones.
	SetState(b []byte) error
}
