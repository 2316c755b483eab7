//go:build !noasm

package cpu

// transformArgs is the argument of the transforms of Winograd's form in assembly, with all
// steps in bytes. Tiles are used up. The pointers stay: one that leaves its slice, as after
// the last tile, is no place where the garbage collector finds an object.
type transformArgs struct {
	image, transform *float32
	row, pixel       int
	skip             int // from the last channels of a tile in the image to the next tile
	element          int
	vectors, tiles   int // of a tile, and tiles
}

// args are those for tiles of side x side pixels; lanes are the numbers in a vector.
func (g *tileGeometry) args(image, transform []float32, side, tiles, lanes int) transformArgs {
	_ = image[(side-1)*(g.image.row+g.image.pixel)+(tiles-1)*g.step+g.channels-1]
	_ = transform[15*g.element+tiles*g.channels-1]
	return transformArgs{image: &image[0], transform: &transform[0], row: 4 * g.image.row, pixel: 4 * g.image.pixel,
		skip: 4 * (g.step - g.channels), element: 4 * g.element, vectors: g.channels / lanes, tiles: tiles}
}

func transformInputAVX2(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(src, dst, 4, tiles, 8)
	transformInput8(&a)
}

func transformInputAVX512(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(src, dst, 4, tiles, 16)
	transformInput16(&a)
}

func transformOutputAVX2(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(dst, src, 2, tiles, 8)
	transformOutput8(&a)
}

func transformOutputAVX512(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(dst, src, 2, tiles, 16)
	transformOutput16(&a)
}

func transformGradAVX2(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(src, dst, 2, tiles, 8)
	transformGrad8(&a)
}

func transformGradAVX512(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(src, dst, 2, tiles, 16)
	transformGrad16(&a)
}

func transformWeightsAVX2(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(src, dst, 3, tiles, 8)
	transformWeights8(&a)
}

func transformWeightsAVX512(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(src, dst, 3, tiles, 16)
	transformWeights16(&a)
}

func transformWeightsGradAVX2(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(dst, src, 3, tiles, 8)
	transformWeightsGrad8(&a)
}

func transformWeightsGradAVX512(g *tileGeometry, dst, src []float32, tiles int) {
	a := g.args(dst, src, 3, tiles, 16)
	transformWeightsGrad16(&a)
}

//go:noescape
func transformInput8(a *transformArgs)

//go:noescape
func transformOutput8(a *transformArgs)

//go:noescape
func transformGrad8(a *transformArgs)

//go:noescape
func transformWeights8(a *transformArgs)

//go:noescape
func transformWeightsGrad8(a *transformArgs)

// The rest needs AVX-512.

//go:noescape
func transformInput16(a *transformArgs)

//go:noescape
func transformOutput16(a *transformArgs)

//go:noescape
func transformGrad16(a *transformArgs)

//go:noescape
func transformWeights16(a *transformArgs)

//go:noescape
func transformWeightsGrad16(a *transformArgs)
