package runners

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/internal/training"
	"idarts/internal/work"
	"idarts/runners/protocol"
)

// Retrain trains architectures from scratch by the long recipe of a protocol,
// with a run directory for each architecture and seed that can be stopped and
// continued like those of a [Grid]. The methods of its cells are "retrain-" and
// the start of the SHA-256 of the architecture's text, so that tables and figures
// show it; an epoch's score is of the weights at that time.
type Retrain struct {
	Protocol protocol.Protocol
	Archs    []string
	Seeds    []uint64
	Data     *images.Dataset
	work.Options
}

// OpenRetrain prepares the retraining of architectures on a protocol's data.
func OpenRetrain(p protocol.Protocol, archs []string, seeds []uint64, dataDir string, o work.Options) (*Retrain, error) {
	data, err := images.Open(p.Dataset, dataDir)
	return &Retrain{Protocol: p, Archs: archs, Seeds: seeds, Data: data, Options: o}, err
}

// Run trains. Errors and summary are those of [Grid.Run].
func (r *Retrain) Run(ctx context.Context) (work.Summary, error) {
	jobs, err := r.jobs()
	if err != nil {
		return work.Summary{}, err
	}
	return runJobs(ctx, r.Options, jobs)
}

func (r *Retrain) jobs() ([]job, error) {
	space, err := protocol.LookupSpace(r.Protocol.Space)
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
	set := recipe.Part(r.Data).Set
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
		build, err := recipe.Net.Train(arch, supernet.DataOf(set))
		if err != nil {
			return nil, err
		}
		size, err := supernet.Measure(build, training.ImageShape(set), set.Classes)
		if err != nil {
			return nil, err
		}
		for _, seed := range r.Seeds {
			config, err := r.config(arch, seed, size.Params)
			if err != nil {
				return nil, err
			}
			var live *training.Training // of start, for score
			jobs = append(jobs, job{
				config: config, warnings: warnings,
				start: func(d exec.Device, _ func(string) (float64, error)) (search.Searcher, error) {
					live, err = training.New(build, recipe.Recipe, seed, d, r.Data, "retrain")
					return &retraining{Training: live, epochs: recipe.Epochs, arch: arch}, err
				},
				score: func(context.Context, string, exec.Device) (result.Scored, error) {
					valid, test, err := live.Measure()
					return result.Scored{Score: result.Score{Valid: valid.Accuracy, Test: test.Accuracy, Trials: 1, Source: "retrained:" + r.Protocol.Name}}, err
				},
			})
		}
	}
	return jobs, nil
}

// config is the record of one retraining: of the protocol it has what a retraining
// depends on. params counts the auxiliary classifier too.
func (r *Retrain) config(arch string, seed uint64, params int) (result.Config, error) {
	p := r.Protocol
	sum := sha256.Sum256([]byte(arch))
	cell := result.Cell{Space: p.Space, Dataset: p.Dataset, Method: "retrain-" + hex.EncodeToString(sum[:4]), Protocol: p.Name, Seed: seed}
	numbers := struct {
		Space   string          `json:"space"`
		Dataset string          `json:"dataset"`
		Recipe  protocol.Recipe `json:"recipe"`
	}{p.Space, p.Dataset, *p.Retrain}
	settings := struct {
		Arch string `json:"arch"`
	}{arch}
	return makeConfig(result.Config{
		Cell:    cell,
		Numbers: result.Numbers{Data: map[string]string{p.Dataset: r.Data.SHA256()}},
		About:   map[string]string{"protocol": p.Title, "parameters": strconv.Itoa(params)},
	}, numbers, settings, r.Device)
}

// retraining drives a training as runs do a search.
type retraining struct {
	*training.Training
	epochs int
	arch   string
}

// Epochs implements [search.Searcher].
func (r *retraining) Epochs() int { return r.epochs }

// Epoch implements [search.Searcher].
func (r *retraining) Epoch(ctx context.Context, progress func(done, total int)) (search.Report, error) {
	rate, drop := r.Rate(0), r.DropPath()
	loss, err := r.Training.Epoch(ctx, progress)
	return search.Report{
		TrainLoss: loss, GFLOP: r.GFLOP(), Arch: r.arch,
		Extra: map[string]float64{"learning_rate": rate, "drop_path": drop},
	}, err
}
