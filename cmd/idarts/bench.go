package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"idarts/internal/settings"
	"idarts/internal/trials"
	"idarts/internal/work"
	"idarts/nb201"
	"idarts/reports"
	"idarts/runners/cluster"
	"idarts/runners/micro"
)

type benchCmd struct {
	Build  benchBuildCmd  `cmd:"" set:"out=bench" help:"Train every network of a space on the images inside the program, resumable."`
	Submit benchSubmitCmd `cmd:"" set:"out=out" help:"Put the shards of a benchmark into a queue of idarts grid, to be trained by its workers."`
	Report benchReportCmd `cmd:"" help:"Describe a finished benchmark: best cells, spread, noise of seeds, agreement with the official one."`
	Study  benchStudyCmd  `cmd:"" set:"out=bench-study" help:"Try the sizes that such a benchmark could have."`
}

type benchBuildCmd struct {
	Space    string        `help:"Search space." default:"nb201"`
	Protocol string        `help:"Benchmark to build." default:"micro"`
	Shard    string        `help:"Train only the shards whose number gives I when divided by N: 0/4 to 3/4 are four parts of one build in one folder." placeholder:"I/N"`
	Limit    time.Duration `help:"Stop after so long, as in 50m; the same command goes on." placeholder:"TIME"`
	gridFlags
}

func (b *benchBuildCmd) Run(c console) error {
	benchmark, err := micro.Lookup(b.Space, b.Protocol)
	if err != nil {
		return err
	}
	if c.given["limit"] && b.Limit <= 0 {
		return fmt.Errorf("--limit is %v, want more than 0", b.Limit)
	}
	options, err := b.options(c)
	if err != nil {
		return err
	}
	var part micro.Part
	if b.Shard != "" {
		if part, err = micro.ParsePart(b.Shard); err != nil {
			return err
		}
	}
	sum, err := build(c, &micro.Build{Benchmark: benchmark, Part: part, Options: options}, b.Limit)
	if err != nil {
		return err
	}
	if sum.Rows == nil {
		fmt.Fprintf(c.out, "part %s of round %d of %d is done; %d of all %d trainings are there. The same command goes on when the other parts of the round are there too, and writes the table when all are\n",
			b.Shard, sum.Round+1, micro.Rounds, sum.There, sum.Trainings)
		return nil
	}
	files, err := benchmark.Write(b.Out, sum)
	if err != nil {
		return err
	}
	switch each := sum.CoreSeconds / float64(sum.Trainings); {
	case sum.Now+sum.Elsewhere == 0:
		fmt.Fprintf(c.out, "all %d trainings were there\n", sum.Trainings)
	case sum.Elsewhere == 0:
		fmt.Fprintf(c.out, "%d trainings done, %d were there; %.3f core-seconds each\n", sum.Now, sum.Trainings-sum.Now, each)
	default:
		fmt.Fprintf(c.out, "%d trainings done, %d were there, %d done elsewhere; %.3f core-seconds each\n",
			sum.Now, sum.Trainings-sum.Now-sum.Elsewhere, sum.Elsewhere, each)
	}
	for _, path := range files {
		fmt.Fprintln(c.out, path)
	}
	return nil
}

type benchSubmitCmd struct {
	queueFlags
	Space    string `help:"Search space." default:"nb201"`
	Protocol string `help:"Benchmark to build." default:"micro"`
	Out      string `help:"Output folder of idarts grid serve, which must be on this machine: what a round trains depends on the one before." default:"${out}" placeholder:"DIR"`
	Wait     bool   `help:"Go on with the next round when one is done, until all are."`
}

// Run submits the shards of the round that is due.
func (s *benchSubmitCmd) Run(c console) error {
	m, err := micro.Lookup(s.Space, s.Protocol)
	if err != nil {
		return err
	}
	client, err := s.connect(c)
	if err != nil {
		return err
	}
	defer client.Close()
	dir := micro.GridDir(s.Out, m)
	for told := -1; ; {
		missing, sum, err := (&micro.Build{Benchmark: m, Options: work.Options{Out: dir}}).Missing()
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			fmt.Fprintf(c.out, "all %d trainings are in %s; idarts bench build --out %[2]s writes the table\n", sum.Trainings, dir)
			return nil
		}
		if told != sum.Round {
			told = sum.Round
			units, err := cluster.Shards(m, missing)
			if err != nil {
				return err
			}
			got, err := client.Submit(c.ctx, units)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.out, "round %d of %d: %d shards: %d new, %d done before, %d tried again; %d of %d trainings are there\n",
				sum.Round+1, micro.Rounds, got.Units, got.New, got.Done, got.Retried, sum.There, sum.Trainings)
		}
		if !s.Wait {
			return nil
		}
		select {
		case <-c.ctx.Done():
			return interrupted("stopped; what was submitted is trained, the same command goes on")
		case <-time.After(5 * time.Second):
		}
	}
}

// build trains what is missing of a part, for at most limit where that is not 0.
func build(c console, job *micro.Build, limit time.Duration) (micro.Summary, error) {
	ctx, cancel := c.limit(limit)
	defer cancel()
	sum, err := job.Run(ctx)
	if err != nil && ctx.Err() != nil {
		left := sum.Mine - sum.Before - sum.Now - sum.Elsewhere
		err = interrupted(fmt.Sprintf("interrupted with %d of %d trainings to go; the same command goes on", left, sum.Mine))
	}
	return sum, err
}

// limit is c's context, ended after so long where that is not 0.
func (c console) limit(after time.Duration) (context.Context, context.CancelFunc) {
	if after > 0 {
		return context.WithTimeout(c.ctx, after)
	}
	return context.WithCancel(c.ctx)
}

type benchStudyCmd struct {
	Only     []string `help:"Names of the tries, comma separated; all when left out." placeholder:"NAME"`
	Official string   `help:"Accuracies of the official benchmark to compare with: a table of idarts, or CSV with the columns index, cell, accuracy." placeholder:"FILE"`
	gridFlags
}

// Run trains the networks of each try and prints one line for it.
func (s *benchStudyCmd) Run(c console) error {
	options, err := s.options(c)
	if err != nil {
		return err
	}
	for i, name := range s.Only {
		if !slices.Contains(tryNames(), name) {
			return fmt.Errorf("no try %q, want %s", name, settings.Offer(name, tryNames()))
		}
		if slices.Contains(s.Only[:i], name) {
			return fmt.Errorf("try %q is named twice", name)
		}
	}
	var official map[nb201.Cell]float64
	if s.Official != "" {
		if official, err = readOfficial(s.Official); err != nil {
			return missing(err, place{"official", s.Official})
		}
	}
	root := options.Out
	var tries []reports.Try
	for _, try := range micro.Study {
		name := tryName(try)
		if len(s.Only) > 0 && !slices.Contains(s.Only, name) {
			continue
		}
		fmt.Fprintf(c.err, "%s\n", name)
		options.Out = filepath.Join(root, try.Name)
		sum, err := build(c, &micro.Build{Benchmark: try, Options: options}, 0)
		if err != nil {
			return err
		}
		tries = append(tries, reports.Try{
			Name: name, CoreSeconds: sum.CoreSeconds / float64(sum.Trainings), Cells: twoSeeds(sum.Rows, official),
		})
	}
	_, err = io.WriteString(c.out, reports.Study(tries))
	return err
}

// tryName is what --only calls a try.
func tryName(try micro.Benchmark) string { return strings.TrimPrefix(try.Name, "study-") }

func tryNames() []string {
	var names []string
	for _, try := range micro.Study {
		names = append(names, tryName(try))
	}
	return names
}

// twoSeeds are the cells of a try in the order in which they were trained.
func twoSeeds(rows []micro.Row, official map[nb201.Cell]float64) []reports.Trained {
	var cells []nb201.Cell
	trained := map[nb201.Cell]reports.Trained{}
	for _, r := range rows {
		t, known := trained[r.Cell]
		if !known {
			cells = append(cells, r.Cell)
			t = reports.Trained{Valid: make([]float64, 2), Test: make([]float64, 2), Official: accuracyOf(official, r.Cell)}
			trained[r.Cell] = t
		}
		t.Valid[r.Seed], t.Test[r.Seed] = r.Valid, r.Test
	}
	out := make([]reports.Trained, len(cells))
	for i, c := range cells {
		out[i] = trained[c]
	}
	return out
}

// readOfficial reads accuracies of the official benchmark in percent: a table of
// idarts with CIFAR-10's test accuracies after 200 epochs, or CSV.
func readOfficial(path string) (map[nb201.Cell]float64, error) {
	out := map[nb201.Cell]float64{}
	if !strings.EqualFold(filepath.Ext(path), ".csv") {
		table, err := nb201.Open(path)
		if err != nil {
			return nil, err
		}
		key := table.Of(nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200})[0]
		for _, cell := range table.Cells() {
			answer, err := table.Query(cell, key, trials.All)
			if err != nil {
				return nil, err
			}
			out[cell] = answer.Accuracy
		}
		return out, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	for i, row := range rows {
		if i == 0 {
			continue // names of the columns
		}
		if len(row) < 3 {
			return nil, fmt.Errorf("%q line %d: %d columns, want index, cell, accuracy", path, i+1, len(row))
		}
		cell, err := nb201.Parse(row[1])
		if err != nil {
			return nil, fmt.Errorf("%q line %d: %w", path, i+1, err)
		}
		accuracy, err := strconv.ParseFloat(row[2], 64)
		if err != nil || !(accuracy >= 0 && accuracy <= 100) {
			return nil, fmt.Errorf("%q line %d: accuracy %q, want 0 to 100 percent", path, i+1, row[2])
		}
		out[cell] = accuracy
	}
	return out, nil
}
