package dartsspace

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
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
			return fail("unknown operation, want one of %q", Ops)
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

// Parse reads a genotype in one of these forms:
//
//	Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=[2, 3, 4, 5])
//	(((0, 3), (1, 3), ...), (...))
//	{"normal": [["sep_conv_3x3", 0], ...], ...}
//
// The first is that of Python code and its output: four arguments in any order,
// lists or tuples, any quotes, numbers of numpy such as np.int64(0), white space and
// comments anywhere. Entries are (op, input), two for each node, or Fair-DARTS's
// (op, node, input). The second is NASLib's compact form of NAS-Bench-301: for the
// normal and the reduction cell 8 pairs (input, op), two for each node, where op
// counts [Ops] without none from 0; all nodes are in the output. The third is what
// [Genotype.MarshalJSON] writes.
//
// What stands before the first two is passed over: a name and "=", the time of a
// log line, a quote; and behind them that quote and a comma or semicolon.
//
// An error names the cell and the entry that are wrong, or the place in the text,
// and says what would have been right.
func Parse(text string) (Genotype, error) {
	if begin := strings.TrimSpace(text); strings.HasPrefix(begin, "{") {
		var g Genotype
		err := g.UnmarshalJSON([]byte(begin))
		return g, err
	}
	p := parser{text: text}
	read := p.genotype
	if at := pythonForm.FindStringIndex(text); at != nil {
		p.at = at[0]
	} else if at := compactForm.FindStringIndex(text); at != nil {
		p.at, read = at[0], p.compact
	}
	start := p.at
	g, err := read()
	if err == nil {
		err = p.end(start)
	}
	if err != nil {
		return Genotype{}, err
	}
	return g, nil
}

// Where genotypes begin: Python's, and the compact form with three brackets at once.
var (
	pythonForm   = regexp.MustCompile(`\bGenotype\s*\(`)
	compactForm  = regexp.MustCompile(`[(\[]\s*[(\[]\s*[(\[]`)
	likeGenotype = regexp.MustCompile(`\bGenotype\b|\b(normal|reduce)(_concat)?["']?\s*[=:]|^\s*[(\[]`)
)

// IsText says whether text is meant as a genotype, right or wrong, and not as the
// name of one.
func IsText(text string) bool {
	return likeGenotype.MatchString(text) || compactForm.MatchString(text)
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

// space passes white space and comments over.
func (p *parser) space() {
	for {
		rest := strings.TrimLeftFunc(p.text[p.at:], unicode.IsSpace)
		if strings.HasPrefix(rest, "#") {
			_, rest, _ = strings.Cut(rest, "\n")
			p.at = len(p.text) - len(rest)
			continue
		}
		p.at = len(p.text) - len(rest)
		return
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

// end reads what may follow a genotype that began at start.
func (p *parser) end(start int) error {
	if start > 0 && strings.IndexByte("'\"`", p.text[start-1]) >= 0 {
		if p.accept(p.text[start-1:start]) == 0 {
			return p.wrong("the closing quote")
		}
	}
	p.accept(",;")
	if p.space(); p.at < len(p.text) {
		return p.wrong("nothing more")
	}
	return nil
}

// The functions whose call stands for its argument, in Python's and numpy's text.
var (
	integers = regexp.MustCompile(`^(u?int(8|16|32|64|p|_|c)?|long)$`)
	lists    = regexp.MustCompile(`^(list|tuple|array)$`)
	texts    = regexp.MustCompile(`^str_?$`)
)

// call reads a value, or a call of one of functions with the value as argument.
func (p *parser) call(functions *regexp.Regexp, what string, value func() error) error {
	p.space()
	start := p.at
	name := p.word()
	if (name == "np" || name == "numpy") && p.accept(".") != 0 {
		name = p.word()
	}
	if !functions.MatchString(name) || p.accept("(") == 0 {
		p.at = start
		return value()
	}
	if err := value(); err != nil {
		return err
	}
	if p.accept(")") == 0 {
		return p.wrong("\")\" in " + what)
	}
	return nil
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
	if g.Normal, err = assemble("normal", entries["normal"], concats["normal"]); err != nil {
		return Genotype{}, err
	}
	if g.Reduce, err = assemble("reduce", entries["reduce"], concats["reduce"]); err != nil {
		return Genotype{}, err
	}
	return g, nil
}

// compact reads the normal and the reduction cell as pairs (input, op).
func (p *parser) compact() (g Genotype, err error) {
	cells := []struct {
		name string
		to   *Cell
	}{{"normal", &g.Normal}, {"reduce", &g.Reduce}}
	n := 0
	err = p.list("the compact form", func() error {
		if n == len(cells) {
			return p.wrong("two cells in the compact form")
		}
		cell := cells[n]
		n++
		entries, err := p.pairs(cell.name)
		if err == nil {
			*cell.to, err = assemble(cell.name, entries, allNodes())
		}
		return err
	})
	if err == nil && n < len(cells) {
		err = fmt.Errorf("dartsspace: genotype: %d cells in the compact form, want the normal and the reduction cell", n)
	}
	return g, err
}

// pairs reads one cell of the compact form.
func (p *parser) pairs(key string) (out []entry, err error) {
	err = p.list(key, func() error {
		what := fmt.Sprintf("entry %d of %s", len(out)+1, key)
		var pair []int
		if err := p.list(what, func() error { return p.number(what, &pair) }); err != nil {
			return err
		}
		switch {
		case len(pair) != 2:
			return fmt.Errorf("dartsspace: genotype: %s has %d numbers, want (input, op)", what, len(pair))
		case pair[1] < 0 || pair[1] >= len(Ops)-1:
			return fmt.Errorf("dartsspace: genotype: %s is (%d, %d): operation %d, want 0 to %d for %q", what, pair[0], pair[1], pair[1], len(Ops)-2, Ops[1:])
		}
		out = append(out, entry{Ops[1+pair[1]], pair[:1]})
		return nil
	})
	return out, err
}

// list reads items between brackets of either kind, with commas between them and
// perhaps after the last.
func (p *parser) list(what string, item func() error) error {
	return p.call(lists, what, func() error {
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
	})
}

// number reads a whole number and appends it to to.
func (p *parser) number(what string, to *[]int) error {
	return p.call(integers, what, func() error {
		p.space()
		start := p.at
		sign := ""
		if p.accept("+-") == '-' {
			sign = "-"
		}
		n, err := strconv.Atoi(sign + p.word())
		if err == nil && p.at < len(p.text) && p.text[p.at] == '.' { // 1.0 is 1
			p.at++
			if strings.Trim(p.word(), "0") != "" {
				err = strconv.ErrSyntax
			}
		}
		if err != nil {
			p.at = start
			return p.wrong("a whole number in " + what)
		}
		*to = append(*to, n)
		return nil
	})
}

// quotes are what opens a text, with what closes it.
var quotes = []struct{ open, close string }{
	{"'", "'"}, {"\"", "\""}, {"`", "`"}, {"‘", "’"}, {"’", "’"}, {"“", "”"}, {"”", "”"}, {"´", "´"},
}

// quoted reads the name of an operation.
func (p *parser) quoted(what string, to *string) error {
	return p.call(texts, what, func() error {
		p.space()
		rest := p.text[p.at:]
		if len(rest) > 1 && strings.IndexByte("ubr", rest[0]) >= 0 && strings.IndexByte("'\"", rest[1]) >= 0 {
			rest = rest[1:] // of Python's u'text'
		}
		for _, q := range quotes {
			if inner, ok := strings.CutPrefix(rest, q.open); ok {
				name, behind, closed := strings.Cut(inner, q.close)
				if !closed {
					return p.wrong(fmt.Sprintf("a closing %s in %s", q.close, what))
				}
				*to, p.at = name, len(p.text)-len(behind)
				return nil
			}
		}
		return p.wrong("the name of an operation in quotes in " + what)
	})
}

func (p *parser) entries(key string) (out []entry, err error) {
	err = p.list(key, func() error {
		what := fmt.Sprintf("entry %d of %s", len(out)+1, key)
		e := entry{}
		first := true
		err := p.list(what, func() error {
			if first {
				first = false
				return p.quoted(what, &e.op)
			}
			return p.number(what, &e.numbers)
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

// concat reads the nodes of an output: a list, range(a, b), or list(range(a, b)).
func (p *parser) concat(key string) (nodes []int, err error) {
	number := func(to *[]int) func() error { return func() error { return p.number(key, to) } }
	err = p.call(lists, key, func() error {
		start := p.at
		if p.word() != "range" {
			p.at = start
			return p.list(key, number(&nodes))
		}
		var bounds []int
		if err := p.list(key, number(&bounds)); err != nil {
			return err
		}
		if len(bounds) != 2 || bounds[0] >= bounds[1] || bounds[0] < 0 || bounds[1] > lastNode+1 {
			p.at = start
			return p.wrong(fmt.Sprintf("nodes from %d to %d as in range(%d, %d) in %s", inputs, lastNode, inputs, lastNode+1, key))
		}
		for n := bounds[0]; n < bounds[1]; n++ {
			nodes = append(nodes, n)
		}
		return nil
	})
	return nodes, err
}
