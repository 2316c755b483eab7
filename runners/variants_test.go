package runners

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/settings"
)

func TestParseChange(t *testing.T) {
	methods := []string{"idarts", "darts-v1"}
	for _, tt := range []struct {
		text string
		want Change
	}{
		{"inner_steps=1,2,4", Change{"", "inner_steps", []string{"1", "2", "4"}}},
		{"arch.lr=3e-4", Change{"", "arch.lr", []string{"3e-4"}}},
		{"darts-v1.arch.lr=1, 2", Change{"darts-v1", "arch.lr", []string{"1", "2"}}},
		{"live=[1,2],[]", Change{"", "live", []string{"[1,2]", "[]"}}},
		{"idarts=1", Change{"", "idarts", []string{"1"}}},
		{"name=a=b", Change{"", "name", []string{"a=b"}}},
	} {
		got, err := ParseChange(tt.text, methods)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "inner_steps", "=1", "idarts.=1", "inner_steps=", "inner_steps=1,", "inner_steps=,1"} {
		if got, err := ParseChange(text, methods); err == nil || !strings.Contains(err.Error(), "inner_steps=1,2") {
			t.Errorf("%q: %+v, %v; want an error with an example", text, got, err)
		}
	}
}

// parseChanges parses a list of changes apart from each other by blanks.
func parseChanges(t *testing.T, text string) []Change {
	t.Helper()
	var out []Change
	for _, one := range strings.Fields(text) {
		c, err := ParseChange(one, search.Names())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func TestChangesMakeCells(t *testing.T) {
	for _, tt := range []struct {
		name, set string
		methods   []string
		want      []string // directories below the protocol's
	}{
		{"a product, the last changing fastest", "inner_steps=1,2 neumann_terms=0,3", []string{"idarts"}, []string{
			"idarts/inner_steps=1,neumann_terms=0", "idarts/inner_steps=1,neumann_terms=3",
			"idarts/inner_steps=2,neumann_terms=0", "idarts/inner_steps=2,neumann_terms=3",
		}},
		{"the order of the changes names nothing", "neumann_terms=3 inner_steps=1", []string{"idarts"}, []string{"idarts/inner_steps=1,neumann_terms=3"}},
		{"the protocol's own value is no change", "inner_steps=4 arch.lr=1e-1", []string{"idarts"}, []string{"idarts"}},
		{"a value beside the protocol's own", "inner_steps=4,5", []string{"idarts"}, []string{"idarts", "idarts/inner_steps=5"}},
		{"all methods that have it, and others are left", "max_steps=3", []string{"idarts", "random", "darts-v1"}, []string{"idarts/max_steps=3", "random", "darts-v1/max_steps=3"}},
		{"one method", "darts-v1.max_steps=3", []string{"idarts", "darts-v1"}, []string{"idarts", "darts-v1/max_steps=3"}},
		{"one value, written in many ways", "arch.lr=5e-2", []string{"idarts"}, []string{"idarts/arch.lr=0.05"}},
	} {
		g := grid("out", []uint64{7}, tt.methods...)
		g.Changes = parseChanges(t, tt.set)
		cells, err := g.cells()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, c := range cells {
			dir, _ := strings.CutSuffix(c.String(), "/seed-7")
			got = append(got, strings.TrimPrefix(dir, "nb201/fashion8/tiny/"))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q gives %q, want %q", tt.name, tt.set, got, tt.want)
		}
	}
	for _, tt := range []struct{ name, set, want string }{
		{"a misspelt name", "inner_step=1", `setting "inner_step=1": no method to run has it, want one of ["inner_steps"]`},
		{"a misspelt method", "idart.inner_steps=1", `want one of ["idarts.inner_steps"`},
		{"the end of a name", "lr=1", `"weights.lr"`},
		{"a name of another method", "population=1", "no method to run has it"},
		{"a method that has it not", "random.inner_steps=1", `want one of ["queries"]`},
		{"a method that is not to run", "rea.population=1", `method "rea" is not among those to run, ["idarts" "random"]`},
		{"no number", "inner_steps=x", `inner_steps is "x"`},
		{"a number that the method refuses", "inner_steps=0", "inner_steps is 0, want at least 1"},
		{"a value twice", "arch.lr=0.2,2e-1", `has the settings "arch.lr=0.2" twice`},
		{"a setting twice", "inner_steps=1 idarts.inner_steps=2", "inner_steps of method \"idarts\" is set twice"},
	} {
		g := grid("out", []uint64{0}, "idarts", "random")
		g.Changes = parseChanges(t, tt.set)
		if cells, err := g.cells(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q gives %d cells, %v; want an error that says %q", tt.name, tt.set, len(cells), err, tt.want)
		}
	}
}

// Names of directories differ where settings do, and every file system takes them.
func TestNamesOfVariants(t *testing.T) {
	long := strings.Repeat("1234567890", 12)
	for _, tt := range []struct {
		name, value string
		want        string
	}{
		{"a number", "0.05", "x=0.05"},
		{"capitals, which some systems do not tell from others", "A", "x=_-"},
		{"a path", "../a", "x=.._a-"},
		{"a dot at the end", "1.", "x=1.-"},
		{"a long one", long, "x=" + long[:longest-11] + "-"},
	} {
		got := variant{set: []settings.Value{{Path: "x", Value: tt.value}}}.name()
		rest, ok := strings.CutPrefix(got, tt.want)
		if hashed := strings.HasSuffix(tt.want, "-"); !ok || hashed != (len(rest) == 8) || len(got) > longest {
			t.Errorf("%s: %q, want %q and a hash only where there is a dash", tt.name, got, tt.want)
		}
	}
}

// Runs of other settings stand beside those of the protocol, which stay what they
// are; each goes on by itself.
func TestVariantsRunBesideTheProtocol(t *testing.T) {
	out := t.TempDir()
	mustRun(t, grid(out, []uint64{0}, "random"))
	alone := contents(t, out)
	g := grid(out, []uint64{0}, "random")
	g.Changes = parseChanges(t, "queries=2,3")
	if sum := mustRun(t, g); sum.Done != 1 || sum.Reused != 1 {
		t.Fatalf("%+v, want the protocol's run reused and one done", sum)
	}
	after := contents(t, out)
	for name, content := range alone {
		if after[name] != content && !strings.Contains(name, "scores.arrow") {
			t.Errorf("%s has changed", name)
		}
	}
	runs, _, err := result.Load(out)
	if err != nil || len(runs) != 2 || runs[0].Cell.Settings != "" || runs[1].Cell.Settings != "queries=3" {
		t.Fatalf("runs %+v, %v; want the protocol's and that of queries=3", runs, err)
	}
	if len(runs[1].Events) != 3 || runs[1].Config.Set["queries"] != "3" || runs[0].Config.Identity == runs[1].Config.Identity {
		t.Errorf("the variant has %d epochs, set %q; want 3 and an identity of its own", len(runs[1].Events), runs[1].Config.Set)
	}
	if _, err := os.Stat(filepath.Join(out, "nb201/fashion8/tiny/random/queries=3/seed-0", result.ResultFile)); err != nil {
		t.Error(err)
	}
	if sum := mustRun(t, g); sum.Reused != 2 {
		t.Errorf("again: %+v, want both reused", sum)
	}
}
