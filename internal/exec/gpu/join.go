package gpu

import (
	"slices"

	"idarts/internal/exec"
)

// joined is what the kernel of a convolution does besides.
type joined struct {
	// norm is the batch norm of the result, whose sums the tiles leave; -1 for none.
	norm int32
	// form is the pass over images whose result the convolution reads: it computes what it
	// wants of it. -1 for none.
	form   int32
	writes bool // the result of form goes to memory too, for other readers
}

// alone is an instruction whose kernel does nothing else.
var alone = joined{norm: -1, form: -1}

// join makes one of instructions as far as tuned kernels can: of a convolution and the
// batch norm of its result, and of a pass over images and the convolutions that read what
// it would write, as with a ReLU before them, or a batch norm's derivative before their
// adjoints.
func (o order) join(phase []exec.Instr, d *after) []joined {
	with := make([]joined, len(phase))
	for i := range with {
		with[i] = alone
	}
	if o.simple {
		return with
	}
	for i, in := range phase {
		if in.Op == exec.BNStats {
			o.joinNorm(phase, d, with, int32(i))
		}
	}
	for i, in := range phase {
		if !o.unformed && forms(in) != nil {
			o.joinForm(phase, d, with, int32(i))
		}
	}
	return with
}

// How a convolution computes its images, where kernels look for an offset.
const (
	formRectified = 1 << iota
	formMasked
	formGiven  // there are no terms: the images are the last argument
	formWrites // to the place of the images
)

// row is the instruction whose row a kernel reads that does more besides: arguments of the
// pass follow those of the convolution, whose Terms and Offset are those of the pass.
func (j joined) row(phase []exec.Instr, i int32) exec.Instr {
	in := phase[i]
	if j.form < 0 {
		return in
	}
	form := phase[j.form]
	in.Args = slices.Concat(in.Args, form.Args)
	in.Attr.Terms, in.Attr.Offset = form.Attr.Terms, 0
	switch form.Op {
	case exec.ReLU:
		in.Attr.Offset = formRectified | formGiven
	case exec.LinReLU:
		in.Attr.Offset = formRectified
	case exec.ReLUMask:
		in.Attr.Offset = formMasked | formGiven
	case exec.LinMask:
		in.Attr.Offset = formMasked
	}
	if j.writes {
		in.Attr.Offset |= formWrites
	}
	return in
}

// hoist writes a convolution that is the only one to read the result of a pass right
// behind it, where nothing is in the way, so that other readers come after both. from is
// where each instruction was.
func (o order) hoist(phase []exec.Instr) (hoisted []exec.Instr, from []int32) {
	d := dependencies(phase)
	behind := make([]int32, len(phase)) // what goes behind each instruction, 0 for none
	moves := make([]bool, len(phase))
	for i, in := range phase {
		if forms(in) == nil {
			continue
		}
		convs := d.convs(phase, int32(i))
		if len(convs) != 1 {
			continue
		}
		conv := convs[0]
		if o.takes(phase[conv], in) && !slices.ContainsFunc(d.before[conv], func(k int32) bool { return int(k) > i }) {
			behind[i], moves[conv] = conv, true
		}
	}
	for i, in := range phase {
		if moves[i] {
			continue
		}
		hoisted, from = append(hoisted, in), append(from, int32(i))
		if j := behind[i]; j > 0 {
			hoisted, from = append(hoisted, phase[j]), append(from, j)
		}
	}
	return hoisted, from
}

// convs are the convolutions whose images are the result of a pass. Others that wait for
// it read what it writes, or write where it reads.
func (d *after) convs(phase []exec.Instr, form int32) (convs []int32) {
	for _, i := range d.next[form] {
		if at := imageOf(phase[i]); at >= 0 && phase[i].Args[at] == phase[form].Out {
			convs = append(convs, i)
		}
	}
	return convs
}

// joinNorm has a convolution leave the sums of a batch norm of its result.
func (o order) joinNorm(phase []exec.Instr, d *after, with []joined, norm int32) {
	conv := int32(-1)
	for _, i := range d.before[norm] {
		if phase[i].Out == phase[norm].Args[0] && phase[i].Op == exec.Conv {
			conv = i
		}
	}
	// All else that the norm waits for must have begun before the convolution, which then
	// waits for no more than it can.
	if conv < 0 || with[conv].norm >= 0 || !o.leaves(phase[conv]) || slices.ContainsFunc(d.before[norm], func(i int32) bool { return i > conv }) {
		return
	}
	with[conv].norm = norm
	d.give(norm, conv)
}

// joinForm has the convolutions that read the result of a pass compute it.
func (o order) joinForm(phase []exec.Instr, d *after, with []joined, form int32) {
	in, convs := phase[form], d.convs(phase, form)
	writer := slices.IndexFunc(convs, func(i int32) bool { return covers(phase[i], in.Out.Shape) })
	if writer < 0 || len(convs) > 1 && len(forms(in)) > 1 {
		return
	}
	// One that cannot would wait for another convolution.
	if slices.ContainsFunc(convs, func(i int32) bool { return !o.takes(phase[i], in) }) {
		return
	}
	// What waits for the pass waits for all of them then.
	last := slices.Max(convs)
	if slices.ContainsFunc(d.next[form], func(i int32) bool { return i < last && !slices.Contains(convs, i) }) {
		return
	}
	for k, i := range convs {
		with[i].form, with[i].writes = form, k == writer
	}
	d.give(form, convs...)
}

// forms are the images that a pass reads which convolutions can compute, nil for others.
func forms(in exec.Instr) []exec.Tensor {
	var images []exec.Tensor
	from := 0
	switch in.Op {
	case exec.ReLU, exec.ReLUMask:
		return in.Args
	case exec.LinMask:
		images, from = in.Args[:1:1], 1
	case exec.ChanLin, exec.LinReLU:
	default:
		return nil
	}
	for k := range in.Attr.Terms {
		images = append(images, in.Args[from+2*k])
	}
	return images
}

// imageOf is which argument of a convolution or its adjoint in the images is the images,
// -1 for other instructions and for sums of several.
func imageOf(in exec.Instr) int {
	switch {
	case in.Attr.Terms > 1:
	case in.Op == exec.Conv:
		return 0
	case in.Op == exec.ConvGradInput:
		return 1
	}
	return -1
}

// covers says that the pixels of a convolution's result are those of its images, and one
// of its taps lies on the pixel itself.
func covers(conv exec.Instr, images exec.Shape) bool {
	a, out := conv.Attr.Normal(), conv.Out.Shape
	return [3]int(out[:3]) == [3]int(images[:3]) && 2*a.Pad == a.Dilation*(a.KH-1) && 2*a.Pad == a.Dilation*(a.KW-1)
}

// mostReads is how many images all tiles of a pixel may read together.
const mostReads = 8

// takes says that the kernel of a convolution can compute the result of a pass, and is
// not much the slower for it.
func (o order) takes(conv, form exec.Instr) bool {
	images := forms(form)
	if !o.inFours(form) {
		return false
	}
	switch o.plan(conv).passes[0].kernel {
	case "conv_tile", "conv_grad_input_tile":
		// Each tap reads its pixels anew, and so does each tile of 16 channels of the result.
		if taps := conv.Attr.KH * conv.Attr.KW; taps > 1 && len(images) > 2 || len(images)*conv.Out.Shape[3]/16 > mostReads {
			return false
		}
	case "quad_conv":
		if len(images) > 1 {
			return false
		}
	default:
		return false
	}
	// Others read their neighbours' pixels while this writes.
	for _, x := range form.Args {
		if overlap(x, form.Out) || overlap(x, conv.Out) {
			return false
		}
	}
	return true
}

func overlap(a, b exec.Tensor) bool {
	return a.Space == b.Space && a.Offset < b.Offset+b.Shape.Len() && b.Offset < a.Offset+a.Shape.Len()
}
