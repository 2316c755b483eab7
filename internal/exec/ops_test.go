package exec

import (
	"strings"
	"testing"
)

func TestDescriptorsAreComplete(t *testing.T) {
	names := map[string]Op{}
	for op := range NumOps {
		d := Ops[op]
		if d.Name == "" || d.Arity == nil || d.Shape == nil || d.FLOP == nil {
			t.Errorf("operator %d (%q) lacks its name, arity, shape rule or arithmetic", op, d.Name)
			continue
		}
		if other, taken := names[d.Name]; taken {
			t.Errorf("operators %d and %d are both called %q", other, op, d.Name)
		}
		names[d.Name] = op
		a := Attr{Terms: 2}
		n, more := d.Arity(a)
		if more {
			n += 3
		}
		if d.Sum == nil {
			continue
		}
		if s := d.Sum(a, n); s.Factors+2*s.Pairs+s.Singles != n {
			t.Errorf("%v: %+v are not %d arguments", op, s, n)
		}
	}
	if got := NumOps.String(); !strings.HasPrefix(got, "op(") {
		t.Errorf("name of no operator = %q", got)
	}
}

// What devices reject is in cpu's TestBindErrors; here are the limits of rules.
func TestCheck(t *testing.T) {
	image, v := Shape{2, 4, 4, 3}, Vector(3)
	square := func(k, stride, pad int) Attr { return Attr{KH: k, KW: k, Stride: stride, Pad: pad} }
	for _, tt := range []struct {
		name string
		op   Op
		attr Attr
		args []Shape
		out  Shape
		want string // "" for no error
	}{
		{"zeros of a window mean 1", Conv, Attr{KH: 1, KW: 1}, []Shape{image, {1, 1, 3, 5}}, Shape{2, 4, 4, 5}, ""},
		{"two pairs of one geometry", Conv, Attr{KH: 1, KW: 1, Terms: 2}, []Shape{image, {1, 1, 3, 5}, image, {1, 1, 3, 5}}, Shape{2, 4, 4, 5}, ""},
		{"two pairs of different geometry", Conv, Attr{KH: 1, KW: 1, Terms: 2}, []Shape{image, {1, 1, 3, 5}, {2, 4, 4, 6}, {1, 1, 3, 5}}, Shape{2, 4, 4, 5},
			"argument 2 has shape [2 4 4 6], want that of argument 0, [2 4 4 3]"},
		{"image to an image that is too large", ConvGradInput, square(3, 1, 1), []Shape{{3, 3, 3, 3}, image}, Shape{2, 5, 4, 3}, "shape [2 4 4 3], want [2 5 4 3]"},
		{"pooling with dilation", AvgPool, Attr{KH: 3, KW: 3, Dilation: 2}, []Shape{image}, image, "dilation 2"},
		{"last pixel of a stride", Subsample, Attr{Stride: 2, Offset: 3}, []Shape{image}, Shape{2, 1, 1, 3}, ""},
		{"offset outside the image", Subsample, Attr{Stride: 2, Offset: 4}, []Shape{image}, Shape{2, 1, 1, 3}, "offset 4 of an image 4x4"},
		{"only biases", ChanLin, Attr{}, []Shape{v, Vector(1)}, image, ""},
		{"a pair too few", ChanLin, Attr{Terms: 2}, []Shape{image, v, image}, image, "has 3 arguments, want 4"},
		{"negative terms", ChanLin, Attr{Terms: -1}, []Shape{v}, image, "has -1 terms"},
		{"mask of another shape", LinMask, Attr{Terms: 1}, []Shape{v, image, v}, image, "mask: shape [1 1 1 3], want [2 4 4 3]"},
		{"softmax of images", Softmax, Attr{}, []Shape{image}, image, "want [N,1,1,C]"},
		{"cross-entropy of images", CrossEntropy, Attr{}, []Shape{image, image}, Vector(1), "want [N,1,1,C]"},
		{"statistics are three vectors", BNNorm, Attr{}, []Shape{image, v}, image, "shape [1 1 1 3], want [1 1 1 9]"},
		{"concat of different pixels", Concat, Attr{}, []Shape{image, {2, 4, 3, 3}}, Shape{2, 4, 4, 6}, "argument 1 has shape [2 4 3 3]"},
		{"place outside", Place, Attr{Offset: 1}, []Shape{v}, v, "channels 1 to 4 of 3"},
		{"place before the start", Place, Attr{Offset: -1}, []Shape{v}, Vector(5), "channels -1 to 2 of 5"},
		{"empty result", ReLU, Attr{}, []Shape{v}, Shape{}, "result: shape [0 0 0 0], want sizes from 1"},
		{"no such operator", NumOps, Attr{}, []Shape{v}, v, "unknown operator"},
	} {
		err := Check(tt.op, tt.attr, tt.args, tt.out)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestResultShape(t *testing.T) {
	x := Shape{2, 7, 6, 3}
	if got, err := ResultShape(Conv, Attr{KH: 3, KW: 3, Stride: 2, Pad: 1}, x, Shape{3, 3, 3, 8}); err != nil || got != (Shape{2, 4, 3, 8}) {
		t.Errorf("convolution: %v, %v; want [2 4 3 8]", got, err)
	}
	if _, err := ResultShape(Slice, Attr{}, x); err == nil {
		t.Error("slice: no error, though the result may have any number of channels")
	}
}
