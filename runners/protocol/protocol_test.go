package protocol

import (
	"reflect"
	"testing"

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
