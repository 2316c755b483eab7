//go:build !noasm

#include "textflag.h"
#include "go_asm.h"

// Tiles of outer products, in vectors of 16. Accumulators are Z0 and the next ones.

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

// acc += Z30·x for one x.
#define STEP(x, acc) VFMADD231PS.BCST x, Z30, acc

// acc0, acc1 += (Z30, Z31)·x.
#define STEP2(x, acc0, acc1, b) \
	VBROADCASTSS x, b        \
	VFMADD231PS Z30, b, acc0 \
	VFMADD231PS Z31, b, acc1

// acc += Z30·x for vectors.
#define STEPV(x, acc) VFMADD231PS x, Z30, acc

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
	VMOVUPS (BX), Z30
	STEP((R8), Z0)
	STEP((R8)(R9*1), Z1)
	STEP((R8)(R9*2), Z2)
	STEP((R8)(R10*1), Z3)
	STEP((R8)(R9*4), Z4)
	STEP((R8)(R11*1), Z5)
	STEP((R8)(R10*2), Z6)
	STEP((R8)(R12*1), Z7)
	NEXT
	ADDTO8(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	MOVQ DI, R14
store:
	STORE8(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	FINISH

// func tile8x32(a *tileArgs)
TEXT ·tile8x32(SB), NOSPLIT, $0-8
	BEGIN(CLEAR16)
	VMOVUPS (BX), Z30
	VMOVUPS 64(BX), Z31
	STEP2((R8), Z0, Z1, Z16)
	STEP2((R8)(R9*1), Z2, Z3, Z17)
	STEP2((R8)(R9*2), Z4, Z5, Z18)
	STEP2((R8)(R10*1), Z6, Z7, Z19)
	STEP2((R8)(R9*4), Z8, Z9, Z20)
	STEP2((R8)(R11*1), Z10, Z11, Z21)
	STEP2((R8)(R10*2), Z12, Z13, Z22)
	STEP2((R8)(R12*1), Z14, Z15, Z23)
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
	VMOVUPS (BX), Z30
	VMOVUPS 64(BX), Z31
	STEP2((R8), Z0, Z1, Z16)
	STEP2((R8)(R9*1), Z2, Z3, Z17)
	STEP2((R8)(R9*2), Z4, Z5, Z18)
	STEP2((R8)(R10*1), Z6, Z7, Z19)
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

// func tile16x16(a *tileArgs)
// Two halves of 8.
TEXT ·tile16x16(SB), NOSPLIT, $0-8
	BEGINHALVES(CLEAR16)
	VMOVUPS (BX), Z30
	STEP((R8), Z0)
	STEP((R8)(R9*1), Z1)
	STEP((R8)(R9*2), Z2)
	STEP((R8)(R10*1), Z3)
	STEP((R8)(R9*4), Z4)
	STEP((R8)(R11*1), Z5)
	STEP((R8)(R10*2), Z6)
	STEP((R8)(R12*1), Z7)
	STEP((R13), Z8)
	STEP((R13)(R9*1), Z9)
	STEP((R13)(R9*2), Z10)
	STEP((R13)(R10*1), Z11)
	STEP((R13)(R9*4), Z12)
	STEP((R13)(R11*1), Z13)
	STEP((R13)(R10*2), Z14)
	STEP((R13)(R12*1), Z15)
	NEXTHALVES
	ADDTO8(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	HALF
	ADDTO8(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)
	MOVQ DI, R14
store:
	STORE8(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	HALF
	STORE8(Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)
	FINISH

// func depthwise8x16(a *tileArgs)
// As tile8x16, but x are vectors too: 8 pixels x 16 channels, each by itself.
TEXT ·depthwise8x16(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VMOVUPS (BX), Z30
	STEPV((R8), Z0)
	STEPV((R8)(R9*1), Z1)
	STEPV((R8)(R9*2), Z2)
	STEPV((R8)(R10*1), Z3)
	STEPV((R8)(R9*4), Z4)
	STEPV((R8)(R11*1), Z5)
	STEPV((R8)(R10*2), Z6)
	STEPV((R8)(R12*1), Z7)
	NEXTDEEP
	ADDTO8(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	MOVQ DI, R14
store:
	STORE8(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	FINISH

// func depthwise4x16(a *tileArgs)
TEXT ·depthwise4x16(SB), NOSPLIT, $0-8
	BEGINDEEP(CLEAR8)
	VMOVUPS (BX), Z30
	STEPV((R8), Z0)
	STEPV((R8)(R9*1), Z1)
	STEPV((R8)(R9*2), Z2)
	STEPV((R8)(R10*1), Z3)
	NEXTDEEP
	ADDTO(Z0)
	ADDTO(Z1)
	ADDTO(Z2)
	ADDTO(Z3)
	MOVQ DI, R14
store:
	STORE(Z0)
	STORE(Z1)
	STORE(Z2)
	STORE(Z3)
	FINISH

// The gradient of depthwise weights: w is dy, and pStep leads to the next tap.

// func depthwiseWeight5x16AVX512(a *tileArgs)
TEXT ·depthwiseWeight5x16AVX512(SB), NOSPLIT, $0-8
	BEGIN(CLEAR8)
	VMOVUPS (BX), Z30
	STEPV((R8), Z0)
	STEPV((R8)(R9*1), Z1)
	STEPV((R8)(R9*2), Z2)
	STEPV((R8)(R10*1), Z3)
	STEPV((R8)(R9*4), Z4)
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
	VMOVUPS (BX), Z30
	STEPV((R8), Z0)
	STEPV((R8)(R9*1), Z1)
	STEPV((R8)(R9*2), Z2)
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
	VMOVUPS (BX), Z30
	STEPV((R8), Z0)
	NEXT
	ADDTO(Z0)
	MOVQ DI, R14
store:
	STORE(Z0)
	FINISH
