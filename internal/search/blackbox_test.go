package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wide is a space of six rows with five options, 15,625 architectures such as
// "0-4-2-2-1-3".
func wide() Space {
	const rows, options = 6, 5
	text := func(picks []int) string {
		var parts []string
		for _, pick := range picks {
			parts = append(parts, strconv.Itoa(pick))
		}
		return strings.Join(parts, "-")
	}
	var layout Layout
	for row := range rows {
		layout = append(layout, Row{Name: strconv.Itoa(row), Options: []string{"0", "1", "2", "3", "4"}})
	}
	return Space{
		Layout: layout,
		Random: func(r *rand.Rand) string {
			picks := make([]int, rows)
			for i := range picks {
				picks[i] = r.IntN(options)
			}
			return text(picks)
		},
		Neighbours: func(arch string) ([]string, error) {
			var out []string
			for row, pick := range wideParse(arch) {
				for option := range options {
					if option != pick {
						other := wideParse(arch)
						other[row] = option
						out = append(out, text(other))
					}
				}
			}
			return out, nil
		},
		Choose: text,
	}
}

func wideParse(arch string) []int {
	var picks []int
	for _, part := range strings.Split(arch, "-") {
		pick, _ := strconv.Atoi(part)
		picks = append(picks, pick)
	}
	return picks
}

// hill has one top, "1-1-1-1-1-1", and rises towards it with every row.
func hill(arch string) (float64, error) {
	score := 40.0
	for row, pick := range wideParse(arch) {
		score += []float64{3, 10, 5, 1, 4}[pick] * (1 - 0.05*float64(row))
	}
	return score, nil
}

const hilltop = "1-1-1-1-1-1"

// wideEnv is a search of the hill with the settings of NAS-Bench-201 but for the
// rate of the policy, and a list of what it asks for.
func wideEnv(seed uint64, queries int) (*trial, *[]string) {
	asked := new([]string)
	env := &trial{Env: Env{
		Space: wide(), Seed: seed,
		Query: func(arch string) (float64, error) {
			*asked = append(*asked, arch)
			return hill(arch)
		},
	}}
	env.set(fmt.Sprintf("queries=%d", queries), "population=10", "sample=3", "baseline=0.9",
		"init_scale=1e-3", "arch.lr=0.1", "arch.beta1=0.9", "arch.weight_decay=0")
	return env, asked
}

// blackBoxes are those that the wide space has all for.
func blackBoxes() []string {
	var names []string
	for _, m := range Methods {
		if m.BlackBox && m.Name != "svge" {
			names = append(names, m.Name)
		}
	}
	return names
}

// spend runs a search to its end and returns its last report.
func spend(t *testing.T, name string, env *trial) Report {
	t.Helper()
	s := start(t, name, env)
	var r Report
	for range s.Epochs() {
		r = epoch(t, s)
	}
	return r
}

// With the same number of distinct architectures, every method that learns finds
// the top of a hill more often than random search does.
func TestBlackBoxesFindTheTop(t *testing.T) {
	const seeds, queries = 20, 300
	found := map[string]int{}
	for _, name := range blackBoxes() {
		mean := 0.0
		for seed := range uint64(seeds) {
			env, asked := wideEnv(seed, queries)
			r := spend(t, name, env)
			if r.Arch == hilltop {
				found[name]++
			}
			mean += r.Extra["best_valid"] / seeds
			if len(*asked) != queries {
				t.Errorf("%s, seed %d: %d queries, want the budget of %d", name, seed, len(*asked), queries)
			}
			slices.Sort(*asked)
			if n := len(slices.Compact(*asked)); n != queries {
				t.Errorf("%s, seed %d: %d distinct architectures in %d queries, want all", name, seed, n, queries)
			}
		}
		t.Logf("%s: the top in %d of %d seeds, best on average %.2f", name, found[name], seeds, mean)
	}
	for name, want := range map[string]int{"rea": 13, "reinforce": 18, "local": seeds, "bohb": 3} {
		if found[name] < want {
			t.Errorf("%s finds the top with %d of %d seeds, want %d", name, found[name], seeds, want)
		}
	}
	if found["random"] > 2 {
		t.Errorf("random search finds the top with %d of %d seeds: the hill is no test", found["random"], seeds)
	}
}

func TestBlackBoxesArePureFunctionsOfTheSeed(t *testing.T) {
	for _, name := range blackBoxes() {
		trace := func(seed uint64) []string {
			env, asked := wideEnv(seed, 80)
			spend(t, name, env)
			return *asked
		}
		one := trace(1)
		if !slices.Equal(trace(1), one) {
			t.Errorf("%s: the same seed asks for other architectures", name)
		}
		if slices.Equal(trace(2), one) {
			t.Errorf("%s: seeds 1 and 2 ask for the same", name)
		}
	}
}

// A search that is stopped after any query, saved and gone on with asks for the
// same and ends in the same bytes.
func TestBlackBoxesResumeAnywhere(t *testing.T) {
	const queries = 90
	for _, name := range blackBoxes() {
		env, want := wideEnv(7, queries)
		straight := start(t, name, env)
		for range queries {
			epoch(t, straight)
		}
		env, got := wideEnv(7, queries)
		var saved []byte
		for range queries {
			s := start(t, name, env)
			if saved != nil {
				if err := s.SetState(saved); err != nil {
					t.Fatal(err)
				}
			}
			epoch(t, s)
			saved = s.State()
		}
		if !bytes.Equal(saved, straight.State()) {
			t.Errorf("%s: the last states differ", name)
		}
		if !slices.Equal(*got, *want) {
			t.Errorf("%s: interrupted after every query it asks for\n%q, want\n%q", name, *got, *want)
		}
	}
}

func TestBlackBoxesRefuseStatesOfOtherSettings(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		change       func(*trial)
		want         string
	}{
		{"another population", "rea", func(e *trial) { e.set("population=5") }, "these settings give"},
		{"another rate", "reinforce", func(e *trial) { e.set("arch.lr=2") }, "these settings give"},
		{"another order of neighbours", "local", func(e *trial) {
			ordered := e.Space.Neighbours
			e.Space.Neighbours = func(arch string) ([]string, error) {
				out, err := ordered(arch)
				slices.Reverse(out)
				return out, err
			}
		}, "these settings give"},
		{"a smaller budget", "random", func(e *trial) { e.set("queries=10") }, "at most 10"},
	} {
		env, _ := wideEnv(3, 60)
		s := start(t, tt.method, env)
		for range 40 {
			epoch(t, s)
		}
		tt.change(env)
		if err := start(t, tt.method, env).SetState(s.State()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
		}
		if err := s.SetState(s.State()); err == nil || !strings.Contains(err.Error(), "fresh") {
			t.Errorf("%s: a state for a search under way: error %v, want a refusal", tt.name, err)
		}
	}
}

// Nine architectures are all that the small space has: every method asks for each
// of them once, and a tenth query is an error that says so.
func TestBlackBoxesUseUpASpace(t *testing.T) {
	for _, name := range append(blackBoxes(), "svge") {
		env := toyTrial(1)
		env.set("queries=10", "arch.lr=0.5", "population=3")
		asked := map[string]int{}
		env.Query = func(arch string) (float64, error) {
			asked[arch]++
			return score(arch)
		}
		s := start(t, name, env)
		for range 9 {
			epoch(t, s)
		}
		for arch, n := range asked {
			if n != 1 {
				t.Errorf("%s asks %d times for %q", name, n, arch)
			}
		}
		if len(asked) != 9 {
			t.Errorf("%s asks for %d architectures, want 9", name, len(asked))
		}
		if _, err := s.Epoch(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "used up") {
			t.Errorf("%s: a tenth architecture of nine gives error %v", name, err)
		}
		// A search that only meets known ones can be stopped.
		ctx, cancel := context.WithCancel(context.Background())
		env.Space.Random = func(*rand.Rand) string { return "a|a" }
		env.Space.Neighbours = func(string) ([]string, error) { cancel(); return []string{"a|a"}, nil }
		env.Space.Choose = func([]int) string { cancel(); return "a|a" }
		if name == "rea" || name == "reinforce" {
			s = start(t, name, env)
			s.(*blackBox).known["a|a"] = 50
			if _, err := s.Epoch(ctx, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error %v, want context.Canceled", name, err)
			}
		}
		cancel()
	}
}

// The parent is the best of its tournament, the child a neighbour of it, and the
// oldest member goes, also when it is the best.
func TestEvolutionAges(t *testing.T) {
	env, _ := wideEnv(5, 200)
	space := env.Space
	var e *evolution
	var parents []string
	env.Space.Neighbours = func(arch string) ([]string, error) {
		parents = append(parents, arch)
		return space.Neighbours(arch)
	}
	s := start(t, "rea", env)
	e = s.(*blackBox).strategy.(*evolution)
	best := member{"1-1-1-1-1-1", 99}
	e.learn(best.arch, best.score)
	for i := range 9 {
		e.learn("0-0-0-0-0-"+strconv.Itoa(i%5), float64(i))
	}
	if len(e.population) != 10 || e.births != 10 {
		t.Fatalf("%d members after %d births, want 10 of 10", len(e.population), e.births)
	}
	chosen := 0
	for range 300 { // without learning the same tournament would be held again
		child, err := e.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		parent := parents[len(parents)-1]
		if near, _ := space.Neighbours(parent); !slices.Contains(near, child) {
			t.Fatalf("child %q is no neighbour of its parent %q", child, parent)
		}
		if parent == best.arch {
			chosen++
		}
		e.births++
	}
	// Three draws with replacement from ten miss one member in 0.9³ = 72.9 % of cases.
	if want := 300 * (1 - 0.729); math.Abs(float64(chosen)-want) > 30 {
		t.Errorf("the best member is the parent in %d of 300 tournaments, want about %.0f", chosen, want)
	}
	t.Logf("the best of 10 members is the parent in %d of 300 tournaments of 3", chosen)
	e.learn("2-2-2-2-2-2", 1)
	if len(e.population) != 10 || slices.Contains(e.population, best) || e.population[9].arch != "2-2-2-2-2-2" {
		t.Errorf("after a birth the population is %v, want the newcomer last and the oldest, the best, gone", e.population)
	}
}

// From "0|0" up the better neighbour, until all four are worse; then a new start.
func TestLocalSearchByHand(t *testing.T) {
	env := toyTrial(1)
	env.set("queries=9")
	env.Space.Random = func() func(*rand.Rand) string {
		draws := []string{"a|a", "c|c", "b|a", "b|b"}
		return func(*rand.Rand) string {
			draw := draws[0]
			draws = draws[1:]
			return draw
		}
	}()
	var asked []string
	scores := map[string]float64{"a|a": 10, "b|a": 12, "c|a": 15, "a|b": 9, "a|c": 15, "c|b": 3, "c|c": 15, "b|b": 1, "b|c": 2}
	env.Query = func(arch string) (float64, error) {
		asked = append(asked, arch)
		return scores[arch], nil
	}
	r := spend(t, "local", env)
	want := []string{
		"a|a", "b|a", "c|a", "a|b", "a|c", // the start and its neighbours; "c|a" is the first of the best
		"c|b", "c|c", // of the neighbours of "c|a", "a|a" and "b|a" are known; "c|c" is as good, none is better
		"b|b", "b|c", // of the draws "c|c" and "b|a" are known
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	if r.Arch != "c|a" {
		t.Errorf("keeps %q, want the first of the best, \"c|a\"", r.Arch)
	}
}

// ∂L/∂θ by central differences of L = −(r − b) Σ log softmax(θ)[picked], and the
// baseline by hand.
func TestReinforceStep(t *testing.T) {
	env, _ := wideEnv(5, 50)
	env.set("init_scale=1")
	s := start(t, "reinforce", env)
	r := s.(*blackBox).strategy.(*reinforce)
	rewards := []float64{60, 75, 50}
	// b: r₁; (0.9·0.1·r₁ + 0.1·r₂)/0.19; (0.081·r₁ + 0.09·r₂ + 0.1·r₃)/0.271
	baselines := []float64{60, (0.09*60 + 0.1*75) / 0.19, (0.081*60 + 0.09*75 + 0.1*50) / 0.271}
	byHand := new(Moments)
	for k, reward := range rewards {
		if _, err := r.next(t.Context()); err != nil {
			t.Fatal(err)
		}
		theta := slices.Clone(r.theta)
		loss := func() float64 {
			sum := 0.0
			for row, pick := range r.picked {
				norm := 0.0
				for _, x := range theta[5*row : 5*row+5] {
					norm += math.Exp(x)
				}
				sum += theta[5*row+pick] - math.Log(norm)
			}
			return -(reward - baselines[k]) * sum
		}
		grad := make([]float64, len(theta))
		for i, x := range theta {
			const h = 1e-5
			theta[i] = x + h
			up := loss()
			theta[i] = x - h
			grad[i] = (up - loss()) / (2 * h)
			theta[i] = x
		}
		r.set.Arch.Step(theta, grad, byHand)
		r.learn("", reward)
		near(t, "baseline", r.n/r.d, baselines[k], 1e-12)
		if k > 0 { // the first reward is its own baseline: Adam of nothing
			nearAll(t, "theta", r.theta, theta, 1e-7)
		} else {
			*byHand = Moments{M: make([]float64, len(theta)), V: make([]float64, len(theta)), Steps: 1}
		}
	}
}

// After a hundred known samples in a row the policy is a new one.
func TestReinforceStartsOverWhenStuck(t *testing.T) {
	env, _ := wideEnv(5, 50)
	s := start(t, "reinforce", env)
	b := s.(*blackBox)
	r := b.strategy.(*reinforce)
	for i := range r.theta {
		r.theta[i] = -50
		if i%5 == 1 {
			r.theta[i] = 50 // always the top
		}
	}
	b.known[hilltop] = 90
	arch, err := b.propose(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.starts != 2 || b.repeats < patience || arch == hilltop {
		t.Errorf("%q after %d known samples and %d starts, want a new one after %d and 2", arch, b.repeats, r.starts, patience)
	}
	if b.answer(arch, 50); b.repeats != 0 {
		t.Errorf("%d known samples in a row after a new one, want 0", b.repeats)
	}
}

func TestBlackBoxesNeedWhatTheyUse(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		change       func(*trial)
		want         string
	}{
		{"evolution without neighbours", "rea", func(e *trial) { e.Space.Neighbours = nil }, "needs a space with neighbours"},
		{"local search without neighbours", "local", func(e *trial) { e.Space.Neighbours = nil }, "needs a space with neighbours"},
		{"codes for a space without graphs", "svge", func(e *trial) { e.Space.Graphs = nil }, "form as graphs"},
		{"a policy for a space of other decisions", "reinforce", func(e *trial) { e.Space.Choose = nil }, "one option in each row"},
		{"no population", "rea", func(e *trial) { e.set("population=0") }, "population is 0"},
		{"no tournament", "rea", func(e *trial) { e.set("sample=0") }, "sample is 0"},
		{"no rate", "reinforce", func(e *trial) { e.set("arch.lr=0") }, "rate of arch is 0"},
		{"a baseline that never moves", "reinforce", func(e *trial) { e.set("baseline=1") }, "baseline is 1"},
		{"no budget", "local", func(e *trial) { e.set("queries=0") }, "queries is 0"},
		{"no table", "rea", func(e *trial) { e.Query = nil }, "needs a way to query"},
	} {
		env, _ := wideEnv(1, 10)
		tt.change(env)
		if _, err := env.start(t, tt.method); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
		}
	}
	for _, name := range []string{"rea", "local"} {
		env, _ := wideEnv(1, 40)
		env.Space.Neighbours = func(string) ([]string, error) { return nil, errors.New("no such cell") }
		s := start(t, name, env)
		var err error
		for range 11 {
			if _, err = s.Epoch(context.Background(), nil); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), "no such cell") {
			t.Errorf("%s: error %v, want that of the space", name, err)
		}
	}
}
