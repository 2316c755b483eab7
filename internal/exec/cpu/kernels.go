package cpu

// kernels are the loops in which the time goes. A processor may bring its own
// version of any of them, which must give the same bits as the portable one: each
// result is computed by the same roundings in the same order. A sum of products is a
// chain of fused multiply-adds, acc = fma(x, w, acc), see [fma]; where fma is not named,
// every operation is rounded.
type kernels[T Float] struct {
	// conv computes rows x pixels results:
	//
	//	dst[r·dst.row + p·dst.pixel + o] = Σ_t Σ_j src[r·src.row + p·src.pixel + starts[t] + j] · w[t·wRun + j·wStep + o],  o < channels
	//
	// each sum a chain of fma from zero, in the order of t and then of j < runLen; add
	// means that it is added to what is there, with one rounding more.
	conv func(g *convGeometry, dst, src, w []T, rows, pixels int, add bool)
	// depthwise is the same channel by channel:
	//
	//	dst[r·dst.row + p·dst.pixel + k] = Σ_t src[r·src.row + p·src.pixel + starts[t] + k] · w[t·wStep + k],  k < channels
	depthwise func(g *convGeometry, dst, src, w []T, rows, pixels int, add bool)
	// convWeight adds to the gradient of weights, over a block of rows x pixels:
	//
	//	dw[i·dwStep + o] += Σ_r Σ_p x[r·x.row + p·x.pixel + i·inStep] · dy[r·dy.row + p·dy.pixel + o],  i < ins, o < outs
	//
	// each sum a chain of fma from zero, in the order of r and then of p, and then added
	// to what is there, or written if g.store is set. inStep is 1.
	convWeight func(g *weightGeometry, dw, x, dy []T, rows, pixels int)
	// depthwiseWeight is the same for ins taps, channel by channel:
	//
	//	dw[i·dwStep + k] += Σ_r Σ_p x[r·x.row + p·x.pixel + i·inStep + k] · dy[r·dy.row + p·dy.pixel + k],  k < outs
	depthwiseWeight func(g *weightGeometry, dw, x, dy []T, rows, pixels int)

	// The transforms of Winograd's form, see winograd.go, of so many tiles of a row. A line
	// of a tile goes to
	//
	//	transformInput        Bᵀ d B     d0 − d2, d1 + d2, d2 − d1, d1 − d3
	//	transformOutput       Aᵀ m A     (m0 + m1) + m2, (m1 − m2) − m3
	//	transformGrad         A dy Aᵀ    y0, y0 + y1, y0 − y1, y1
	//	transformWeights      G g Gᵀ     g0, ((g0 + g2) + g1)/2, ((g0 + g2) − g1)/2, g2
	//	transformWeightsGrad  Gᵀ m G     m0 + (m1 + m2)/2, (m1 − m2)/2, (m1 + m2)/2 − m3
	//
	// first the columns of the tile, then the rows of what they give. transformGrad leaves
	// the sign of A's last row to transformWeightsGrad, which has it in place of a plus.
	// transformWeightsGrad adds to what is there.
	transformInput, transformOutput, transformGrad, transformWeights, transformWeightsGrad func(g *tileGeometry, dst, src []T, tiles int)

	// maxIndex finds for all results of a zone the first of the largest among the
	// elements of src that they meet, and writes its place.
	maxIndex func(r *zone[T], dst, src []T)
	// maxGather writes the src whose place is the result's index, else 0. The index
	// lies as dst does.
	maxGather func(r *zone[T], dst, index, src []T)
	// maxScatter writes the sum of those src, from zero in the order of taps, whose
	// index is the tap's place. The index lies as src does.
	maxScatter func(r *zone[T], dst, index, src []T)

	// box writes for each pixel of an image the sum of its neighbours inside the image,
	// times its share: (top + middle) + bottom of each column, then (left + middle) +
	// right.
	box func(b *box[T], y, x []T)

	// transpose fills dst, cols x rows, with src, rows x cols.
	transpose func(dst, src []T, rows, cols int)

	// sum, dot and square add up channels in lanes, see [lanes]; dot and square are
	// chains of fma.
	sum    func(acc *lanes[T], x []T, c, width, pixels int)
	dot    func(acc *lanes[T], x, y []T, c, width, pixels int)
	square func(acc *lanes[T], x []T, mean *lanes[T], c, width, pixels int) // (x − mean)², the difference rounded
	// fold adds the lanes to their channels, in the order of the lanes and in float64;
	// means gives each lane the mean of its channel, that of n numbers with such a sum.
	fold  func(into []float64, acc *lanes[T], width int)
	means func(mean *lanes[T], sums []float64, n float64, width int)

	// fetch asks memory for n elements from x[after] on, which need not be there, and
	// does not wait for them.
	fetch func(x []T, after, n int)

	// Passes over contiguous memory. Vectors of coefficients have a period that
	// is a multiple of 32 elements, and repeat; y may be any of the arguments.
	relu     func(y, x []T)                                 // max(x, 0)
	reluMask func(y, x, g []T)                              // g where x > 0
	add      func(y, a, b []T)                              // a + b
	mul      func(y, a, b []T)                              // a·b
	axpy     func(y, x []T, a T)                            // fma(a, x, y)
	lin      func(y []T, xs [][]T, at int, coefs, bias []T) // bias + Σ_k coefs_k · xs[k][at:], a chain of fma from the bias on
	norm     func(y, x, mean, rstd []T)                     // (x − mean)·rstd
	bnGrad   func(y, g, x, meanG, meanGX, rstd []T)         // rstd · fma(−x, meanGX, g − meanG)

	// sgd is a step of gradient descent, with d the gradient at hand:
	//
	//	d   = fma(decay, w, clip·g)
	//	w   = fma(gradRate, d, w)
	//	buf = fma(momentum, buf, d),  w = fma(bufRate, buf, w)    unless buf is nil
	//
	// A factor of 0 changes no finite number.
	sgd func(w, g, buf []T, s *sgd[T])
}

// portable are the kernels for every processor.
func portable[T Float]() *kernels[T] {
	return &kernels[T]{
		conv: portableConv[T], depthwise: portableDepthwise[T],
		convWeight: portableConvWeight[T], depthwiseWeight: portableDepthwiseWeight[T], transpose: portableTranspose[T],
		transformInput: portableTransformInput[T], transformOutput: portableTransformOutput[T], transformGrad: portableTransformGrad[T],
		transformWeights: portableTransformWeights[T], transformWeightsGrad: portableTransformWeightsGrad[T],
		maxIndex: portableMaxIndex[T], maxGather: portableMaxGather[T], maxScatter: portableMaxScatter[T],
		box: portableBox[T],
		sum: portableSum[T], dot: portableDot[T], square: portableSquare[T], fold: portableFold[T], means: portableMeans[T],
		fetch: func([]T, int, int) {},
		relu:  portableReLU[T], reluMask: portableReLUMask[T], add: portableAdd[T], mul: portableMul[T], axpy: portableAxpy[T],
		lin: portableLin[T], norm: portableNorm[T], bnGrad: portableBNGrad[T], sgd: portableSGD[T],
	}
}

// instructionSet is a version of the kernels for some processors.
type instructionSet struct {
	name string
	use  func(*kernels[float32]) // puts them in place of the portable ones
}

// instructionSets are those of this processor and build, the best one last. The first
// one is plain Go.
func instructionSets() []instructionSet {
	return append([]instructionSet{{"plain", func(*kernels[float32]) {}}}, nativeSets()...)
}

// with are the kernels of an instruction set; float64 has the portable ones alone.
func with[T Float](set instructionSet) *kernels[T] {
	k := portable[T]()
	if single, ok := any(k).(*kernels[float32]); ok {
		set.use(single)
	}
	return k
}

// native are the best kernels for this processor.
func native[T Float]() *kernels[T] {
	sets := instructionSets()
	return with[T](sets[len(sets)-1])
}
