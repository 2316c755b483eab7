package reports

import (
	"fmt"
	"math"
	"strconv"

	"idarts/internal/result"
)

// Tune makes the table of what a grid of settings chooses for each method: the settings whose
// derived cells have the best mean validation accuracy over the finished seeds, the first of equal
// ones, and what the grid cost. Test accuracies have no part in it and are not shown.
func Tune(runs []result.Run, opts Options) Table {
	t := Table{
		Name: "tuning", Header: []string{"Method", "Chosen", "Valid (%)", "of", "Grid (GFLOP)"},
		methods: [][]string{{"space", "dataset", "protocol", "method", settingsColumn, "chosen", "n", "valid_mean", "valid_std", "gflop_sum"}},
		seeds:   [][]string{{"method", settingsColumn}},
		Caption: "What tuning chooses: the settings whose derived cells have the best mean validation accuracy, mean ± sample standard deviation over seeds, of so many combinations; and the arithmetic of all of them.",
	}
	sum := 0.0
	for _, g := range groups(runs, opts) {
		for i := 0; i < len(g.methods); {
			first, best, bestMean, cost := i, -1, math.Inf(-1), 0.0
			for ; i < len(g.methods) && g.methods[i].name == g.methods[first].name; i++ {
				m := g.methods[i]
				valid := Summarize(m.values(validOf))
				if valid.N > 0 && valid.Mean > bestMean {
					best, bestMean = i, valid.Mean
				}
				for _, gflop := range m.values(gflopOf) {
					cost += gflop
				}
			}
			sum += cost
			for k := first; k < i; k++ {
				m := g.methods[k]
				valid := Summarize(m.values(validOf))
				t.methods = append(t.methods, []string{g.space, g.dataset, g.protocol, m.name, g.settings(m), strconv.FormatBool(k == best),
					strconv.Itoa(valid.N), full(valid.Mean), full(valid.Std), full(Summarize(m.values(gflopOf)).Mean * float64(valid.N))})
			}
			if best < 0 {
				continue
			}
			m := g.methods[best]
			chosen := m.varies
			if chosen == "" {
				chosen = "the protocol's"
			}
			t.Rows = append(t.Rows, []string{titleOf(opts.Titles, m.name), chosen, Summarize(m.values(validOf)).plusMinus(2), strconv.Itoa(i - first), fixed(cost, 0)})
		}
		t.Notes = append(t.Notes, g.problems()...)
	}
	t.Caption += fmt.Sprintf(" In all %.0f GFLOP.", sum)
	return t
}
