package onnx

import (
	"fmt"
	"math"
	"slices"
)

// Run evaluates the model on its inputs and returns its outputs, by name.
func (m *Model) Run(inputs map[string]Tensor) (map[string]Tensor, error) {
	known := map[string]Tensor{}
	for name, t := range m.weights {
		known[name] = t
	}
	for name, t := range inputs {
		if t.Len() != max(len(t.Floats), len(t.Ints)) {
			return nil, fmt.Errorf("onnx: input %q of shape %v has %d numbers", name, t.Shape, max(len(t.Floats), len(t.Ints)))
		}
		known[name] = t
	}
	for i, n := range m.nodes {
		args := make([]Tensor, len(n.inputs))
		for k, name := range n.inputs {
			t, ok := known[name]
			if !ok {
				return nil, fmt.Errorf("onnx: node %d, %s: there is no %q", i, n.op, name)
			}
			args[k] = t
		}
		op, ok := operators[n.op]
		if !ok {
			return nil, fmt.Errorf("onnx: node %d: operator %q is not known here", i, n.op)
		}
		if len(args) < op.args || len(n.outputs) != 1 {
			return nil, fmt.Errorf("onnx: node %d, %s: %d inputs and %d outputs, want %d or more and 1", i, n.op, len(args), len(n.outputs), op.args)
		}
		out, err := op.run(n, args)
		if err != nil {
			return nil, fmt.Errorf("onnx: node %d, %s: %w", i, n.op, err)
		}
		known[n.outputs[0]] = out
	}
	out := map[string]Tensor{}
	for _, name := range m.Outputs {
		t, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("onnx: output %q is not computed", name)
		}
		out[name] = t
	}
	return out, nil
}

type operator struct {
	args int // at least
	run  func(n node, args []Tensor) (Tensor, error)
}

var operators = map[string]operator{
	"Constant": {0, func(n node, _ []Tensor) (Tensor, error) {
		if n.tensor == nil {
			return Tensor{}, fmt.Errorf("it has no value")
		}
		return *n.tensor, nil
	}},
	"Add": {2, elementwise(func(a, b float64) float64 { return a + b }, func(a, b int64) (int64, bool) { return a + b, true })},
	"Sub": {2, elementwise(func(a, b float64) float64 { return a - b }, func(a, b int64) (int64, bool) { return a - b, true })},
	"Mul": {2, elementwise(func(a, b float64) float64 { return a * b }, func(a, b int64) (int64, bool) { return a * b, true })},
	"Div": {2, elementwise(func(a, b float64) float64 { return a / b }, func(a, b int64) (int64, bool) {
		if b == 0 {
			return 0, false
		}
		return a / b, true
	})},
	"Max":                {2, elementwise(math.Max, func(a, b int64) (int64, bool) { return max(a, b), true })},
	"Min":                {2, elementwise(math.Min, func(a, b int64) (int64, bool) { return min(a, b), true })},
	"Relu":               {1, each(func(x float64) float64 { return max(x, 0) })},
	"Exp":                {1, each(math.Exp)},
	"Sigmoid":            {1, each(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })},
	"Cast":               {1, cast},
	"Shape":              {1, shape},
	"Unsqueeze":          {2, unsqueeze},
	"Concat":             {1, concat},
	"Gather":             {2, gather},
	"Slice":              {4, slice},
	"Gemm":               {2, gemm},
	"BatchNormalization": {5, batchNorm},
}

// each applies f to every number.
func each(f func(float64) float64) func(node, []Tensor) (Tensor, error) {
	return func(_ node, args []Tensor) (Tensor, error) {
		x := args[0]
		if x.Ints != nil {
			return x, fmt.Errorf("integers, want floats")
		}
		out := Tensor{Shape: x.Shape, Floats: make([]float64, len(x.Floats))}
		for i, v := range x.Floats {
			out.Floats[i] = f(v)
		}
		return out, nil
	}
}

// elementwise applies an operation to two tensors of one type, with the broadcasting of NumPy.
func elementwise(f func(a, b float64) float64, g func(a, b int64) (int64, bool)) func(node, []Tensor) (Tensor, error) {
	return func(_ node, args []Tensor) (Tensor, error) {
		a, b := args[0], args[1]
		if (a.Ints == nil) != (b.Ints == nil) || len(args) > 2 {
			return a, fmt.Errorf("%d tensors, want two of one type", len(args))
		}
		out := Tensor{Shape: make([]int, max(len(a.Shape), len(b.Shape)))}
		at := func(s []int, k int) int { // size in dimension k from the end
			if k < len(s) {
				return s[len(s)-1-k]
			}
			return 1
		}
		for k := range out.Shape {
			x, y := at(a.Shape, k), at(b.Shape, k)
			if x != y && x != 1 && y != 1 {
				return a, fmt.Errorf("shapes %v and %v do not go together", a.Shape, b.Shape)
			}
			out.Shape[len(out.Shape)-1-k] = max(x, y)
			if x == 0 || y == 0 {
				out.Shape[len(out.Shape)-1-k] = 0
			}
		}
		n := out.Len()
		if a.Ints != nil {
			out.Ints = make([]int64, n)
		} else {
			out.Floats = make([]float64, n)
		}
		for i := range n {
			from := func(s []int) (index int) { // where element i of the result comes from
				rest, step := i, 1
				for k := range out.Shape {
					size := at(out.Shape, k)
					if d := at(s, k); d > 1 {
						index += step * (rest % size)
						step *= d
					}
					rest /= size
				}
				return index
			}
			x, y := from(a.Shape), from(b.Shape)
			if a.Ints == nil {
				out.Floats[i] = f(a.Floats[x], b.Floats[y])
				continue
			}
			v, ok := g(a.Ints[x], b.Ints[y])
			if !ok {
				return a, fmt.Errorf("division by 0")
			}
			out.Ints[i] = v
		}
		return out, nil
	}
}

// cast makes floats (type 1) or integers (6 and 7).
func cast(n node, args []Tensor) (Tensor, error) {
	x := args[0]
	out := Tensor{Shape: x.Shape}
	switch to := n.ints["to"]; {
	case len(to) == 1 && to[0] == 1 && x.Ints == nil, len(to) == 1 && (to[0] == 6 || to[0] == 7) && x.Ints != nil:
		return x, nil
	case len(to) == 1 && to[0] == 1:
		for _, v := range x.Ints {
			out.Floats = append(out.Floats, float64(v))
		}
	case len(to) == 1 && (to[0] == 6 || to[0] == 7):
		out.Ints = []int64{}
		for _, v := range x.Floats {
			out.Ints = append(out.Ints, int64(v))
		}
	default:
		return x, fmt.Errorf("to type %v, want 1, 6 or 7", to)
	}
	return out, nil
}

func shape(_ node, args []Tensor) (Tensor, error) {
	out := Tensor{Shape: []int{len(args[0].Shape)}, Ints: []int64{}}
	for _, d := range args[0].Shape {
		out.Ints = append(out.Ints, int64(d))
	}
	return out, nil
}

func unsqueeze(_ node, args []Tensor) (Tensor, error) {
	x, axes := args[0], args[1]
	if len(axes.Ints) != 1 || axes.Ints[0] < 0 || int(axes.Ints[0]) > len(x.Shape) {
		return x, fmt.Errorf("axes %v of shape %v, want one of it", axes.Ints, x.Shape)
	}
	x.Shape = slices.Insert(slices.Clone(x.Shape), int(axes.Ints[0]), 1)
	return x, nil
}

// axis is the attribute, counted from the front.
func (n node) axis(rank int) (int, error) {
	a := 0
	if v := n.ints["axis"]; len(v) == 1 {
		a = int(v[0])
	}
	if a < 0 {
		a += rank
	}
	if a < 0 || a >= rank {
		return 0, fmt.Errorf("axis %d of %d", a, rank)
	}
	return a, nil
}

// blocks are how many runs of numbers there are before an axis, and how long one is behind it.
func blocks(s []int, axis int) (before, behind int) {
	before, behind = 1, 1
	for k, d := range s {
		if k < axis {
			before *= d
		} else if k > axis {
			behind *= d
		}
	}
	return before, behind
}

func concat(n node, args []Tensor) (Tensor, error) {
	axis, err := n.axis(len(args[0].Shape))
	if err != nil {
		return Tensor{}, err
	}
	out := Tensor{Shape: slices.Clone(args[0].Shape)}
	out.Shape[axis] = 0
	for _, a := range args {
		if a.Ints != nil || len(a.Shape) != len(out.Shape) {
			return out, fmt.Errorf("shape %v beside %v, want floats of as many dimensions", a.Shape, out.Shape)
		}
		for k, d := range a.Shape {
			if k != axis && d != out.Shape[k] {
				return out, fmt.Errorf("shape %v beside %v", a.Shape, args[0].Shape)
			}
		}
		out.Shape[axis] += a.Shape[axis]
	}
	before, behind := blocks(out.Shape, axis)
	for b := range before {
		for _, a := range args {
			length := a.Shape[axis] * behind
			out.Floats = append(out.Floats, a.Floats[b*length:(b+1)*length]...)
		}
	}
	return out, nil
}

// gather takes entries of an axis by numbers, which may count from the end.
func gather(n node, args []Tensor) (Tensor, error) {
	x, index := args[0], args[1]
	axis, err := n.axis(len(x.Shape))
	if err != nil {
		return x, err
	}
	if index.Ints == nil {
		return x, fmt.Errorf("entries by floats, want integers")
	}
	size := x.Shape[axis]
	before, behind := blocks(x.Shape, axis)
	out := Tensor{Shape: slices.Concat(x.Shape[:axis], index.Shape, x.Shape[axis+1:])}
	if x.Ints != nil {
		out.Ints = []int64{}
	}
	for b := range before {
		for _, i := range index.Ints {
			if i < 0 {
				i += int64(size)
			}
			if i < 0 || i >= int64(size) {
				return x, fmt.Errorf("entry %d of %d", i, size)
			}
			from := (b*size + int(i)) * behind
			if x.Ints != nil {
				out.Ints = append(out.Ints, x.Ints[from:from+behind]...)
			} else {
				out.Floats = append(out.Floats, x.Floats[from:from+behind]...)
			}
		}
	}
	return out, nil
}

// slice takes a range of one axis.
func slice(_ node, args []Tensor) (Tensor, error) {
	x := args[0]
	for _, a := range args[1:4] {
		if len(a.Ints) != 1 {
			return x, fmt.Errorf("a range of %d axes, want one", len(a.Ints))
		}
	}
	axis := int(args[3].Ints[0])
	if axis < 0 {
		axis += len(x.Shape)
	}
	if axis < 0 || axis >= len(x.Shape) || x.Ints != nil || len(args) > 4 {
		return x, fmt.Errorf("axis %d of shape %v, want floats and no steps", axis, x.Shape)
	}
	bound := func(v int64) int {
		if v < 0 {
			v += int64(x.Shape[axis])
		}
		return int(min(max(v, 0), int64(x.Shape[axis])))
	}
	start, end := bound(args[1].Ints[0]), bound(args[2].Ints[0])
	end = max(start, end)
	before, behind := blocks(x.Shape, axis)
	out := Tensor{Shape: slices.Clone(x.Shape)}
	out.Shape[axis] = end - start
	for b := range before {
		row := b * x.Shape[axis]
		out.Floats = append(out.Floats, x.Floats[(row+start)*behind:(row+end)*behind]...)
	}
	return out, nil
}

// gemm is α·A·B + β·C, B transposed if the node says so, C one row.
func gemm(n node, args []Tensor) (Tensor, error) {
	a, b := args[0], args[1]
	transposed := len(n.ints["transB"]) == 1 && n.ints["transB"][0] == 1
	if len(a.Shape) != 2 || len(b.Shape) != 2 || a.Ints != nil || b.Ints != nil || len(n.ints["transA"]) == 1 && n.ints["transA"][0] != 0 {
		return a, fmt.Errorf("shapes %v and %v, want two matrices of floats, the first as it is", a.Shape, b.Shape)
	}
	inner, wide := b.Shape[0], b.Shape[1]
	if transposed {
		inner, wide = wide, inner
	}
	if a.Shape[1] != inner {
		return a, fmt.Errorf("shapes %v and %v do not go together", a.Shape, b.Shape)
	}
	factor := func(name string) float64 {
		if v, ok := n.floats[name]; ok {
			return v
		}
		return 1
	}
	alpha, beta := factor("alpha"), factor("beta")
	out := Tensor{Shape: []int{a.Shape[0], wide}, Floats: make([]float64, a.Shape[0]*wide)}
	for i := range a.Shape[0] {
		for j := range wide {
			sum := 0.0
			for k := range inner {
				w := k*wide + j
				if transposed {
					w = j*inner + k
				}
				sum += a.Floats[i*inner+k] * b.Floats[w]
			}
			out.Floats[i*wide+j] = alpha * sum
		}
	}
	if len(args) > 2 {
		c := args[2]
		if len(c.Floats) != wide {
			return a, fmt.Errorf("%d numbers to add to rows of %d", len(c.Floats), wide)
		}
		for i := range out.Floats {
			out.Floats[i] += beta * c.Floats[i%wide]
		}
	}
	return out, nil
}

// batchNorm normalises columns by running averages: x, scale, shift, mean, variance.
func batchNorm(n node, args []Tensor) (Tensor, error) {
	x := args[0]
	if len(x.Shape) != 2 || x.Ints != nil {
		return x, fmt.Errorf("shape %v, want a matrix of floats", x.Shape)
	}
	wide := x.Shape[1]
	for _, a := range args[1:5] {
		if len(a.Floats) != wide {
			return x, fmt.Errorf("%d numbers for %d columns", len(a.Floats), wide)
		}
	}
	epsilon := 1e-5
	if v, ok := n.floats["epsilon"]; ok {
		epsilon = v
	}
	out := Tensor{Shape: x.Shape, Floats: make([]float64, len(x.Floats))}
	for i, v := range x.Floats {
		k := i % wide
		out.Floats[i] = args[1].Floats[k]*(v-args[3].Floats[k])/math.Sqrt(args[4].Floats[k]+epsilon) + args[2].Floats[k]
	}
	return out, nil
}
