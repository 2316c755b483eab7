// Package diagram describes the graph of a cell in plain types, so that a space
// can hand over what it searches without knowing how it is drawn, and says where
// the parts of a drawing lie.
//
// A graph is directed and has no cycles. Where a space puts operations on edges
// (NAS-Bench-201, DARTS), [Edge.Op] names them and [Node.Name] is a label such as
// "0". Where it puts them on nodes (NAS-Bench-101), [Node.Name] is the operation
// and [Edge.Op] is empty.
//
// Start at [Graph] to describe a cell and at [NewLayout] to place one. Nothing
// here measures text or draws: internal/diagram/picture does, on a drawing
// library that spaces need not carry.
package diagram

// Graph is one cell. A space with two kinds of cell gives two graphs.
type Graph struct {
	Title string // such as "normal cell"; empty where there is one cell only
	Nodes []Node
	Edges []Edge // in the space's own order; several may join the same nodes
}

// Node is an activation of the cell, or the operation that makes it.
type Node struct {
	Name string // what is written into its box
	Kind Kind
}

// Kind is the part that a node plays.
type Kind uint8

const (
	Inner  Kind = iota // computed inside the cell and used inside it
	Input              // given to the cell
	Output             // what the cell gives
)

// Edge leads from one node to a later one.
type Edge struct {
	From, To int    // indices into [Graph.Nodes]
	Op       string // what is applied on the way; empty where nodes carry operations
}
