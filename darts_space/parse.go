package dartsspace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// entry is an edge as it is written: an operation with [input], or with
// [node, input].
type entry struct {
	op      string
	numbers []int
}

func (e entry) String() string {
	return fmt.Sprintf("(%q, %s)", e.op, strings.Trim(strings.ReplaceAll(fmt.Sprint(e.numbers), " ", ", "), "[]"))
}

// assemble makes a cell from what is written of it and checks it.
func assemble(name string, entries []entry, concat []int) (Cell, error) {
	c := Cell{Edges: make([]Edge, len(entries)), Concat: concat}
	width := 1 // numbers of an entry
	if len(entries) > 0 {
		width = len(entries[0].numbers)
	}
	for i, e := range entries {
		fail := func(format string, args ...any) (Cell, error) {
			return Cell{}, fmt.Errorf("dartsspace: genotype: %s: entry %d of %d, %v: %s", name, i+1, len(entries), e, fmt.Sprintf(format, args...))
		}
		op := slices.Index(Ops[:], e.op)
		switch {
		case op < 0:
			return fail("unknown operation, want one of %q", Ops[1:])
		case len(e.numbers) != width:
			return fail("%d numbers, want %d as in the first entry", len(e.numbers), width)
		}
		c.Edges[i] = Edge{Op: Op(op), Node: inputs + i/2, Input: e.numbers[len(e.numbers)-1]}
		if width == 2 {
			c.Edges[i].Node = e.numbers[0]
		}
	}
	if width == 1 && len(entries) != 2*ownNodes {
		return Cell{}, fmt.Errorf("dartsspace: genotype: %s: %d entries, want %d: two for each node %d to %d", name, len(entries), 2*ownNodes, inputs, lastNode)
	}
	// Triples come in any order; the order of one node's edges is kept.
	slices.SortStableFunc(c.Edges, func(a, b Edge) int { return a.Node - b.Node })
	return c, c.check(name)
}

// Parse reads the text of a genotype as Python code has it: four arguments in any
// order, lists or tuples, either kind of quotes, any white space, and
// range(2, 6) or a list for the nodes of the output. Entries are (op, input), two
// for each node, or Fair-DARTS's (op, node, input). An error names the cell and
// the entry that are wrong and says what would have been right.
func Parse(text string) (Genotype, error) {
	p := parser{text: text}
	g, err := p.genotype()
	if err != nil {
		return Genotype{}, err
	}
	return g, nil
}

// parser reads text from at on.
type parser struct {
	text string
	at   int
}

// wrong is the error that something else was wanted at this place.
func (p *parser) wrong(want string) error {
	rest := p.text[p.at:]
	if rest == "" {
		return fmt.Errorf("dartsspace: genotype %q ends too early, want %s", excerpt(p.text), want)
	}
	return fmt.Errorf("dartsspace: genotype: at byte %d: %q, want %s", p.at, excerpt(rest), want)
}

// excerpt is the head of a text that may be long.
func excerpt(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// accept takes the next character if it is one of set, and returns it or 0.
func (p *parser) accept(set string) byte {
	p.space()
	if p.at < len(p.text) && strings.IndexByte(set, p.text[p.at]) >= 0 {
		p.at++
		return p.text[p.at-1]
	}
	return 0
}

// word takes the characters that belong to a name or a number.
func (p *parser) word() string {
	p.space()
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		p.at++
	}
	return p.text[start:p.at]
}

func (p *parser) genotype() (g Genotype, err error) {
	start := p.at
	if p.word() != "Genotype" || p.accept("(") == 0 {
		p.at = start
		return g, p.wrong("\"Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6))\"")
	}
	keys := []string{"normal", "normal_concat", "reduce", "reduce_concat"}
	entries, concats := map[string][]entry{}, map[string][]int{}
	for len(keys) > 0 {
		p.space()
		start := p.at
		key := p.word()
		i := slices.Index(keys, key)
		if i < 0 {
			p.at = start
			return g, p.wrong(fmt.Sprintf("one of %q that has not been there yet", keys))
		}
		keys = slices.Delete(keys, i, i+1)
		if p.accept("=") == 0 {
			return g, p.wrong(fmt.Sprintf("\"=\" after %s", key))
		}
		if name, isConcat := strings.CutSuffix(key, "_concat"); isConcat {
			concats[name], err = p.concat(key)
		} else {
			entries[name], err = p.entries(key)
		}
		if err != nil {
			return g, err
		}
		if p.accept(",") == 0 && len(keys) > 0 {
			return g, p.wrong(fmt.Sprintf("\",\" after %s", key))
		}
	}
	if p.accept(")") == 0 {
		return g, p.wrong("\")\"")
	}
	if p.space(); p.at < len(p.text) {
		return g, p.wrong("nothing more")
	}
	if g.Normal, err = assemble("normal", entries["normal"], concats["normal"]); err != nil {
		return Genotype{}, err
	}
	if g.Reduce, err = assemble("reduce", entries["reduce"], concats["reduce"]); err != nil {
		return Genotype{}, err
	}
	return g, nil
}

// list reads items between brackets of either kind, with commas between them and
// perhaps after the last.
func (p *parser) list(what string, item func() error) error {
	closing := map[byte]string{'[': "]", '(': ")"}[p.accept("[(")]
	if closing == "" {
		return p.wrong("\"[\" at the start of " + what)
	}
	for p.accept(closing) == 0 {
		if err := item(); err != nil {
			return err
		}
		if p.accept(",") != 0 {
			continue
		}
		if p.accept(closing) == 0 {
			return p.wrong(fmt.Sprintf("\",\" or %q in %s", closing, what))
		}
		break
	}
	return nil
}

func (p *parser) number(what string) (int, error) {
	p.space()
	start := p.at
	n, err := strconv.Atoi(p.word())
	if err != nil {
		p.at = start
		return 0, p.wrong("a number in " + what)
	}
	return n, nil
}

func (p *parser) entries(key string) (out []entry, err error) {
	err = p.list(key, func() error {
		what := fmt.Sprintf("entry %d of %s", len(out)+1, key)
		e := entry{}
		first := true
		err := p.list(what, func() error {
			if first {
				first = false
				quote := p.accept("'\"")
				if quote == 0 {
					return p.wrong("the name of an operation in quotes in " + what)
				}
				end := strings.IndexByte(p.text[p.at:], quote)
				if end < 0 {
					return p.wrong(fmt.Sprintf("a closing %c in %s", quote, what))
				}
				e.op = p.text[p.at : p.at+end]
				p.at += end + 1
				return nil
			}
			n, err := p.number(what)
			e.numbers = append(e.numbers, n)
			return err
		})
		if err != nil {
			return err
		}
		if n := len(e.numbers); n != 1 && n != 2 {
			return fmt.Errorf("dartsspace: genotype: %s has %d numbers, want (op, input) or (op, node, input)", what, n)
		}
		out = append(out, e)
		return nil
	})
	return out, err
}

func (p *parser) concat(key string) (nodes []int, err error) {
	start := p.at
	if p.word() != "range" {
		p.at = start
		err = p.list(key, func() error {
			n, err := p.number(key)
			nodes = append(nodes, n)
			return err
		})
		return nodes, err
	}
	var bounds []int
	err = p.list(key, func() error {
		n, err := p.number(key)
		bounds = append(bounds, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(bounds) != 2 || bounds[0] >= bounds[1] || bounds[1] > lastNode+1 {
		return nil, fmt.Errorf("dartsspace: genotype: %s is range%v, want nodes from %d to %d as in range(%d, %d)", key, bounds, inputs, lastNode, inputs, lastNode+1)
	}
	for n := bounds[0]; n < bounds[1]; n++ {
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// document is a genotype in JSON, with entries such as ["sep_conv_3x3", 0] or
// ["sep_conv_3x3", 2, 0].
type document struct {
	Normal       []entry `json:"normal"`
	NormalConcat []int   `json:"normal_concat"`
	Reduce       []entry `json:"reduce"`
	ReduceConcat []int   `json:"reduce_concat"`
}

func (d document) genotype() (g Genotype, err error) {
	if g.Normal, err = assemble("normal", d.Normal, d.NormalConcat); err != nil {
		return Genotype{}, err
	}
	if g.Reduce, err = assemble("reduce", d.Reduce, d.ReduceConcat); err != nil {
		return Genotype{}, err
	}
	return g, nil
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
	err := json.Unmarshal(text, &parts)
	if err == nil && (len(parts) == 2 || len(parts) == 3) && parts[0][0] == '"' {
		*e = entry{numbers: make([]int, len(parts)-1)}
		err = json.Unmarshal(parts[0], &e.op)
		for i := range e.numbers {
			if parts[i+1][0] == 'n' { // null would be read as 0
				err = fmt.Errorf("null")
			}
			if err == nil {
				err = json.Unmarshal(parts[i+1], &e.numbers[i])
			}
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
	return json.Marshal(document{entries(g.Normal), g.Normal.Concat, entries(g.Reduce), g.Reduce.Concat})
}

// UnmarshalJSON is the inverse of MarshalJSON. Other keys are an error.
func (g *Genotype) UnmarshalJSON(text []byte) error {
	var d document
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return fmt.Errorf("dartsspace: genotype: %w", err)
	}
	read, err := d.genotype()
	if err != nil {
		return err
	}
	*g = read
	return nil
}
