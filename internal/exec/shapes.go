package exec

import (
	"errors"
	"fmt"
)

// Shape rules of the operators, see [Descriptor]. All sizes of arguments are
// positive and their number is right when a rule is asked.

func (s Shape) positive() bool { return s[0] > 0 && s[1] > 0 && s[2] > 0 && s[3] > 0 }

func alike(shapes ...Shape) error {
	for _, s := range shapes {
		if s != shapes[len(shapes)-1] {
			return fmt.Errorf("shape %v, want %v", s, shapes[len(shapes)-1])
		}
	}
	return nil
}

// fits compares a computed shape with what is there.
func fits(have Shape) func(Shape, error) error {
	return func(want Shape, err error) error {
		if err != nil {
			return err
		}
		return alike(have, want)
	}
}

func asGiven(_ Attr, _ []Shape, out Shape) (Shape, error) { return out, nil }
func asFirst(_ Attr, in []Shape, _ Shape) (Shape, error)  { return in[0], nil }
func allAlike(_ Attr, in []Shape, _ Shape) (Shape, error) { return in[0], alike(in...) }
func number(_ Attr, in []Shape, _ Shape) (Shape, error)   { return Vector(1), alike(in...) }

// channels is a vector of n values for each channel of arguments of one shape.
func channels(n int) func(Attr, []Shape, Shape) (Shape, error) {
	return func(_ Attr, in []Shape, _ Shape) (Shape, error) { return Vector(n * in[0][3]), alike(in...) }
}

func dotsShapes(_ Attr, in []Shape, _ Shape) (Shape, error) {
	return Vector(len(in) * in[0][3]), alike(in...)
}

// conv is the shape of a convolution of x with w.
func conv(a Attr, x, w Shape) (Shape, error) {
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
	return Shape{x[0], (h-1)/a.Stride + 1, (v-1)/a.Stride + 1, w[3]}, nil
}

// evenPairs says that all pairs have the shapes of the first.
func evenPairs(in []Shape) error {
	for i, s := range in {
		if s != in[i%2] {
			return fmt.Errorf("argument %d has shape %v, want that of argument %d, %v", i, s, i%2, in[i%2])
		}
	}
	return nil
}

func convShapes(a Attr, in []Shape, _ Shape) (Shape, error) {
	y, err := conv(a, in[0], in[1])
	return y, errors.Join(evenPairs(in), err)
}

func convInputShapes(a Attr, in []Shape, out Shape) (Shape, error) {
	return out, errors.Join(evenPairs(in), fits(in[1])(conv(a, out, in[0])))
}

func convWeightShapes(a Attr, in []Shape, out Shape) (Shape, error) {
	return out, fits(in[1])(conv(a, in[0], out))
}

// pool is the shape of x after pooling. Every window must meet the image.
func pool(a Attr, x Shape) (Shape, error) {
	switch {
	case a.KH < 1 || a.KW < 1 || a.Stride < 1 || a.Pad < 0 || a.Pad >= min(a.KH, a.KW):
		return x, fmt.Errorf("window %dx%d, stride %d, padding %d: want sizes from 1 and padding below the window", a.KH, a.KW, a.Stride, a.Pad)
	case a.Dilation != 1 || a.Groups != 1:
		return x, fmt.Errorf("dilation %d and %d groups, want none in a pooling", a.Dilation, a.Groups)
	}
	h, v := x[1]+2*a.Pad-a.KH, x[2]+2*a.Pad-a.KW
	if h < 0 || v < 0 {
		return x, fmt.Errorf("image %dx%d is smaller than the window", x[1], x[2])
	}
	return Shape{x[0], h/a.Stride + 1, v/a.Stride + 1, x[3]}, nil
}

func poolShapes(a Attr, in []Shape, _ Shape) (Shape, error) { return pool(a, in[0]) }

func poolGradShapes(a Attr, in []Shape, out Shape) (Shape, error) {
	return out, fits(in[0])(pool(a, out))
}

func gatherShapes(a Attr, in []Shape, _ Shape) (Shape, error) {
	want, err := pool(a, in[1])
	return want, errors.Join(err, alike(in[0], want))
}

func scatterShapes(a Attr, in []Shape, out Shape) (Shape, error) {
	return out, errors.Join(fits(in[0])(pool(a, out)), alike(in[0], in[1]))
}

func linShapes(a Attr, in []Shape, out Shape) (Shape, error) {
	if a.Terms < 0 {
		return out, fmt.Errorf("has %d terms, want 0 or more", a.Terms)
	}
	for i, s := range in {
		switch vector := Vector(out[3]); {
		case i < 2*a.Terms && i%2 == 0:
			if s != out {
				return out, fmt.Errorf("term %d has shape %v, want %v", i/2, s, out)
			}
		case s != Vector(1) && s != vector:
			return out, fmt.Errorf("argument %d has shape %v, want %v or %v, a number or a vector over channels", i, s, Vector(1), vector)
		}
	}
	return out, nil
}

func linMaskShapes(a Attr, in []Shape, out Shape) (Shape, error) {
	if err := alike(in[0], out); err != nil {
		return out, fmt.Errorf("mask: %w", err)
	}
	return linShapes(a, in[1:], out)
}

// withStats is for images and, as the last argument, the statistics of their
// channels.
func withStats(_ Attr, in []Shape, _ Shape) (Shape, error) {
	last := len(in) - 1
	return in[0], errors.Join(alike(in[:last]...), alike(in[last], Vector(3*in[0][3])))
}

// pixelMeans is the shape of one pixel for each image.
func pixelMeans(s Shape) Shape { return Shape{s[0], 1, 1, s[3]} }

func meanShapes(_ Attr, in []Shape, _ Shape) (Shape, error) { return pixelMeans(in[0]), nil }

func spreadShapes(_ Attr, in []Shape, out Shape) (Shape, error) {
	return out, alike(in[0], pixelMeans(out))
}

// rows is for rows of logits, [N,1,1,C].
func rows(_ Attr, in []Shape, _ Shape) (Shape, error) {
	if in[0] != pixelMeans(in[0]) {
		return in[0], fmt.Errorf("shape %v, want [N,1,1,C]", in[0])
	}
	return in[0], alike(in...)
}

func entropyShapes(a Attr, in []Shape, out Shape) (Shape, error) {
	_, err := rows(a, in, out)
	return Vector(1), err
}

func rowDotShapes(_ Attr, in []Shape, _ Shape) (Shape, error) {
	return Shape{in[0][0], 1, 1, 1}, alike(in...)
}

func rowScaleShapes(_ Attr, in []Shape, _ Shape) (Shape, error) {
	return in[0], alike(in[1], Shape{in[0][0], 1, 1, 1})
}

// part says that small is channels a.Offset.. of large.
func part(a Attr, small, large Shape) error {
	same := large
	same[3] = small[3]
	if small != same {
		return fmt.Errorf("shapes %v and %v, want one shape but for the channels", small, large)
	}
	if a.Offset < 0 || a.Offset+small[3] > large[3] {
		return fmt.Errorf("channels %d to %d of %d", a.Offset, a.Offset+small[3], large[3])
	}
	return nil
}

func sliceShapes(a Attr, in []Shape, out Shape) (Shape, error) { return out, part(a, out, in[0]) }
func placeShapes(a Attr, in []Shape, out Shape) (Shape, error) { return out, part(a, in[0], out) }

func concatShapes(_ Attr, in []Shape, _ Shape) (Shape, error) {
	want := in[0]
	want[3] = 0
	for i, s := range in {
		want[3] += s[3]
		s[3] = in[0][3]
		if s != in[0] {
			return want, fmt.Errorf("argument %d has shape %v, want that of argument 0, %v, but for the channels", i, in[i], in[0])
		}
	}
	return want, nil
}

// sampled is the shape of every Stride-th pixel of x from Offset on.
func sampled(a Attr, x Shape) (Shape, error) {
	if a.Stride < 1 || a.Offset < 0 || a.Offset >= min(x[1], x[2]) {
		return x, fmt.Errorf("stride %d, offset %d of an image %dx%d: want a stride from 1 and an offset inside the image",
			a.Stride, a.Offset, x[1], x[2])
	}
	return Shape{x[0], (x[1]-a.Offset-1)/a.Stride + 1, (x[2]-a.Offset-1)/a.Stride + 1, x[3]}, nil
}

func subsampleShapes(a Attr, in []Shape, _ Shape) (Shape, error) { return sampled(a, in[0]) }

func subsampleGradShapes(a Attr, in []Shape, out Shape) (Shape, error) {
	return out, fits(in[0])(sampled(a, out))
}
