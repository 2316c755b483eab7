package reports

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"idarts/internal/result"
)

// Tidy is a table for other programs: one row for each of one kind of thing, one column for each
// variable, nothing derived.
type Tidy struct {
	Name    string // "runs"
	Rows    int
	Columns []TidyColumn
}

// TidyColumn is one variable. Values are []string, []int64 or []float64, in which NaN is what
// is not known.
type TidyColumn struct {
	Name   string
	Values any
}

// Export gives runs as tidy tables, whatever their state:
//
//   - runs: one row a run;
//   - epochs: one row a run and epoch;
//   - extras: one row a run, epoch and further value of the method;
//   - scores: one row an architecture and source of scores;
//   - settings: one row a run and setting, values as JSON.
//
// The column run joins them.
func Export(runs []result.Run) ([]Tidy, error) {
	var r, e, x, s, set tidy
	scored := map[string]bool{}
	score := func(arch string, score result.Score) {
		if key := arch + "\x00" + score.Source; arch != "" && score.Source != "" && !scored[key] {
			scored[key] = true
			s.row(text("arch", arch), text("source", score.Source), real("valid", score.Valid), real("test", score.Test), whole("trials", int64(score.Trials)))
		}
	}
	for _, run := range runs {
		name, c, n := run.Cell.String(), run.Cell, run.Config.Numbers
		state, arch, end, failure := "unfinished", "", result.Score{Valid: math.NaN(), Test: math.NaN()}, ""
		gflop, lost, noise, deviation := math.NaN(), math.NaN(), math.NaN(), math.NaN()
		switch {
		case run.Result != nil:
			state, arch, end, gflop = "done", run.Result.Arch, run.Result.Score, run.Result.GFLOP
			if of := run.Result.Noise; of != nil {
				lost, noise, deviation = of.Lost, of.Mean, of.Deviation
			}
		case run.Failure != nil:
			state, failure = "failed", run.Failure.Error
		}
		seconds := math.NaN()
		if len(run.Timing.SearchSeconds) > 0 {
			seconds = searchSeconds(run)
		}
		r.row(text("run", name), text("space", c.Space), text("dataset", c.Dataset), text("protocol", c.Protocol), text("method", c.Method),
			text("changed", c.Settings), whole("seed", int64(c.Seed)), text("state", state), text("failure", failure), text("arch", arch),
			real("valid", end.Valid), real("test", end.Test), whole("trials", int64(end.Trials)), text("score_source", end.Source),
			real("gflop", gflop), whole("epochs", int64(len(run.Events))), real("search_seconds", seconds), real("score_seconds", run.Timing.ScoreSeconds),
			real("entropy_lost", lost), real("entropy_noise", noise), real("entropy_noise_sd", deviation),
			text("machine", run.Timing.Machine), text("device", n.Device), text("idarts", run.Config.Versions["idarts"]), text("identity", run.Config.Identity))
		for _, event := range run.Events {
			e.row(text("run", name), whole("epoch", int64(event.Epoch)), real("train_loss", event.TrainLoss), real("valid_loss", event.ValidLoss),
				real("entropy", event.Entropy), real("gflop", event.GFLOP), text("arch", event.Arch), real("valid", known(event.Score, event.Score.Valid)), real("test", known(event.Score, event.Score.Test)))
			for _, key := range slices.Sorted(maps.Keys(event.Extra)) {
				x.row(text("run", name), whole("epoch", int64(event.Epoch)), text("name", key), real("value", event.Extra[key]))
			}
			score(event.Arch, event.Score)
		}
		score(arch, end)
		leaves, err := result.Leaves(result.Numbers{Settings: n.Settings, Protocol: n.Protocol})
		if err != nil {
			return nil, fmt.Errorf("reports: settings of %s: %w", name, err)
		}
		for _, path := range slices.Sorted(maps.Keys(leaves)) {
			if !strings.HasPrefix(path, "settings.") && !strings.HasPrefix(path, "protocol.") {
				continue // it is in runs
			}
			set.row(text("run", name), text("name", path), text("value", leaves[path]))
		}
	}
	return []Tidy{r.named("runs"), e.named("epochs"), x.named("extras"), s.named("scores"), set.named("settings")}, nil
}

// known is a number of a score that there is, else NaN.
func known(s result.Score, x float64) float64 {
	if s.Source == "" {
		return math.NaN()
	}
	return x
}

// tidy is a table while it grows.
type tidy struct{ Tidy }

// field is one value of a row.
type field struct {
	name  string
	value any
}

func text(name, value string) field         { return field{name, value} }
func whole(name string, value int64) field  { return field{name, value} }
func real(name string, value float64) field { return field{name, value} }

// row adds one; all rows have the same fields.
func (t *tidy) row(fields ...field) {
	if t.Rows == 0 {
		for _, f := range fields {
			t.Columns = append(t.Columns, TidyColumn{Name: f.name})
		}
	}
	t.Rows++
	for i, f := range fields {
		switch c := &t.Columns[i]; v := f.value.(type) {
		case string:
			all, _ := c.Values.([]string)
			c.Values = append(all, v)
		case int64:
			all, _ := c.Values.([]int64)
			c.Values = append(all, v)
		case float64:
			all, _ := c.Values.([]float64)
			c.Values = append(all, v)
		}
	}
}

func (t tidy) named(name string) Tidy {
	t.Name = name
	return t.Tidy
}

// CSV writes the table with a header, numbers in full, what is not known empty.
func (t Tidy) CSV(w io.Writer) error { return writeCSV(w, t.text()) }

func (t Tidy) text() [][]string {
	rows := make([][]string, 1+t.Rows)
	for _, c := range t.Columns {
		rows[0] = append(rows[0], c.Name)
		for i := range t.Rows {
			var cell string
			switch v := c.Values.(type) {
			case []string:
				cell = v[i]
			case []int64:
				cell = strconv.FormatInt(v[i], 10)
			case []float64:
				cell = full(v[i])
			}
			rows[i+1] = append(rows[i+1], cell)
		}
	}
	return rows
}
