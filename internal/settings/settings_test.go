package settings

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type word int

func (w word) MarshalText() ([]byte, error) { return []byte{'a' + byte(w)}, nil }
func (w *word) UnmarshalText(b []byte) error {
	*w = word(b[0] - 'a')
	return nil
}

type rate struct {
	LR    float64 `json:"lr"`
	Clip  float64 `json:"clip,omitempty"`
	Other int     `json:"-"`
}

type common struct {
	Epochs int  `json:"epochs"`
	Arch   rate `json:"arch"`
}

type numbers struct {
	common
	Steps  int    `json:"inner_steps" doc:"steps of the inner level"`
	First  bool   `json:"arch_first"`
	Draw   word   `json:"draw"`
	Name   string `json:"name"`
	Live   []int  `json:"live,omitempty"`
	hidden int
}

func example() numbers {
	return numbers{common: common{Epochs: 3, Arch: rate{LR: 3e-4}}, Steps: 4, Draw: 1, Name: "x"}
}

func TestWalk(t *testing.T) {
	var got []string
	for _, v := range Walk(example()) {
		got = append(got, v.Path+"="+v.Text())
	}
	if doc := Walk(example())[3].Doc; doc != "steps of the inner level" {
		t.Errorf("it says %q of the steps, want what the field's tag says", doc)
	}
	want := []string{"epochs=3", "arch.lr=0.0003", "arch.clip=0", "inner_steps=4", "arch_first=false", "draw=b", "name=x", "live=null"}
	if !slices.Equal(got, want) {
		t.Errorf("walk gives %q, want %q", got, want)
	}
}

func TestSet(t *testing.T) {
	for _, tt := range []struct {
		name, path, text string
		change           func(*numbers)
	}{
		{"a number", "inner_steps", "7", func(n *numbers) { n.Steps = 7 }},
		{"a field of an embedded struct", "epochs", "9", func(n *numbers) { n.Epochs = 9 }},
		{"a path", "arch.lr", "1e-2", func(n *numbers) { n.Arch.LR = 0.01 }},
		{"a truth value", "arch_first", "true", func(n *numbers) { n.First = true }},
		{"a named value", "draw", "c", func(n *numbers) { n.Draw = 2 }},
		{"a word", "name", "y z", func(n *numbers) { n.Name = "y z" }},
		{"a list", "live", "[1,2]", func(n *numbers) { n.Live = []int{1, 2} }},
	} {
		want := example()
		tt.change(&want)
		before := example()
		var boxed any = before // as an interface, the way methods hold it
		got, err := Set(boxed, tt.path, tt.text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, want)
		}
		if !reflect.DeepEqual(before, example()) {
			t.Errorf("%s: the original changed to %+v", tt.name, before)
		}
	}
	for path, v := range map[string]float64{"arch.lr": 0.1, "arch.clip": 1e-300} { // what Text writes, Set reads
		n, err := Set(example(), path, Value{Value: v}.Text())
		if err != nil || !slices.Contains(Walk(n), Value{Path: path, Value: v}) {
			t.Errorf("%s is not %v after a round trip: %v", path, v, err)
		}
	}
}

func TestSetRefuses(t *testing.T) {
	for _, tt := range []struct{ name, path, text, want string }{
		{"a letter too few", "inner_step", "1", `no "inner_step", want one of ["inner_steps"]`},
		{"the end of a path", "lr", "1", `["arch.lr"]`},
		{"another separator", "arch_lr", "1", `"arch.lr"`},
		{"something far off offers all", "temperature", "1", `"epochs" "arch.lr" "arch.clip"`},
		{"a struct", "arch", "1", "no"},
		{"what JSON leaves out", "arch.Other", "1", "no"},
		{"what is not exported", "hidden", "1", "no"},
		{"a fraction for a whole number", "inner_steps", "1.5", `inner_steps is "1.5": want a whole number`},
		{"no number", "arch.lr", "fast", "want a number"},
		{"infinity", "arch.lr", "+Inf", "want a number"},
		{"no truth value", "arch_first", "maybe", "want true or false"},
		{"no list", "live", "1,2", "in JSON"},
	} {
		got, err := Set(example(), tt.path, tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
		}
		if !reflect.DeepEqual(got, example()) {
			t.Errorf("%s: changed to %+v", tt.name, got)
		}
	}
}

func TestDecode(t *testing.T) {
	const whole = `{"epochs":3,"arch":{"lr":0.0003},"inner_steps":4,"arch_first":false,"draw":"b","name":"x"}`
	var got numbers
	if err := Decode([]byte(whole), &got); err != nil || !reflect.DeepEqual(got, example()) {
		t.Errorf("decoded %+v, %v; want %+v", got, err, example())
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"an unknown name", `"epochs":3`, `"epochs":3,"inner_stepps":1`, `no "inner_stepps", want one of ["inner_steps"]`},
		{"an unknown name inside", `"lr":0.0003`, `"lr":1,"momentum":2`, `no "arch.momentum"`},
		{"a name in other letters", `"epochs"`, `"Epochs"`, `"epochs" is missing`},
		{"a missing name", `"epochs":3,`, ``, `"epochs" is missing`},
		{"a missing name inside", `"lr":0.0003`, ``, `"arch.lr" is missing`},
		{"another kind of value", `"epochs":3`, `"epochs":"three"`, "epochs"},
		{"a number for a struct", `{"lr":0.0003}`, `7`, "arch: "},
		{"text after the end", `"x"}`, `"x"} {}`, "after top-level"},
	} {
		text := strings.Replace(whole, tt.old, tt.new, 1)
		if err := Decode([]byte(text), new(numbers)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"epochs", "weights.lr", "weights.min_lr", "arch.lr", "inner_steps", "neumann_terms", "gamma"}
	for _, tt := range []struct {
		name string
		want []string
	}{
		{"lr", []string{"weights.lr", "arch.lr"}},
		{"neuman_terms", []string{"neumann_terms"}},
		{"gama", []string{"gamma"}},
		{"weight.lr", []string{"weights.lr"}},
		{"temperature", nil},
	} {
		if got := Nearest(tt.name, names); !slices.Equal(got, tt.want) && !(len(tt.want) > 0 && slices.Equal(got[:len(tt.want)], tt.want)) {
			t.Errorf("nearest to %q: %q, want %q first", tt.name, got, tt.want)
		}
	}
	if letters("kitten", "sitting") != 3 || letters("", "abc") != 3 || math.Abs(float64(letters("abc", ""))) != 3 {
		t.Error("distances by hand differ")
	}
}

func TestNearestOfNames(t *testing.T) {
	names := []string{"random", "rea", "darts-v1", "darts-v2", "idarts", "idarts-released", "arch.lr"}
	for _, tt := range []struct {
		name, of string
		want     []string
	}{
		{"a letter too few", "idart", []string{"idarts", "idarts-released"}},
		{"a beginning", "dart", []string{"darts-v1", "darts-v2", "idarts"}},
		{"capitals", "IDARTS-RELEASED", []string{"idarts-released"}},
		{"the end of a path", "LR", []string{"arch.lr"}},
		{"two letters begin too much", "re", []string{"rea"}},
		{"nothing like it", "temperature", nil},
	} {
		if got := Nearest(tt.of, names); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
