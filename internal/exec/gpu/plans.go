package gpu

import (
	"strings"

	"idarts/internal/exec"
)

// plan is the kernels that compute an instruction, one after another. All passes have
// the same row, and between them partial sums.
type plan struct {
	passes [3]pass // the first is there always
	per    int     // pixels whose sum is a part
	words  int     // of partial sums
}

// pass is a kernel with so many groups for a row.
type pass struct {
	kernel string
	groups int
}

const (
	tilePixels = 128 // of a tile of a convolution, by 16 channels
	tileParts  = 64  // pixels at a time of the gradient of weights
	// busy is how many groups keep a card of 132 multiprocessors at work; sums are split
	// until there are as many. It is part of the bits, so that it is the same for all.
	busy = 528
)

// plan chooses kernels by shapes, which are the same for all cards.
func (o order) plan(in exec.Instr) plan {
	p := plan{passes: [3]pass{{plainKernel(in), groups(in)}}}
	if o.simple {
		return p
	}
	switch in.Op {
	case exec.Conv, exec.ConvGradInput:
		if a, c := in.Attr.Normal(), in.Out.Shape[3]; a.Groups == c && c > 1 {
			return o.quads(in, p)
		}
		return o.conv(in, p)
	case exec.ChanLin, exec.LinReLU, exec.LinMask, exec.ReLU, exec.ReLUMask, exec.Add, exec.Slice, exec.Concat:
		return o.quads(in, p)
	case exec.ConvGradWeight:
		return o.convWeight(in, p)
	case exec.ChanDots, exec.ChanSum, exec.ChanDot, exec.BNStats, exec.BNGrad:
		return o.channelSums(in, p)
	}
	return p
}

// parts is how many groups a sum is split for.
func (o order) parts() int {
	if o.whole {
		return 1
	}
	return busy
}

// even says that a tensor's channels can be read four at a time, and are in sixteens.
func (o order) even(t exec.Tensor) bool { return t.Shape[3]%16 == 0 && o.fours(t) }

// inFours says that all tensors of an instruction have channels that can be read four at
// a time, or are a number.
func (o order) inFours(in exec.Instr) bool {
	fits := in.Attr.Offset%4 == 0 && o.fours(in.Out)
	for _, t := range in.Args {
		fits = fits && (o.fours(t) || t.Shape.Len() == 1 && len(in.Args) > 1)
	}
	return fits
}

// quads is a pass over images with four elements for each thread.
func (o order) quads(in exec.Instr, plain plan) plan {
	if !o.inFours(in) {
		return plain
	}
	name := strings.Replace(plain.passes[0].kernel, "op_", "quad_", 1)
	return plan{passes: [3]pass{{name, over(in.Out.Shape.Len()/4, elementThreads)}}}
}

// fours says that a tensor's channels can be read four at a time.
func (o order) fours(t exec.Tensor) bool {
	return t.Shape[3]%4 == 0 && t.Offset%4 == 0 && !o.odd[t.Space]
}

// conv is the tiles of a convolution or its adjoint in the images.
func (o order) conv(in exec.Instr, plain plan) plan {
	a := in.Attr.Normal()
	kernel, image := "conv_tile", 0
	if in.Op == exec.ConvGradInput {
		kernel, image = "conv_grad_input_tile", 1
		if a.Stride != 1 {
			return plain
		}
	}
	if a.Groups != 1 || !o.even(in.Out) {
		return plain
	}
	for ; image < len(in.Args); image += 2 {
		if !o.even(in.Args[image]) {
			return plain
		}
	}
	c := in.Out.Shape[3]
	return plan{passes: [3]pass{{kernel, over(pixels(in.Out), tilePixels) * (c / 16)}}}
}

// leaves says that the tiles of a convolution can leave the sums of a batch norm.
func (o order) leaves(in exec.Instr) bool { return o.plan(in).passes[0].kernel == "conv_tile" }

// planWith is plan for an instruction that does more besides: a convolution that computes
// its images, or that leaves for each tile what a batch norm wants of its pixels, with the
// batch norm of those.
func (o order) planWith(in exec.Instr, with joined) plan {
	p, c := o.plan(in), in.Out.Shape[3]
	if with.form >= 0 {
		p.passes[0].kernel = "form_" + p.passes[0].kernel
	}
	if with.norm >= 0 {
		p.passes[0].kernel += "_stats"
		p.passes[1] = pass{"bn_stats_fold", over(c, elementThreads)}
		p.per, p.words = tilePixels, 2*c*over(pixels(in.Out), tilePixels)
	}
	return p
}

func (o order) convWeight(in exec.Instr, plain plan) plan {
	a := in.Attr.Normal()
	x, y := in.Args[0], in.Args[1]
	n, c, taps := pixels(y), y.Shape[3], a.KH*a.KW
	switch {
	case a.Groups == 1 && o.even(x) && o.even(y):
		tiles := taps * x.Shape[3] / 16 * c / 16
		chunks := over(n, tileParts)
		per := over(chunks, max(1, o.parts()/tiles)) * tileParts
		return parted(in, per, over(n, per), pass{"conv_grad_weight_tile", tiles * over(n, per)})
	case a.Groups == c && x.Shape[3] == c && channelwise(n, c):
		per := channelPart(n, c, o.parts()/taps)
		return parted(in, per, over(n, per), pass{"depthwise_weight_parts", taps * over(n, per)})
	}
	return plain
}

// parted is a sum in parts, which are folded.
func parted(in exec.Instr, per, parts int, first pass) plan {
	n := in.Out.Shape.Len()
	return plan{[3]pass{first, {"fold_parts", over(n, elementThreads)}}, per, parts * n}
}

// channelSums are sums over all pixels of each channel.
func (o order) channelSums(in exec.Instr, plain plan) plan {
	n, c := pixels(in.Args[0]), in.Args[0].Shape[3]
	if !channelwise(n, c) {
		return plain
	}
	per := channelPart(n, c, o.parts())
	parts := over(n, per)
	switch in.Op {
	case exec.ChanDots, exec.ChanSum:
		return parted(in, per, parts, pass{"chan_dots_parts", parts})
	case exec.ChanDot:
		return parted(in, per, parts, pass{"chan_dot_parts", parts})
	case exec.BNStats:
		return plan{[3]pass{{"bn_stats_parts", parts}, {"bn_stats_fold", over(c, elementThreads)}}, per, 2 * c * parts}
	default:
		return plan{[3]pass{{"bn_grad_parts", parts}, {"bn_grad_fold", over(2*c, elementThreads)}, {"bn_grad_apply", over(n*c, vectorThreads)}},
			per, 2 * c * (parts + 1)}
	}
}

// channelwise says that it is worth to give each channel several threads of a group of
// 256.
func channelwise(pixels, c int) bool { return c >= 4 && c <= 256 && pixels >= 16*(256/c) }

// channelPart is how many pixels a part has, for no more than so many parts: at least
// sixteen for each thread.
func channelPart(pixels, c, parts int) int {
	lanes := 256 / c
	return max(16*lanes, over(over(pixels, max(1, parts)), lanes)*lanes)
}

func pixels(t exec.Tensor) int { return t.Shape[0] * t.Shape[1] * t.Shape[2] }
