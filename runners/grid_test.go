package runners

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/runners/protocol"
)

func TestOtherSettingsAreRefused(t *testing.T) {
	out := t.TempDir()
	mustRun(t, grid(out, []uint64{0}, "random"))
	before := contents(t, out)
	for _, tt := range []struct {
		name         string
		change       func(*protocol.Protocol)
		want, remedy string
	}{
		{"search", func(p *protocol.Protocol) { p.Batch = 8 }, "protocol.batch: 16 then, 8 now", "--redo nb201/fashion8/tiny/random/seed-0"},
		{"method", func(p *protocol.Protocol) {
			*p = p.With("random", search.Random{Budget: search.Budget{Queries: 1}})
		}, "settings.queries: 2 then, 1 now", "--redo nb201/fashion8/tiny/random/seed-0"},
		{"scoring", func(p *protocol.Protocol) { p.Score.Epochs = 2 }, "scores of another recipe", "move that file away"},
	} {
		g := grid(out, []uint64{0}, "random")
		p := tiny()
		tt.change(&p)
		g.Protocols = []protocol.Protocol{p}
		sum, err := g.Run(t.Context())
		text := fmt.Sprint(err, sum.Failed)
		if err == nil && len(sum.Failed) != 1 || !strings.Contains(text, tt.want) || !strings.Contains(text, tt.remedy) || strings.Contains(text, "--fresh") {
			t.Errorf("%s: %+v, error %v; want %q and %q", tt.name, sum, err, tt.want, tt.remedy)
		}
		compare(t, contents(t, out), before)
		g.Fresh = true
		if sum, err := g.Run(t.Context()); err != nil || sum.Done != 1 {
			t.Errorf("%s: --fresh gives %+v, %v; want 1 done", tt.name, sum, err)
		}
		g = grid(out, []uint64{0}, "random")
		g.Fresh = true
		mustRun(t, g)
		compare(t, contents(t, out), before)
	}
}

func TestCellsGoSeedBySeed(t *testing.T) {
	cells, err := grid("out", []uint64{0, 5}, "idarts", "random").cells()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cells {
		got = append(got, c.String())
	}
	want := []string{
		"nb201/fashion8/tiny/idarts/seed-0", "nb201/fashion8/tiny/random/seed-0",
		"nb201/fashion8/tiny/idarts/seed-5", "nb201/fashion8/tiny/random/seed-5",
	}
	if !slices.Equal(got, want) {
		t.Errorf("cells %q, want %q", got, want)
	}
	for _, tt := range []struct {
		methods []string
		want    string
	}{
		{[]string{"dart"}, `unknown method "dart"`},
		{[]string{"idarts", "idarts"}, "named twice"},
		{[]string{}, "nothing to run"},
	} {
		if _, err := grid("out", []uint64{0}, tt.methods...).cells(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("methods %q: error %v, want %q", tt.methods, err, tt.want)
		}
	}
}

func TestParseSeeds(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []uint64
		err  string
	}{
		{"0", []uint64{0}, ""},
		{"0-2,5", []uint64{0, 1, 2, 5}, ""},
		{"5, 1-2,2", []uint64{1, 2, 5}, ""},
		{"18446744073709551615", []uint64{1<<64 - 1}, ""},
		{"", nil, "is no seed"},
		{"1,,2", nil, "is no seed"},
		{"-1", nil, "is no seed"},
		{"a-b", nil, `"a-b" is no seed`},
		{"3-1", nil, "runs backwards"},
		{"0-99999999", nil, "more than"},
		{"0-18446744073709551615", nil, "more than"},
	} {
		got, err := ParseSeeds(tt.text)
		if tt.err == "" && (err != nil || !slices.Equal(got, tt.want)) {
			t.Errorf("%q: %v, %v; want %v", tt.text, got, err, tt.want)
		}
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q: error %v, want %q", tt.text, err, tt.err)
		}
	}
}

func TestDryRunTouchesAndLeavesNothing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new")
	var text bytes.Buffer
	g := grid(out, []uint64{0, 1}, "idarts")
	if err := g.DryRun(t.Context(), &text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sha256", "supernet", "writable", "idarts/seed-1  to run"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("plan has no %q:\n%s", want, text.String())
		}
	}
	if files := contents(t, out); len(files) != 0 {
		t.Errorf("a dry run left %v", files)
	}
	g.Out = "/dev/null/x"
	if err := g.DryRun(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), `cannot write to output folder "/dev/null/x"`) {
		t.Errorf("error %v, want that the folder cannot be written", err)
	}
}

func TestProtocolsAreComplete(t *testing.T) {
	for _, p := range protocol.All {
		budgets := map[int]bool{}
		for i, s := range p.Search {
			m, err := search.Lookup(s.Method)
			if err != nil || slices.ContainsFunc(p.Search[:i], func(o protocol.Search) bool { return o.Method == s.Method }) {
				t.Errorf("protocol %q of space %q has settings for %q, which is no method or there twice", p.Name, p.Space, s.Method)
			}
			for _, v := range settings.Walk(s.Settings) {
				if v.Path == "queries" {
					budgets[v.Value.(int)] = true
				}
				if s.SourceOf(v.Path) == "" || v.Doc == "" {
					t.Errorf("protocol %q of space %q: %s of %q: it says that it is %q and comes from %q, want both", p.Name, p.Space, v.Path, s.Method, v.Doc, s.SourceOf(v.Path))
				}
			}
			if reflect.TypeOf(s.Settings) != reflect.TypeOf(m.Zero) {
				t.Errorf("protocol %q of space %q has settings of type %T for %q, want %T", p.Name, p.Space, s.Settings, s.Method, m.Zero)
			} else if err := s.Settings.Check(); err != nil {
				t.Errorf("protocol %q of space %q, method %q: %v", p.Name, p.Space, s.Method, err)
			}
		}
		// Where each query is a training, random search stands for its kind.
		var want []string
		for _, m := range search.Methods {
			if p.Name == "laptop-nb301" && slices.Contains(append([]string{"reinforce", "bohb", "svge"}, protocol.OutsideSurrogate...), m.Name) {
				continue // no network of its space, or it needs another form of the space
			}
			if !m.BlackBox || m.Name == "random" || p.Score.Table {
				want = append(want, m.Name)
			}
		}
		// The published settings of a method exist for the spaces of its paper only.
		if got := p.Methods(search.Methods); p.Name != "paper" && p.Name != "less" && !slices.Equal(got, want) {
			t.Errorf("protocol %q of space %q has settings for %q, want %q", p.Name, p.Space, got, want)
		}
		if len(budgets) > 1 {
			t.Errorf("protocol %q of space %q has black-box methods of %d different budgets", p.Name, p.Space, len(budgets))
		}
		if got, err := protocol.Lookup(p.Space, p.Name); err != nil || got.Title != p.Title {
			t.Errorf("protocol %q of space %q: found %q, %v", p.Name, p.Space, got.Title, err)
		}
	}
	if _, err := protocol.Lookup("nb201", "lap"); err == nil || !strings.Contains(err.Error(), `"laptop"`) {
		t.Errorf("error %v, want the list of protocols", err)
	}
}
