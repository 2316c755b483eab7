//go:build !noasm

#include "textflag.h"
#include "go_asm.h"

// Tiles of outer products, in vectors of 8. Accumulators are Y0 and the next ones.

#include "tiles_amd64.h"

#define CLEAR12 \
	CLEAR8               \
	VXORPS Y8, Y8, Y8    \
	VXORPS Y9, Y9, Y9    \
	VXORPS Y10, Y10, Y10 \
	VXORPS Y11, Y11, Y11

// acc += w·x for one vector w (in Y15) and one x.
#define STEP(x, acc, b) \
	VBROADCASTSS x, b       \
	VFMADD231PS Y15, b, acc

// acc0, acc1 += (Y12, Y13)·x.
#define STEP2(x, acc0, acc1, b) \
	VBROADCASTSS x, b        \
	VFMADD231PS Y12, b, acc0 \
	VFMADD231PS Y13, b, acc1

#define STEPX(x, acc, b) \
	VBROADCASTSS x, b       \
	VFMADD231PS X15, b, acc

// acc += w·x for vectors: w is in Y15, or X15.
#define STEPV(x, acc) VFMADD231PS x, Y15, acc
#define STEPH(x, acc) VFMADD231PS x, X15, acc

#define ADDTO2(acc0, acc1) \
	VADDPS (R14), acc0, acc0   \
	VADDPS 32(R14), acc1, acc1 \
	ADDQ R8, R14

#define STORE2(acc0, acc1) \
	VMOVUPS acc0, (R14)   \
	VMOVUPS acc1, 32(R14) \
	ADDQ R8, R14

// func tile6x16(a *tileArgs)
TEXT ·tile6x16(SB), NOSPLIT, $0-8
	BEGIN(CLEAR12)
	VMOVUPS (BX), Y12
	VMOVUPS 32(BX), Y13
	STEP2((R8), Y0, Y1, Y14)
	STEP2((R8)(R9*1), Y2, Y3, Y15)
	STEP2((R8)(R9*2), Y4, Y5, Y14)
	STEP2((R8)(R10*1), Y6, Y7, Y15)
	STEP2((R8)(R9*4), Y8, Y9, Y14)
	STEP2((R8)(R11*1), Y10, Y11, Y15)
	NEXT
	ADDTO2(Y0, Y1)
	ADDTO2(Y2, Y3)
	ADDTO2(Y4, Y5)
	ADDTO2(Y6, Y7)
	ADDTO2(Y8, Y9)
	ADDTO2(Y10, Y11)
	MOVQ DI, R14
store:
	STORE2(Y0, Y1)
	STORE2(Y2, Y3)
	STORE2(Y4, Y5)
	STORE2(Y6, Y7)
	STORE2(Y8, Y9)
	STORE2(Y10, Y11)
	FINISH

// func tile4x16(a *tileArgs)
TEXT ·tile4x16(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y12
	VMOVUPS 32(BX), Y13
	STEP2((R8), Y0, Y1, Y14)
	STEP2((R8)(R9*1), Y2, Y3, Y15)
	STEP2((R8)(R9*2), Y4, Y5, Y14)
	STEP2((R8)(R10*1), Y6, Y7, Y15)
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
	VMOVUPS (BX), Y12
	VMOVUPS 32(BX), Y13
	STEP2((R8), Y0, Y1, Y14)
	NEXT
	ADDTO2(Y0, Y1)
	MOVQ DI, R14
store:
	STORE2(Y0, Y1)
	FINISH

// func tile8x8(a *tileArgs)
TEXT ·tile8x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y15
	STEP((R8), Y0, Y8)
	STEP((R8)(R9*1), Y1, Y9)
	STEP((R8)(R9*2), Y2, Y10)
	STEP((R8)(R10*1), Y3, Y11)
	STEP((R8)(R9*4), Y4, Y12)
	STEP((R8)(R11*1), Y5, Y13)
	STEP((R8)(R10*2), Y6, Y8)
	STEP((R8)(R12*1), Y7, Y9)
	NEXT
	ADDTO8(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	MOVQ DI, R14
store:
	STORE8(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FINISH

// func tile4x8(a *tileArgs)
TEXT ·tile4x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y15
	STEP((R8), Y0, Y8)
	STEP((R8)(R9*1), Y1, Y9)
	STEP((R8)(R9*2), Y2, Y10)
	STEP((R8)(R10*1), Y3, Y11)
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

// func tile3x8(a *tileArgs)
TEXT ·tile3x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y15
	STEP((R8), Y0, Y8)
	STEP((R8)(R9*1), Y1, Y9)
	STEP((R8)(R9*2), Y2, Y10)
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

// func tile1x8(a *tileArgs)
TEXT ·tile1x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y15
	STEP((R8), Y0, Y8)
	NEXT
	ADDTO(Y0)
	MOVQ DI, R14
store:
	STORE(Y0)
	FINISH

// func tile8x4(a *tileArgs)
TEXT ·tile8x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), X15
	STEPX((R8), X0, X8)
	STEPX((R8)(R9*1), X1, X9)
	STEPX((R8)(R9*2), X2, X10)
	STEPX((R8)(R10*1), X3, X11)
	STEPX((R8)(R9*4), X4, X12)
	STEPX((R8)(R11*1), X5, X13)
	STEPX((R8)(R10*2), X6, X8)
	STEPX((R8)(R12*1), X7, X9)
	NEXT
	ADDTO8(X0, X1, X2, X3, X4, X5, X6, X7)
	MOVQ DI, R14
store:
	STORE8(X0, X1, X2, X3, X4, X5, X6, X7)
	FINISH

// func tile4x4(a *tileArgs)
TEXT ·tile4x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), X15
	STEPX((R8), X0, X8)
	STEPX((R8)(R9*1), X1, X9)
	STEPX((R8)(R9*2), X2, X10)
	STEPX((R8)(R10*1), X3, X11)
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
	VMOVUPS (BX), X15
	STEPX((R8), X0, X8)
	NEXT
	ADDTO(X0)
	MOVQ DI, R14
store:
	STORE(X0)
	FINISH

// For widths below 4: what of X14 is set says which numbers there are.

#define ADDMASKED(acc) \
	VMASKMOVPS (R14), X14, X13 \
	VADDPS X13, acc, acc       \
	ADDQ R8, R14

#define STOREMASKED(acc) \
	VMASKMOVPS acc, X14, (R14) \
	ADDQ R8, R14

// func masked8(a *tileArgs)
TEXT ·masked8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS mask_, X14
	VMASKMOVPS (BX), X14, X15
	STEPX((R8), X0, X8)
	STEPX((R8)(R9*1), X1, X9)
	STEPX((R8)(R9*2), X2, X10)
	STEPX((R8)(R10*1), X3, X11)
	STEPX((R8)(R9*4), X4, X8)
	STEPX((R8)(R11*1), X5, X9)
	STEPX((R8)(R10*2), X6, X10)
	STEPX((R8)(R12*1), X7, X11)
	NEXT
	ADDMASKED(X0)
	ADDMASKED(X1)
	ADDMASKED(X2)
	ADDMASKED(X3)
	ADDMASKED(X4)
	ADDMASKED(X5)
	ADDMASKED(X6)
	ADDMASKED(X7)
	MOVQ DI, R14
store:
	STOREMASKED(X0)
	STOREMASKED(X1)
	STOREMASKED(X2)
	STOREMASKED(X3)
	STOREMASKED(X4)
	STOREMASKED(X5)
	STOREMASKED(X6)
	STOREMASKED(X7)
	FINISH

// func masked1(a *tileArgs)
TEXT ·masked1(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS mask_, X14
	VMASKMOVPS (BX), X14, X15
	STEPX((R8), X0, X8)
	NEXT
	ADDMASKED(X0)
	MOVQ DI, R14
store:
	STOREMASKED(X0)
	FINISH

// One x of each pixel of a pair, for the four results of both.
#define PAIR(x, acc) \
	VMOVUPS x, Y12              \
	VPERMILPS $0x00, Y12, Y13   \
	VFMADD231PS Y8, Y13, acc    \
	VPERMILPS $0x55, Y12, Y14   \
	VFMADD231PS Y9, Y14, acc    \
	VPERMILPS $0xaa, Y12, Y15   \
	VFMADD231PS Y10, Y15, acc   \
	VPERMILPS $0xff, Y12, Y12   \
	VFMADD231PS Y11, Y12, acc

// func pairs16x4(a *tileArgs)
// Pixels and results lie side by side, 4 channels each, in two halves of 8 pixels; a run
// counts groups of 4.
TEXT ·pairs16x4(SB), NOSPLIT, $0-8
	BEGINHALVES(CLEAR8)
	VBROADCASTF128 0(BX), Y8
	VBROADCASTF128 16(BX), Y9
	VBROADCASTF128 32(BX), Y10
	VBROADCASTF128 48(BX), Y11
	PAIR(0(R8), Y0)
	PAIR(32(R8), Y1)
	PAIR(64(R8), Y2)
	PAIR(96(R8), Y3)
	PAIR(0(R13), Y4)
	PAIR(32(R13), Y5)
	PAIR(64(R13), Y6)
	PAIR(96(R13), Y7)
	NEXTHALVES
	ADDTO(Y0)
	ADDTO(Y1)
	ADDTO(Y2)
	ADDTO(Y3)
	HALF
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
	HALF
	STORE(Y4)
	STORE(Y5)
	STORE(Y6)
	STORE(Y7)
	FINISH

// func pairs8x4(a *tileArgs)
TEXT ·pairs8x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VBROADCASTF128 0(BX), Y8
	VBROADCASTF128 16(BX), Y9
	VBROADCASTF128 32(BX), Y10
	VBROADCASTF128 48(BX), Y11
	PAIR(0(R8), Y0)
	PAIR(32(R8), Y1)
	PAIR(64(R8), Y2)
	PAIR(96(R8), Y3)
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

// func tile4x12(a *tileArgs)
TEXT ·tile4x12(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y12
	VMOVUPS 32(BX), X13
	VBROADCASTSS (R8), Y14
	VFMADD231PS Y12, Y14, Y0
	VFMADD231PS X13, X14, X1
	VBROADCASTSS (R8)(R9*1), Y15
	VFMADD231PS Y12, Y15, Y2
	VFMADD231PS X13, X15, X3
	VBROADCASTSS (R8)(R9*2), Y14
	VFMADD231PS Y12, Y14, Y4
	VFMADD231PS X13, X14, X5
	VBROADCASTSS (R8)(R10*1), Y15
	VFMADD231PS Y12, Y15, Y6
	VFMADD231PS X13, X15, X7
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

// func depthwise8x8(a *tileArgs)
// As tile8x8, but x are vectors too: 8 pixels x 8 channels, each by itself.
TEXT ·depthwise8x8(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VMOVUPS (BX), Y15
	STEPV((R8), Y0)
	STEPV((R8)(R9*1), Y1)
	STEPV((R8)(R9*2), Y2)
	STEPV((R8)(R10*1), Y3)
	STEPV((R8)(R9*4), Y4)
	STEPV((R8)(R11*1), Y5)
	STEPV((R8)(R10*2), Y6)
	STEPV((R8)(R12*1), Y7)
	NEXTDEEP
	ADDTO8(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	MOVQ DI, R14
store:
	STORE8(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FINISH

// func depthwise4x8(a *tileArgs)
TEXT ·depthwise4x8(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VMOVUPS (BX), Y15
	STEPV((R8), Y0)
	STEPV((R8)(R9*1), Y1)
	STEPV((R8)(R9*2), Y2)
	STEPV((R8)(R10*1), Y3)
	NEXTDEEP
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

// func depthwise1x8(a *tileArgs)
TEXT ·depthwise1x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y15
	STEPV((R8), Y0)
	NEXT
	ADDTO(Y0)
	MOVQ DI, R14
store:
	STORE(Y0)
	FINISH

// func depthwise8x4(a *tileArgs)
TEXT ·depthwise8x4(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VMOVUPS (BX), X15
	STEPH((R8), X0)
	STEPH((R8)(R9*1), X1)
	STEPH((R8)(R9*2), X2)
	STEPH((R8)(R10*1), X3)
	STEPH((R8)(R9*4), X4)
	STEPH((R8)(R11*1), X5)
	STEPH((R8)(R10*2), X6)
	STEPH((R8)(R12*1), X7)
	NEXTDEEP
	ADDTO8(X0, X1, X2, X3, X4, X5, X6, X7)
	MOVQ DI, R14
store:
	STORE8(X0, X1, X2, X3, X4, X5, X6, X7)
	FINISH

// func depthwise4x4(a *tileArgs)
TEXT ·depthwise4x4(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VMOVUPS (BX), X15
	STEPH((R8), X0)
	STEPH((R8)(R9*1), X1)
	STEPH((R8)(R9*2), X2)
	STEPH((R8)(R10*1), X3)
	NEXTDEEP
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

// func depthwise1x4(a *tileArgs)
TEXT ·depthwise1x4(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), X15
	STEPH((R8), X0)
	NEXT
	ADDTO(X0)
	MOVQ DI, R14
store:
	STORE(X0)
	FINISH

// func depthwisePairs16(a *tileArgs)
// Pixels of 4 channels lie side by side, two in a vector.
TEXT ·depthwisePairs16(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VBROADCASTF128 (BX), Y15
	STEPV((R8), Y0)
	STEPV((R8)(R9*1), Y1)
	STEPV((R8)(R9*2), Y2)
	STEPV((R8)(R10*1), Y3)
	STEPV((R8)(R9*4), Y4)
	STEPV((R8)(R11*1), Y5)
	STEPV((R8)(R10*2), Y6)
	STEPV((R8)(R12*1), Y7)
	NEXTDEEP
	ADDTO8(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	MOVQ DI, R14
store:
	STORE8(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FINISH

// func depthwisePairs8(a *tileArgs)
TEXT ·depthwisePairs8(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VBROADCASTF128 (BX), Y15
	STEPV((R8), Y0)
	STEPV((R8)(R9*1), Y1)
	STEPV((R8)(R9*2), Y2)
	STEPV((R8)(R10*1), Y3)
	NEXTDEEP
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

// func depthwisePairs4(a *tileArgs)
TEXT ·depthwisePairs4(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VBROADCASTF128 (BX), Y15
	STEPV((R8), Y0)
	STEPV((R8)(R9*1), Y1)
	NEXTDEEP
	ADDTO(Y0)
	ADDTO(Y1)
	MOVQ DI, R14
store:
	STORE(Y0)
	STORE(Y1)
	FINISH

// The gradient of depthwise weights: w is dy, and pStep leads to the next tap.

// acc0, acc1 += (Y12, Y13)·x.
#define WEIGH2(x0, x1, acc0, acc1) \
	VFMADD231PS x0, Y12, acc0 \
	VFMADD231PS x1, Y13, acc1

// func depthwiseWeight5x16(a *tileArgs)
TEXT ·depthwiseWeight5x16(SB), NOSPLIT, $0-8
	BEGIN(CLEAR12)
	VMOVUPS (BX), Y12
	VMOVUPS 32(BX), Y13
	WEIGH2((R8), 32(R8), Y0, Y1)
	WEIGH2((R8)(R9*1), 32(R8)(R9*1), Y2, Y3)
	WEIGH2((R8)(R9*2), 32(R8)(R9*2), Y4, Y5)
	WEIGH2((R8)(R10*1), 32(R8)(R10*1), Y6, Y7)
	WEIGH2((R8)(R9*4), 32(R8)(R9*4), Y8, Y9)
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
	VMOVUPS (BX), Y12
	VMOVUPS 32(BX), Y13
	WEIGH2((R8), 32(R8), Y0, Y1)
	WEIGH2((R8)(R9*1), 32(R8)(R9*1), Y2, Y3)
	WEIGH2((R8)(R9*2), 32(R8)(R9*2), Y4, Y5)
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
	VMOVUPS (BX), Y12
	VMOVUPS 32(BX), Y13
	WEIGH2((R8), 32(R8), Y0, Y1)
	NEXT
	ADDTO2(Y0, Y1)
	MOVQ DI, R14
store:
	STORE2(Y0, Y1)
	FINISH

// func depthwiseWeight5x8(a *tileArgs)
TEXT ·depthwiseWeight5x8(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Y15
	STEPV((R8), Y0)
	STEPV((R8)(R9*1), Y1)
	STEPV((R8)(R9*2), Y2)
	STEPV((R8)(R10*1), Y3)
	STEPV((R8)(R9*4), Y4)
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
	VMOVUPS (BX), Y15
	STEPV((R8), Y0)
	STEPV((R8)(R9*1), Y1)
	STEPV((R8)(R9*2), Y2)
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
	VMOVUPS (BX), X15
	STEPH((R8), X0)
	STEPH((R8)(R9*1), X1)
	STEPH((R8)(R9*2), X2)
	STEPH((R8)(R10*1), X3)
	STEPH((R8)(R9*4), X4)
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
	VMOVUPS (BX), X15
	STEPH((R8), X0)
	STEPH((R8)(R9*1), X1)
	STEPH((R8)(R9*2), X2)
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
