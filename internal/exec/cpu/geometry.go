package cpu

// The kernels of convolutions get the places of their numbers as one struct, which is
// made when a program is bound. Its numbers count elements.

// strides are the elements from a row of pixels to the next one, and from a pixel to
// the next one in its row.
type strides struct{ row, pixel int }

// at is where the pixel of a row and a column begins.
func (s strides) at(row, pixel int) int { return row*s.row + pixel*s.pixel }

// convGeometry says where results lie, what they are sums of, and with which weights.
//
// A result meets some taps, which are runs of elements: the channels of a pixel or,
// where there is one group and the taps of a row are neighbours, those of a row of
// taps. For a 3x3 kernel with stride 2 and an image of 6 x 5 pixels of channels a, b:
//
//	src   [ab ab ab] ab ab ab     starts[0] = 0                 runLen  =  6
//	      [ab ab ab] ab ab ab     starts[1] = 12, an image row  src.pixel =  4: the taps of the
//	      [ab ab ab] ab ab ab     starts[2] = 24                  next result, two pixels on
//	       ab ab ab  ab ab ab                                 src.row   = 24: those of the
//	       ab ab ab  ab ab ab                                   next row, two rows on
//
//	dst   [oooo] [oooo]           channels = 4                dst.pixel =  4, or more if there
//	      [oooo] [oooo]                                         are groups; dst.row = 8
//
// Element j of run t has its weights for all results from t·wRun + j·wStep on.
type convGeometry struct {
	dst, src strides
	starts   []int // of each run, ascending
	runLen   int   // 1 in a depthwise convolution, for each of the channels
	wStep    int   // from the weights of an element to those of the next one
	wRun     int   // from those of a run to those of the next one; wStep in a depthwise convolution
	channels int   // of a result
	stream   bool  // pixels of several lines each, which come from memory one after another
}

// weightGeometry says where the gradient of a matrix of weights lies, and the images
// that it is a sum over. A pixel of dy gives outs elements, the pixel of x that it
// meets gives ins, which lie inStep apart:
//
//	       outs
//	     ┌──────┐                x    [i i i] . . [i i i] . .   x.pixel apart, x.row to the next row
//	ins  │  dw  │                      |           |
//	     └──────┘                dy   [o o o o]   [o o o o]     dy.pixel apart, dy.row to the next row
//	 rows dwStep apart
//
// In a convolution ins are channels, or those of a row of taps, and each of them meets
// each of outs. In a depthwise one ins are taps, and a channel meets itself alone.
type weightGeometry struct {
	x, dy       strides
	ins, inStep int
	outs        int
	dwStep      int
	store       bool // of convWeight: write the sums in place of adding them
	next        int  // of convWeight: pixels to the block that comes next, 0 where nobody knows
}

// tileGeometry says where the tiles of a row lie that Winograd's form takes together, and
// their transforms, see winograd.go. A tile is 4x4 pixels of x, 2x2 of y, or the 3x3
// weights of an input channel:
//
//	image      [c c] [c c] c c  c c     image.pixel = channels = 2, step = 4, image.row = 8
//	           [c c] [c c] c c  c c
//	            tile 0      tile 1
//
//	transform  element 0: [c c] [c c]   element 1: [c c] [c c]   ...   element 15
//	                     tile 0, tile 1             element apart
type tileGeometry struct {
	image    strides // of the pixels of a tile
	step     int     // from a tile to the next one in the image
	element  int     // from an element of the transforms to the next one
	channels int     // a multiple of 16
}

// at is where the tile and channel begins in the image that is number i in the transforms.
func (g *tileGeometry) at(i int) int { return i/g.channels*g.step + i%g.channels }
