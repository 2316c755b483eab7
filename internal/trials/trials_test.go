package trials

import (
	"reflect"
	"strings"
	"testing"
)

func TestSeeds(t *testing.T) {
	for _, tt := range []struct {
		text    string
		chosen  bool
		has777  bool
		missing []int64 // of 777 and 999
	}{
		{"", false, false, nil},
		{"all", true, true, nil},
		{"777", true, true, nil},
		{"888,777", true, true, []int64{888}},
		{"-1", true, false, []int64{-1}},
	} {
		s, err := Parse(tt.text)
		if err != nil || s.Chosen() != tt.chosen || s.Has(777) != tt.has777 || s.String() != tt.text || !reflect.DeepEqual(s.Missing([]int64{777, 999}), tt.missing) {
			t.Errorf("%q: %+v, %v; chosen %v, has 777 %v, missing %v", tt.text, s, err, s.Chosen(), s.Has(777), s.Missing([]int64{777, 999}))
		}
	}
	for text, want := range map[string]string{
		"777,": `"" is no seed in "777,", want all, or numbers such as 777,888`,
		"best": `"best" is no seed`,
		"7,7":  `seed 7 is twice in "7,7"`,
		" 777": `" 777" is no seed`,
		"1e3":  `"1e3" is no seed`,
		"all,": `"all" is no seed`,
	} {
		if s, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, s, err, want)
		}
	}
	seeds := []int64{1, 2}
	s := Only(seeds...)
	seeds[0] = 9
	if !s.Has(1) || s.Len() != 2 || All.Len() != 0 {
		t.Errorf("Only keeps the caller's memory: %v", s)
	}
}

func TestOriginThroughMetadata(t *testing.T) {
	want := Origin{"here", "MIT", "ab", "short"}
	meta := Kind{Format: "f"}.Meta(want)
	if got := OriginOf(meta); got != want || meta["format"] != "f" || len(meta) != 5 {
		t.Errorf("%+v from %v", got, meta)
	}
	if got := want.About(); got != "source: here\nlicence: MIT\nprotocol: short\ninput sha256: ab\n" {
		t.Errorf("about: %q", got)
	}
}
