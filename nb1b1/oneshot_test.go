package nb1b1

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"idarts/internal/search"
)

// choices calls f with every choice of parents; the operations are all the first.
func choices(s OneShot, f func(Choice)) {
	var c Choice
	var from func(v int)
	from = func(v int) {
		if v == s.Blocks()+2 {
			f(c)
			return
		}
		for set := range uint8(1 << v) {
			n := 0
			for u := range v {
				n += int(set >> u & 1)
			}
			if n == s.Parents(v) {
				c.Parents[v-1] = set
				from(v + 1)
			}
		}
	}
	from(1)
}

// withOps calls f with every choice of operations of the blocks in the set.
func withOps(s OneShot, c Choice, set uint8, f func(Choice)) {
	var from func(v int)
	from = func(v int) {
		if v > s.Blocks() {
			f(c)
			return
		}
		from(v + 1)
		if set>>v&1 == 1 {
			for op := Op(1); int(op) < len(Ops); op++ {
				c.Ops[v-1] = op
				from(v + 1)
			}
			c.Ops[v-1] = 0
		}
	}
	from(1)
}

// reference builds the matrix of a choice as section "discretisation" of the
// benchmark describes: from the output backwards, each vertex that is reached
// brings the edges from its parents.
func reference(s OneShot, c Choice) [MaxVertices][MaxVertices]int {
	var m [MaxVertices][MaxVertices]int
	output := s.Blocks() + 1
	at := func(v int) int {
		if v == output {
			return MaxVertices - 1
		}
		return v
	}
	var visit func(v int)
	visit = func(v int) {
		if v == 0 {
			return
		}
		for parent := range v {
			if c.Parents[v-1]>>parent&1 == 1 {
				m[parent][at(v)] = 1
				visit(parent)
			}
		}
	}
	visit(output)
	return m
}

// Counts of the notes: choices of parents; those times operations; what remains
// of them after pruning, with numbered blocks, and up to isomorphism.
func TestCounts(t *testing.T) {
	for _, tt := range []struct {
		space                                      OneShot
		choices, total, graphs, labelled, isomorph int
	}{
		{Space1, 180, 14580, 66, 3702, 2685},
		{Space2, 360, 29160, 190, 12474, 7773},
		{Space3, 5400, 1312200, 876, 135900, 55854},
	} {
		t.Run(tt.space.String(), func(t *testing.T) {
			all, mismatches, edges := 0, 0, 0
			graphs := map[[MaxVertices][MaxVertices]int]Choice{}
			choices(tt.space, func(c Choice) {
				all++
				want := reference(tt.space, c)
				graphs[want] = c
				matrix, ops := tt.space.Benchmark(c)
				for from, row := range matrix {
					for to, bit := range row {
						if bit != want[from][to] {
							mismatches++
						}
					}
				}
				for _, set := range c.Parents {
					for v := range 8 {
						edges += int(set >> v & 1)
					}
				}
				asked, err := NewCell(matrix, ops)
				if err != nil {
					t.Fatal(err)
				}
				if got := tt.space.Cell(c); got != asked.Pruned() {
					t.Fatalf("cell %q, but the benchmark is asked for %q", got, asked)
				}
			})
			if mismatches > 0 {
				t.Errorf("%d entries of matrices differ from the reference", mismatches)
			}
			if edges != MaxEdges*all {
				t.Errorf("%d edges in %d choices, want 9 each", edges, all)
			}
			total := all * int(math.Pow(float64(len(Ops)), float64(tt.space.Blocks())))
			short := testing.Short() && tt.labelled > 100000
			labelled := 0
			hashes, reps := map[Hash]bool{}, map[Cell]bool{}
			for m, c := range graphs {
				var kept uint8 // blocks that something reads
				n := 1
				for v := 1; v <= tt.space.Blocks(); v++ {
					for to := range m {
						if m[v][to] == 1 && kept>>v&1 == 0 {
							kept |= 1 << v
							n *= len(Ops)
						}
					}
				}
				labelled += n
				if short {
					continue
				}
				withOps(tt.space, c, kept, func(c Choice) {
					cell := tt.space.Cell(c)
					rep := cell.Canonical()
					if !reps[rep] {
						reps[rep] = true
						if err := tt.space.Check(rep); err != nil {
							t.Fatalf("a representative is outside of its space: %v", err)
						}
					}
					hashes[cell.Hash()] = true
				})
			}
			if all != tt.choices || total != tt.total || len(graphs) != tt.graphs || labelled != tt.labelled {
				t.Errorf("%d choices of parents, %d with operations, %d graphs, %d with operations, want %+v", all, total, len(graphs), labelled, tt)
			}
			if short {
				t.Logf("%d choices of parents, %d with operations; %d pruned graphs, %d with operations; 0 mismatches; classes are skipped", all, total, len(graphs), labelled)
				return
			}
			if len(hashes) != tt.isomorph || len(reps) != tt.isomorph {
				t.Errorf("%d classes by hash, %d by representative, want %d", len(hashes), len(reps), tt.isomorph)
			}
			t.Logf("%d choices of parents, %d with operations; %d pruned graphs, %d with operations, %d up to isomorphism; %d mismatches with the reference",
				all, total, len(graphs), labelled, len(reps), mismatches)
		})
	}
}

// Check against the list of everything that the space reaches.
func TestCheck(t *testing.T) {
	for _, s := range OneShots[:2] {
		members := map[Cell]bool{}
		choices(s, func(c Choice) {
			withOps(s, c, 0b11110, func(c Choice) { members[s.Cell(c).Canonical()] = true })
		})
		r := rand.New(rand.NewPCG(5, 6))
		in := 0
		for range 20000 {
			c := randomCell(r)
			got := s.Check(c) == nil
			if want := members[c.Canonical()]; got != want {
				t.Fatalf("%s: Check(%q) = %v, but it is in the list: %v", s, c, s.Check(c), want)
			}
			if got {
				in++
			}
		}
		if in < 100 {
			t.Errorf("%s: only %d of the random cells are members", s, in)
		}
		t.Logf("%s: %d of 20000 random cells are members", s, in)
	}
	for _, tt := range []struct {
		space      OneShot
		text, want string
	}{
		{Space1, firstText, `is not in NAS-Bench-1Shot1 space 1: it has 5 inner vertices, want at most 4`},
		{Space3, inceptionText, `is not in NAS-Bench-1Shot1 space 3: its output reads 4 vertices, want 2`},
		{Space2, "maxpool3x3(0) maxpool3x3(0,1) output(0,1)", `its output reads 2 vertices, want 3`},
		{Space1, "maxpool3x3(0) maxpool3x3(1) output(0,2)", `no order of its inner vertices has a number of parents that goes with blocks of [1 2 2 2]`},
	} {
		if _, err := tt.space.Canonical(cell(t, tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s, %q: error = %v, want %q", tt.space, tt.text, err, tt.want)
		}
	}
}

func TestLayout(t *testing.T) {
	for _, tt := range []struct {
		space OneShot
		want  string
		len   int
	}{
		{Space1, "operation of 1 3, operation of 2 3, operation of 3 3, operation of 4 3, parents of output 5, parents of 3 3, parents of 4 4", 24},
		{Space2, "operation of 1 3, operation of 2 3, operation of 3 3, operation of 4 3, parents of output 5, parents of 2 2, parents of 3 3, parents of 4 4", 26},
		{Space3, "operation of 1 3, operation of 2 3, operation of 3 3, operation of 4 3, operation of 5 3, parents of output 6, parents of 2 2, parents of 3 3, parents of 4 4, parents of 5 5", 35},
	} {
		var rows []string
		for _, row := range tt.space.Layout() {
			rows = append(rows, fmt.Sprint(row.Name, " ", len(row.Options)))
		}
		if got := strings.Join(rows, ", "); got != tt.want {
			t.Errorf("%s has rows %s, want %s", tt.space, got, tt.want)
		}
		if got := tt.space.Layout().Len(); got != tt.len || tt.space.rows().len != tt.len {
			t.Errorf("%s has %d parameters, want %d", tt.space, got, tt.len)
		}
	}
	layout := Space3.Layout()
	if got := layout[0].Options; !reflect.DeepEqual(got, []string{"maxpool3x3", "conv3x3-bn-relu", "conv1x1-bn-relu"}) {
		t.Errorf("operations are %q", got)
	}
	if got := layout[8].Options; !reflect.DeepEqual(got, []string{"0", "1", "2", "3"}) {
		t.Errorf("parents of 4 are %q", got)
	}
}

func TestDiscretize(t *testing.T) {
	alpha := []float64{
		0, 1, 0, // conv3x3
		0, 0, 0, // the first of equal ones: maxpool3x3
		-2, -3, -1, // conv1x1
		5, 4, 3, // maxpool3x3
		0.1, 0.5, 0.2, 0.3, 0.4, // output: 1 and 4
		0, 0, 0, // node 3: 0 and 1, the first of equal ones
		1, 3, 2, 2, // node 4: 1 and then the first of 2 and 3
	}
	got := Space1.Cell(Space1.Discretize(alpha)).String()
	if want := "conv3x3-bn-relu(0) maxpool3x3(0,1) maxpool3x3(1,2) output(1,3)"; got != want {
		t.Errorf("cell = %q, want %q (block 3 is a loose end)", got, want)
	}
	if derived := Space1.Space().Derive(alpha); derived != got {
		t.Errorf("Derive = %q, want %q", derived, got)
	}
	matrix, ops := Space1.Benchmark(Space1.Discretize(alpha))
	wantMatrix := [][]int{{0, 1, 1, 0, 0, 0, 0}, {0, 0, 1, 0, 1, 0, 1}, {0, 0, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 1}, {0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0}}
	if !reflect.DeepEqual(matrix, wantMatrix) {
		t.Errorf("matrix = %v, want %v", matrix, wantMatrix)
	}
	wantOps := []string{"input", "conv3x3-bn-relu", "maxpool3x3", "conv1x1-bn-relu", "maxpool3x3", "conv1x1-bn-relu", "output"}
	if !reflect.DeepEqual(ops, wantOps) {
		t.Errorf("ops = %v, want %v with a dummy at 5", ops, wantOps)
	}

	r := rand.New(rand.NewPCG(7, 8))
	for _, s := range OneShots {
		for range 1000 {
			c := s.Random(r)
			if got := s.Discretize(s.Scores(c)); got != c {
				t.Fatalf("%s: choice %+v came back as %+v", s, c, got)
			}
			if err := s.Check(s.Cell(c)); err != nil {
				t.Fatalf("a random cell: %v", err)
			}
		}
	}
}

// Every subset of parents and every operation comes up as often as the others.
func TestRandomIsUniform(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 60000
	for _, s := range OneShots {
		counts := map[string]int{}
		for range n {
			c := s.Random(r)
			for v := 1; v <= s.Blocks()+1; v++ {
				counts[fmt.Sprintf("parents of %d: %b", v, c.Parents[v-1])]++
				if v <= s.Blocks() {
					counts[fmt.Sprintf("operation of %d: %d", v, c.Ops[v-1])]++
				}
			}
		}
		kinds := map[string]int{}
		for what := range counts {
			kind, _, _ := strings.Cut(what, ":")
			kinds[kind]++
		}
		for what, got := range counts {
			kind, _, _ := strings.Cut(what, ":")
			p := 1 / float64(kinds[kind])
			if dev := math.Sqrt(n * p * (1 - p)); math.Abs(float64(got)-n*p) > 5*dev {
				t.Errorf("%s: %s came up %d times of %d, want about %.0f", s, what, got, n, n*p)
			}
		}
		if got := kinds[fmt.Sprint("parents of ", s.Blocks()+1)]; got != binomial(s.Blocks()+1, s.Parents(s.Blocks()+1)) {
			t.Errorf("%s: %d sets of the output's parents", s, got)
		}
	}
}

func binomial(n, k int) int {
	if k == 0 || k == n {
		return 1
	}
	return binomial(n-1, k-1) + binomial(n-1, k)
}

var _ = []search.Space{Space1.Space(), Space2.Space(), Space3.Space()}

// By single decisions one gets from any cell to all others: steps from one cell
// meet all classes of the space, and steps against the arrow meet all as well.
func TestNeighboursReachTheSpace(t *testing.T) {
	for _, tt := range []struct {
		s       OneShot
		classes int
	}{{Space1, 2685}, {Space2, 7773}} {
		forth, back := map[Cell][]Cell{}, map[Cell][]Cell{}
		first := tt.s.Cell(tt.s.Random(rand.New(rand.NewPCG(1, 1)))).Canonical()
		walk := func(from Cell, steps func(Cell) []Cell) int {
			seen, queue := map[Cell]bool{from: true}, []Cell{from}
			for ; len(queue) > 0; queue = queue[1:] {
				for _, c := range steps(queue[0]) {
					if !seen[c] {
						seen[c] = true
						queue = append(queue, c)
					}
				}
			}
			return len(seen)
		}
		fewest, most := 100, 0
		n := walk(first, func(c Cell) []Cell {
			near, err := tt.s.Neighbours(c)
			if err != nil {
				t.Fatal(err)
			}
			fewest, most = min(fewest, len(near)), max(most, len(near))
			for _, other := range near {
				other = other.Canonical()
				forth[c] = append(forth[c], other)
				back[other] = append(back[other], c)
			}
			return forth[c]
		})
		if n != tt.classes {
			t.Errorf("%s: steps from %s meet %d classes, want %d", tt.s, first, n, tt.classes)
		}
		if n := walk(first, func(c Cell) []Cell { return back[c] }); n != tt.classes {
			t.Errorf("%s: %d classes lead to %s, want %d", tt.s, n, first, tt.classes)
		}
		t.Logf("%s: %d classes, %d to %d neighbours", tt.s, n, fewest, most)
	}
}

// A choice prunes to the cell it was made of.
func TestChoiceOfACell(t *testing.T) {
	for _, s := range OneShots {
		r := rand.New(rand.NewPCG(3, 4))
		for range 300 {
			c := s.Cell(s.Random(r))
			choice, err := s.choice(c)
			if err != nil || s.Cell(choice).Canonical() != c.Canonical() {
				t.Errorf("%s: cell %s gives choice %+v of cell %s, %v", s, c, choice, s.Cell(choice), err)
			}
			for v := 1; v <= s.Blocks()+1; v++ {
				if set := choice.Parents[v-1]; bits.OnesCount8(set) != s.Parents(v) || set >= 1<<v {
					t.Errorf("%s: vertex %d of %+v has parents %b, want %d earlier ones", s, v, choice, set, s.Parents(v))
				}
			}
		}
	}
}
