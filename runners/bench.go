package runners

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/internal/training"
	"idarts/internal/work"
	"idarts/runners/protocol"
)

// Bench is one space on the data of one protocol, ready to run cells. It may be
// used by several runs at once.
type Bench struct {
	Space   search.Space
	Data    map[string]string // input name -> sha256
	Scorer  Scorer
	Fitness Scorer // what methods are told; nil: Scorer
	// Optimum of the space, nil where the table does not hold all of it; nil where the
	// scores come from no table.
	Optimum func() (*result.Optimum, error)
	// Expected is what random search ends with on average, nil as Optimum.
	Expected func(draws int) (*result.Expected, error)
	// Columns are the numbers of an architecture that papers print, as far as the table has
	// them; nil where it has none.
	Columns func(arch string) ([]result.Measured, error)
	Keep    search.Keep // for models that serve all runs
	// Problem builds the supernet that a method asks for, with the starting weights of seed.
	Problem func(d exec.Device, seed uint64, o search.SupernetOptions) (search.Problem, error)
}

// Inputs are the files that a protocol needs.
type Inputs struct {
	Data  string                           // folder of the data set; "" where the program holds it
	Table string                           // Arrow file of the benchmark, for protocols that score by a table of their user
	Out   string                           // output root; trained scores are kept below it
	Note  func(format string, args ...any) // tells people of damaged scores; nil: nobody
}

// OpenBench opens the space and data of p. With fresh, trained scores below
// in.Out that come from another recipe are deleted, else they are an error.
func OpenBench(p protocol.Protocol, in Inputs, fresh bool) (*Bench, error) {
	data, err := images.Open(p.Dataset, in.Data)
	if err != nil {
		return nil, err
	}
	return openBench(p, data, in, fresh)
}

func openBench(p protocol.Protocol, data *images.Dataset, in Inputs, fresh bool) (*Bench, error) {
	space, err := protocol.LookupSpace(p.Space)
	if err != nil {
		return nil, err
	}
	if in.Note == nil {
		in.Note = func(string, ...any) {}
	}
	bench := &Bench{
		Space: space.Search(),
		Data:  map[string]string{p.Dataset: data.SHA256()},
		Problem: func(d exec.Device, seed uint64, o search.SupernetOptions) (search.Problem, error) {
			return supernetWith(o, p, data, d, seed)
		},
	}
	if in.Out != "" {
		bench.Keep = modelFolder{in.Out, in.Note}
	}
	cost := trainingGFLOP(p.Score, data)
	if !p.Score.Table {
		bench.Scorer, err = trainedScorer(space, p, data, in, cost, fresh)
		return bench, err
	}
	return bench, bench.scoreBy(p, in.Table, cost)
}

// scoreBy scores by the table that p means, which is in the file path if it is not
// in the program.
func (b *Bench) scoreBy(p protocol.Protocol, path string, cost func(arch string) float64) error {
	table, err := p.OpenTable(path)
	if err != nil {
		return err
	}
	kind := "table"
	if other, ok := table.Table.(protocol.Kinded); ok {
		kind = other.Kind()
	}
	scorer := tableScorer{table, kind + ":" + filepath.Base(table.File), cost}
	b.Scorer, b.Optimum, b.Expected, b.Data["table"] = scorer, scorer.Optimum, scorer.Expected, table.SHA256
	if table.Fitness != nil {
		share := float64(p.Score.Fitness.Epochs) / float64(p.Score.Valid.Epochs) // of a training
		b.Fitness = tableScorer{table.Fitness, scorer.source, func(arch string) float64 { return share * cost(arch) }}
		b.Expected = table.Fitness.Expected
	}
	if columned, ok := table.Table.(protocol.Columned); ok {
		b.Columns = columned.Columns
	}
	return nil
}

// Supernet builds the one-shot network of a protocol on its data, with the
// starting weights and the batches of seed.
func Supernet(p protocol.Protocol, data *images.Dataset, d exec.Device, seed uint64) (*supernet.Problem, error) {
	return supernetWith(search.SupernetOptions{}, p, data, d, seed)
}

// supernetWith is [Supernet], changed as a method asks.
func supernetWith(o search.SupernetOptions, p protocol.Protocol, data *images.Dataset, d exec.Device, seed uint64) (*supernet.Problem, error) {
	train := training.Loader("train", data, data.Train, p.Batch, p.Augment, seed)
	valid := training.Loader("valid", data, data.Valid, p.Batch, p.Augment, seed)
	whole := training.Loader("whole", data, data.Fit(), p.Batch, p.Augment, seed)
	if err := errors.Join(train.Check(), valid.Check(), whole.Check()); err != nil {
		return nil, err
	}
	space, err := protocol.LookupSpace(p.Space)
	if err != nil {
		return nil, err
	}
	build, cells, err := p.Supernet.SearchWith(o, supernet.DataOf(data.Train.Set))
	if err != nil {
		return nil, err
	}
	return supernet.New(build, supernet.Options{
		Images: training.BatchShape(train), Classes: data.Train.Set.Classes,
		Layers: cells, LayerCoefs: space.Search().Layout.Len(), Seed: seed, Device: d,
	}, supernet.Loaders(train, valid, whole))
}

// scoresDir is where trained scores are kept below the output root.
const scoresDir = "scores"

// scoresFolder is where the trained scores of a protocol are, below the output root.
func scoresFolder(space, dataset, protocol string) string {
	return scoresDir + "/" + space + "-" + dataset + "-" + protocol
}

func scoresPath(out, folder string) string { return filepath.Join(out, folder, "scores.arrow") }

// trainedScorer scores by training the final network of p.
func trainedScorer(space protocol.Space, p protocol.Protocol, data *images.Dataset, in Inputs, cost func(arch string) float64, fresh bool) (*TrainedScorer, error) {
	recipe := p.Score.Recipe
	origin, err := scoreOrigin(p, data)
	if err != nil {
		return nil, err
	}
	folder := scoresFolder(p.Space, p.Dataset, p.Name)
	store := scores{path: scoresPath(in.Out, folder), space: p.Space, dataset: p.Dataset, origin: origin}
	if _, err := store.Load(); errors.Is(err, errOtherRecipe) && fresh {
		if err := work.Discard(store.Dir()); err != nil {
			return nil, err
		}
	}
	if err := clearWay(in.Out, folder+"/"+claimsDir, in.Note); err != nil {
		in.Note("%v", err) // a training will fail there
	}
	s := &TrainedScorer{
		Source: "trained:" + p.Name, Trials: p.Score.Trials, Canonical: space.Canonical, Store: store, GFLOP: cost, Note: in.Note,
		Shared: &SharedScores{Space: p.Space, Dataset: p.Dataset, Protocol: p.Name, Origin: origin},
		Train: func(ctx context.Context, arch string, trial uint64, d exec.Device) (valid, test float64, err error) {
			build, err := recipe.Net.Train(arch, supernet.DataOf(data.Train.Set))
			if err != nil {
				return 0, 0, err
			}
			t, err := training.New(build, recipe.Recipe, trial, d, data, "score")
			if err != nil {
				return 0, 0, err
			}
			if err := t.Run(ctx, aliveOf(ctx)); err != nil {
				return 0, 0, err
			}
			v, h, err := t.Measure()
			return v.Accuracy, h.Accuracy, err
		},
	}
	s.mu.Lock()
	err = s.load()
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.clean()
	return s, nil
}

// trainingGFLOP is the arithmetic of one training as s says: a gradient costs three
// forward passes, a multiplication and an addition count as two. Evaluations are
// left out. Architectures must be the space's.
func trainingGFLOP(s protocol.Scoring, data *images.Dataset) func(arch string) float64 {
	recipe := s.Recipe
	part := recipe.Part(data)
	set, n := part.Set, len(part.Indices)
	if f := s.Fitted; f != nil {
		set, n = &images.Set{H: f.Size, W: f.Size, C: f.Channels, Classes: f.Classes}, f.Images
	}
	var known sync.Map // counting builds the network
	return func(arch string) float64 {
		if gflop, ok := known.Load(arch); ok {
			return gflop.(float64)
		}
		build, err := recipe.Net.Train(arch, supernet.DataOf(set))
		var size supernet.Size
		if err == nil {
			size, err = supernet.Measure(build, training.ImageShape(set), set.Classes)
		}
		if err != nil {
			panic("runners: cost of an invalid architecture: " + err.Error()) // callers have parsed it before
		}
		gflop := 3 * 2 * float64(size.MACs) * float64(n) * float64(recipe.Epochs) / 1e9
		known.Store(arch, gflop)
		return gflop
	}
}

// scoreOrigin says what trained scores depend on: the recipe and the data.
func scoreOrigin(p protocol.Protocol, data *images.Dataset) (string, error) {
	recipe, err := json.Marshal(p.Score)
	if err != nil {
		return "", fmt.Errorf("runners: %w", err)
	}
	sum := sha256.Sum256(recipe)
	return fmt.Sprintf("protocol %s, recipe sha256:%s, data %s sha256:%s", p.Name, hex.EncodeToString(sum[:8]), p.Dataset, data.SHA256()[:16]), nil
}
