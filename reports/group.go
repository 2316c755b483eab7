package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"idarts/internal/result"
)

// group is what may stand in one table: the same space, data and protocol, and the
// same numbers of the protocol.
type group struct {
	space, dataset, protocol string
	title                    string // of the space
	numbers                  string // digest of the protocol's numbers and the data
	// varies says what sets the group apart from others of its space, data set and
	// protocol: "batch 32"; "" where there is no other.
	varies  string
	methods []method
}

// method is one method of a group with one set of numbers but the seed.
type method struct {
	name, title string       // the title says what varies
	varies      string       // what sets it apart from other rows of its method: "inner_steps 2"
	runs        []result.Run // all seeds asked for
	done        []result.Run // those with a result
}

// sorted is a run with what it is sorted by: the numbers that the runs of a table
// share, and those that runs share whose mean may be taken.
type sorted struct {
	result.Run
	table, row numbers
}

// numbers are some of a run's numbers.
type numbers struct {
	digest string
	leaves map[string]string // see result.Leaves
}

func numbersOf(n result.Numbers) numbers {
	digest, err := n.Identity()
	if err != nil {
		panic("reports: " + err.Error()) // they were read from JSON
	}
	leaves, err := result.Leaves(n)
	if err != nil {
		panic("reports: " + err.Error())
	}
	return numbers{digest, leaves}
}

// groups sorts runs into tables and rows, in the order of cells and of titles. Runs of
// different numbers but the seed are never in one row.
func groups(runs []result.Run, opts Options) []group {
	var out []group
	for _, named := range split(sortRuns(runs, opts), func(a, b sorted) bool { return sameName(a.Cell, b.Cell) }) {
		tables := split(named, func(a, b sorted) bool { return a.table.digest == b.table.digest })
		varies := labels(tables, func(s sorted) numbers { return s.table })
		for i, table := range tables {
			c := table[0].Cell
			g := group{
				space: c.Space, dataset: c.Dataset, protocol: c.Protocol, title: titleOf(opts.Spaces, c.Space),
				numbers: table[0].table.digest, varies: varies[i],
			}
			for _, of := range split(table, func(a, b sorted) bool { return a.Cell.Method == b.Cell.Method }) {
				g.add(split(of, func(a, b sorted) bool { return a.row.digest == b.row.digest }), opts)
			}
			out = append(out, g)
		}
	}
	return out
}

// add adds the rows of one method.
func (g *group) add(rows [][]sorted, opts Options) {
	varies := labels(rows, func(s sorted) numbers { return s.row })
	for i, row := range rows {
		name := row[0].Cell.Method
		m := method{name: name, title: titleOf(opts.Titles, name), varies: varies[i]}
		if m.varies != "" {
			m.title += ", " + m.varies
		}
		for _, run := range row {
			m.runs = append(m.runs, run.Run)
			if run.Result != nil {
				m.done = append(m.done, run.Run)
			}
		}
		g.methods = append(g.methods, m)
	}
}

// sortRuns sorts by table, then by method and row, then by seed.
func sortRuns(runs []result.Run, opts Options) []sorted {
	all := make([]sorted, len(runs))
	for i, run := range runs {
		n := run.Config.Numbers
		all[i] = sorted{
			run, numbersOf(result.Numbers{Protocol: n.Protocol, Data: n.Data}),
			numbersOf(result.Numbers{Settings: n.Settings, Revision: n.Revision, Device: n.Device}),
		}
	}
	slices.SortStableFunc(all, func(a, b sorted) int {
		c, d := a.Cell, b.Cell
		c.Method, c.Settings, c.Seed = "", "", 0
		d.Method, d.Settings, d.Seed = "", "", 0
		return cmp.Or(
			opts.spaceRank(a.Cell.Space)-opts.spaceRank(b.Cell.Space), c.Compare(d), compareLeaves(a.table, b.table),
			opts.rank(a.Cell.Method)-opts.rank(b.Cell.Method), strings.Compare(a.Cell.Method, b.Cell.Method), compareLeaves(a.row, b.row),
			a.Cell.Compare(b.Cell),
		)
	})
	return all
}

// sameName says whether space, data set and protocol are called the same.
func sameName(a, b result.Cell) bool {
	return a.Space == b.Space && a.Dataset == b.Dataset && a.Protocol == b.Protocol
}

// split cuts a list where neighbours are not the same.
func split(list []sorted, same func(a, b sorted) bool) [][]sorted {
	var out [][]sorted
	for i, x := range list {
		if i == 0 || !same(list[i-1], x) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], x)
	}
	return out
}

// compareLeaves orders by the first leaf that differs, numbers by their value.
func compareLeaves(a, b numbers) int {
	if a.digest == b.digest {
		return 0
	}
	for _, path := range paths(a.leaves, b.leaves) {
		x, y := a.leaves[path], b.leaves[path]
		if x == y {
			continue
		}
		i, errX := strconv.ParseFloat(cmp.Or(x, zeroLike(y)), 64)
		j, errY := strconv.ParseFloat(cmp.Or(y, zeroLike(x)), 64)
		if errX == nil && errY == nil && i != j {
			return cmp.Compare(i, j)
		}
		return strings.Compare(x, y)
	}
	return 0
}

// paths are those of all leaves, ascending.
func paths(of ...map[string]string) []string {
	var all []string
	for _, leaves := range of {
		for path := range leaves {
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// labels name what varies among the parts and nothing else: "inner_steps 2,
// neumann_terms 0" for one of them; "" where there is one part.
func labels(parts [][]sorted, of func(sorted) numbers) []string {
	all := make([]map[string]string, len(parts))
	for i, part := range parts {
		all[i] = of(part[0]).leaves
	}
	out := make([][]string, len(parts))
	for _, path := range paths(all...) {
		value := "" // of one that has it
		same := true
		for _, leaves := range all {
			value = cmp.Or(value, leaves[path])
			same = same && leaves[path] == all[0][path]
		}
		for i, leaves := range all {
			if !same {
				out[i] = append(out[i], label(path, cmp.Or(leaves[path], zeroLike(value))))
			}
		}
	}
	texts := make([]string, len(parts))
	for i := range parts {
		texts[i] = strings.Join(out[i], ", ")
		if len(out[i]) > most {
			texts[i] = "numbers " + of(parts[i][0]).digest[:8]
		}
	}
	return texts
}

// most is how many numbers a label names. Where more differ, as between a search and
// a retraining, it has the start of their digest.
const most = 8

// label is one leaf in words: "batch 32", "data table e973cfc31852".
func label(path, leaf string) string {
	leaf = strings.Trim(leaf, `"`)
	if name, ok := strings.CutPrefix(path, "data."); ok {
		return "data " + name + " " + leaf[:min(12, len(leaf))]
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, "settings."), "protocol.") + " " + leaf
}

// zeroLike is what a leaf is that JSON leaves out, by one that it has: 0, false or not
// set.
func zeroLike(leaf string) string {
	if leaf == "true" || leaf == "false" {
		return "false"
	}
	if _, err := strconv.ParseFloat(leaf, 64); err == nil {
		return "0"
	}
	return "not set"
}

// name is a file name for what is made of g, without its extension.
func (g group) name() string {
	name := g.space + "-" + g.dataset + "-" + g.protocol
	if g.varies != "" {
		name += "-" + g.numbers[:8]
	}
	return name
}

// apart are notes on runs that carry one name and are not the same: those of another
// table, and those of rows that no setting of a user tells apart.
func (g group) apart() []string {
	var notes []string
	if g.varies != "" {
		notes = append(notes, fmt.Sprintf("Warning: other runs of protocol %s have other numbers, and a table of their own; here: %s.", g.protocol, g.varies))
	}
	for i, m := range g.methods {
		if i > 0 && g.methods[i-1].name == m.name && g.methods[i-1].runs[0].Cell.Settings == m.runs[0].Cell.Settings {
			notes = append(notes, fmt.Sprintf("Warning: runs of %s were made from different numbers, so they have rows of their own: %s; %s.", m.runs[0].Cell.Method, g.methods[i-1].varies, m.varies))
		}
	}
	return notes
}

// above is what stands above a figure: where the runs are from, and what they have in
// common.
func (g group) above() string {
	text := fmt.Sprintf("%s on %s, protocol %s", g.title, g.dataset, g.protocol)
	if g.varies != "" {
		text += ", " + g.varies
	}
	if common := g.common(); common != "" {
		text += "\n" + strings.TrimSuffix(common, ".")
	}
	return text
}

// common says which settings all runs of a method have in place of the protocol's; ""
// where there are none.
func (g group) common() string {
	var parts []string
	for i := 0; i < len(g.methods); {
		m := g.methods[i]
		set := maps.Clone(m.runs[0].Config.Set)
		for ; i < len(g.methods) && g.methods[i].name == m.name; i++ {
			for _, run := range g.methods[i].runs {
				maps.DeleteFunc(set, func(name, text string) bool { return run.Config.Set[name] != text })
			}
		}
		if len(set) > 0 {
			title, _ := strings.CutSuffix(m.title, ", "+m.varies)
			parts = append(parts, title+" with "+pairs(set))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "In place of the protocol's settings: " + strings.Join(parts, "; ") + "."
}

// withSettings is the column settings of CSV files, where anything varies that it
// could name; else the files do not have it.
func (ts Tables) withSettings(gs []group) Tables {
	for _, g := range gs {
		if g.varies != "" || slices.ContainsFunc(g.methods, func(m method) bool { return m.varies != "" }) {
			return ts
		}
	}
	for _, t := range ts {
		for _, rows := range [][][]string{t.methods, t.seeds} {
			if rows == nil {
				continue
			}
			at := slices.Index(rows[0], settingsColumn)
			for i := range rows {
				rows[i] = slices.Delete(rows[i], at, at+1)
			}
		}
	}
	return ts
}

const settingsColumn = "settings"

// settings is what the column has for a row.
func (g group) settings(m method) string {
	if g.varies != "" && m.varies != "" {
		return g.varies + ", " + m.varies
	}
	return g.varies + m.varies
}
