package graph

import (
	"fmt"

	"idarts/internal/exec"
)

// check says whether an operator can take arguments of these shapes to this
// result.
func check(op exec.Op, attr exec.Attr, out exec.Shape, in []exec.Shape) error {
	fail := func(want string) error {
		return fmt.Errorf("graph: %v of %v to %v with %+v: want %s", op, in, out, attr, want)
	}
	count := map[exec.Op]int{
		exec.ReLU: 1, exec.AvgPool: 1, exec.AvgPoolGrad: 1, exec.MaxPoolIndex: 1, exec.ChanSum: 1, exec.BNStats: 1,
		exec.SpatialMean: 1, exec.SpatialSpread: 1, exec.Softmax: 1, exec.Affine: 1, exec.Rsqrt: 1, exec.Slice: 1,
		exec.Place: 1, exec.Subsample: 1, exec.SubsampleGrad: 1, exec.Copy: 1, exec.BNGrad: 3,
		exec.ChanLin: len(in), exec.Add: len(in), exec.Concat: len(in),
		exec.LinReLU: len(in), exec.LinMask: len(in), exec.ChanDots: len(in),
		exec.Conv: 2 * max(attr.Terms, 1), exec.ConvGradInput: 2 * max(attr.Terms, 1),
	}
	n, listed := count[op]
	if !listed {
		n = 2
	}
	if len(in) != n {
		return fail(fmt.Sprintf("%d arguments", n))
	}
	for _, s := range append([]exec.Shape{out}, in...) {
		for _, size := range s {
			if size <= 0 {
				return fail("positive sizes")
			}
		}
	}
	// part: small is large with fewer channels.
	part := func(small, large exec.Shape) bool {
		end := attr.Offset + small[3]
		small[3] = large[3]
		return small == large && attr.Offset >= 0 && end <= large[3]
	}
	sampled := func(x, y exec.Shape) bool {
		return attr.Stride > 0 && attr.Offset >= 0 && y == sampledShape(x, attr.Stride, attr.Offset)
	}
	rows := func(s exec.Shape) bool { return s[1] == 1 && s[2] == 1 }
	// window: y is what a window makes of x's pixels.
	window := func(x, y exec.Shape) bool {
		return y[0] == x[0] && y[1] == outSize(x[1], attr.KH, attr) && y[2] == outSize(x[2], attr.KW, attr)
	}
	conv := func(x, w, y exec.Shape) bool {
		return attr.Groups > 0 && attr.Stride > 0 && attr.Dilation > 0 && window(x, y) && w[0] == attr.KH && w[1] == attr.KW &&
			w[2]*attr.Groups == x[3] && w[3] == y[3] && y[3]%attr.Groups == 0
	}
	pool := func(x, y exec.Shape) bool {
		return attr.Stride > 0 && attr.Dilation == 0 && window(x, y) && x[3] == y[3] && attr.Pad < attr.KH && attr.Pad < attr.KW
	}
	if op == exec.Conv || op == exec.ConvGradInput {
		for i, s := range in {
			if s != in[i%2] {
				return fail("pairs of the same two shapes")
			}
		}
	}
	switch op {
	case exec.Conv:
		if !conv(in[0], in[1], out) {
			return fail("x, w [KH,KW,Cin/groups,Cout] and y of one convolution")
		}
	case exec.ConvGradInput:
		if !conv(out, in[0], in[1]) {
			return fail("w, dy to x of one convolution")
		}
	case exec.ConvGradWeight:
		if !conv(in[0], out, in[1]) {
			return fail("x, dy to w of one convolution")
		}
	case exec.AvgPool, exec.MaxPoolIndex:
		if !pool(in[0], out) {
			return fail("x to y of one pooling, padding less than the window")
		}
	case exec.AvgPoolGrad:
		if !pool(out, in[0]) {
			return fail("dy to dx of one pooling, padding less than the window")
		}
	case exec.MaxGather:
		if in[0] != out || !pool(in[1], out) {
			return fail("index, z to y of one pooling")
		}
	case exec.MaxScatter:
		if in[0] != in[1] || !pool(out, in[0]) {
			return fail("index, dy to dx of one pooling")
		}
	case exec.ReLU, exec.Softmax, exec.Affine, exec.Rsqrt, exec.Copy:
		if in[0] != out {
			return fail("one shape")
		}
		if op == exec.Softmax && !rows(out) {
			return fail("[N,1,1,C]")
		}
	case exec.ReLUMask, exec.Mul, exec.Div, exec.SoftmaxJac:
		if in[0] != out || in[1] != out {
			return fail("one shape")
		}
		if op == exec.SoftmaxJac && !rows(out) {
			return fail("[N,1,1,C]")
		}
	case exec.Add:
		if len(in) < 2 {
			return fail("2 arguments or more")
		}
		for _, s := range in {
			if s != out {
				return fail("one shape")
			}
		}
	case exec.ChanDots:
		for _, s := range in {
			if s != in[0] {
				return fail("arguments of one shape")
			}
		}
		if len(in) == 0 || out != exec.Vector(len(in)*in[0][3]) {
			return fail("an argument or more, a vector of C for each as result")
		}
	case exec.ChanLin, exec.LinReLU, exec.LinMask:
		if op == exec.LinMask {
			if len(in) < 2 || in[0] != out {
				return fail("a mask of the result's shape first")
			}
			in = in[1:]
		}
		if attr.Terms < 0 || len(in) < 2*attr.Terms || len(in) == 0 {
			return fail("Terms pairs and then vectors")
		}
		for i, s := range in {
			if i < 2*attr.Terms && i%2 == 0 {
				if s != out {
					return fail("every x of the result's shape")
				}
			} else if s.Len() != 1 && s != exec.Vector(out[3]) {
				return fail("coefficients that are numbers or vectors over channels")
			}
		}
	case exec.ChanDot:
		if in[0] != in[1] || out != exec.Vector(in[0][3]) {
			return fail("two arguments of one shape, a vector as result")
		}
	case exec.ChanSum:
		if out != exec.Vector(in[0][3]) {
			return fail("a vector as result")
		}
	case exec.Dot:
		if in[0] != in[1] || out.Len() != 1 {
			return fail("two arguments of one shape, a number as result")
		}
	case exec.BNStats:
		if out != exec.Vector(3*in[0][3]) {
			return fail("a vector of 3C as result")
		}
	case exec.BNNorm:
		if in[0] != out || in[1] != exec.Vector(3*out[3]) {
			return fail("x and a vector of 3C")
		}
	case exec.BNGrad:
		if in[0] != out || in[1] != out || in[2] != exec.Vector(3*out[3]) {
			return fail("g, y and a vector of 3C")
		}
	case exec.SpatialMean:
		if out != (exec.Shape{in[0][0], 1, 1, in[0][3]}) {
			return fail("[N,1,1,C] as result")
		}
	case exec.SpatialSpread:
		if in[0] != (exec.Shape{out[0], 1, 1, out[3]}) {
			return fail("[N,1,1,C] as argument")
		}
	case exec.CrossEntropy:
		if in[0] != in[1] || !rows(in[0]) || out.Len() != 1 {
			return fail("logits and targets [N,1,1,C], a number as result")
		}
	case exec.RowDot:
		if in[0] != in[1] || out != (exec.Shape{in[0][0], 1, 1, 1}) {
			return fail("two arguments of one shape, [N,1,1,1] as result")
		}
	case exec.RowScale:
		if in[0] != out || in[1] != (exec.Shape{out[0], 1, 1, 1}) {
			return fail("x and s [N,1,1,1]")
		}
	case exec.Slice:
		if !part(out, in[0]) {
			return fail("a part of the channels")
		}
	case exec.Place:
		if !part(in[0], out) {
			return fail("channels that fit into the result")
		}
	case exec.Concat:
		if len(in) < 2 {
			return fail("2 arguments or more")
		}
		rest := out
		for _, s := range in {
			rest[3] -= s[3]
			s[3] = out[3]
			if s != out {
				return fail("one shape but for the channels")
			}
		}
		if rest[3] != 0 {
			return fail("as many channels as the arguments have together")
		}
	case exec.Subsample:
		if !sampled(in[0], out) {
			return fail("every Stride-th pixel from Offset on")
		}
	case exec.SubsampleGrad:
		if !sampled(out, in[0]) {
			return fail("an image whose every Stride-th pixel from Offset on is the argument")
		}
	default:
		return fail("an operator of the family")
	}
	return nil
}

// sampledShape is the shape of every stride-th pixel of x from offset on; sizes of
// 0 and less mean that there is none.
func sampledShape(x exec.Shape, stride, offset int) exec.Shape {
	return exec.Shape{x[0], (x[1] - offset + stride - 1) / stride, (x[2] - offset + stride - 1) / stride, x[3]}
}

// outSize is how many windows of k taps fit along an axis of n pixels.
func outSize(n, k int, attr exec.Attr) int {
	dilation := max(attr.Dilation, 1)
	room := n + 2*attr.Pad - dilation*(k-1) - 1
	if room < 0 || attr.Stride <= 0 {
		return 0
	}
	return room/attr.Stride + 1
}
