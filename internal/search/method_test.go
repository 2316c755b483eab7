package search

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestMethodsRun(t *testing.T) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			s := start(t, m.Name, toyTrial(1))
			valid, free := 0.0, 0.0 // losses and entropies in all
			for i := range s.Epochs() {
				calls, last := 0, 0
				r, err := s.Epoch(context.Background(), func(done, total int) { calls, last = calls+1, total })
				if err != nil {
					t.Fatal(err)
				}
				parseToy(t, r.Arch)
				if calls == 0 || calls != last {
					t.Errorf("epoch %d: progress called %d times of %d", i+1, calls, last)
				}
				if !m.BlackBox && (r.TrainLoss == 0 || r.GFLOP == 0 || !(r.Entropy >= 0 && r.Entropy < math.Log(3)+1e-9)) {
					t.Errorf("epoch %d: report %+v has an empty field", i+1, r)
				}
				valid, free = valid+r.ValidLoss, free+r.Entropy
				for name, x := range r.Extra {
					if !isFinite(x) {
						t.Errorf("epoch %d: %s is %v", i+1, name, x)
					}
				}
			}
			sampled := slices.Contains([]string{"rsps", "setn", "enas", "ista-nas"}, m.Name) // their answer is one architecture
			if !m.BlackBox && (valid == 0 && m.Name != "rsps" || free == 0 && !sampled) {
				t.Errorf("validation losses add up to %v and entropies to %v", valid, free)
			}
			if _, err := s.Epoch(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "are done") {
				t.Errorf("one epoch too many gives error %v", err)
			}
		})
	}
}

// L₂ of the toy does not name the coefficients, so first-order DARTS sees a zero
// gradient, while the methods with an implicit term find the best architecture.
func TestOnlyTheImplicitTermFindsTheArchitecture(t *testing.T) {
	for _, tt := range []struct {
		name  string
		finds bool
	}{
		{"darts-v1", false}, {"darts-v2", true}, {"idarts", true}, {"idarts-released", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := toyTrial(2)
			env.set("epochs=30", "arch.weight_decay=0")
			s := start(t, tt.name, env)
			var r Report
			for range s.Epochs() {
				r = epoch(t, s)
			}
			if !tt.finds {
				near(t, "norm of the gradient in alpha", r.Extra["alpha_gradient_norm"], 0, 0)
				return
			}
			if r.Arch != "b|c" || r.Entropy > 0.5*math.Log(3) {
				t.Errorf("found %q with entropy %v, want \"b|c\"", r.Arch, r.Entropy)
			}
		})
	}
}

// Three epochs, and one epoch, a save, a new searcher and two epochs, end in the
// same bytes and report the same numbers.
func TestResume(t *testing.T) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			straight := start(t, m.Name, toyTrial(3))
			var want []Report
			for range 3 {
				want = append(want, epoch(t, straight))
			}
			first := start(t, m.Name, toyTrial(3))
			got := []Report{epoch(t, first)}
			saved := bytes.Clone(first.State())
			epoch(t, first) // lost in the crash

			second := start(t, m.Name, toyTrial(3))
			if err := second.SetState(saved); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(second.State(), saved) {
				t.Error("the state does not survive a round trip")
			}
			got = append(got, epoch(t, second), epoch(t, second))
			if !bytes.Equal(second.State(), straight.State()) {
				t.Error("the states differ after three epochs")
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("reports %+v, want %+v", got, want)
			}
			if bytes.Equal(saved, straight.State()) {
				t.Error("the state does not change from epoch to epoch")
			}
		})
	}
}

func TestSetStateRefuses(t *testing.T) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			s := start(t, m.Name, toyTrial(3))
			epoch(t, s)
			good := s.State()
			reseal := func(b []byte) []byte { return (&stateWriter{buf: b}).seal() }
			flipped := bytes.Clone(good)
			flipped[len(flipped)/2] ^= 4
			other := "idarts"
			if m.Name == other {
				other = "darts-v1"
			}
			short := toyTrial(3)
			short.set("epochs=1", "queries=1")
			two := start(t, m.Name, toyTrial(3))
			epoch(t, two)
			epoch(t, two)
			for _, tt := range []struct {
				name  string
				env   *trial
				state []byte
				want  string
			}{
				{"nothing", toyTrial(3), nil, "checksum"},
				{"a truncated state", toyTrial(3), good[:len(good)-9], "checksum"},
				{"a flipped bit", toyTrial(3), flipped, "checksum"},
				{"fields that are missing", toyTrial(3), reseal(bytes.Clone(good[:len(good)-12])), "damaged"},
				{"bytes at the end", toyTrial(3), reseal(append(bytes.Clone(good[:len(good)-4]), 1, 2)), "left over"},
				{"another kind of file", toyTrial(3), reseal([]byte("something else")), "damaged"},
				{"another seed", toyTrial(4), good, "seed 3, want 4"},
				{"another method", toyTrial(3), start(t, other, toyTrial(3)).State(), "belongs to method"},
				{"a longer search", short, two.State(), "of 1"},
			} {
				err := start(t, m.Name, tt.env).SetState(tt.state)
				if tt.name == "a longer search" && m.BlackBox {
					tt.want = "at most 1"
				}
				if tt.name == "a longer search" && start(t, m.Name, tt.env).Epochs() > 1 {
					continue // its selection goes on for longer than that
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "search: ") {
					t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
				}
			}
			if start(t, m.Name, toyTrial(3)).SetState(good) != nil {
				t.Error("the good state is refused")
			}
		})
	}
}

func TestDivergingSearchFails(t *testing.T) {
	for _, m := range Methods {
		if m.BlackBox {
			continue
		}
		env := toyTrial(1)
		env.set("weights.lr=1e5", "weights.min_lr=1e5", "weights.Momentum=0", "weights.nesterov=false", "weights.weight_decay=0", "weights.clip=0", "epochs=40")
		s := start(t, m.Name, env)
		var err error
		for i := 0; i < 40 && err == nil; i++ {
			_, err = s.Epoch(context.Background(), nil)
		}
		// The released method normalises its weight step, so it cannot run away.
		if m.Name == "idarts-released" {
			env.problem.w.x[0] = math.NaN()
			_, err = start(t, m.Name, env).Epoch(context.Background(), nil)
		}
		if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), m.Name) {
			t.Errorf("%s: error %v, want ErrDiverged", m.Name, err)
		}
	}
}

func TestEpochStopsWithItsContext(t *testing.T) {
	for _, m := range Methods {
		ctx, cancel := context.WithCancel(context.Background())
		s := start(t, m.Name, toyTrial(1))
		_, err := s.Epoch(ctx, func(done, total int) { cancel() })
		if m.BlackBox { // one cell is one step
			_, err = s.Epoch(ctx, nil)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want context.Canceled", m.Name, err)
		}
	}
}

func TestRandomSearch(t *testing.T) {
	draws := func(seed uint64) ([]string, Report) {
		env := toyTrial(seed)
		env.set("queries=9") // all there are
		var asked []string
		env.Query = func(arch string) (float64, error) {
			asked = append(asked, arch)
			return score(arch)
		}
		s := start(t, "random", env)
		var r Report
		best := 0.0
		for range s.Epochs() {
			r = epoch(t, s)
			best = max(best, r.Extra["valid"])
			if got, _ := score(r.Arch); got != best || r.Extra["best_valid"] != best {
				t.Errorf("keeps %q at %v with best_valid %v, want the best so far, %v", r.Arch, got, r.Extra["best_valid"], best)
			}
		}
		return asked, r
	}
	one, r := draws(1)
	if r.Arch != "c|c" {
		t.Errorf("best of all cells is %q, want \"c|c\"", r.Arch)
	}
	distinct := slices.Clone(one)
	slices.Sort(distinct)
	if distinct = slices.Compact(distinct); len(distinct) != 9 {
		t.Errorf("drew %d distinct cells of 9: %q", len(distinct), one)
	}
	if again, _ := draws(1); !slices.Equal(again, one) {
		t.Errorf("the same seed draws %q, then %q", one, again)
	}
	if two, _ := draws(2); slices.Equal(two, one) {
		t.Errorf("seeds 1 and 2 both draw %q", one)
	}

	env := toyTrial(1)
	env.set("queries=10")
	s := start(t, "random", env)
	for range 9 {
		epoch(t, s)
	}
	if _, err := s.Epoch(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "used up") {
		t.Errorf("a tenth cell of nine gives error %v", err)
	}
	env.Query = func(string) (float64, error) { return 0, errors.New("no such record") }
	if _, err := start(t, "random", env).Epoch(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "no such record") {
		t.Errorf("a failing query gives error %v", err)
	}
}

func TestBadInput(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		change       func(*trial)
		want         string
	}{
		{"no problem", "idarts", func(e *trial) { e.Supernet = nil }, "needs a supernet"},
		{"no query", "random", func(e *trial) { e.Query = nil }, "needs a way to query"},
		{"no queries", "random", func(e *trial) { e.set("queries=0") }, "queries is 0"},
		{"no epochs", "darts-v1", func(e *trial) { e.set("epochs=0") }, "epochs is 0"},
		{"no inner steps", "idarts", func(e *trial) { e.set("inner_steps=0") }, "inner_steps is 0"},
		{"negative K", "idarts", func(e *trial) { e.set("neumann_terms=-1") }, "neumann_terms is -1"},
		{"no data", "darts-v1", func(e *trial) { e.problem.perEpoch = 0 }, "no batch"},
	} {
		env := toyTrial(1)
		tt.change(env)
		if _, err := env.start(t, tt.method); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
		}
	}
	_, err := Lookup("temperature") // near to none, so all are offered
	for _, name := range Names() {
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("unknown method: error %v does not name %q", err, name)
		}
	}
}

// What a run stores of its settings is read back strictly.
func TestSettingsAreARecord(t *testing.T) {
	for _, m := range Methods {
		want := toyTrial(1).settings(t, m.Name)
		if reflect.TypeOf(m.Zero) != reflect.TypeOf(want) {
			t.Errorf("%s: Zero is a %T, want %T", m.Name, m.Zero, want)
		}
		record, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Decode(record)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read back %+v, %v; want %+v", m.Name, got, err, want)
		}
		for _, tt := range []struct{ name, old, new, want string }{
			{"an unknown name", "{", `{"warmth":1,`, `"warmth"`},
			{"a missing name", `"queries":3,`, "", `"queries" is missing`},
			{"a missing name", `"epochs":3,`, "", `"epochs" is missing`},
			{"a number out of range", `"queries":3`, `"queries":0`, "queries is 0"},
			{"a number out of range", `"epochs":3`, `"epochs":0`, "epochs is 0"},
		} {
			text := strings.Replace(string(record), tt.old, tt.new, 1)
			if _, err := m.Decode([]byte(text)); text != string(record) && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), m.Name)) {
				t.Errorf("%s: %s gives error %v, want one that says %q", m.Name, tt.name, err, tt.want)
			}
		}
	}
	if _, err := idarts.New(toyTrial(1).Env, Random{}); err == nil || !strings.Contains(err.Error(), "want search.IDARTS") {
		t.Errorf("settings of another method give error %v", err)
	}
}
