package runners

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"idarts/internal/exec/cpu"
	"idarts/internal/images"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/supernet"
)

// Retrain trains architectures from scratch by the long recipe of a protocol,
// with a run directory for each architecture and seed that can be stopped and
// continued like those of a [Grid]. The methods of its cells are "retrain-" and
// the start of the SHA-256 of the architecture's text, so that tables and figures
// show it; an epoch's score is of the weights at that time.
type Retrain struct {
	Protocol Protocol
	Archs    []string
	Seeds    []uint64
	Data     *images.Dataset
	Options
}

// OpenRetrain prepares the retraining of architectures on a protocol's data.
func OpenRetrain(p Protocol, archs []string, seeds []uint64, dataDir string, o Options) (*Retrain, error) {
	data, err := images.Open(p.Dataset, dataDir)
	return &Retrain{Protocol: p, Archs: archs, Seeds: seeds, Data: data, Options: o}, err
}

// retrained is the method record of a retraining.
type retrained struct {
	Name   string `json:"name"`
	Arch   string `json:"arch"`
	Params int    `json:"params"` // auxiliary classifier included
	Recipe Recipe `json:"recipe"`
}

// Run trains. Errors and summary are those of [Grid.Run].
func (r *Retrain) Run(ctx context.Context) (Summary, error) {
	jobs, err := r.jobs()
	if err != nil {
		return Summary{}, err
	}
	var dirs []string
	for _, j := range jobs {
		dirs = append(dirs, j.config.Cell.Dir(r.Out))
	}
	if err := r.clear(dirs); err != nil {
		return Summary{}, err
	}
	return r.run(ctx, jobs)
}

func (r *Retrain) jobs() ([]job, error) {
	space, err := LookupSpace(r.Protocol.Space)
	if err != nil {
		return nil, err
	}
	if r.Protocol.Retrain == nil {
		return nil, fmt.Errorf("runners: protocol %q of space %q has no recipe for retraining", r.Protocol.Name, r.Protocol.Space)
	}
	if len(r.Archs) == 0 || len(r.Seeds) == 0 {
		return nil, fmt.Errorf("runners: nothing to train: %d architectures, %d seeds", len(r.Archs), len(r.Seeds))
	}
	recipe := *r.Protocol.Retrain
	set := recipe.part(r.Data).Set
	var warnings []string
	if recipe.All {
		warnings = []string{"valid accuracies are of images that were trained on"}
	}
	var jobs []job
	for _, text := range r.Archs {
		arch, err := space.Canonical(text)
		if err != nil {
			return nil, err
		}
		build, err := space.Final(arch, recipe.Net, set)
		if err != nil {
			return nil, err
		}
		size, err := supernet.Measure(build, imageShape(set), set.Classes)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(arch))
		name := "retrain-" + hex.EncodeToString(sum[:4])
		for _, seed := range r.Seeds {
			cell := result.Cell{Space: space.Name, Dataset: r.Protocol.Dataset, Method: name, Protocol: r.Protocol.Name, Seed: seed}
			config, err := makeConfig(cell, r.Protocol, retrained{name, arch, size.Params, recipe}, map[string]string{r.Protocol.Dataset: r.Data.SHA256()})
			if err != nil {
				return nil, err
			}
			var live *training // of start, for score
			jobs = append(jobs, job{
				config: config, warnings: warnings,
				start: func(pool *cpu.Pool, _ func(string) (float64, error)) (search.Searcher, error) {
					live, err = newTraining(build, recipe, seed, pool, r.Data, "retrain")
					return &retraining{training: live, arch: arch}, err
				},
				score: func(context.Context, string, *cpu.Pool) (result.Scored, error) {
					valid, test, err := live.accuracies()
					return result.Scored{Score: result.Score{Valid: valid, Test: test, Trials: 1, Source: "retrained:" + r.Protocol.Name}}, err
				},
			})
		}
	}
	return jobs, nil
}

// retraining drives a training as runs do a search.
type retraining struct {
	*training
	arch string
}

// Epochs implements [search.Searcher].
func (r *retraining) Epochs() int { return r.recipe.Epochs }

// Epoch implements [search.Searcher].
func (r *retraining) Epoch(ctx context.Context, progress func(done, total int)) (search.Report, error) {
	rate, drop := r.rate(0), r.dropPath()
	loss, err := r.epoch(ctx, progress)
	return search.Report{
		TrainLoss: loss, GFLOP: r.problem.GFLOP(), Arch: r.arch,
		Extra: map[string]float64{"learning_rate": rate, "drop_path": drop},
	}, err
}

// State implements [search.Searcher]: epochs done, momentum, then the problem.
func (r *retraining) State() []byte {
	state := binary.LittleEndian.AppendUint64(nil, uint64(r.done))
	return slices.Concat(state, r.momentum.Bytes(), r.problem.State())
}

// SetState implements [search.Searcher].
func (r *retraining) SetState(b []byte) error {
	n := len(r.momentum.Bytes())
	if len(b) < 8+n {
		return errors.New("runners: the state of a retraining is too short")
	}
	done := binary.LittleEndian.Uint64(b)
	if done > uint64(r.recipe.Epochs) {
		return fmt.Errorf("runners: the state of a retraining is after epoch %d of %d", done, r.recipe.Epochs)
	}
	if err := r.momentum.SetBytes(b[8 : 8+n]); err != nil {
		return err
	}
	r.done = int(done)
	return r.problem.SetState(b[8+n:])
}
