package plainjson

import (
	"reflect"
	"strings"
	"testing"

	"idarts/internal/wordtest"
)

func TestUnmarshal(t *testing.T) {
	type record struct {
		N     int     `json:"n"`
		U     uint8   `json:"u"`
		X     float64 `json:"x"`
		Name  string  `json:"name"`
		On    bool    `json:"on"`
		List  []Int   `json:"list"`
		Inner struct {
			N *int `json:"n"`
		} `json:"inner"`
	}
	for _, tt := range []struct{ name, text, want string }{
		{"a whole number may have a point", `{"list": [1.0, 2e1, -3]}`, ""},
		{"a text for a number", `{"n": "1"}`, `"n" has a text where a whole number belongs, before byte 9`},
		{"a fraction", `{"n": 1.5}`, `"n" has number 1.5 where a whole number belongs`},
		{"a fraction in a list", `{"list": [0.5]}`, `0.5 where a whole number belongs`},
		{"null in a list", `{"list": [null]}`, `null where a whole number belongs`},
		{"a text in a list", `{"list": ["1"]}`, `"1" where a whole number belongs`},
		{"a negative number", `{"u": -1}`, `"u" has number -1 where a whole number from 0 belongs`},
		{"a list for a number", `{"x": [1]}`, `"x" has a list where a number belongs`},
		{"a number for a text", `{"name": 1}`, `"name" has a number where a text belongs`},
		{"a number for a switch", `{"on": 1}`, `"on" has a number where true or false belongs`},
		{"a switch for a list", `{"list": true}`, `"list" has true or false where a list belongs`},
		{"a text for an object", `{"inner": "x"}`, `"inner" has a text where an object {...} belongs`},
		{"deep inside", `{"inner": {"n": {}}}`, `"inner.n" has an object {...} where a whole number belongs`},
		{"a list for it all", `[]`, `a list where an object {...} belongs`},
		{"another key", `{"m": 1}`, `there is no key "m"`},
		{"cut off", `{"n": 1`, `it ends too early`},
		{"nothing", ``, `nothing is there, want JSON`},
		{"no JSON", `{'n': 1}`, `no JSON at byte 2: invalid character '\''`},
		{"more behind it", `{} {}`, `more text behind its end`},
	} {
		var r record
		err := Strict([]byte(tt.text), &r)
		if tt.want == "" {
			if want := []Int{1, 20, -3}; err != nil || !reflect.DeepEqual(r.List, want) {
				t.Errorf("%s: %v, %v, want %v", tt.name, r.List, err, want)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		wordtest.Check(t, tt.name, err)
	}
}
