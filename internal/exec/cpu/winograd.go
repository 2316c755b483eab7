package cpu

import "idarts/internal/exec"

// Winograd's form of a 3x3 convolution takes 4x4 pixels d to 2x2 results y with 16
// products a pair of channels, in place of 36. With g the weights of a pair and ⊙
// element by element:
//
//	y = Aᵀ [ Σ_cin (G g Gᵀ) ⊙ (Bᵀ d B) ] A
//
//	     1  0 −1  0          1   0   0
//	Bᵀ = 0  1  1  0     G =  ½   ½   ½     Aᵀ = 1  1  1  0
//	     0 −1  1  0          ½  −½   ½          0  1 −1 −1
//	     0  1  0 −1          0   0   1
//
// Neighbouring results have 4x4 pixels that overlap by two. The gradient in x is a
// convolution with the weights turned around; that of the weights is, over all tiles,
//
//	dg = Gᵀ [ Σ_tiles (Bᵀ d B) ⊙ (A dy Aᵀ) ] G
//
// For each of the 16 elements the sums are a product of two matrices, tiles x cin by
// cin x cout in a convolution and cin x tiles by tiles x cout in the gradient of weights,
// which the kernels conv and convWeight compute in their order. The order of additions
// in the transforms is stated in kernels.go.
//
// Source: Lavin and Gray, CVPR 2016, arXiv:1509.09308, F(2x2, 3x3).

// Winograd says whether an instruction goes by Winograd's form. It does 4/9 of the
// products then that its plain formula counts.
func Winograd(in exec.Instr) bool {
	a := in.Attr.Normal()
	switch in.Op {
	case exec.Conv:
		return winogradFits(a, in.Args[0].Shape, in.Out.Shape[3])
	case exec.ConvGradInput:
		return winogradFits(a, in.Out.Shape, in.Args[1].Shape[3])
	case exec.ConvGradWeight:
		return winogradFits(a, in.Args[0].Shape, in.Args[1].Shape[3])
	}
	return false
}

// winogradFits says that the convolution of images x to cout channels and its gradients
// go by Winograd's form. Below 32 channels its transforms, which grow with the
// channels, take about what is saved of the products, which grow with their square.
// Channels fill vectors of 16, sides fill tiles and batches fill blocks, so that there
// are no rests. In images with short rows the direct forms leave out what lies in the
// padding, which is more than what is saved here.
func winogradFits(a exec.Attr, x exec.Shape, cout int) bool {
	const least = 32
	images, h, w, cin := x[0], x[1], x[2], x[3]
	if a.KH != 3 || a.KW != 3 || a.Stride != 1 || a.Pad != 1 || a.Dilation != 1 || a.Groups != 1 {
		return false
	}
	if min(cin, cout) < least || cin%16 != 0 || cout%16 != 0 || h%2 != 0 || w%2 != 0 || shortRows(w, shortRow) {
		return false
	}
	together, _ := winogradBlock(h, w)
	return images%together == 0
}

// winogradBlock cuts images into blocks of about 64 tiles: few enough for transforms of
// 64 channels to stay in the second cache, enough for the transforms of weights to be
// used often. A block is some images, or some rows of tiles of one.
func winogradBlock(h, w int) (images, rows int) {
	const tiles = 64
	rows, wide := h/2, w/2
	return max(tiles/(rows*wide), 1), min(max(tiles/wide, 1), rows)
}

// winograd is what a convolution and the gradient of its weights have in common.
type winograd[T Float] struct {
	h, w, cin, cout int
	images, rows    int // of a block: images, and rows of tiles of each
	pad             padding
	x, y, taps      tileGeometry // tiles of x with its margins, of y, and weights
	margins         [][]T        // of each worker
	v, m            [][]T        // of each worker: the transforms of x; of y, or the products
	kernels         *kernels[T]
}

// tileBlock is rows of tiles, from row on, of the images of a block from image on.
type tileBlock struct{ image, row, rows int }

func newWinograd[T Float](p *plan[T], x exec.Shape, cout int) *winograd[T] {
	s := &winograd[T]{h: x[1], w: x[2], cin: x[3], cout: cout, kernels: p.kernels}
	s.images, s.rows = winogradBlock(s.h, s.w)
	s.pad = padding{h: s.h, w: s.w, channels: s.cin, left: 1, wide: s.w + 2}
	const apart = 16 // so that the 16 elements of a tile do not meet in few sets of a cache
	tiles := s.images * s.rows * s.w / 2
	s.x = tileGeometry{image: s.pad.strides(), step: 2 * s.cin, element: tiles*s.cin + apart, channels: s.cin}
	s.y = tileGeometry{image: strides{s.w * cout, cout}, step: 2 * cout, element: tiles*cout + apart, channels: cout}
	s.taps = tileGeometry{image: strides{3 * s.cin * cout, s.cin * cout}, step: cout, element: s.cin*cout + apart, channels: cout}
	s.margins = p.perWorker(s.pad.len(2*s.rows + 2))
	s.v, s.m = p.perWorker(16*s.x.element), p.perWorker(16*s.y.element)
	return s
}

// planWinograd adds the stages of a convolution of images of shape x, or of several
// that are added up. Those are added before the results are transformed.
func planWinograd[T Float](p *plan[T], x exec.Shape, xs, ws [][]T) {
	s := newWinograd(p, x, p.ys[3])
	us := s.planWeights(p, ws)
	g := &convGeometry{dst: strides{0, s.cout}, src: strides{0, s.cin}, starts: []int{0},
		runLen: s.cin, wStep: s.cout, wRun: s.cin * s.cout, channels: s.cout}
	y := p.y
	p.batch(x[0], x[0]/s.images, len(xs)*len(y)*s.cin, func(tile, worker int) {
		v, m := s.v[worker], s.m[worker]
		for r := 0; r < s.h/2; r += s.rows {
			b := s.block(tile, r)
			for k, x := range xs {
				s.transformX(x, b, worker)
				for e := range 16 {
					s.kernels.conv(g, m[e*s.y.element:], v[e*s.x.element:], us[k][e*s.taps.element:], 1, s.tiles(b), k > 0)
				}
			}
			for i := range s.images {
				for r := range b.rows {
					pixel, tile := s.at(b, i, r)
					s.kernels.transformOutput(&s.y, y[pixel*s.cout:], m[tile*s.cout:], s.w/2)
				}
			}
		}
	})
}

// planWeights adds the stage that transforms the weights.
func (s *winograd[T]) planWeights(p *plan[T], ws [][]T) (us [][]T) {
	const rows = 16 // channels of x in a tile
	for range ws {
		us = append(us, p.values.reserve(16*s.taps.element))
	}
	each := s.cin / rows
	p.stage(each*len(ws), 16*s.cin*s.cout*len(ws), func(tile, _ int) {
		k, at := tile/each, tile%each*rows*s.cout
		s.kernels.transformWeights(&s.taps, us[k][at:], ws[k][at:], rows)
	})
	return us
}

// planWinogradWeight adds up the products of a block, and adds them to the gradient
// when they are transformed: their sums over a part of the batch would be 16/9 of the
// gradient's size for each part.
func planWinogradWeight[T Float](p *plan[T]) {
	x, dy := p.x[0], p.x[1]
	images := p.xs[0][0]
	s := newWinograd(p, p.xs[0], p.xs[1][3])
	sums := p.perWorker(16 * s.taps.element)
	g := &weightGeometry{x: strides{0, s.cin}, dy: strides{0, s.cout}, ins: s.cin, inStep: 1, outs: s.cout, dwStep: s.cout, store: true}
	planWeightParts(p, images/s.images, true, turned{}, func(dw []T, worker, n int) {
		v, m, sums := s.v[worker], s.m[worker], sums[worker]
		for r := 0; r < s.h/2; r += s.rows {
			b := s.block(n, r)
			s.transformX(x, b, worker)
			for i := range s.images {
				for r := range b.rows {
					pixel, tile := s.at(b, i, r)
					s.kernels.transformGrad(&s.y, m[tile*s.cout:], dy[pixel*s.cout:], s.w/2)
				}
			}
			for e := range 16 {
				s.kernels.convWeight(g, sums[e*s.taps.element:], v[e*s.x.element:], m[e*s.y.element:], 1, s.tiles(b))
			}
			s.kernels.transformWeightsGrad(&s.taps, dw, sums, s.cin)
		}
	})
}

// block is the rows of tiles from r on of the nth images that go together.
func (s *winograd[T]) block(n, r int) tileBlock {
	return tileBlock{image: n * s.images, row: r, rows: min(s.rows, s.h/2-r)}
}

// tiles is how many tiles a block has.
func (s *winograd[T]) tiles(b tileBlock) int { return s.images * b.rows * s.w / 2 }

// at is where row r of the tiles of image i of a block begins: its first pixel of y in the
// batch, and its first tile in the block.
func (s *winograd[T]) at(b tileBlock, i, r int) (pixel, tile int) {
	return ((b.image+i)*s.h + 2*(b.row+r)) * s.w, (i*b.rows + r) * s.w / 2
}

// transformX fills the worker's v from a block of x.
func (s *winograd[T]) transformX(x []T, b tileBlock, worker int) {
	margin, v := s.margins[worker], s.v[worker]
	for i := range s.images {
		padRows(margin, imageOf(x, &s.pad, b.image+i), &s.pad, 2*b.row-1, 2*(b.row+b.rows))
		for r := range b.rows {
			_, tile := s.at(b, i, r)
			s.kernels.transformInput(&s.x, v[tile*s.cin:], margin[s.pad.len(2*r):], s.w/2)
		}
	}
}
