package result

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDigest(t *testing.T) {
	const base = `{"a":1,"b":{"c":0.5,"d":["x",true]}}`
	for _, tt := range []struct {
		name, json string
		same       bool
	}{
		{"blanks and the order of keys", "{\n\"b\": {\"d\":[\"x\", true], \"c\":0.5}, \"a\":1}", true},
		{"a number written otherwise", `{"a":1.0,"b":{"c":5e-1,"d":["x",true]}}`, true},
		{"a null", `{"a":1,"b":{"c":0.5,"d":["x",true],"e":null}}`, true},
		{"another number", `{"a":1,"b":{"c":0.25,"d":["x",true]}}`, false},
		{"a number that is text", `{"a":"1","b":{"c":0.5,"d":["x",true]}}`, false},
		{"the order of a list", `{"a":1,"b":{"c":0.5,"d":[true,"x"]}}`, false},
		{"another name", `{"a":1,"b":{"e":0.5,"d":["x",true]}}`, false},
		{"one more number, also when it is zero", `{"a":1,"b":{"c":0.5,"d":["x",true],"e":0}}`, false},
	} {
		want, err := Digest(json.RawMessage(base))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Digest(json.RawMessage(tt.json))
		if err != nil || (got == want) != tt.same {
			t.Errorf("%s: the same digest: %v, %v; want %v", tt.name, got == want, err, tt.same)
		}
		diff, err := Difference(json.RawMessage(base), json.RawMessage(tt.json))
		if err != nil || (diff == "") != tt.same {
			t.Errorf("%s: difference %q, %v; want it to agree with the digest", tt.name, diff, err)
		}
	}
	// The form is a promise: a digest that moves refuses every finished run.
	if got, _ := Digest(json.RawMessage(base)); got != "c3dc2a1fcd2f9ea82866db2e219b4eb4ab19d29f3a27012abeff043344ecf60f" {
		t.Errorf("the digest of %s is %s", base, got)
	}
}

func TestNumbersHaveOneForm(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "1.0": "1", "1e2": "100", "-0": "0", "0.1": "0.1", "1e-8": "1e-08", "0.00000001": "1e-08",
		"18446744073709551615": "18446744073709551615", "9007199254740993": "9007199254740993", "1e300": "1e+300",
	} {
		if got := number(json.Number(text)); string(got) != want {
			t.Errorf("%s is written %s, want %s", text, got, want)
		}
	}
}

func TestDifferenceNamesTheFirst(t *testing.T) {
	for _, tt := range []struct{ then, now, want string }{
		{`{"b":1,"c":{"x":2,"y":3}}`, `{"b":1,"c":{"x":2,"y":4}}`, "c.y: 3 then, 4 now"},
		{`{"b":1,"a":1}`, `{"b":2,"a":2}`, "a: 1 then, 2 now"},
		{`{"a":1}`, `{"a":1,"b":"x"}`, `b: nothing then, "x" now`},
		{`{"a":[1,2]}`, `{"a":[1]}`, "a: [1,2] then, [1] now"},
		{`{"a":{},"b":1}`, `{"b":1}`, "a: {} then, nothing now"},
	} {
		got, err := Difference(json.RawMessage(tt.then), json.RawMessage(tt.now))
		if err != nil || got != tt.want {
			t.Errorf("%s and %s: %q, %v; want %q", tt.then, tt.now, got, err, tt.want)
		}
	}
	if _, err := Difference(json.RawMessage(`{`), json.RawMessage(`{}`)); err == nil || !strings.HasPrefix(err.Error(), "result: ") {
		t.Errorf("half an object: error %v", err)
	}
}
