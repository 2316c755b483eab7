//go:build !noasm

#include "textflag.h"
#include "go_asm.h"

// Tiles of outer products, in vectors of 16. Accumulators are Z0-Z7, or Z0-Z15.

#include "tiles_amd64.h"

// The upper parts of all registers become zero as well.
#define CLEAR16 \
	CLEAR8               \
	VXORPS Y8, Y8, Y8    \
	VXORPS Y9, Y9, Y9    \
	VXORPS Y10, Y10, Y10 \
	VXORPS Y11, Y11, Y11 \
	VXORPS Y12, Y12, Y12 \
	VXORPS Y13, Y13, Y13 \
	VXORPS Y14, Y14, Y14 \
	VXORPS Y15, Y15, Y15

// acc += Z16·x for one x.
#define STEP(x, acc, m) \
	VMULPS.BCST x, Z16, m \
	VADDPS m, acc, acc

// acc0, acc1 += (Z16, Z17)·x.
#define STEP2(x, acc0, acc1, b, m0, m1) \
	VBROADCASTSS x, b     \
	VMULPS Z16, b, m0     \
	VMULPS Z17, b, m1     \
	VADDPS m0, acc0, acc0 \
	VADDPS m1, acc1, acc1

// acc += Z16·x for vectors.
#define STEPV(x, acc, m) \
	VMULPS x, Z16, m     \
	VADDPS m, acc, acc

#define ADDTO(acc) \
	VADDPS (R14), acc, acc \
	ADDQ R8, R14

#define STORE(acc) \
	VMOVUPS acc, (R14) \
	ADDQ R8, R14

#define ADDTO2(acc0, acc1) \
	VADDPS (R14), acc0, acc0   \
	VADDPS 64(R14), acc1, acc1 \
	ADDQ R8, R14

#define STORE2(acc0, acc1) \
	VMOVUPS acc0, (R14)   \
	VMOVUPS acc1, 64(R14) \
	ADDQ R8, R14

// func tile8x16(a *tileArgs)
TEXT ·tile8x16(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Z16
	STEP((R8), Z0, Z17)
	STEP((R8)(R9*1), Z1, Z18)
	STEP((R8)(R9*2), Z2, Z19)
	STEP((R8)(R10*1), Z3, Z20)
	STEP((R8)(R9*4), Z4, Z21)
	STEP((R8)(R11*1), Z5, Z22)
	STEP((R8)(R10*2), Z6, Z23)
	STEP((R8)(R12*1), Z7, Z24)
	NEXT
	ADDTO(Z0)
	ADDTO(Z1)
	ADDTO(Z2)
	ADDTO(Z3)
	ADDTO(Z4)
	ADDTO(Z5)
	ADDTO(Z6)
	ADDTO(Z7)
	MOVQ DI, R14
store:
	STORE(Z0)
	STORE(Z1)
	STORE(Z2)
	STORE(Z3)
	STORE(Z4)
	STORE(Z5)
	STORE(Z6)
	STORE(Z7)
	FINISH

// func tile8x32(a *tileArgs)
TEXT ·tile8x32(SB), NOSPLIT, $0-8
	BEGIN(CLEAR16)
	VMOVUPS (BX), Z16
	VMOVUPS 64(BX), Z17
	STEP2((R8), Z0, Z1, Z18, Z19, Z20)
	STEP2((R8)(R9*1), Z2, Z3, Z21, Z22, Z23)
	STEP2((R8)(R9*2), Z4, Z5, Z24, Z25, Z26)
	STEP2((R8)(R10*1), Z6, Z7, Z27, Z28, Z29)
	STEP2((R8)(R9*4), Z8, Z9, Z18, Z19, Z20)
	STEP2((R8)(R11*1), Z10, Z11, Z21, Z22, Z23)
	STEP2((R8)(R10*2), Z12, Z13, Z24, Z25, Z26)
	STEP2((R8)(R12*1), Z14, Z15, Z27, Z28, Z29)
	NEXT
	ADDTO2(Z0, Z1)
	ADDTO2(Z2, Z3)
	ADDTO2(Z4, Z5)
	ADDTO2(Z6, Z7)
	ADDTO2(Z8, Z9)
	ADDTO2(Z10, Z11)
	ADDTO2(Z12, Z13)
	ADDTO2(Z14, Z15)
	MOVQ DI, R14
store:
	STORE2(Z0, Z1)
	STORE2(Z2, Z3)
	STORE2(Z4, Z5)
	STORE2(Z6, Z7)
	STORE2(Z8, Z9)
	STORE2(Z10, Z11)
	STORE2(Z12, Z13)
	STORE2(Z14, Z15)
	FINISH

// func tile4x32(a *tileArgs)
TEXT ·tile4x32(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Z16
	VMOVUPS 64(BX), Z17
	STEP2((R8), Z0, Z1, Z18, Z19, Z20)
	STEP2((R8)(R9*1), Z2, Z3, Z21, Z22, Z23)
	STEP2((R8)(R9*2), Z4, Z5, Z24, Z25, Z26)
	STEP2((R8)(R10*1), Z6, Z7, Z27, Z28, Z29)
	NEXT
	ADDTO2(Z0, Z1)
	ADDTO2(Z2, Z3)
	ADDTO2(Z4, Z5)
	ADDTO2(Z6, Z7)
	MOVQ DI, R14
store:
	STORE2(Z0, Z1)
	STORE2(Z2, Z3)
	STORE2(Z4, Z5)
	STORE2(Z6, Z7)
	FINISH

// func depthwise8x16(a *tileArgs)
// As tile8x16, but x are vectors too: 8 pixels x 16 channels, each by itself.
TEXT ·depthwise8x16(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VMOVUPS (BX), Z16
	STEPV((R8), Z0, Z17)
	STEPV((R8)(R9*1), Z1, Z18)
	STEPV((R8)(R9*2), Z2, Z19)
	STEPV((R8)(R10*1), Z3, Z20)
	STEPV((R8)(R9*4), Z4, Z21)
	STEPV((R8)(R11*1), Z5, Z22)
	STEPV((R8)(R10*2), Z6, Z23)
	STEPV((R8)(R12*1), Z7, Z24)
	NEXTDEEP
	ADDTO(Z0)
	ADDTO(Z1)
	ADDTO(Z2)
	ADDTO(Z3)
	ADDTO(Z4)
	ADDTO(Z5)
	ADDTO(Z6)
	ADDTO(Z7)
	MOVQ DI, R14
store:
	STORE(Z0)
	STORE(Z1)
	STORE(Z2)
	STORE(Z3)
	STORE(Z4)
	STORE(Z5)
	STORE(Z6)
	STORE(Z7)
	FINISH

// The gradient of depthwise weights: w is dy, and pStep leads to the next tap.

// func depthwiseWeight5x16AVX512(a *tileArgs)
TEXT ·depthwiseWeight5x16AVX512(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Z16
	STEPV((R8), Z0, Z17)
	STEPV((R8)(R9*1), Z1, Z18)
	STEPV((R8)(R9*2), Z2, Z19)
	STEPV((R8)(R10*1), Z3, Z20)
	STEPV((R8)(R9*4), Z4, Z21)
	NEXT
	ADDTO(Z0)
	ADDTO(Z1)
	ADDTO(Z2)
	ADDTO(Z3)
	ADDTO(Z4)
	MOVQ DI, R14
store:
	STORE(Z0)
	STORE(Z1)
	STORE(Z2)
	STORE(Z3)
	STORE(Z4)
	FINISH

// func depthwiseWeight3x16AVX512(a *tileArgs)
TEXT ·depthwiseWeight3x16AVX512(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Z16
	STEPV((R8), Z0, Z17)
	STEPV((R8)(R9*1), Z1, Z18)
	STEPV((R8)(R9*2), Z2, Z19)
	NEXT
	ADDTO(Z0)
	ADDTO(Z1)
	ADDTO(Z2)
	MOVQ DI, R14
store:
	STORE(Z0)
	STORE(Z1)
	STORE(Z2)
	FINISH

// func depthwiseWeight1x16AVX512(a *tileArgs)
TEXT ·depthwiseWeight1x16AVX512(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Z16
	STEPV((R8), Z0, Z17)
	NEXT
	ADDTO(Z0)
	MOVQ DI, R14
store:
	STORE(Z0)
	FINISH

// func tile16x16(a *tileArgs)
// For gradients of weights: no starts. R15 is x of the second half.
TEXT ·tile16x16(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	MOVQ $0, moved_
	MOVQ xStep_, SI
	MOVQ wStep_, DX
	MOVQ out_, DI
	MOVQ pStep_, R9
	LEAQ (R9)(R9*2), R10
	LEAQ (R9)(R9*4), R11
	LEAQ (R10)(R9*4), R12
block:
	MOVQ x_, R14
	ADDQ moved_, R14
	MOVQ w_, BX
	MOVQ runs_, R13
	CLEAR16
run:
	MOVQ R14, R8
	LEAQ (R14)(R9*8), R15
	ADDQ xRow_, R14
	MOVQ runLen_, CX
loop:
	VMOVUPS (BX), Z16
	STEP((R8), Z0, Z17)
	STEP((R8)(R9*1), Z1, Z18)
	STEP((R8)(R9*2), Z2, Z19)
	STEP((R8)(R10*1), Z3, Z20)
	STEP((R8)(R9*4), Z4, Z21)
	STEP((R8)(R11*1), Z5, Z22)
	STEP((R8)(R10*2), Z6, Z23)
	STEP((R8)(R12*1), Z7, Z24)
	STEP((R15), Z8, Z17)
	STEP((R15)(R9*1), Z9, Z18)
	STEP((R15)(R9*2), Z10, Z19)
	STEP((R15)(R10*1), Z11, Z20)
	STEP((R15)(R9*4), Z12, Z21)
	STEP((R15)(R11*1), Z13, Z22)
	STEP((R15)(R10*2), Z14, Z23)
	STEP((R15)(R12*1), Z15, Z24)
	ADDQ SI, R8
	ADDQ SI, R15
	ADDQ DX, BX
	DECQ CX
	JNE  loop
	ADDQ wRow_, BX
	DECQ R13
	JNE  run
	MOVQ outStep_, R8
	MOVQ DI, R14
	CMPQ add_, $0
	JEQ  store
	ADDTO(Z0)
	ADDTO(Z1)
	ADDTO(Z2)
	ADDTO(Z3)
	ADDTO(Z4)
	ADDTO(Z5)
	ADDTO(Z6)
	ADDTO(Z7)
	ADDTO(Z8)
	ADDTO(Z9)
	ADDTO(Z10)
	ADDTO(Z11)
	ADDTO(Z12)
	ADDTO(Z13)
	ADDTO(Z14)
	ADDTO(Z15)
	MOVQ DI, R14
store:
	STORE(Z0)
	STORE(Z1)
	STORE(Z2)
	STORE(Z3)
	STORE(Z4)
	STORE(Z5)
	STORE(Z6)
	STORE(Z7)
	STORE(Z8)
	STORE(Z9)
	STORE(Z10)
	STORE(Z11)
	STORE(Z12)
	STORE(Z13)
	STORE(Z14)
	STORE(Z15)
	FINISH
