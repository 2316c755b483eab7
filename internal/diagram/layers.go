package diagram

import "fmt"

// layersOf is the layer of each node: the length of the longest path to it.
// Inputs are in the first layer and outputs in the last, whatever their paths;
// an inner node that nothing leads to is in the layer before its first reader.
func layersOf(g Graph) ([]int, error) {
	layers, entered, err := longestPaths(g)
	if err != nil {
		return nil, err
	}
	last := 0
	for i, node := range g.Nodes {
		switch {
		case node.Kind == Input && entered[i] > 0:
			return nil, fmt.Errorf("diagram: graph %q: an edge leads into input %q", g.Title, node.Name)
		case node.Kind == Output:
			last = max(last, layers[i])
		default:
			last = max(last, layers[i]+1) // an output may not stand beside an inner node
		}
	}
	for i, node := range g.Nodes {
		if node.Kind == Output {
			layers[i] = last
		} else if node.Kind == Inner && entered[i] == 0 {
			reader := last
			for _, e := range g.Edges {
				if e.From == i {
					reader = min(reader, layers[e.To])
				}
			}
			layers[i] = max(0, reader-1)
		}
	}
	for _, e := range g.Edges {
		if layers[e.From] >= layers[e.To] {
			return nil, fmt.Errorf("diagram: graph %q: an edge leads out of output %q", g.Title, g.Nodes[e.From].Name)
		}
	}
	return layers, nil
}

// longestPaths is the length of the longest path to each node, and how many edges
// lead into it. It refuses edges to nowhere, cycles and a graph without nodes.
func longestPaths(g Graph) (lengths, entered []int, err error) {
	n := len(g.Nodes)
	if n == 0 {
		return nil, nil, fmt.Errorf("diagram: graph %q has no nodes", g.Title)
	}
	entered = make([]int, n)
	waiting := make([]int, n) // edges into a node whose source has no length yet
	for i, e := range g.Edges {
		if e.From < 0 || e.From >= n || e.To < 0 || e.To >= n {
			return nil, nil, fmt.Errorf("diagram: graph %q: edge %d leads from node %d to node %d, want nodes 0 to %d", g.Title, i, e.From, e.To, n-1)
		}
		entered[e.To]++
		waiting[e.To]++
	}
	lengths = make([]int, n)
	var known []int
	for i := range n {
		if waiting[i] == 0 {
			known = append(known, i)
		}
	}
	for k := 0; k < len(known); k++ {
		for _, e := range g.Edges {
			if e.From == known[k] {
				lengths[e.To] = max(lengths[e.To], lengths[e.From]+1)
				if waiting[e.To]--; waiting[e.To] == 0 {
					known = append(known, e.To)
				}
			}
		}
	}
	if len(known) < n {
		return nil, nil, fmt.Errorf("diagram: graph %q has a cycle, want edges that lead from the inputs to the outputs", g.Title)
	}
	return lengths, entered, nil
}
