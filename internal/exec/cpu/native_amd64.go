//go:build !noasm

package cpu

import "golang.org/x/sys/cpu"

// nativeSets are AVX2 and AVX-512, as far as this processor has them. Their kernels add
// up in the order of the portable ones, and fuse the same multiplications with additions.
func nativeSets() []instructionSet {
	sets := []instructionSet{{"avx2", useAVX2}, {"avx512", useAVX512}}
	switch {
	case !cpu.X86.HasAVX2 || !cpu.X86.HasFMA:
		return nil
	case !cpu.X86.HasAVX512F:
		return sets[:1]
	}
	return sets
}

func useAVX2(k *kernels[float32]) {
	k.conv, k.convWeight = convAVX2, convWeightAVX2
	k.depthwise, k.depthwiseWeight = depthwiseAVX2, depthwiseWeightAVX2
	k.transpose = transposeAVX2
	k.transformInput, k.transformOutput, k.transformGrad = transformInputAVX2, transformOutputAVX2, transformGradAVX2
	k.transformWeights, k.transformWeightsGrad = transformWeightsAVX2, transformWeightsGradAVX2
	k.maxIndex, k.maxGather, k.maxScatter = maxIndexAVX2, maxGatherAVX2, maxScatterAVX2
	k.box = boxAVX2
	k.sum, k.dot, k.square, k.fold, k.means = sumAVX2, dotAVX2, squareAVX2, foldAVX2, meansAVX2
	k.relu, k.reluMask, k.add, k.mul, k.axpy = reluAVX2, reluMaskAVX2, addAVX2, mulAVX2, axpyAVX2
	k.fetch = fetchAMD64
	k.lin, k.norm, k.bnGrad, k.sgd = linAVX2, normAVX2, bnGradAVX2, sgdAVX2
}

// useAVX512 changes the kernels that arithmetic holds; the others are held by memory.
func useAVX512(k *kernels[float32]) {
	useAVX2(k)
	k.conv, k.convWeight = convAVX512, convWeightAVX512
	k.depthwise, k.depthwiseWeight = depthwiseAVX512, depthwiseWeightAVX512
	k.transformInput, k.transformOutput, k.transformGrad = transformInputAVX512, transformOutputAVX512, transformGradAVX512
	k.transformWeights, k.transformWeightsGrad = transformWeightsAVX512, transformWeightsGradAVX512
}
