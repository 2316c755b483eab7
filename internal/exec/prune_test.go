package exec

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// vec is n numbers in a space.
func vec(space Space, offset, n int) Tensor {
	return Tensor{Space: space, Offset: offset, Shape: Vector(n)}
}

// listing is a program as text, one instruction after another: its operator, its
// number of arguments and the place of its result.
func listing(p *Program) [][]string {
	list := make([][]string, len(p.Phases))
	for i, phase := range p.Phases {
		for _, in := range phase {
			list[i] = append(list[i], fmt.Sprintf("%v/%d %v+%d:%d", in.Op, len(in.Args), in.Out.Space, in.Out.Offset, in.Out.Shape.Len()))
		}
	}
	return list
}

// Two operations a and b of x, mixed by two coefficients, and what a gradient and a
// product would want of them.
func mixture() *Program {
	image := Shape{2, 2, 2, 4}
	x := Tensor{Space: Images, Shape: image}
	at := func(i int) Tensor { return Tensor{Offset: 32 * i, Shape: image} }
	coef := func(i int) Tensor { return vec(Coefs, i, 1) }
	stats := func(i int) Tensor { return vec(Stats, 12*i, 12) }
	sums := vec(Scratch, 1000, 12)
	return &Program{Phases: [][]Instr{{
		{Op: ReLU, Args: []Tensor{x}, Out: at(0)},    // a
		{Op: Softmax, Args: []Tensor{x}, Out: at(1)}, // b
		{Op: BNStats, Args: []Tensor{at(0)}, Out: stats(0)},
		{Op: BNStats, Args: []Tensor{at(1)}, Out: stats(1)},
		{Op: BNNorm, Args: []Tensor{at(0), stats(0)}, Out: at(2)},
		{Op: BNNorm, Args: []Tensor{at(1), stats(1)}, Out: at(3)},
		{Op: ChanLin, Attr: Attr{Terms: 2}, Args: []Tensor{at(2), coef(0), at(3), coef(1)}, Out: at(4)},
		{Op: ChanDots, Args: []Tensor{at(4), at(2), at(3)}, Out: sums},
		{Op: Slice, Attr: Attr{Offset: 4}, Args: []Tensor{sums}, Out: vec(Scratch, 1100, 4)},
		{Op: Slice, Attr: Attr{Offset: 8}, Args: []Tensor{sums}, Out: vec(Scratch, 1200, 4)},
		{Op: Dot, Args: []Tensor{vec(Scratch, 1100, 4), vec(Scratch, 1100, 4)}, Out: vec(CoefGrad, 0, 1)},
		{Op: Dot, Args: []Tensor{vec(Scratch, 1200, 4), vec(Scratch, 1200, 4)}, Out: vec(CoefGrad, 1, 1)},
		{Op: ChanLin, Attr: Attr{Terms: 1}, Args: []Tensor{vec(Scratch, 1100, 4), coef(0)}, Out: vec(WeightGrad, 0, 4)},
		{Op: ChanLin, Attr: Attr{Terms: 1}, Args: []Tensor{vec(Scratch, 1200, 4), coef(1)}, Out: vec(WeightGrad, 4, 4)},
		{Op: ChanLin, Attr: Attr{Terms: 1}, Args: []Tensor{vec(Weights, 0, 4), coef(1)}, Out: vec(WeightGrad, 8, 4)},
	}, {
		{Op: Add, Args: []Tensor{vec(Direction, 0, 4), vec(Scratch, 1100, 4)}, Out: vec(HessianVec, 0, 4)},
		{Op: ChanLin, Attr: Attr{Terms: 1}, Args: []Tensor{vec(Direction, 4, 4), coef(1)}, Out: vec(Scratch, 1300, 4)},
		{Op: Add, Args: []Tensor{vec(Scratch, 1100, 4), vec(Scratch, 1300, 4)}, Out: vec(HessianVec, 4, 4)},
		{Op: Concat, Args: []Tensor{vec(Scratch, 1100, 4), vec(Scratch, 1300, 4)}, Out: vec(HessianVec, 8, 8)},
	}}}
}

func TestPrune(t *testing.T) {
	full := mixture()
	flow, err := NewFlow(full)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		dead []bool
		want [][]string
	}{
		{"nothing is dead", nil, listing(full)},
		{"b is not computed, its sums are left out, its gradients are one zero", []bool{false, true}, [][]string{{
			"relu/1 scratch+0:32", "bn-stats/1 stats+0:12", "bn-norm/2 scratch+64:32", "chan-lin/2 scratch+128:32",
			"chan-dots/2 scratch+1000:8", "slice/1 scratch+1100:4", "dot/2 coef-grad+0:1", "chan-lin/2 weight-grad+0:4",
			"zero/0 weight-grad+4:8", "zero/0 coef-grad+1:1",
		}, {
			"add/2 hessian-vec+0:4", "zero/0 scratch+1300:4", "copy/1 hessian-vec+4:4", "concat/2 hessian-vec+8:8",
		}}},
		{"a is read by a product alone", []bool{true, false}, [][]string{{
			"relu/1 scratch+0:32", "softmax/1 scratch+32:32", "bn-stats/1 stats+0:12", "bn-stats/1 stats+12:12",
			"bn-norm/2 scratch+64:32", "bn-norm/2 scratch+96:32", "chan-lin/2 scratch+128:32",
			"chan-dots/3 scratch+1000:12", "slice/1 scratch+1100:4", "slice/1 scratch+1200:4", "dot/2 coef-grad+1:1",
			"chan-lin/2 weight-grad+4:4", "chan-lin/2 weight-grad+8:4", "zero/0 weight-grad+0:4", "zero/0 coef-grad+0:1",
		}, {
			"add/2 hessian-vec+0:4", "chan-lin/2 scratch+1300:4", "add/2 hessian-vec+4:4", "concat/2 hessian-vec+8:8",
		}}},
	} {
		pruned := flow.Prune(tt.dead)
		if got := listing(pruned); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
		if pruned.Size != full.Size {
			t.Errorf("%s: sizes %v, want those of the full program, %v", tt.name, pruned.Size, full.Size)
		}
	}
	if got, want := len(flow.Prune([]bool{false, true}).Written(Stats)), 1; got != want {
		t.Errorf("%d statistics are written, want %d", got, want)
	}
	if !reflect.DeepEqual(full, mixture()) {
		t.Error("pruning changed the full program")
	}
}

// What a mixture does not show.
func TestPruneDetails(t *testing.T) {
	x, y := vec(Images, 0, 4), vec(Images, 4, 4)
	scratch := func(i int) Tensor { return vec(Scratch, 100*i, 4) }
	zero := Instr{Op: ChanLin, Attr: Attr{Terms: 1}, Args: []Tensor{x, vec(Coefs, 0, 1)}, Out: scratch(0)}
	for _, tt := range []struct {
		name   string
		instrs []Instr
		want   []string
	}{
		{"a sum in place of its only summand is gone", []Instr{zero,
			{Op: ReLU, Args: []Tensor{x}, Out: scratch(1)},
			{Op: Add, Args: []Tensor{scratch(0), scratch(1)}, Out: scratch(1)},
			{Op: Copy, Args: []Tensor{scratch(1)}, Out: vec(Logits, 0, 4)},
		}, []string{"relu/1 scratch+100:4", "copy/1 logits+0:4"}},
		{"statistics are copied if something else needs them", []Instr{
			{Op: ReLU, Args: []Tensor{x}, Out: scratch(1)},
			{Op: ReLU, Args: []Tensor{y}, Out: scratch(2)},
			{Op: Copy, Args: []Tensor{scratch(1)}, Out: vec(Stats, 0, 4)},
			{Op: Copy, Args: []Tensor{scratch(2)}, Out: vec(Stats, 4, 4)},
			{Op: ReLU, Args: []Tensor{scratch(1)}, Out: vec(Logits, 0, 4)},
		}, []string{"relu/1 scratch+100:4", "copy/1 stats+0:4", "relu/1 logits+0:4"}},
		{"a sum of products with zeros is zero", []Instr{zero,
			{Op: ChanDots, Args: []Tensor{x, scratch(0), y}, Out: vec(Scratch, 100, 12)},
			{Op: Slice, Attr: Attr{Offset: 4}, Args: []Tensor{vec(Scratch, 100, 12)}, Out: vec(Logits, 0, 4)},
			{Op: Slice, Attr: Attr{Offset: 8}, Args: []Tensor{vec(Scratch, 100, 12)}, Out: vec(Logits, 4, 4)},
		}, []string{"chan-dots/2 scratch+100:8", "slice/1 logits+4:4", "zero/0 logits+0:4"}},
		{"sums that something reads as a whole stay as they are", []Instr{zero,
			{Op: ChanDots, Args: []Tensor{x, scratch(0)}, Out: vec(Scratch, 100, 8)},
			{Op: ReLU, Args: []Tensor{vec(Scratch, 100, 8)}, Out: vec(Logits, 0, 8)},
		}, []string{"zero/0 scratch+0:4", "chan-dots/2 scratch+100:8", "relu/1 logits+0:8"}},
	} {
		flow, err := NewFlow(&Program{Phases: [][]Instr{tt.instrs}})
		if err != nil {
			t.Fatal(err)
		}
		if got := listing(flow.Prune([]bool{true}))[0]; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestFlowErrors(t *testing.T) {
	relu := func(from, to Tensor) Instr { return Instr{Op: ReLU, Args: []Tensor{from}, Out: to} }
	x, a, loss := vec(Images, 0, 4), vec(Scratch, 0, 4), vec(Loss, 0, 4)
	for _, tt := range []struct {
		name   string
		phases [][]Instr
		want   string
	}{
		{"scratch that nobody wrote", [][]Instr{{relu(a, loss)}}, "argument 0 is no result of an instruction before"},
		{"part of a result", [][]Instr{{relu(x, a), relu(vec(Scratch, 1, 2), loss)}}, "phase 0, instruction 1 (relu): argument 0 is no result"},
		{"result of another later phase", [][]Instr{{relu(x, loss)}, {relu(x, a)}, {relu(a, loss)}}, "phase 2, instruction 0 (relu)"},
		{"output of phase 0", [][]Instr{{relu(x, loss)}, {relu(loss, a)}}, "argument 0 is an output of phase 0"},
	} {
		if _, err := NewFlow(&Program{Phases: tt.phases}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}
