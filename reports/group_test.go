package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"idarts/internal/result"
)

// setRuns are laptopRuns of which those of a method have settings of their own: each
// of so many is a further variant beside the protocol's.
func setRuns(method string, variants ...map[string]string) []result.Run {
	var runs []result.Run
	for _, run := range laptopRuns() {
		runs = append(runs, run)
		if run.Cell.Method != method {
			continue
		}
		for _, set := range variants {
			with := run
			var parts []string
			for _, name := range []string{"k", "t"} {
				if set[name] != "" {
					parts = append(parts, name+"="+set[name])
				}
			}
			with.Cell.Settings = strings.Join(parts, ",")
			numbers := map[string]json.Number{"k": "2"}
			for name, value := range set {
				numbers[name] = json.Number(value)
			}
			text, err := json.Marshal(numbers)
			if err != nil {
				panic(err)
			}
			with.Config.Numbers.Settings, with.Config.Set = text, set
			runs = append(runs, with)
		}
	}
	return runs
}

func firstColumn(t Table) []string {
	var out []string
	for _, row := range t.Rows {
		out = append(out, row[0])
	}
	return out
}

// Rows name what varies among the runs that are shown, in the order of its values.
func TestRowsNameWhatVaries(t *testing.T) {
	all := setRuns("idarts", map[string]string{"k": "10"}, map[string]string{"k": "2", "t": "3"}, map[string]string{"k": "10", "t": "3"})
	for _, tt := range []struct {
		name   string
		keep   func(result.Run) bool
		want   []string // titles of the rows of iDARTS
		common string   // said in the caption
	}{
		{"all", func(result.Run) bool { return true }, []string{"iDARTS, k 2, t 0", "iDARTS, k 2, t 3", "iDARTS, k 10, t 0", "iDARTS, k 10, t 3"}, ""},
		{"one setting", func(r result.Run) bool { return r.Config.Set["t"] == "3" }, []string{"iDARTS, k 2", "iDARTS, k 10"}, "In place of the protocol's settings: iDARTS with t 3."},
		{"the protocol's alone", func(r result.Run) bool { return r.Config.Set == nil }, []string{"iDARTS"}, ""},
		{"others alone", func(r result.Run) bool { return r.Config.Set["k"] == "10" && r.Config.Set["t"] == "" }, []string{"iDARTS"}, "In place of the protocol's settings: iDARTS with k 10."},
	} {
		var runs []result.Run
		for _, run := range all {
			if run.Cell.Method == "idarts" && tt.keep(run) {
				runs = append(runs, run)
			}
		}
		table := Compare(runs, options)[0]
		if got := firstColumn(table); !slices.Equal(got, tt.want) {
			t.Errorf("%s: rows %q, want %q", tt.name, got, tt.want)
		}
		if _, rest, ok := strings.Cut(table.Caption, "In place of"); ok != (tt.common != "") || ok && !strings.HasPrefix("In place of"+rest, tt.common) {
			t.Errorf("%s: caption %q, want it to say %q", tt.name, table.Caption, tt.common)
		}
		for _, row := range table.Rows {
			if row[3] != "3/3 seeds" {
				t.Errorf("%s: %q has %s, want 3 of one set of numbers", tt.name, row[0], row[3])
			}
		}
		figures := Anytime(runs, GFLOP, Test, options)
		if len(figures) != 1 || strings.Contains(figures[0].Title, "In place of") != (tt.common != "") {
			t.Errorf("%s: figures %+v, want the same said above", tt.name, figures)
		}
	}
}

// A method's first row looks as the method does everywhere, and no two rows alike.
func TestRowsLookDifferent(t *testing.T) {
	g := groups(setRuns("idarts", map[string]string{"k": "10"}, map[string]string{"k": "20"}), options)[0]
	looks := g.looks(options)
	for i, m := range g.methods {
		if slices.Contains(looks[:i], looks[i]) {
			t.Errorf("%s has the look %d of another row: %v", m.title, looks[i], looks)
		}
		if first := i == 0 || g.methods[i-1].name != m.name; first && looks[i] != options.rank(m.name) {
			t.Errorf("%s has the look %d, want that of its method", m.title, looks[i])
		}
	}
}

// What a paper reports stands beside the protocol's settings alone.
func TestOtherSettingsHaveNoPublishedRow(t *testing.T) {
	for settings, want := range map[string]int{"": 1, "k=10": 0} {
		runs := paperRuns("idarts", "table:nats-tss.arrow")
		for i := range runs {
			runs[i].Cell.Settings = settings
		}
		if got := strings.Count(strings.Join(firstColumn(Compare(runs, options)[0]), "\n"), "published"); got != want {
			t.Errorf("settings %q: %d published rows, want %d", settings, got, want)
		}
	}
}

// Files of runs without settings of their own have the columns that they always had.
func TestSettingsAreAColumnWhereTheyVary(t *testing.T) {
	var before, after bytes.Buffer
	if err := Compare(laptopRuns(), options).SeedsCSV(&before); err != nil {
		t.Fatal(err)
	}
	if err := Compare(setRuns("idarts", map[string]string{"k": "10"}), options).SeedsCSV(&after); err != nil {
		t.Fatal(err)
	}
	if head, _, _ := strings.Cut(before.String(), "\n"); !strings.HasPrefix(head, "space,dataset,protocol,method,seed,state,") {
		t.Errorf("head %q", head)
	}
	lines := strings.Split(after.String(), "\n")
	if !strings.HasPrefix(lines[0], "space,dataset,protocol,method,settings,seed,state,") {
		t.Errorf("head %q, want settings in it", lines[0])
	}
	for _, want := range []string{"nb201,fashion,laptop,idarts,k 10,0,done,", "nb201,fashion,laptop,idarts,k 2,0,done,", "nb201,fashion,laptop,darts-v1,,0,done,"} {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("no line begins with %q", want)
		}
	}
}

// Runs of one protocol's name that were made from other numbers are never averaged.
func TestOtherNumbersAreNeverAveraged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*result.Numbers)
		tables []string
		rows   []string // of iDARTS in the first table
	}{
		{"a number of the protocol", func(n *result.Numbers) { n.Protocol = json.RawMessage(`{"epochs":16}`) },
			[]string{"nb201-fashion-laptop-", "nb201-fashion-laptop-"}, []string{"iDARTS"}},
		{"the data", func(n *result.Numbers) { n.Data = map[string]string{"fashion16.arrow": "ffff"} },
			[]string{"nb201-fashion-laptop-", "nb201-fashion-laptop-"}, []string{"iDARTS"}},
		{"a setting", func(n *result.Numbers) { n.Settings = json.RawMessage(`{"k":3}`) },
			[]string{"nb201-fashion-laptop"}, []string{"iDARTS, k 2", "iDARTS, k 3"}},
		{"the device", func(n *result.Numbers) { n.Device = "cuda float32" },
			[]string{"nb201-fashion-laptop"}, []string{"iDARTS, device cpu float32", "iDARTS, device cuda float32"}},
		{"the method's code", func(n *result.Numbers) { n.Revision = 1 },
			[]string{"nb201-fashion-laptop"}, []string{"iDARTS, revision 0", "iDARTS, revision 1"}},
	} {
		runs := laptopRuns()
		for i := range runs {
			if runs[i].Cell.Seed == 2 && runs[i].Cell.Method == "idarts" {
				tt.change(&runs[i].Config.Numbers)
			}
		}
		tables := Compare(runs, options)
		if len(tables) != len(tt.tables) {
			t.Errorf("%s: %d tables, want %d", tt.name, len(tables), len(tt.tables))
			continue
		}
		names := map[string]bool{}
		for i, want := range tt.tables {
			names[tables[i].Name] = true
			if !strings.HasPrefix(tables[i].Name, want) {
				t.Errorf("%s: table %q, want %q", tt.name, tables[i].Name, want)
			}
			if notes := strings.Join(tables[i].Notes, "\n"); !strings.Contains(notes, "Warning: ") || !strings.Contains(notes, "of their own") {
				t.Errorf("%s: notes %q do not say that runs differ", tt.name, notes)
			}
		}
		var got []string
		for _, row := range tables[0].Rows {
			if strings.HasPrefix(row[0], "iDARTS") && !strings.Contains(row[0], "released") {
				got = append(got, row[0])
			}
		}
		if len(names) != len(tables) || !slices.Equal(got, tt.rows) && len(tables) == 1 {
			t.Errorf("%s: tables %v with rows %q, want %q", tt.name, names, got, tt.rows)
		}
		runs[0].Config.Numbers.Seed++ // the seed alone keeps runs together
		if again := Compare(runs, options); len(again) != len(tables) || fmt.Sprint(again[0].Rows) != fmt.Sprint(tables[0].Rows) {
			t.Errorf("%s: another seed gives other rows", tt.name)
		}
	}
}
