package cpu

import (
	"errors"
	"fmt"

	"idarts/internal/exec"
)

// normal replaces the zeros that mean 1.
func normal(a exec.Attr) exec.Attr {
	a.Stride, a.Dilation, a.Groups = orOne(a.Stride), orOne(a.Dilation), orOne(a.Groups)
	return a
}

func orOne(n int) int {
	if n == 0 {
		return 1
	}
	return n
}

// check says what is wrong with an instruction, if anything.
func check[T Float](in exec.Instr, mem *Memory[T]) error {
	if in.Op >= exec.NumOps {
		return fmt.Errorf("unknown operator %v", in.Op)
	}
	for i, t := range append([]exec.Tensor{in.Out}, in.Args...) {
		name := "result"
		if i > 0 {
			name = fmt.Sprintf("argument %d", i-1)
		}
		if t.Space >= exec.NumSpaces {
			return fmt.Errorf("%v: %s: unknown space %v", in.Op, name, t.Space)
		}
		for _, n := range t.Shape {
			if n < 1 {
				return fmt.Errorf("%v: %s: shape %v, want sizes from 1", in.Op, name, t.Shape)
			}
		}
		if have := len(mem[t.Space]); t.Offset < 0 || t.Offset > have || t.Shape.Len() > have-t.Offset {
			return fmt.Errorf("%v: %s: elements %d to %d of space %v, which has %d",
				in.Op, name, t.Offset, t.Offset+t.Shape.Len(), t.Space, have)
		}
	}
	if want, err := results(in); err != nil {
		return fmt.Errorf("%v: %w", in.Op, err)
	} else if in.Out.Shape != want {
		return fmt.Errorf("%v: result has shape %v, want %v", in.Op, in.Out.Shape, want)
	}
	for i, a := range in.Args {
		apart := a.Space != in.Out.Space || a.Offset+a.Shape.Len() <= in.Out.Offset || in.Out.Offset+in.Out.Shape.Len() <= a.Offset
		same := a.Offset == in.Out.Offset && a.Shape.Len() == in.Out.Shape.Len()
		if !apart && !(same && exec.InPlace(in.Op, in.Attr, i)) {
			return fmt.Errorf("%v: result overlaps argument %d, want separate memory", in.Op, i)
		}
	}
	return nil
}

// results is the shape that the result must have. Where the arguments do not
// decide it, that is the shape it has, once that is found to fit.
func results(in exec.Instr) (exec.Shape, error) {
	out, a := in.Out.Shape, in.Attr
	arg := make([]exec.Shape, len(in.Args))
	for i := range arg {
		arg[i] = in.Args[i].Shape
	}
	if want := arity(in); len(arg) < want || (len(arg) > want && !more(in.Op)) {
		return out, fmt.Errorf("has %d arguments, want %d", len(arg), want)
	}
	one := exec.Vector(1)
	switch in.Op {
	case exec.Conv:
		for i := 2; i < len(arg); i++ {
			if err := alike(arg[i], arg[i%2]); err != nil {
				return out, err
			}
		}
		return convShape(a, arg[0], arg[1])
	case exec.ConvGradInput:
		for i := 2; i < len(arg); i++ {
			if err := alike(arg[i], arg[i%2]); err != nil {
				return out, err
			}
		}
		return out, fits(arg[1])(convShape(a, out, arg[0]))
	case exec.ConvGradWeight:
		return out, fits(arg[1])(convShape(a, arg[0], out))
	case exec.AvgPool, exec.MaxPoolIndex:
		return poolShape(a, arg[0])
	case exec.AvgPoolGrad:
		return out, fits(arg[0])(poolShape(a, out))
	case exec.MaxGather:
		want, err := poolShape(a, arg[1])
		return want, errors.Join(err, alike(arg[0], want))
	case exec.MaxScatter:
		return out, errors.Join(fits(arg[0])(poolShape(a, out)), alike(arg[0], arg[1]))
	case exec.ReLU, exec.Affine, exec.Rsqrt, exec.Copy, exec.Softmax:
		return arg[0], nil
	case exec.ReLUMask, exec.Mul, exec.Div, exec.SoftmaxJac, exec.Add:
		return arg[0], alike(arg...)
	case exec.ChanDots:
		return exec.Vector(len(arg) * arg[0][3]), alike(arg...)
	case exec.ChanLin, exec.LinReLU, exec.LinMask:
		if in.Op == exec.LinMask {
			if err := alike(arg[0], out); err != nil {
				return out, err
			}
			arg = arg[1:]
		}
		if a.Terms < 0 {
			return out, fmt.Errorf("has %d terms, want 0 or more", a.Terms)
		}
		for i := range 2 * a.Terms {
			if i%2 == 0 && arg[i] != out {
				return out, fmt.Errorf("term %d has shape %v, want %v", i/2, arg[i], out)
			}
		}
		for i, s := range arg {
			if (i > 2*a.Terms || i%2 == 1) && s != one && s != exec.Vector(out[3]) {
				return out, fmt.Errorf("argument %d has shape %v, want %v or %v", i, s, one, exec.Vector(out[3]))
			}
		}
		return out, nil
	case exec.ChanDot:
		return exec.Vector(arg[0][3]), alike(arg...)
	case exec.ChanSum:
		return exec.Vector(arg[0][3]), nil
	case exec.Dot:
		return one, alike(arg...)
	case exec.BNStats:
		return exec.Vector(3 * arg[0][3]), nil
	case exec.BNNorm:
		return arg[0], alike(arg[1], exec.Vector(3*arg[0][3]))
	case exec.BNGrad:
		return arg[0], errors.Join(alike(arg[0], arg[1]), alike(arg[2], exec.Vector(3*arg[0][3])))
	case exec.SpatialMean:
		return exec.Shape{arg[0][0], 1, 1, arg[0][3]}, nil
	case exec.SpatialSpread:
		return out, alike(arg[0], exec.Shape{out[0], 1, 1, out[3]})
	case exec.CrossEntropy:
		return one, alike(arg...)
	case exec.RowDot:
		return exec.Shape{arg[0][0], 1, 1, 1}, alike(arg...)
	case exec.RowScale:
		return arg[0], alike(arg[1], exec.Shape{arg[0][0], 1, 1, 1})
	case exec.Slice:
		return out, part(a.Offset, out, arg[0])
	case exec.Place:
		return out, part(a.Offset, arg[0], out)
	case exec.Concat:
		want := arg[0]
		want[3] = 0
		for i, s := range arg {
			want[3] += s[3]
			s[3] = arg[0][3]
			if s != arg[0] {
				return out, fmt.Errorf("argument %d has shape %v, want that of argument 0, %v, but for the channels", i, arg[i], arg[0])
			}
		}
		return want, nil
	case exec.Subsample:
		return sampledShape(a, arg[0])
	case exec.SubsampleGrad:
		return out, fits(arg[0])(sampledShape(a, out))
	}
	return out, errors.New("no kernel")
}

// more says that an operator may have more arguments than [arity] says.
func more(op exec.Op) bool {
	switch op {
	case exec.Add, exec.Concat, exec.ChanLin, exec.LinReLU, exec.LinMask, exec.ChanDots:
		return true
	}
	return false
}

// arity is the number of arguments, the smallest one where there may be [more].
func arity(in exec.Instr) int {
	switch in.Op {
	case exec.ReLU, exec.AvgPool, exec.AvgPoolGrad, exec.MaxPoolIndex, exec.ChanSum, exec.BNStats, exec.SpatialMean, exec.SpatialSpread,
		exec.Softmax, exec.Affine, exec.Rsqrt, exec.Slice, exec.Place, exec.Subsample, exec.SubsampleGrad, exec.Copy:
		return 1
	case exec.BNGrad:
		return 3
	case exec.ChanLin, exec.LinReLU:
		return max(2*in.Attr.Terms, 1)
	case exec.LinMask:
		return 1 + max(2*in.Attr.Terms, 1)
	case exec.ChanDots:
		return 1
	case exec.Conv, exec.ConvGradInput:
		return 2 * max(in.Attr.Terms, 1)
	}
	return 2
}

// convShape is the shape of conv(x, w).
func convShape(a exec.Attr, x, w exec.Shape) (exec.Shape, error) {
	switch {
	case a.KH < 1 || a.KW < 1 || a.Stride < 1 || a.Pad < 0 || a.Dilation < 1 || a.Groups < 1:
		return x, fmt.Errorf("kernel %dx%d, stride %d, padding %d, dilation %d, groups %d: want sizes from 1 and padding from 0",
			a.KH, a.KW, a.Stride, a.Pad, a.Dilation, a.Groups)
	case x[3]%a.Groups != 0 || w[3]%a.Groups != 0:
		return x, fmt.Errorf("%d groups divide %d or %d channels unevenly", a.Groups, x[3], w[3])
	case w[0] != a.KH || w[1] != a.KW || w[2] != x[3]/a.Groups:
		return x, fmt.Errorf("weights have shape %v, want [%d %d %d %d]", w, a.KH, a.KW, x[3]/a.Groups, w[3])
	}
	h := x[1] + 2*a.Pad - a.Dilation*(a.KH-1)
	v := x[2] + 2*a.Pad - a.Dilation*(a.KW-1)
	if h < 1 || v < 1 {
		return x, fmt.Errorf("image %dx%d is smaller than the kernel", x[1], x[2])
	}
	return exec.Shape{x[0], (h-1)/a.Stride + 1, (v-1)/a.Stride + 1, w[3]}, nil
}

// poolShape is the shape of x after pooling. Every window must meet the image.
func poolShape(a exec.Attr, x exec.Shape) (exec.Shape, error) {
	if a.KH < 1 || a.KW < 1 || a.Stride < 1 || a.Pad < 0 || a.Pad >= min(a.KH, a.KW) {
		return x, fmt.Errorf("window %dx%d, stride %d, padding %d: want sizes from 1 and padding below the window", a.KH, a.KW, a.Stride, a.Pad)
	}
	h, v := x[1]+2*a.Pad-a.KH, x[2]+2*a.Pad-a.KW
	if h < 0 || v < 0 {
		return x, fmt.Errorf("image %dx%d is smaller than the window", x[1], x[2])
	}
	return exec.Shape{x[0], h/a.Stride + 1, v/a.Stride + 1, x[3]}, nil
}

// fits compares a computed shape with what is there.
func fits(have exec.Shape) func(exec.Shape, error) error {
	return func(want exec.Shape, err error) error {
		if err != nil {
			return err
		}
		return alike(have, want)
	}
}

func alike(shapes ...exec.Shape) error {
	for _, s := range shapes {
		if s != shapes[len(shapes)-1] {
			return fmt.Errorf("shape %v, want %v", s, shapes[len(shapes)-1])
		}
	}
	return nil
}

func part(offset int, small, large exec.Shape) error {
	same := large
	same[3] = small[3]
	if small != same {
		return fmt.Errorf("shapes %v and %v, want one shape but for the channels", small, large)
	}
	if offset < 0 || offset+small[3] > large[3] {
		return fmt.Errorf("channels %d to %d of %d", offset, offset+small[3], large[3])
	}
	return nil
}

// sampledShape is the shape of x after subsampling.
func sampledShape(a exec.Attr, x exec.Shape) (exec.Shape, error) {
	if a.Stride < 1 || a.Offset < 0 || a.Offset >= min(x[1], x[2]) {
		return x, fmt.Errorf("stride %d, offset %d of an image %dx%d: want a stride from 1 and an offset inside the image",
			a.Stride, a.Offset, x[1], x[2])
	}
	return exec.Shape{x[0], (x[1]-a.Offset-1)/a.Stride + 1, (x[2]-a.Offset-1)/a.Stride + 1, x[3]}, nil
}
