package settings

import (
	"fmt"
	"slices"
	"strings"
)

// Offer is what a message says that was wanted in place of name: the nearest ones
// of names, or all of them when none is near.
func Offer(name string, names []string) string {
	near := Nearest(name, names)
	if len(near) == 0 {
		near = names
	}
	return fmt.Sprintf("one of %q", near)
}

// Nearest are at most three of names that may be meant by name: those that end in
// it after a dot, then those that begin with it, then those that a few changed letters
// make of it. Capital letters are as good as small ones.
func Nearest(name string, names []string) []string {
	const (
		most  = 3
		short = 3 // letters: fewer begin too many names
	)
	distance := map[string]int{}
	var near []string
	for _, other := range names {
		small, asked := strings.ToLower(other), strings.ToLower(name)
		d := letters(asked, small)
		_, last, nested := strings.Cut(small, ".")
		if nested && last == asked {
			d = 0
		} else if nested {
			d = min(d, letters(asked, last)+1)
		}
		if len(asked) >= short && strings.HasPrefix(small, asked) {
			d = min(d, 1)
		}
		if d <= max(2, len(name)/short) {
			distance[other] = d
			near = append(near, other)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return distance[a] - distance[b] })
	return near[:min(len(near), most)]
}

// letters is how many letters must be put in, taken out or changed to make b of a.
func letters(a, b string) int {
	row := make([]int, len(b)+1) // from the first i letters of a to the first j of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
