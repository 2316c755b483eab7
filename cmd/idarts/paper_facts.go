package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	dartsspace "idarts/darts_space"
	"idarts/internal/result"
	"idarts/nb201"
	"idarts/reports"
	"idarts/runners/protocol"
)

// paperFacts are what the table in a file, if one is named, and counts say of published
// numbers.
func paperFacts(path string) ([]reports.Fact, error) {
	counted, err := countedFacts()
	if err != nil {
		return nil, err
	}
	if path == "" {
		const needs = "a table: idarts data fetch nb201 --out data/nb201.arrow, idarts paper --table data/nb201.arrow"
		return append([]reports.Fact{{What: "published cells and optima of NAS-Bench-201", Published: "–", Ours: "–", Verdict: reports.NotRun, Why: needs}}, counted...), nil
	}
	p, err := protocol.Lookup("nb201", "paper")
	if err != nil {
		return nil, err
	}
	table, err := p.OpenTable(path)
	if err != nil {
		return nil, err
	}
	columned, ok := table.Table.(protocol.Columned)
	if !ok {
		return nil, fmt.Errorf("%q has no columns of papers", path)
	}
	facts, err := tableFacts(columned)
	return append(facts, counted...), err
}

// claim is a published row that one cell should have.
type claim struct {
	what string
	cell string             // "": some cell
	has  map[string]float64 // by column
}

// columns are those of the papers, in their order.
var columns = func() (names []string) {
	for _, q := range nb201.Papers {
		names = append(names, q.Name)
	}
	return names
}()

// notebook is the log inside the notebook of iDARTS, by column.
var notebook = func() map[string]float64 {
	has := map[string]float64{}
	for i, x := range []float64{90.20, 93.76, 70.71, 71.11, 40.78, 41.44} {
		has[columns[i]] = x
	}
	return has
}()

// claims are those that the table decides. The first is the run in the notebook of iDARTS,
// the others are rows whose ± is 0: all runs ended in one cell.
var claims = []claim{
	{"the run in iDARTS's notebook: the cell of six 3x3 convolutions", nb201.Cell{3, 3, 3, 3, 3, 3}.String(), notebook},
	{"DARTS, set A: the cell of skips alone", nb201.Cell{1, 1, 1, 1, 1, 1}.String(), reports.PublishedColumns("DARTS, first order", reports.SetOfTable)},
	{"DARTS, set B: one cell", "", reports.PublishedColumns("DARTS", reports.OtherSet)},
	{"DrNAS, Λ-DARTS and β-DARTS: one cell", "", reports.PublishedColumns("DrNAS", reports.SetOfTable)},
}

// tableFacts compares the claims, and the optima, with a table of all cells.
func tableFacts(table protocol.Columned) (facts []reports.Fact, err error) {
	cells := map[string][]result.Measured{}
	best := map[string]float64{}
	for _, cell := range nb201.All() {
		found, err := table.Columns(cell.String())
		if err != nil {
			return nil, err
		}
		cells[cell.String()] = found
		for _, m := range found {
			best[m.Column] = max(best[m.Column], m.Accuracy)
		}
	}
	for _, c := range claims {
		facts = append(facts, c.fact(cells))
	}
	for _, column := range columns {
		data, split, _ := strings.Cut(column, " ")
		published, ok := reports.Optimum("nb201", strings.ToLower(data))
		value := published.Test
		if split == "valid" {
			value = published.Valid
		}
		if _, known := best[column]; !ok || !known {
			continue
		}
		fact := reports.Fact{What: "best mean of any cell, " + column, Published: fixed2(value), Ours: fixed2(best[column]), Verdict: reports.Refuted}
		if fact.Published == fact.Ours {
			fact.Verdict = reports.Reproduced
		}
		facts = append(facts, fact)
	}
	return facts, nil
}

// fact says which cells have the numbers of a claim, in those columns that the table has.
func (c claim) fact(cells map[string][]result.Measured) reports.Fact {
	var have, want []string
	fits := 0
	some := ""
	for _, cell := range nb201.All() {
		name := cell.String()
		if c.cell != "" && name != c.cell {
			continue
		}
		all, compared := true, 0
		for _, m := range cells[name] {
			if x, ok := c.has[m.Column]; ok {
				compared++
				all = all && fixed2(m.Accuracy) == fixed2(x)
			}
		}
		if all && compared > 1 {
			fits++
			some = name
		}
	}
	if c.cell != "" {
		some = c.cell
	}
	for _, column := range columns {
		want = append(want, fixed2(c.has[column]))
		text := "–"
		for _, m := range cells[some] {
			if m.Column == column {
				text = fixed2(m.Accuracy)
			}
		}
		have = append(have, text)
	}
	f := reports.Fact{What: c.what, Published: strings.Join(want, ", "), Ours: strings.Join(have, ", "), Verdict: reports.Reproduced, Why: "columns: " + strings.Join(columns, ", ") + "; – where the table has none"}
	switch {
	case fits == 0:
		f.Verdict = reports.Refuted
		if c.cell == "" {
			f.Ours = "no cell has these numbers together"
		}
	case c.cell == "":
		f.Ours = fmt.Sprintf("%s: %s", some, f.Ours)
		if fits > 1 {
			f.Ours = fmt.Sprintf("%d cells, one is %s", fits, f.Ours)
		}
	}
	return f
}

func fixed2(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

// auxiliary is how many parameters the auxiliary classifier of a network for CIFAR-10 has.
const auxiliary = 476426

// countedFacts are the parameters of published genotypes beside those that their sources
// print, in millions.
func countedFacts() (facts []reports.Fact, err error) {
	table, err := dartsspace.Open("")
	if err != nil {
		return nil, err
	}
	for _, e := range table.List() {
		seen := map[string]bool{}
		for _, r := range e.Reports {
			params, on := e.ParamsCIFAR, "CIFAR-10"
			if r.Dataset == "imagenet" {
				params, on = e.ParamsImageNet, "ImageNet"
			}
			printed, err := strconv.ParseFloat(r.Params, 64)
			if err != nil || seen[on+r.Params] {
				continue
			}
			seen[on+r.Params] = true
			_, behind, _ := strings.Cut(r.Params, ".")
			fits := func(params int) bool {
				x, unit := float64(params)/1e6, math.Pow(10, float64(len(behind)))
				return math.Round(x*unit) == math.Round(printed*unit) || math.Floor(x*unit) == math.Round(printed*unit) // some round, some cut
			}
			f := reports.Fact{
				What: fmt.Sprintf("parameters of %s, %s (millions)", e.Name, on), Published: r.Params, Ours: strconv.FormatFloat(float64(params)/1e6, 'f', 3, 64),
				Verdict: reports.Reproduced,
			}
			switch {
			case fits(params):
			case on == "CIFAR-10" && fits(params+auxiliary):
				f.Ours = strconv.FormatFloat(float64(params+auxiliary)/1e6, 'f', 3, 64)
				f.Why = "with the auxiliary classifier, which other sources do not count"
			default:
				f.Verdict, f.Why = reports.Refuted, "whoever printed it may have counted otherwise, or another genotype of the method"
			}
			facts = append(facts, f)
		}
	}
	return facts, nil
}
