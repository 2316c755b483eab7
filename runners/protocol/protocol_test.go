package protocol

import (
	"reflect"
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/nb1b1"
)

// The networks of a protocol are those of its space.
func TestNetworksAreTheSpaces(t *testing.T) {
	for _, p := range All {
		space, err := LookupSpace(p.Space)
		if err != nil {
			t.Fatal(err)
		}
		nets := map[string]Net{"supernet": p.Supernet, "score": p.Score.Net}
		if p.Retrain != nil {
			nets["retrain"] = p.Retrain.Net
		}
		like := space.Sized(2, 3)
		for name, net := range nets {
			if got, want := reflect.TypeOf(net), reflect.TypeOf(like); got != want {
				t.Errorf("%s %s: the network %q is a %v, want a %v", p.Space, p.Name, name, got, want)
				continue
			}
			if n, ok := net.(nb1b1.Net); ok && n.Space.String() != like.(nb1b1.Net).Space.String() {
				t.Errorf("%s %s: the network %q is of %v, want %v", p.Space, p.Name, name, n.Space, like.(nb1b1.Net).Space)
			}
		}
	}
}

// Rows say what they decide, where it is and what it reads, in all spaces alike.
func TestRowsSayWhatTheyAre(t *testing.T) {
	for _, space := range Spaces {
		kinds := map[search.Kind]int{}
		edges := map[string]int{} // into a node of a group
		for _, row := range space.Search().Layout {
			kinds[row.Kind]++
			if row.Keep < 1 || row.Keep > len(row.Options) || row.Node < 1 {
				t.Errorf("%s: row %q keeps %d of %d options for node %d", space.Name, row.Name, row.Keep, len(row.Options), row.Node)
			}
			switch row.Kind {
			case search.Edge:
				edges[row.Group+row.Name[:strings.Index(row.Name, "<-")]]++
				if row.Source < 0 || row.Source >= row.Node {
					t.Errorf("%s: row %q is an edge from %d to %d", space.Name, row.Name, row.Source, row.Node)
				}
			case search.Input, search.Output:
				if row.Source != search.NoSource || len(row.Options) != row.Node {
					t.Errorf("%s: row %q has source %d and %d nodes to choose from for node %d", space.Name, row.Name, row.Source, len(row.Options), row.Node)
				}
			case search.Vertex:
				if row.Source != search.NoSource {
					t.Errorf("%s: row %q has source %d", space.Name, row.Name, row.Source)
				}
			}
		}
		for _, row := range space.Search().Layout {
			into := edges[row.Group+strings.Split(row.Name, "<-")[0]]
			if want := map[string]int{"darts": 2}[space.Name]; row.NodeKeep != want || into > 0 && row.NodeKeep > into {
				t.Errorf("%s: row %q keeps %d of %d edges, want %d", space.Name, row.Name, row.NodeKeep, into, want)
			}
		}
		want := map[string]map[search.Kind]int{
			"nb201":    {search.Edge: 6},
			"nb1b1-s1": {search.Vertex: 4, search.Input: 2, search.Output: 1},
			"nb1b1-s2": {search.Vertex: 4, search.Input: 3, search.Output: 1},
			"nb1b1-s3": {search.Vertex: 5, search.Input: 4, search.Output: 1},
			"darts":    {search.Edge: 28},
		}[space.Name]
		if !reflect.DeepEqual(kinds, want) {
			t.Errorf("%s has rows %v, want %v", space.Name, kinds, want)
		}
	}
}

// A method can ask for another width and depth; what no network can do yet is an
// error and no other network.
func TestSupernetsAsAMethodAsks(t *testing.T) {
	data := supernet.Data{Size: 8, Channels: 1, Classes: 3}
	for _, space := range Spaces {
		measure := func(build supernet.Build, cells int) (int, int) {
			size, err := supernet.Measure(build, exec.Shape{1, 8, 8, 1}, 3)
			if err != nil {
				t.Fatal(err)
			}
			return size.Params, cells
		}
		build, cells, err := space.Sized(6, 3).SearchWith(search.SupernetOptions{Width: 12, Depth: 4}, data)
		if err != nil {
			t.Fatal(err)
		}
		params, cells := measure(build, cells)
		if wantParams, wantCells := measure(space.Sized(12, 4).Search(data)); params != wantParams || cells != wantCells {
			t.Errorf("%s: %d parameters in %d cells, want %d in %d", space.Name, params, cells, wantParams, wantCells)
		}
		if _, _, err := space.Sized(6, 3).SearchWith(search.SupernetOptions{Partial: 4}, data); err == nil {
			t.Errorf("%s: a fourth of 6 channels gives no error", space.Name)
		}
	}
}
