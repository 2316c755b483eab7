package cpu

import "idarts/internal/exec"

// planners has a row for each operator: how its stages are planned. The
// instruction has passed check.
func planners[T Float]() *[exec.NumOps]func(*plan[T]) {
	return &[exec.NumOps]func(*plan[T]){
		exec.Conv:           planConv[T],
		exec.ConvGradInput:  planConvInput[T],
		exec.ConvGradWeight: planConvWeight[T],
		exec.ReLU:           planReLU[T],
		exec.ReLUMask:       planReLUMask[T],
		exec.AvgPool:        planAvgPool[T],
		exec.AvgPoolGrad:    planAvgPoolGrad[T],
		exec.MaxPoolIndex:   planMaxPoolIndex[T],
		exec.MaxGather:      planMaxGather[T],
		exec.MaxScatter:     planMaxScatter[T],
		exec.ChanLin:        planChanLin[T],
		exec.ChanDot:        planChanDot[T],
		exec.ChanSum:        planChanSum[T],
		exec.Dot:            planDot[T],
		exec.BNStats:        planBNStats[T],
		exec.BNNorm:         planBNNorm[T],
		exec.BNGrad:         planBNGrad[T],
		exec.SpatialMean:    planSpatialMean[T],
		exec.SpatialSpread:  planSpatialSpread[T],
		exec.CrossEntropy:   planCrossEntropy[T],
		exec.Softmax:        planSoftmax[T],
		exec.SoftmaxJac:     planSoftmaxJac[T],
		exec.RowDot:         planRowDot[T],
		exec.RowScale:       planRowScale[T],
		exec.Add:            planAdd[T],
		exec.Mul:            planMul[T],
		exec.Div:            planDiv[T],
		exec.Affine:         planAffine[T],
		exec.Rsqrt:          planRsqrt[T],
		exec.Slice:          planSlice[T],
		exec.Place:          planPlace[T],
		exec.Concat:         planConcat[T],
		exec.Subsample:      planSubsample[T],
		exec.SubsampleGrad:  planSubsampleGrad[T],
		exec.Copy:           planCopy[T],
		exec.LinReLU:        planLinReLU[T],
		exec.LinMask:        planLinMask[T],
		exec.ChanDots:       planChanDots[T],
		exec.Zero:           planZero[T],
	}
}
