package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"idarts/internal/result"
)

// Timing makes the table of wall-clock times of each (space, data set,
// protocol) among runs. Unlike those of [Compare] its numbers differ from run
// to run and from machine to machine.
func Timing(runs []result.Run, opts Options) Tables {
	var tables Tables
	all := groups(timed(runs, func(r result.Run) bool { return len(r.Timing.SearchSeconds) > 0 }), opts)
	for _, g := range all {
		tables = append(tables, g.timing(opts))
	}
	return tables.withSettings(all)
}

func (g group) timing(opts Options) Table {
	t := Table{
		Name:   g.name() + "-timing",
		Header: []string{"Method", "Search (s)", "per epoch (s)", "GFLOP/s", "Scoring (s)", "n"},
		methods: [][]string{{"space", "dataset", "protocol", "method", settingsColumn, "n", "n_asked",
			"search_seconds_mean", "search_seconds_std", "search_seconds_min", "search_seconds_max",
			"score_seconds_mean", "score_seconds_std", "score_seconds_min", "score_seconds_max", "machine"}},
		seeds: seedRows(g, []string{"search_seconds", "epochs", "score_seconds", "gflop", "machine"}, func(r result.Run) []string {
			return []string{full(searchSeconds(r)), fmt.Sprint(len(r.Timing.SearchSeconds)), full(r.Timing.ScoreSeconds), full(r.Result.GFLOP), r.Timing.Machine}
		}),
	}
	for _, m := range g.methods {
		search := Summarize(m.values(searchSeconds))
		epoch := Summarize(m.values(func(r result.Run) float64 {
			return searchSeconds(r) / float64(len(r.Timing.SearchSeconds)) // NaN when no epoch was timed
		}))
		speed := Summarize(m.values(func(r result.Run) float64 {
			// What was looked up in a table was computed elsewhere.
			lookedUp := slices.Contains(opts.NoEpochs, m.name) && strings.HasPrefix(r.Result.Score.Source, "table:")
			if s := searchSeconds(r); s > 0 && !lookedUp {
				return r.Result.GFLOP / s
			}
			return math.NaN()
		}))
		score := Summarize(m.values(func(r result.Run) float64 { return r.Timing.ScoreSeconds }))
		t.Rows = append(t.Rows, []string{m.title, search.plusMinus(1), fixed(epoch.Mean, 2), fixed(speed.Mean, 1), score.plusMinus(1), m.seeds()})
		row := []string{g.space, g.dataset, g.protocol, m.name, g.settings(m), fmt.Sprint(len(m.done)), fmt.Sprint(len(m.runs))}
		row = append(append(row, search.full()...), score.full()...)
		t.methods = append(t.methods, append(row, strings.Join(distinct(m.done, machineOf), "; ")))
	}
	machines := distinct(g.done(), machineOf)
	t.Caption = g.heading() + " Wall clock of the searches: mean ± sample standard deviation over n seeds. " +
		"Scoring counts only the architectures that had not been scored before."
	switch len(machines) {
	case 0:
	case 1:
		t.Caption += " Machine: " + machines[0] + "."
	default:
		t.Notes = append(t.Notes, "Warning: these seconds are from different machines: "+strings.Join(machines, "; ")+".")
	}
	t.Notes = append(t.Notes, g.problems()...)
	return t
}

// untimed stands in a finished run for its result where times are shown and it has none.
var untimed = &result.Failure{Error: "its times are lost"}

// timed are runs for a report on times, which has no numbers of a finished run that
// lacks them.
func timed(runs []result.Run, has func(result.Run) bool) []result.Run {
	runs = slices.Clone(runs)
	for i, run := range runs {
		if run.Result != nil && !has(run) {
			runs[i].Result, runs[i].Failure = nil, untimed
		}
	}
	return runs
}

func machineOf(r result.Run) string { return r.Timing.Machine }

// searchSeconds is the wall clock of the whole search.
func searchSeconds(r result.Run) float64 {
	sum := 0.0
	for _, s := range r.Timing.SearchSeconds {
		sum += s
	}
	return sum
}
