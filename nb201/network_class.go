package nb201

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Network is the cell of smallest Index whose trained network is the same as c's
// up to the names of nodes and edges, so that training one of them is enough.
//
// It differs from [Cell.Canonical], the benchmark's classes, in both directions:
//
//   - there, a convolution that two edges read and two convolutions of the same
//     kind over one input are the same, since their expressions are; 430 of the
//     6,466 classes mix such networks. Here they are two networks;
//   - there, a convolution of nothing is nothing. Here it stays, since the shift
//     of its batch norm is trained;
//   - there, zeros stay as terms of a sum and a pooled sum is not the sum of
//     what is pooled. Here zeros vanish and pooling is linear.
//
// Networks that are the same here are so up to rounding.
func (c Cell) Network() Cell { return FromIndex(networks()[c.Index()]) }

var networks = sync.OnceValue(func() []int {
	reps := make([]int, NumCells)
	first := make(map[string]int, NumCells)
	for i := range reps {
		s := FromIndex(i).networkText()
		if _, known := first[s]; !known {
			first[s] = i
		}
		reps[i] = first[s]
	}
	return reps
})

// networkText describes the network behind c, the same text for the same network.
//
// Pooling is linear, so a node's value is a sum of sources, each pooled 0 to 3
// times: source 0 is the input, source 1+e the convolution on edge e, which has
// weights of its own.
func (c Cell) networkText() string {
	type value [7][4]int // how often a source is in the sum, by times pooled
	var values [4]value
	reads := [7]int{-1, -1, -1, -1, -1, -1, -1} // the node whose value a source reads; -1: nothing
	values[0][0][0] = 1
	edge := 0
	for to := 1; to < 4; to++ {
		for from := range to {
			switch v := values[from]; Ops[c[edge]] {
			case "none":
			case "skip_connect", "avg_pool_3x3":
				times := 0
				if Ops[c[edge]] == "avg_pool_3x3" {
					times = 1
				}
				for source := range v {
					for k := range len(v[source]) - times {
						values[to][source][k+times] += v[source][k]
					}
				}
			default:
				values[to][1+edge][0]++
				if v != (value{}) {
					reads[1+edge] = slices.Index(values[:], v) // the first node of this value
				}
			}
			edge++
		}
	}

	// Which sources reach the output, and which inner values they read.
	needed := [4]bool{3: true}
	var live [7]bool
	var inner []int
	for node := 3; node >= 0; node-- {
		if !needed[node] {
			continue
		}
		for source, counts := range values[node] {
			if counts == [4]int{} {
				continue
			}
			live[source] = true
			if reads[source] >= 0 {
				needed[reads[source]] = true
			}
		}
		if node == 1 || node == 2 {
			inner = append(inner, node)
		}
	}
	describe := func(inner []int) string {
		var lines []string
		for source := range live {
			if !live[source] {
				continue
			}
			line := "input"
			if source > 0 {
				line = c[source-1].String()
			}
			switch reads[source] {
			case -1: // nothing
			case 0:
				line += " of the input"
			default:
				line += fmt.Sprint(" of value ", slices.Index(inner, reads[source]))
			}
			line += fmt.Sprint(": ", values[3][source])
			for _, node := range inner {
				line += fmt.Sprint(" ", values[node][source])
			}
			lines = append(lines, line)
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	text := describe(inner)
	if len(inner) == 2 { // the two inner values have no order of their own
		text = min(text, describe([]int{inner[1], inner[0]}))
	}
	return text
}
