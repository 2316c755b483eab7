//go:build !noasm

#include "textflag.h"
#include "go_asm.h"

// Tiles of outer products, in vectors of 8. Accumulators are Y0-Y7.

#include "tiles_amd64.h"

// acc += w·x for one vector (w in Y8) and one x.
#define STEP(x, acc, b, m) \
	VBROADCASTSS x, b     \
	VMULPS Y8, b, m       \
	VADDPS m, acc, acc

// acc0, acc1 += (Y8, Y9)·x.
#define STEP2(x, acc0, acc1, b, m0, m1) \
	VBROADCASTSS x, b     \
	VMULPS Y8, b, m0      \
	VMULPS Y9, b, m1      \
	VADDPS m0, acc0, acc0 \
	VADDPS m1, acc1, acc1

#define STEPX(x, acc, b, m) \
	VBROADCASTSS x, b     \
	VMULPS X8, b, m       \
	VADDPS m, acc, acc

#define ADDTO(acc) \
	VADDPS (R14), acc, acc \
	ADDQ R8, R14

#define STORE(acc) \
	VMOVUPS acc, (R14) \
	ADDQ R8, R14

#define ADDTO2(acc0, acc1) \
	VADDPS (R14), acc0, acc0   \
	VADDPS 32(R14), acc1, acc1 \
	ADDQ R8, R14

#define STORE2(acc0, acc1) \
	VMOVUPS acc0, (R14)   \
	VMOVUPS acc1, 32(R14) \
	ADDQ R8, R14

// func tile8x8(a *tileArgs)
TEXT ·tile8x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y8
	STEP((R8), Y0, Y9, Y10)
	STEP((R8)(R9*1), Y1, Y11, Y12)
	STEP((R8)(R9*2), Y2, Y13, Y14)
	STEP((R8)(R10*1), Y3, Y9, Y10)
	STEP((R8)(R9*4), Y4, Y11, Y12)
	STEP((R8)(R11*1), Y5, Y13, Y14)
	STEP((R8)(R10*2), Y6, Y9, Y10)
	STEP((R8)(R12*1), Y7, Y11, Y12)
	NEXT
	ADDTO(Y0)
	ADDTO(Y1)
	ADDTO(Y2)
	ADDTO(Y3)
	ADDTO(Y4)
	ADDTO(Y5)
	ADDTO(Y6)
	ADDTO(Y7)
	MOVQ DI, R14
store:
	STORE(Y0)
	STORE(Y1)
	STORE(Y2)
	STORE(Y3)
	STORE(Y4)
	STORE(Y5)
	STORE(Y6)
	STORE(Y7)
	FINISH

// func tile4x8(a *tileArgs)
TEXT ·tile4x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y8
	STEP((R8), Y0, Y9, Y10)
	STEP((R8)(R9*1), Y1, Y11, Y12)
	STEP((R8)(R9*2), Y2, Y13, Y14)
	STEP((R8)(R10*1), Y3, Y9, Y10)
	NEXT
	ADDTO(Y0)
	ADDTO(Y1)
	ADDTO(Y2)
	ADDTO(Y3)
	MOVQ DI, R14
store:
	STORE(Y0)
	STORE(Y1)
	STORE(Y2)
	STORE(Y3)
	FINISH

// func tile1x8(a *tileArgs)
TEXT ·tile1x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y8
	STEP((R8), Y0, Y9, Y10)
	NEXT
	ADDTO(Y0)
	MOVQ DI, R14
store:
	STORE(Y0)
	FINISH

// func tile4x16(a *tileArgs)
TEXT ·tile4x16(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y8
	VMOVUPS 32(BX), Y9
	STEP2((R8), Y0, Y1, Y10, Y11, Y12)
	STEP2((R8)(R9*1), Y2, Y3, Y13, Y14, Y15)
	STEP2((R8)(R9*2), Y4, Y5, Y10, Y11, Y12)
	STEP2((R8)(R10*1), Y6, Y7, Y13, Y14, Y15)
	NEXT
	ADDTO2(Y0, Y1)
	ADDTO2(Y2, Y3)
	ADDTO2(Y4, Y5)
	ADDTO2(Y6, Y7)
	MOVQ DI, R14
store:
	STORE2(Y0, Y1)
	STORE2(Y2, Y3)
	STORE2(Y4, Y5)
	STORE2(Y6, Y7)
	FINISH

// func tile1x16(a *tileArgs)
TEXT ·tile1x16(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y8
	VMOVUPS 32(BX), Y9
	STEP2((R8), Y0, Y1, Y10, Y11, Y12)
	NEXT
	ADDTO2(Y0, Y1)
	MOVQ DI, R14
store:
	STORE2(Y0, Y1)
	FINISH

// func tile8x4(a *tileArgs)
TEXT ·tile8x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), X8
	STEPX((R8), X0, X9, X10)
	STEPX((R8)(R9*1), X1, X11, X12)
	STEPX((R8)(R9*2), X2, X13, X14)
	STEPX((R8)(R10*1), X3, X9, X10)
	STEPX((R8)(R9*4), X4, X11, X12)
	STEPX((R8)(R11*1), X5, X13, X14)
	STEPX((R8)(R10*2), X6, X9, X10)
	STEPX((R8)(R12*1), X7, X11, X12)
	NEXT
	ADDTO(X0)
	ADDTO(X1)
	ADDTO(X2)
	ADDTO(X3)
	ADDTO(X4)
	ADDTO(X5)
	ADDTO(X6)
	ADDTO(X7)
	MOVQ DI, R14
store:
	STORE(X0)
	STORE(X1)
	STORE(X2)
	STORE(X3)
	STORE(X4)
	STORE(X5)
	STORE(X6)
	STORE(X7)
	FINISH

// func tile4x4(a *tileArgs)
TEXT ·tile4x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), X8
	STEPX((R8), X0, X9, X10)
	STEPX((R8)(R9*1), X1, X11, X12)
	STEPX((R8)(R9*2), X2, X13, X14)
	STEPX((R8)(R10*1), X3, X9, X10)
	NEXT
	ADDTO(X0)
	ADDTO(X1)
	ADDTO(X2)
	ADDTO(X3)
	MOVQ DI, R14
store:
	STORE(X0)
	STORE(X1)
	STORE(X2)
	STORE(X3)
	FINISH

// func tile1x4(a *tileArgs)
TEXT ·tile1x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), X8
	STEPX((R8), X0, X9, X10)
	NEXT
	ADDTO(X0)
	MOVQ DI, R14
store:
	STORE(X0)
	FINISH

// One x of each pixel of a pair, for the four results of both.
#define PAIR(x, acc) \
	VMOVUPS x, Y12              \
	VPERMILPS $0x00, Y12, Y13   \
	VMULPS Y8, Y13, Y13         \
	VADDPS Y13, acc, acc        \
	VPERMILPS $0x55, Y12, Y14   \
	VMULPS Y9, Y14, Y14         \
	VADDPS Y14, acc, acc        \
	VPERMILPS $0xaa, Y12, Y15   \
	VMULPS Y10, Y15, Y15        \
	VADDPS Y15, acc, acc        \
	VPERMILPS $0xff, Y12, Y12   \
	VMULPS Y11, Y12, Y12        \
	VADDPS Y12, acc, acc

// func pairs16x4(a *tileArgs)
// Pixels and results lie side by side, 4 channels each; run counts groups of 4.
TEXT ·pairs16x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VBROADCASTF128 0(BX), Y8
	VBROADCASTF128 16(BX), Y9
	VBROADCASTF128 32(BX), Y10
	VBROADCASTF128 48(BX), Y11
	PAIR(0(R8), Y0)
	PAIR(32(R8), Y1)
	PAIR(64(R8), Y2)
	PAIR(96(R8), Y3)
	PAIR(128(R8), Y4)
	PAIR(160(R8), Y5)
	PAIR(192(R8), Y6)
	PAIR(224(R8), Y7)
	NEXT
	ADDTO(Y0)
	ADDTO(Y1)
	ADDTO(Y2)
	ADDTO(Y3)
	ADDTO(Y4)
	ADDTO(Y5)
	ADDTO(Y6)
	ADDTO(Y7)
	MOVQ DI, R14
store:
	STORE(Y0)
	STORE(Y1)
	STORE(Y2)
	STORE(Y3)
	STORE(Y4)
	STORE(Y5)
	STORE(Y6)
	STORE(Y7)
	FINISH

// func tile4x12(a *tileArgs)
TEXT ·tile4x12(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y8
	VMOVUPS 32(BX), X9
	VBROADCASTSS (R8), Y10
	VMULPS Y8, Y10, Y11
	VMULPS X9, X10, X12
	VADDPS Y11, Y0, Y0
	VADDPS X12, X1, X1
	VBROADCASTSS (R8)(R9*1), Y13
	VMULPS Y8, Y13, Y14
	VMULPS X9, X13, X15
	VADDPS Y14, Y2, Y2
	VADDPS X15, X3, X3
	VBROADCASTSS (R8)(R9*2), Y10
	VMULPS Y8, Y10, Y11
	VMULPS X9, X10, X12
	VADDPS Y11, Y4, Y4
	VADDPS X12, X5, X5
	VBROADCASTSS (R8)(R10*1), Y13
	VMULPS Y8, Y13, Y14
	VMULPS X9, X13, X15
	VADDPS Y14, Y6, Y6
	VADDPS X15, X7, X7
	NEXT
	ADDTO2(Y0, X1)
	ADDTO2(Y2, X3)
	ADDTO2(Y4, X5)
	ADDTO2(Y6, X7)
	MOVQ DI, R14
store:
	STORE2(Y0, X1)
	STORE2(Y2, X3)
	STORE2(Y4, X5)
	STORE2(Y6, X7)
	FINISH

// acc += w·x for vectors.
#define STEPV(x, acc, m) \
	VMULPS x, Y8, m     \
	VADDPS m, acc, acc

// func depthwise8x8(a *tileArgs)
// As tile8x8, but x are vectors too: 8 pixels x 8 channels, each by itself.
TEXT ·depthwise8x8(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VMOVUPS (BX), Y8
	STEPV((R8), Y0, Y9)
	STEPV((R8)(R9*1), Y1, Y10)
	STEPV((R8)(R9*2), Y2, Y11)
	STEPV((R8)(R10*1), Y3, Y12)
	STEPV((R8)(R9*4), Y4, Y13)
	STEPV((R8)(R11*1), Y5, Y14)
	STEPV((R8)(R10*2), Y6, Y15)
	STEPV((R8)(R12*1), Y7, Y9)
	NEXTDEEP
	ADDTO(Y0)
	ADDTO(Y1)
	ADDTO(Y2)
	ADDTO(Y3)
	ADDTO(Y4)
	ADDTO(Y5)
	ADDTO(Y6)
	ADDTO(Y7)
	MOVQ DI, R14
store:
	STORE(Y0)
	STORE(Y1)
	STORE(Y2)
	STORE(Y3)
	STORE(Y4)
	STORE(Y5)
	STORE(Y6)
	STORE(Y7)
	FINISH

// func depthwise1x8(a *tileArgs)
TEXT ·depthwise1x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y8
	STEPV((R8), Y0, Y9)
	NEXT
	ADDTO(Y0)
	MOVQ DI, R14
store:
	STORE(Y0)
	FINISH

// acc += w·x for half vectors.
#define STEPH(x, acc, m) \
	VMULPS x, X8, m     \
	VADDPS m, acc, acc

// func depthwise8x4(a *tileArgs)
TEXT ·depthwise8x4(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VMOVUPS (BX), X8
	STEPH((R8), X0, X9)
	STEPH((R8)(R9*1), X1, X10)
	STEPH((R8)(R9*2), X2, X11)
	STEPH((R8)(R10*1), X3, X12)
	STEPH((R8)(R9*4), X4, X13)
	STEPH((R8)(R11*1), X5, X14)
	STEPH((R8)(R10*2), X6, X15)
	STEPH((R8)(R12*1), X7, X9)
	NEXTDEEP
	ADDTO(X0)
	ADDTO(X1)
	ADDTO(X2)
	ADDTO(X3)
	ADDTO(X4)
	ADDTO(X5)
	ADDTO(X6)
	ADDTO(X7)
	MOVQ DI, R14
store:
	STORE(X0)
	STORE(X1)
	STORE(X2)
	STORE(X3)
	STORE(X4)
	STORE(X5)
	STORE(X6)
	STORE(X7)
	FINISH

// func depthwise1x4(a *tileArgs)
TEXT ·depthwise1x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), X8
	STEPH((R8), X0, X9)
	NEXT
	ADDTO(X0)
	MOVQ DI, R14
store:
	STORE(X0)
	FINISH

// The gradient of depthwise weights: w is dy, and pStep leads to the next tap.

// acc0, acc1 += (Y10, Y11)·x.
#define WEIGH2(x0, x1, acc0, acc1, m0, m1) \
	VMULPS x0, Y10, m0    \
	VMULPS x1, Y11, m1    \
	VADDPS m0, acc0, acc0 \
	VADDPS m1, acc1, acc1

// func depthwiseWeight5x16(a *tileArgs)
// One block: the sums in Y8 and Y9 are cleared before it begins.
TEXT ·depthwiseWeight5x16(SB), NOSPLIT, $0-8
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y10
	VMOVUPS 32(BX), Y11
	WEIGH2((R8), 32(R8), Y0, Y1, Y12, Y13)
	WEIGH2((R8)(R9*1), 32(R8)(R9*1), Y2, Y3, Y14, Y15)
	WEIGH2((R8)(R9*2), 32(R8)(R9*2), Y4, Y5, Y12, Y13)
	WEIGH2((R8)(R10*1), 32(R8)(R10*1), Y6, Y7, Y14, Y15)
	WEIGH2((R8)(R9*4), 32(R8)(R9*4), Y8, Y9, Y12, Y13)
	NEXT
	ADDTO2(Y0, Y1)
	ADDTO2(Y2, Y3)
	ADDTO2(Y4, Y5)
	ADDTO2(Y6, Y7)
	ADDTO2(Y8, Y9)
	MOVQ DI, R14
store:
	STORE2(Y0, Y1)
	STORE2(Y2, Y3)
	STORE2(Y4, Y5)
	STORE2(Y6, Y7)
	STORE2(Y8, Y9)
	FINISH

// func depthwiseWeight3x16(a *tileArgs)
TEXT ·depthwiseWeight3x16(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y10
	VMOVUPS 32(BX), Y11
	WEIGH2((R8), 32(R8), Y0, Y1, Y12, Y13)
	WEIGH2((R8)(R9*1), 32(R8)(R9*1), Y2, Y3, Y14, Y15)
	WEIGH2((R8)(R9*2), 32(R8)(R9*2), Y4, Y5, Y12, Y13)
	NEXT
	ADDTO2(Y0, Y1)
	ADDTO2(Y2, Y3)
	ADDTO2(Y4, Y5)
	MOVQ DI, R14
store:
	STORE2(Y0, Y1)
	STORE2(Y2, Y3)
	STORE2(Y4, Y5)
	FINISH

// func depthwiseWeight1x16(a *tileArgs)
TEXT ·depthwiseWeight1x16(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y10
	VMOVUPS 32(BX), Y11
	WEIGH2((R8), 32(R8), Y0, Y1, Y12, Y13)
	NEXT
	ADDTO2(Y0, Y1)
	MOVQ DI, R14
store:
	STORE2(Y0, Y1)
	FINISH

// func depthwiseWeight5x8(a *tileArgs)
TEXT ·depthwiseWeight5x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y8
	STEPV((R8), Y0, Y9)
	STEPV((R8)(R9*1), Y1, Y10)
	STEPV((R8)(R9*2), Y2, Y11)
	STEPV((R8)(R10*1), Y3, Y12)
	STEPV((R8)(R9*4), Y4, Y13)
	NEXT
	ADDTO(Y0)
	ADDTO(Y1)
	ADDTO(Y2)
	ADDTO(Y3)
	ADDTO(Y4)
	MOVQ DI, R14
store:
	STORE(Y0)
	STORE(Y1)
	STORE(Y2)
	STORE(Y3)
	STORE(Y4)
	FINISH

// func depthwiseWeight3x8(a *tileArgs)
TEXT ·depthwiseWeight3x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y8
	STEPV((R8), Y0, Y9)
	STEPV((R8)(R9*1), Y1, Y10)
	STEPV((R8)(R9*2), Y2, Y11)
	NEXT
	ADDTO(Y0)
	ADDTO(Y1)
	ADDTO(Y2)
	MOVQ DI, R14
store:
	STORE(Y0)
	STORE(Y1)
	STORE(Y2)
	FINISH

// func depthwiseWeight5x4(a *tileArgs)
TEXT ·depthwiseWeight5x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), X8
	STEPH((R8), X0, X9)
	STEPH((R8)(R9*1), X1, X10)
	STEPH((R8)(R9*2), X2, X11)
	STEPH((R8)(R10*1), X3, X12)
	STEPH((R8)(R9*4), X4, X13)
	NEXT
	ADDTO(X0)
	ADDTO(X1)
	ADDTO(X2)
	ADDTO(X3)
	ADDTO(X4)
	MOVQ DI, R14
store:
	STORE(X0)
	STORE(X1)
	STORE(X2)
	STORE(X3)
	STORE(X4)
	FINISH

// func depthwiseWeight3x4(a *tileArgs)
TEXT ·depthwiseWeight3x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), X8
	STEPH((R8), X0, X9)
	STEPH((R8)(R9*1), X1, X10)
	STEPH((R8)(R9*2), X2, X11)
	NEXT
	ADDTO(X0)
	ADDTO(X1)
	ADDTO(X2)
	MOVQ DI, R14
store:
	STORE(X0)
	STORE(X1)
	STORE(X2)
	FINISH
