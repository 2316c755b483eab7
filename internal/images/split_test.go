package images

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"idarts/internal/wordtest"
)

func TestReadSplit(t *testing.T) {
	path := save(t, "cifar-split.txt", []byte("{\n  \"train\" : [\"int\"   , [\"0\", \"3\", \"5\"]],\n  \"valid\" : [\"int\", [\"1\", \"2\", \"4\"]]\n}"))
	parts, err := ReadSplit(path, 6, "valid", "train")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(parts), "[[1 2 4] [0 3 5]]"; got != want {
		t.Errorf("parts = %s, want %s: in the order asked for", got, want)
	}
}

func TestReadSplitRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, content, want string
	}{
		{"cut short", `{"train": ["int", ["0", "1"`, "cut short"},
		{"not an object", `["0"]`, "not a split file"},
		{"a part missing", `{"train": ["int", ["0"]]}`, `no part "valid"`},
		{"another type", `{"train": ["float", ["0"]], "valid": ["int", ["1"]]}`, `type is "\"float\""`},
		{"no pair", `{"train": ["0"], "valid": ["int", ["1"]]}`, "want a pair"},
		{"numbers, not text", `{"train": ["int", [0]], "valid": ["int", ["1"]]}`, "want a list of texts"},
		{"empty part", `{"train": ["int", []], "valid": ["int", ["1"]]}`, "no indices"},
		{"index too large", `{"train": ["int", ["0", "6"]], "valid": ["int", ["1"]]}`, `entry 1 is "6", want an index 0 to 5`},
		{"negative index", `{"train": ["int", ["-1"]], "valid": ["int", ["1"]]}`, `entry 0 is "-1"`},
		{"not a number", `{"train": ["int", ["x"]], "valid": ["int", ["1"]]}`, `entry 0 is "x"`},
		{"twice in a part", `{"train": ["int", ["2", "2"]], "valid": ["int", ["1"]]}`, `index 2 is in part "train" already`},
		{"in both parts", `{"train": ["int", ["2"]], "valid": ["int", ["1", "2"]]}`, `part "valid": entry 1: index 2 is in part "train" already`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadSplit(save(t, "split.txt", []byte(tt.content)), 6, "train", "valid")
			wantError(t, err, "split.txt", tt.want)
			wordtest.Check(t, tt.name, errors.New(strings.ReplaceAll(err.Error(), `"int"`, "")))
		})
	}
	_, err := ReadSplit("absent.txt", 6, "train")
	wantError(t, err, "absent.txt", "no such file")
}

func TestSplit(t *testing.T) {
	s := tiny(300, 1, 1, 1)
	for _, balanced := range []bool{false, true} {
		parts, err := s.Split(7, "a", balanced, 100, 110)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for p, want := range []int{100, 110} {
			if len(parts[p]) != want || !slices.IsSorted(parts[p]) {
				t.Errorf("balanced %v: part %d has %d images, sorted %v; want %d, sorted", balanced, p, len(parts[p]), slices.IsSorted(parts[p]), want)
			}
			classes := [3]int{}
			for _, i := range parts[p] {
				if seen[i] {
					t.Errorf("balanced %v: image %d is drawn twice", balanced, i)
				}
				seen[i] = true
				classes[s.Labels[i]]++
			}
			// 100 = 34+33+33, 110 = 37+37+36.
			if want := [][3]int{{34, 33, 33}, {37, 37, 36}}[p]; balanced && classes != want {
				t.Errorf("part %d has %v images of each class, want %v", p, classes, want)
			}
		}
		again, _ := s.Split(7, "a", balanced, 100, 110)
		other, _ := s.Split(8, "a", balanced, 100, 110)
		named, _ := s.Split(7, "b", balanced, 100, 110)
		if fmt.Sprint(again) != fmt.Sprint(parts) || fmt.Sprint(other) == fmt.Sprint(parts) || fmt.Sprint(named) == fmt.Sprint(parts) {
			t.Errorf("balanced %v: the split is not a function of seed and name", balanced)
		}
	}
	for _, tt := range []struct {
		balanced bool
		sizes    []int
		want     string
	}{
		{false, []int{200, 101}, "at most 300"},
		{true, []int{150, 151}, "more of class 0 than its 100"},
		{false, []int{0}, "part 0 has 0 images"},
	} {
		_, err := s.Split(1, "a", tt.balanced, tt.sizes...)
		wantError(t, err, tt.want)
	}
}

// The benchmark's files and the tiny splits of other tests have this form.
func splitFile(names [2]string, parts [2][]int) []byte {
	var out strings.Builder
	out.WriteString("{")
	for p, name := range names {
		if p > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(&out, "%q: [\"int\", [", name)
		for k, i := range parts[p] {
			if k > 0 {
				out.WriteString(", ")
			}
			fmt.Fprintf(&out, "\"%d\"", i)
		}
		out.WriteString("]]")
	}
	out.WriteString("}")
	return []byte(out.String())
}
