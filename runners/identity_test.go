package runners

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"idarts/internal/images"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/runners/protocol"
)

// changed is a value with one leaf changed: a number, a word, or a pointer that was
// nil.
type changed struct {
	path  string // "Protocol.Score.Recipe.Net.C"
	field string // the struct and its field: "Net.C"
	reflect.Value
}

// changedOnce are v with each leaf changed once.
func changedOnce(v reflect.Value, path, field string) []changed {
	var out []changed
	with := func(inner []changed, put func(reflect.Value) reflect.Value) {
		for _, x := range inner {
			out = append(out, changed{x.path, x.field, put(x.Value)})
		}
	}
	leaf := reflect.New(v.Type()).Elem()
	leaf.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if v.Type().Name()+"."+f.Name == "Net.Space" {
				continue // see uncounted; its fields are not exported
			}
			if !f.IsExported() {
				panic(path + "." + f.Name + " is not exported, so it cannot count")
			}
			with(changedOnce(v.Field(i), path+"."+f.Name, v.Type().Name()+"."+f.Name), func(x reflect.Value) reflect.Value {
				whole := reflect.New(v.Type()).Elem()
				whole.Set(v)
				whole.Field(i).Set(x)
				return whole
			})
		}
		return out
	case reflect.Interface:
		with(changedOnce(v.Elem(), path, field), func(x reflect.Value) reflect.Value { return x })
		return out
	case reflect.Pointer:
		if !v.IsNil() {
			with(changedOnce(v.Elem(), path, field), func(x reflect.Value) reflect.Value {
				p := reflect.New(x.Type())
				p.Elem().Set(x)
				return p
			})
			return out
		}
		leaf.Set(reflect.New(v.Type().Elem()))
	case reflect.Map:
		leaf.Set(reflect.MakeMap(v.Type()))
	case reflect.Slice:
		for i := range v.Len() {
			with(changedOnce(v.Index(i), fmt.Sprintf("%s[%d]", path, i), field), func(x reflect.Value) reflect.Value {
				whole := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
				reflect.Copy(whole, v)
				whole.Index(i).Set(x)
				return whole
			})
		}
		return out
	case reflect.Bool:
		leaf.SetBool(!v.Bool())
	case reflect.String:
		leaf.SetString(v.String() + "x")
	case reflect.Int, reflect.Int64:
		leaf.SetInt(v.Int() + 1)
	case reflect.Uint8: // names, whose last one has none after it
		leaf.SetUint(map[bool]uint64{true: 1, false: v.Uint() - 1}[v.Uint() == 0])
	case reflect.Float64:
		leaf.SetFloat(v.Float() + 0.125)
	default:
		panic(fmt.Sprintf("%s is a %v", path, v.Type()))
	}
	return append(out, changed{path, field, leaf})
}

// Fields that count for no run, and why.
var uncounted = map[string]string{
	"Protocol.Name":     "a description",
	"Protocol.Title":    "a description",
	"Scoring.TableFrom": "a description",
	"Search.Method":     "the name counts by itself",
	"Search.Source":     "a description",
	"Search.Except":     "a description",
	"Search.Aside":      "whether a user has to ask for it",
	"Net.Space":         "it follows from the protocol's space, see protocol.TestNetworksAreTheSpaces",
	"Net.Classes":       "it follows from the data",
	"Net.InChannels":    "it follows from the data",
	"Net.Size":          "it follows from the data",
}

// identities are those of a protocol's searches by method, and that of its
// retraining as "retrain", all with the same data.
func identities(t *testing.T, p protocol.Protocol, data *images.Dataset) map[string]string {
	t.Helper()
	found := map[string]string{}
	g := Grid{Protocols: []protocol.Protocol{p}, Seeds: []uint64{1}}
	cells, err := g.cells()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		config, err := g.config(c, &Bench{Data: map[string]string{"data": "d"}})
		if err != nil {
			t.Fatal(err)
		}
		found[c.Method] = config.Identity
	}
	if p.Retrain != nil {
		r := Retrain{Protocol: p, Data: data}
		config, err := r.config("a", 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		found["retrain"] = config.Identity
	}
	return found
}

// Every number of every protocol is part of the identity of the runs that it can
// change, and of no other; texts are part of none.
func TestEachNumberIsInTheIdentity(t *testing.T) {
	data, err := images.Open("fashion8", "")
	if err != nil {
		t.Fatal(err)
	}
	protocols := protocol.All
	if testing.Short() { // one of each space
		protocols = slices.DeleteFunc(slices.Clone(protocols), func(p protocol.Protocol) bool { return p.Name != "paper" })
	}
	for _, p := range protocols {
		before := identities(t, p, data)
		seen := map[string]bool{}
		for _, v := range changedOnce(reflect.ValueOf(p), "Protocol", "") {
			changed := v.Interface().(protocol.Protocol)
			var k int
			if n, _ := fmt.Sscanf(v.path, "Protocol.Search[%d]", &k); n == 1 { // this one and the next will do
				changed.Search = []protocol.Search{changed.Search[k], changed.Search[(k+1)%len(changed.Search)]}
			}
			after := identities(t, changed, data)
			for name := range after { // without the method whose name was changed
				counts := !strings.HasPrefix(v.path, "Protocol.Retrain") && !strings.HasPrefix(v.path, "Protocol.Search")
				switch {
				case name == "retrain":
					counts = strings.HasPrefix(v.path, "Protocol.Retrain") || v.path == "Protocol.Space" || v.path == "Protocol.Dataset"
				case strings.HasPrefix(v.path, "Protocol.Search["+strconv.Itoa(slices.IndexFunc(p.Search, func(s protocol.Search) bool { return s.Method == name }))+"]"):
					counts = true
				}
				if uncounted[v.field] != "" {
					counts = false
					seen[v.field] = true
				}
				if changed := before[name] != after[name]; changed != counts {
					t.Errorf("%s %s, %s: changing %s (%s) changes the identity: %v, want %v", p.Space, p.Name, name, v.path, v.field, changed, counts)
				}
			}
		}
		if !seen["Protocol.Title"] || len(before) < 3 {
			t.Errorf("%s %s: only %d kinds of run were looked at", p.Space, p.Name, len(before))
		}
	}
}

func TestWhatElseIsInTheIdentity(t *testing.T) {
	type added struct { // a protocol of later
		protocol.Protocol
		Temperature float64 `json:"temperature,omitempty"`
	}
	cell := result.Cell{Method: "m", Seed: 1}
	data := map[string]string{"a": "1"}
	of := func(cell result.Cell, p any, data, about map[string]string, change func(*result.Numbers)) string {
		config, err := makeConfig(result.Config{Cell: cell, Numbers: result.Numbers{Data: data}, About: about}, p, struct{}{}, "")
		if err != nil {
			t.Fatal(err)
		}
		change(&config.Numbers)
		identity, err := config.Numbers.Identity()
		if err != nil {
			t.Fatal(err)
		}
		return identity
	}
	same := func(*result.Numbers) {}
	p := tiny()
	base := of(cell, p, data, nil, same)
	for _, tt := range []struct {
		name string
		got  string
		same bool
	}{
		{"what is said of it", of(cell, p, data, map[string]string{"note": "x"}, same), true},
		{"a new number that is zero", of(cell, added{Protocol: p}, data, nil, same), true},
		{"a new number that is not", of(cell, added{Protocol: p, Temperature: 1}, data, nil, same), false},
		{"another seed", of(result.Cell{Method: "m", Seed: 2}, p, data, nil, same), false},
		{"another method", of(result.Cell{Method: "n", Seed: 1}, p, data, nil, same), false},
		{"other data", of(cell, p, map[string]string{"a": "2"}, nil, same), false},
		{"another device class", of(cell, p, data, nil, func(n *result.Numbers) { n.Device = "cuda float32" }), false},
		{"other code of the method", of(cell, p, data, nil, func(n *result.Numbers) { n.Revision = 1 }), false},
	} {
		if (tt.got == base) != tt.same {
			t.Errorf("%s gives the same identity: %v, want %v", tt.name, tt.got == base, tt.same)
		}
	}
}

// The record of a run has the revision of its method, and its texts beside the numbers.
func TestMethodsAreInTheRecord(t *testing.T) {
	g := grid("out", []uint64{0}, "random")
	of := func(change func(*search.Method)) result.Config {
		g.Catalog = slices.Clone(search.Methods)
		for i := range g.Catalog {
			change(&g.Catalog[i])
		}
		cells, err := g.cells()
		if err != nil {
			t.Fatal(err)
		}
		config, err := g.config(cells[0], &Bench{})
		if err != nil {
			t.Fatal(err)
		}
		return config
	}
	base := of(func(*search.Method) {})
	said := of(func(m *search.Method) { m.Title, m.Paper, m.Note = "title", "paper", "note" })
	if said.Identity != base.Identity || said.About["method"] != "title" || said.About["paper"] != "paper" || said.About["note"] != "note" {
		t.Errorf("other texts: identity %s and %q, want %s and the texts", said.Identity, said.About, base.Identity)
	}
	if revised := of(func(m *search.Method) { m.Revision = 2 }); revised.Identity == base.Identity {
		t.Error("a revised method has the identity of before")
	}
}

// A run whose texts have changed is reused. One of before there were identities is
// too, if its numbers are the same, and gets the present record.
func TestTextsAndOldRecordsAreReused(t *testing.T) {
	out := t.TempDir()
	mustRun(t, grid(out, []uint64{0}, "random"))
	want := contents(t, out)
	g := grid(out, []uint64{0}, "random")
	g.Protocols[0].Title = "another title"
	if sum := mustRun(t, g); sum.Reused != 1 {
		t.Errorf("after a change of the title: %+v, want 1 reused", sum)
	}
	compare(t, contents(t, out), want)

	cells, _ := g.cells()
	path := filepath.Join(cells[0].Dir(out), result.ConfigFile)
	var now result.Config
	if err := result.ReadJSON(path, &now); err != nil {
		t.Fatal(err)
	}
	protocolNow, settings := map[string]any{}, map[string]any{}
	for raw, into := range map[*json.RawMessage]*map[string]any{&now.Numbers.Protocol: &protocolNow, &now.Numbers.Settings: &settings} {
		if err := json.Unmarshal(*raw, into); err != nil {
			t.Fatal(err)
		}
	}
	protocolNow["name"], protocolNow["title"] = "tiny", "old title"
	settings["of_another_method"] = 3
	write := func(change func(settings map[string]any)) {
		s := maps.Clone(settings)
		change(s)
		old := map[string]any{
			"cell": now.Cell, "protocol": protocolNow, "data": now.Numbers.Data, "versions": now.Versions, "device": now.Numbers.Device,
			"method": map[string]any{"name": "random", "note": "n", "settings": s},
		}
		content, err := json.Marshal(old) // which had no checksum
		if err == nil {
			err = os.WriteFile(path, content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(func(map[string]any) {})
	if sum := mustRun(t, grid(out, []uint64{0}, "random")); sum.Reused != 1 {
		t.Errorf("an old record: %+v, want 1 reused", sum)
	}
	compare(t, contents(t, out), want)

	write(func(s map[string]any) { s["queries"] = 7 })
	if sum, err := grid(out, []uint64{0}, "random").Run(t.Context()); err != nil || len(sum.Failed) != 1 || !strings.Contains(sum.Failed[0], "settings.queries: 7 then, 2 now") {
		t.Errorf("an old record of other numbers: %+v, %v; want the first difference", sum, err)
	}

	content := strings.Replace(want[filepath.Join(strings.Split(cells[0].String(), "/")...)+"/"+result.ConfigFile], `"queries": 2`, `"queries": 3`, 1)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if sum := mustRun(t, grid(out, []uint64{0}, "random")); sum.Reused != 1 {
		t.Errorf("a record that was changed: %+v, want the result reused", sum)
	}
	compare(t, contents(t, out), want)
}
