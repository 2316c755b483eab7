package search

import "slices"

// span is a row with its place in [A].
type span struct {
	Row
	start int
}

func (s span) end() int { return s.start + len(s.Options) }

// spans are the rows of a kind of cell.
func spans(rows Layout, group string) (out []span) {
	at := 0
	for _, row := range rows {
		if row.Group == group {
			out = append(out, span{row, at})
		}
		at += len(row.Options)
	}
	return out
}

// groups are the kinds of cell in the order of their rows.
func groups(rows Layout) (out []string) {
	for i, row := range rows {
		if i == 0 || row.Group != rows[i-1].Group {
			out = append(out, row.Group)
		}
	}
	return out
}

// nodesOf are the rows in order, those of edges into one node together where it keeps
// only some of them.
func nodesOf(rows Layout) (out [][]span) {
	for _, group := range groups(rows) {
		for _, row := range spans(rows, group) {
			n := len(out)
			if n > 0 && row.NodeKeep > 0 && out[n-1][0].Group == group && out[n-1][0].NodeKeep > 0 && out[n-1][0].Node == row.Node {
				out[n-1] = append(out[n-1], row)
				continue
			}
			out = append(out, []span{row})
		}
	}
	return out
}

// edgesOf are the rows of nodes that keep some of their edges.
func edgesOf(rows Layout) (out [][]span) {
	for _, node := range nodesOf(rows) {
		if node[0].NodeKeep > 0 && len(node) > 1 {
			out = append(out, node)
		}
	}
	return out
}

// codesOf are the rows that have a code together: all edges into a node, or one row of
// another kind.
func codesOf(rows Layout) (out [][]span) {
	for _, group := range groups(rows) {
		for _, row := range spans(rows, group) {
			if n := len(out) - 1; n >= 0 && row.Kind == Edge && out[n][0].Kind == Edge && out[n][0].Group == group && out[n][0].Node == row.Node {
				out[n] = append(out[n], row)
				continue
			}
			out = append(out, []span{row})
		}
	}
	return out
}

// noneOf are the places [A] of options that bring nothing.
func noneOf(rows Layout) []bool {
	var out []bool
	for _, row := range rows {
		for _, option := range row.Options {
			out = append(out, option == NoOperation)
		}
	}
	return slices.Clip(out)
}
