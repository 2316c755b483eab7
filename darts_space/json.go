package dartsspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"idarts/internal/plainjson"
)

// document is a genotype in JSON, with entries such as ["sep_conv_3x3", 0] or
// ["sep_conv_3x3", 2, 0].
type document struct {
	Normal       []entry         `json:"normal"`
	NormalConcat []plainjson.Int `json:"normal_concat"`
	Reduce       []entry         `json:"reduce"`
	ReduceConcat []plainjson.Int `json:"reduce_concat"`
}

func (d document) genotype() (g Genotype, err error) {
	if g.Normal, err = assemble("normal", d.Normal, convert[int](d.NormalConcat)); err != nil {
		return Genotype{}, err
	}
	if g.Reduce, err = assemble("reduce", d.Reduce, convert[int](d.ReduceConcat)); err != nil {
		return Genotype{}, err
	}
	return g, nil
}

// convert is a list of numbers of another type; null stays null.
func convert[B, A ~int](list []A) []B {
	var out []B
	for _, v := range list {
		out = append(out, B(v))
	}
	return out
}

// MarshalJSON writes ["sep_conv_3x3", 0] or ["sep_conv_3x3", 2, 0].
func (e entry) MarshalJSON() ([]byte, error) {
	parts := []any{e.op}
	for _, n := range e.numbers {
		parts = append(parts, n)
	}
	return json.Marshal(parts)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (e *entry) UnmarshalJSON(text []byte) error {
	var parts []json.RawMessage
	err := plainjson.Unmarshal(text, &parts)
	if err == nil && (len(parts) == 2 || len(parts) == 3) && parts[0][0] == '"' {
		*e = entry{numbers: make([]int, len(parts)-1)}
		err = plainjson.Unmarshal(parts[0], &e.op)
		for i := range e.numbers {
			var n plainjson.Int
			err = errors.Join(err, n.UnmarshalJSON(parts[i+1]))
			e.numbers[i] = int(n)
		}
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("dartsspace: genotype: entry %s, want [op, input] or [op, node, input]", excerpt(string(text)))
}

// MarshalJSON writes g as an object with the keys normal, normal_concat, reduce
// and reduce_concat, its entries as [Genotype.String] has them.
func (g Genotype) MarshalJSON() ([]byte, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	paired := g.Normal.paired() && g.Reduce.paired()
	entries := func(c Cell) []entry {
		out := make([]entry, len(c.Edges))
		for i, e := range c.Edges {
			out[i] = entry{op: e.Op.String(), numbers: []int{e.Node, e.Input}}
			if paired {
				out[i].numbers = out[i].numbers[1:]
			}
		}
		return out
	}
	return json.Marshal(document{entries(g.Normal), convert[plainjson.Int](g.Normal.Concat), entries(g.Reduce), convert[plainjson.Int](g.Reduce.Concat)})
}

// UnmarshalJSON is the inverse of MarshalJSON. Other keys are an error.
func (g *Genotype) UnmarshalJSON(text []byte) error {
	var d document
	if err := plainjson.Strict(text, &d); err != nil {
		if strings.HasPrefix(err.Error(), "dartsspace: ") { // of an entry
			return err
		}
		return fmt.Errorf("dartsspace: genotype: %w", err)
	}
	read, err := d.genotype()
	if err != nil {
		return err
	}
	*g = read
	return nil
}
