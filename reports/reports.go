// Package reports turns finished runs into tables and figures: accuracy, cost
// and wall clock of every method as mean and sample standard deviation over its
// seeds, and the accuracy of the derived cell against the cost of the search. It
// also describes benchmarks that were trained here.
//
// Its input is []result.Run as [result.Load] returns it, and for benchmarks plain
// [Trained] architectures. It trains and scores nothing, and the same input gives
// the same bytes. Accuracies are in percent, differences of accuracies in
// percentage points, times in seconds, arithmetic in GFLOP.
//
// Start at [Compare] for the main table, [Timing] for the wall clock, which
// differs from machine to machine and so has a table of its own, [Anytime] and
// [Epochs] for the figures, and [Describe] for a benchmark. Published numbers are
// in published.go. Architectures are drawn in internal/diagram/picture.
package reports

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"idarts/internal/result"
)

// Title is the name under which a method or a space is printed.
type Title struct {
	Name  string // as in [result.Cell], "darts-v1"
	Title string // "DARTS (first order)"
}

// Options say how runs are shown.
type Options struct {
	// Titles are the methods in report order. A method that is not among them
	// comes after them, under its own name.
	Titles []Title
	// Spaces are the names of spaces in captions, in report order. One that is not
	// among them comes after them, under its own name.
	Spaces []Title
	// Best are the best known scores, one for each space, data set and protocol at
	// most. Runs that know the optimum of their space come before these. Where there
	// is neither, gaps are taken to the best architecture that the runs themselves
	// have scored, and the table says so.
	Best []Best
	// NoEpochs are the methods whose epochs are not passes over the images, such as
	// random search, which trains one cell in each. [Epochs] has no curve for them.
	NoEpochs []string
}

// Best is the best score known in a space: the optimum of a benchmark.
type Best struct {
	Space, Dataset string
	Protocol       string  // whose scores it may stand beside; "" for any
	Valid, Test    float64 // percent, each the best of its own column
	Source         string  // "optimum of NAS-Bench-201 (Dong & Yang, ICLR 2020)"
}

// titleOf is the title of name among titles, or name itself.
func titleOf(titles []Title, name string) string {
	for _, t := range titles {
		if t.Name == name {
			return t.Title
		}
	}
	return name
}

func (o Options) rank(method string) int { return rankOf(o.Titles, method) }

func (o Options) spaceRank(space string) int { return rankOf(o.Spaces, space) }

// rankOf is the place of name among titles; one that is not there comes last.
func rankOf(titles []Title, name string) int {
	if i := slices.IndexFunc(titles, func(t Title) bool { return t.Name == name }); i >= 0 {
		return i
	}
	return len(titles)
}

func (o Options) best(g group) *Best {
	if optimum := g.optimum(); optimum != nil {
		return &Best{
			Space: g.space, Dataset: g.dataset, Protocol: g.protocol,
			Valid: optimum.BestValid.Score.Valid, Test: optimum.BestTest.Score.Test,
			Source: optimumSource(optimum),
		}
	}
	for i, b := range o.Best {
		if b.Space == g.space && b.Dataset == g.dataset && (b.Protocol == "" || b.Protocol == g.protocol) {
			return &o.Best[i]
		}
	}
	return nil
}

// optimumSource says what an optimum is the best of: "optimum: best mean of the 100 of 15625
// architectures with the most trials in table:nb201-micro, standard error 0.05".
func optimumSource(o *result.Optimum) string {
	archs := "all " + count(o.Archs, "architecture")
	if o.Among > 0 && o.Among < o.Archs {
		archs = fmt.Sprintf("the %d of %s with the most trials", o.Among, count(o.Archs, "architecture"))
	}
	text := fmt.Sprintf("optimum: best mean of %s in %s", archs, o.BestTest.Score.Source)
	if o.BestTest.TestSE > 0 {
		text += fmt.Sprintf(", standard error %.2f", o.BestTest.TestSE)
	}
	return text
}

// optimum is that of the space, as the first run that knows it says.
func (g group) optimum() *result.Optimum {
	for _, run := range g.done() {
		if run.Result.Optimum != nil {
			return run.Result.Optimum
		}
	}
	return nil
}

// done are the finished runs of all methods.
func (g group) done() []result.Run {
	var out []result.Run
	for _, m := range g.methods {
		out = append(out, m.done...)
	}
	return out
}

// all are the runs of all methods, finished or not.
func (g group) all() []result.Run {
	var out []result.Run
	for _, m := range g.methods {
		out = append(out, m.runs...)
	}
	return out
}

// seeds is "3/3 seeds": finished of those asked for.
func (m method) seeds() string {
	if len(m.runs) == 1 {
		return fmt.Sprintf("%d/1 seed", len(m.done))
	}
	return fmt.Sprintf("%d/%d seeds", len(m.done), len(m.runs))
}

// values collects one number of each finished run.
func (m method) values(of func(result.Run) float64) []float64 {
	out := make([]float64, len(m.done))
	for i, run := range m.done {
		out[i] = of(run)
	}
	return out
}

func testOf(r result.Run) float64  { return r.Result.Score.Test }
func validOf(r result.Run) float64 { return r.Result.Score.Valid }
func gflopOf(r result.Run) float64 { return r.Result.GFLOP }

// problems are the notes that every report on g carries: runs that failed or
// did not end, too few seeds, and runs that should not be compared.
func (g group) problems() []string {
	notes := g.apart()
	for _, m := range g.methods {
		for _, run := range m.runs {
			switch {
			case run.Result != nil:
			case run.Failure == untimed:
				notes = append(notes, fmt.Sprintf("Left out: %s, whose times are lost.", run.Cell))
			case run.Failure != nil:
				notes = append(notes, fmt.Sprintf("Failed: %s: %s.", run.Cell, strings.TrimSuffix(oneLine(run.Failure.Error), ".")))
			default:
				notes = append(notes, fmt.Sprintf("Not finished: %s, after %s.", run.Cell, count(len(run.Events), "epoch")))
			}
		}
	}
	for _, m := range g.methods {
		switch len(m.done) {
		case 0:
			notes = append(notes, fmt.Sprintf("Warning: %s has no finished seed.", m.title))
		case 1:
			notes = append(notes, fmt.Sprintf("Warning: %s has one finished seed, so its spread is unknown.", m.title))
		case 2:
			notes = append(notes, fmt.Sprintf("Warning: %s has two finished seeds, so its spread is hardly known.", m.title))
		}
	}
	for _, check := range []struct {
		what string
		of   func(result.Run) string
	}{
		{"score sources", func(r result.Run) string { return r.Result.Score.Source }},
		{"optima", func(r result.Run) string {
			if o := r.Result.Optimum; o != nil {
				return fmt.Sprintf("%v of %d", o.BestTest.Score.Test, o.Archs)
			}
			return ""
		}},
		{"devices", func(r result.Run) string { return r.Config.Numbers.Device }},
		{"versions", func(r result.Run) string { return pairs(r.Config.Versions) }},
	} {
		if seen := distinct(g.done(), check.of); len(seen) > 1 {
			notes = append(notes, fmt.Sprintf("Warning: these runs have different %s: %s.", check.what, strings.Join(seen, "; ")))
		}
	}
	return append(append(notes, g.warnings()...), g.places()...)
}

// places says where runs were done, if that was by several instruction sets or devices, and
// whether bits can differ by it.
func (g group) places() []string {
	var seen []string
	for _, r := range g.done() {
		for _, p := range r.Timing.Places {
			text := p.Device
			if p.Instructions != "" {
				text = "a processor with " + p.Instructions
			}
			if !slices.Contains(seen, text) {
				seen = append(seen, text)
			}
		}
	}
	if len(seen) < 2 {
		return nil
	}
	slices.Sort(seen)
	note := "Computed by " + strings.Join(seen, "; ") + "."
	if classes := distinct(g.done(), func(r result.Run) string { return r.Config.Numbers.Device }); len(classes) == 1 {
		return []string{note + " All of them give the bits of " + classes[0] + ", so that no number depends on it."}
	}
	return []string{note + " Those of different classes have different bits."}
}

// warnings are those of the runs, each text once for each method.
func (g group) warnings() []string {
	var notes []string
	for _, m := range g.methods {
		var texts []string
		seeds := map[string][]string{}
		for _, run := range m.done {
			for _, text := range run.Result.Warnings {
				text = oneLine(text)
				if _, ok := seeds[text]; !ok {
					texts = append(texts, text)
				}
				seeds[text] = append(seeds[text], strconv.FormatUint(run.Cell.Seed, 10))
			}
		}
		for _, text := range texts {
			of, noun := slices.Compact(seeds[text]), "seed"
			if len(of) > 1 {
				noun = "seeds"
			}
			notes = append(notes, fmt.Sprintf("Warning: %s, %s %s: %s.", m.title, noun, strings.Join(of, ", "), strings.TrimSuffix(text, ".")))
		}
	}
	return notes
}

// origin says of what data, score source, device and versions a report is made.
func (g group) origin() string {
	done := g.done()
	if len(done) == 0 {
		return "No run is finished."
	}
	var parts []string
	add := func(name string, of func(result.Run) string) {
		if seen := distinct(done, of); len(seen) > 0 {
			parts = append(parts, name+" "+strings.Join(seen, "; "))
		}
	}
	add("Scores:", func(r result.Run) string {
		s := r.Result.Score
		if s.Source == "" {
			return ""
		}
		return fmt.Sprintf("%s, %s each", s.Source, trials(s.Trials))
	})
	add("Data:", dataOf)
	add("Device:", func(r result.Run) string { return r.Config.Numbers.Device })
	add("Versions:", func(r result.Run) string { return pairs(r.Config.Versions) })
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ". ") + "."
}

// protocolID is the protocol's name with the hash of its resolved numbers.
func (g group) protocolID() string {
	seen := distinct(g.all(), func(r result.Run) string { return digest(r.Config.Numbers.Protocol) })
	if len(seen) == 0 {
		return g.protocol
	}
	return fmt.Sprintf("%s (%s)", g.protocol, strings.Join(seen, ", "))
}

// seeds are those asked for of any method, ascending.
func (g group) seeds() []uint64 {
	var seeds []uint64
	for _, run := range g.all() {
		seeds = append(seeds, run.Cell.Seed)
	}
	slices.Sort(seeds)
	return slices.Compact(seeds)
}

// seedList is "3 seeds (0, 1, 2)", or "20 seeds (0 to 19)" where they are many
// without a gap.
func (g group) seedList() string {
	seeds := g.seeds()
	if n := len(seeds); n > 5 && seeds[n-1]-seeds[0] == uint64(n-1) {
		return fmt.Sprintf("%s (%d to %d)", count(n, "seed"), seeds[0], seeds[n-1])
	}
	names := make([]string, len(seeds))
	for i, s := range seeds {
		names[i] = strconv.FormatUint(s, 10)
	}
	return fmt.Sprintf("%s (%s)", count(len(seeds), "seed"), strings.Join(names, ", "))
}

// dataOf is "name 0123456789ab, ...": each input with the start of its sha256.
func dataOf(r result.Run) string {
	short := make(map[string]string, len(r.Config.Numbers.Data))
	for name, sum := range r.Config.Numbers.Data {
		short[name] = sum[:min(12, len(sum))]
	}
	return pairs(short)
}

func pairs(m map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, strings.TrimSpace(key+" "+m[key]))
	}
	return strings.Join(parts, ", ")
}

// digest is the start of that of a JSON record, whatever its layout; "" for none.
func digest(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	sum, err := result.Digest(raw)
	if err != nil {
		panic("reports: " + err.Error()) // it was read from JSON
	}
	return sum[:8]
}

// distinct lists the values of runs in the order they turn up, without "".
func distinct(runs []result.Run, of func(result.Run) string) []string {
	var out []string
	for _, run := range runs {
		if v := of(run); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// count is "1 seed", "2 seeds".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// trials is count for trained networks; a source may not say how many they are.
func trials(n int) string {
	if n == 0 {
		return "an unstated number of trials"
	}
	return count(n, "trial")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
