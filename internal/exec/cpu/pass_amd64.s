//go:build !noasm

#include "textflag.h"
#include "go_asm.h"

// Passes over memory in blocks of 32 elements, four vectors at a time. Counts are
// of blocks, from 1.

// func reluBlocks(y, x *float32, blocks int)
TEXT ·reluBlocks(SB), NOSPLIT, $0-24
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ blocks+16(FP), CX
	VXORPS Y0, Y0, Y0
loop:
	// The larger of 0 and x is x if either is not a number; adding 0 makes -0 a 0.
	VMAXPS 0(SI), Y0, Y1
	VMAXPS 32(SI), Y0, Y2
	VMAXPS 64(SI), Y0, Y3
	VMAXPS 96(SI), Y0, Y4
	VADDPS Y0, Y1, Y1
	VADDPS Y0, Y2, Y2
	VADDPS Y0, Y3, Y3
	VADDPS Y0, Y4, Y4
	VMOVUPS Y1, 0(DI)
	VMOVUPS Y2, 32(DI)
	VMOVUPS Y3, 64(DI)
	VMOVUPS Y4, 96(DI)
	ADDQ $128, SI
	ADDQ $128, DI
	DECQ CX
	JNE loop
	VZEROUPPER
	RET

// x > 0 is false for NaN.
#define MASK(at) \
	VMOVUPS at(SI), Y1           \
	VCMPPS $0x1e, Y0, Y1, Y1     \
	VANDPS at(DX), Y1, Y1        \
	VMOVUPS Y1, at(DI)

// func reluMaskBlocks(y, x, grad *float32, blocks int)
TEXT ·reluMaskBlocks(SB), NOSPLIT, $0-32
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ grad+16(FP), DX
	MOVQ blocks+24(FP), CX
	VXORPS Y0, Y0, Y0
loop:
	MASK(0)
	MASK(32)
	MASK(64)
	MASK(96)
	ADDQ $128, SI
	ADDQ $128, DX
	ADDQ $128, DI
	DECQ CX
	JNE loop
	VZEROUPPER
	RET

#define SUM(at) \
	VMOVUPS at(SI), Y1      \
	VADDPS at(DX), Y1, Y1   \
	VMOVUPS Y1, at(DI)

// func addBlocks(y, a, b *float32, blocks int)
TEXT ·addBlocks(SB), NOSPLIT, $0-32
	MOVQ y+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ blocks+24(FP), CX
loop:
	SUM(0)
	SUM(32)
	SUM(64)
	SUM(96)
	ADDQ $128, SI
	ADDQ $128, DX
	ADDQ $128, DI
	DECQ CX
	JNE loop
	VZEROUPPER
	RET

#define PRODUCT(at) \
	VMOVUPS at(SI), Y1      \
	VMULPS at(DX), Y1, Y1   \
	VMOVUPS Y1, at(DI)

// func mulBlocks(y, a, b *float32, blocks int)
TEXT ·mulBlocks(SB), NOSPLIT, $0-32
	MOVQ y+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ blocks+24(FP), CX
loop:
	PRODUCT(0)
	PRODUCT(32)
	PRODUCT(64)
	PRODUCT(96)
	ADDQ $128, SI
	ADDQ $128, DX
	ADDQ $128, DI
	DECQ CX
	JNE loop
	VZEROUPPER
	RET

#define AXPY(at) \
	VMOVUPS at(DI), Y1             \
	VFMADD231PS at(SI), Y0, Y1     \
	VMOVUPS Y1, at(DI)

// func axpyBlocks(y, x *float32, blocks int, a float32)
TEXT ·axpyBlocks(SB), NOSPLIT, $0-28
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ blocks+16(FP), CX
	VBROADCASTSS a+24(FP), Y0
loop:
	AXPY(0)
	AXPY(32)
	AXPY(64)
	AXPY(96)
	ADDQ $128, SI
	ADDQ $128, DI
	DECQ CX
	JNE loop
	VZEROUPPER
	RET

// Coefficients have a period of R9 bytes; R8 is the place in it.
#define WRAP \
	ADDQ $128, R8   \
	CMPQ R8, R9     \
	JNE  same       \
	XORQ R8, R8     \
same:

#define TERM(at, acc) \
	VMOVUPS at(R13)(R10*1), Y4  \
	VFMADD231PS at(DX), Y4, acc

// func linBlocks(a *linArgs)
TEXT ·linBlocks(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	MOVQ linArgs_y(AX), DI
	MOVQ linArgs_acc(AX), R14
	MOVQ linArgs_xs(AX), BX
	MOVQ linArgs_terms(AX), R12
	MOVQ linArgs_at(AX), R10
	MOVQ linArgs_coefs(AX), R11
	MOVQ linArgs_bias(AX), R15
	MOVQ linArgs_place(AX), R8
	MOVQ linArgs_period(AX), R9
	MOVQ linArgs_blocks(AX), AX
loop:
	LEAQ (R15)(R8*1), DX
	TESTQ R14, R14
	JEQ  start
	MOVQ R14, DX
	ADDQ $128, R14
start:
	VMOVUPS 0(DX), Y0
	VMOVUPS 32(DX), Y1
	VMOVUPS 64(DX), Y2
	VMOVUPS 96(DX), Y3
	LEAQ (R11)(R8*1), DX
	MOVQ BX, SI
	MOVQ R12, CX
term:
	MOVQ (SI), R13
	PREFETCHT0 1024(R13)(R10*1) // there may be more streams than the processor follows
	PREFETCHT0 1088(R13)(R10*1)
	TERM(0, Y0)
	TERM(32, Y1)
	TERM(64, Y2)
	TERM(96, Y3)
	ADDQ R9, DX
	ADDQ $24, SI // a slice header
	DECQ CX
	JNE term
	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ $128, DI
	ADDQ $128, R10
	WRAP
	DECQ AX
	JNE loop
	VZEROUPPER
	RET

#define NORM(at) \
	VMOVUPS at(SI), Y0                 \
	VSUBPS at(BX)(R8*1), Y0, Y0        \
	VMULPS at(DX)(R8*1), Y0, Y0        \
	VMOVUPS Y0, at(DI)

// func normBlocks(y, x, mean, rstd *float32, period, blocks int)
TEXT ·normBlocks(SB), NOSPLIT, $0-48
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ mean+16(FP), BX
	MOVQ rstd+24(FP), DX
	MOVQ period+32(FP), R9
	MOVQ blocks+40(FP), CX
	XORQ R8, R8
loop:
	NORM(0)
	NORM(32)
	NORM(64)
	NORM(96)
	ADDQ $128, SI
	ADDQ $128, DI
	WRAP
	DECQ CX
	JNE loop
	VZEROUPPER
	RET

#define GRAD(at) \
	VMOVUPS at(SI), Y0                 \
	VSUBPS at(BX)(R8*1), Y0, Y0        \
	VMOVUPS at(R10), Y1                \
	VFNMADD231PS at(R11)(R8*1), Y1, Y0 \
	VMULPS at(DX)(R8*1), Y0, Y0        \
	VMOVUPS Y0, at(DI)

// func bnGradBlocks(y, grad, x, meanG, meanGX, rstd *float32, period, blocks int)
TEXT ·bnGradBlocks(SB), NOSPLIT, $0-64
	MOVQ y+0(FP), DI
	MOVQ grad+8(FP), SI
	MOVQ x+16(FP), R10
	MOVQ meanG+24(FP), BX
	MOVQ meanGX+32(FP), R11
	MOVQ rstd+40(FP), DX
	MOVQ period+48(FP), R9
	MOVQ blocks+56(FP), CX
	XORQ R8, R8
loop:
	GRAD(0)
	GRAD(32)
	GRAD(64)
	GRAD(96)
	ADDQ $128, SI
	ADDQ $128, R10
	ADDQ $128, DI
	WRAP
	DECQ CX
	JNE loop
	VZEROUPPER
	RET

// The gradient, clipped and with the decay, is in Y5.
#define DESCEND(at) \
	VMULPS at(SI), Y0, Y5      \
	VMOVUPS at(DI), Y6         \
	VFMADD231PS Y6, Y1, Y5     \
	VFMADD231PS Y5, Y2, Y6

#define MOMENTUM(at) \
	VFMADD231PS at(DX), Y3, Y5 \
	VMOVUPS Y5, at(DX)         \
	VFMADD231PS Y5, Y4, Y6

// func sgdBlocks(w, grad, buf *float32, blocks int, clip, decay, gradRate, momentum, bufRate float32)
TEXT ·sgdBlocks(SB), NOSPLIT, $0-52
	MOVQ w+0(FP), DI
	MOVQ grad+8(FP), SI
	MOVQ buf+16(FP), DX
	MOVQ blocks+24(FP), CX
	VBROADCASTSS clip+32(FP), Y0
	VBROADCASTSS decay+36(FP), Y1
	VBROADCASTSS gradRate+40(FP), Y2
	VBROADCASTSS momentum+44(FP), Y3
	VBROADCASTSS bufRate+48(FP), Y4
	TESTQ DX, DX
	JEQ plain
loop:
	DESCEND(0)
	MOMENTUM(0)
	VMOVUPS Y6, 0(DI)
	DESCEND(32)
	MOMENTUM(32)
	VMOVUPS Y6, 32(DI)
	DESCEND(64)
	MOMENTUM(64)
	VMOVUPS Y6, 64(DI)
	DESCEND(96)
	MOMENTUM(96)
	VMOVUPS Y6, 96(DI)
	ADDQ $128, SI
	ADDQ $128, DX
	ADDQ $128, DI
	DECQ CX
	JNE loop
	VZEROUPPER
	RET
plain:
	DESCEND(0)
	VMOVUPS Y6, 0(DI)
	DESCEND(32)
	VMOVUPS Y6, 32(DI)
	DESCEND(64)
	VMOVUPS Y6, 64(DI)
	DESCEND(96)
	VMOVUPS Y6, 96(DI)
	ADDQ $128, SI
	ADDQ $128, DI
	DECQ CX
	JNE plain
	VZEROUPPER
	RET

// Sums in lanes: Y0-Y3 are lanes 0-7, 8-15, ..., whose elements lie at 0, R8, R9
// and R10 bytes and step by R11.
#define LANES \
	VXORPS Y0, Y0, Y0 \
	VXORPS Y1, Y1, Y1 \
	VXORPS Y2, Y2, Y2 \
	VXORPS Y3, Y3, Y3

#define STORELANES \
	VMOVUPS Y0, 0(DI)  \
	VMOVUPS Y1, 32(DI) \
	VMOVUPS Y2, 64(DI) \
	VMOVUPS Y3, 96(DI) \
	VZEROUPPER         \
	RET

// func sumLanes(acc *lanes[float32], x *float32, at *laneOffsets, rounds int)
TEXT ·sumLanes(SB), NOSPLIT, $0-32
	MOVQ acc+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ at+16(FP), AX
	MOVQ laneOffsets_second(AX), R8
	MOVQ laneOffsets_third(AX), R9
	MOVQ laneOffsets_fourth(AX), R10
	MOVQ laneOffsets_step(AX), R11
	MOVQ rounds+24(FP), CX
	LANES
loop:
	VADDPS (SI), Y0, Y0
	VADDPS (SI)(R8*1), Y1, Y1
	VADDPS (SI)(R9*1), Y2, Y2
	VADDPS (SI)(R10*1), Y3, Y3
	ADDQ R11, SI
	DECQ CX
	JNE loop
	STORELANES

// func dotLanes(acc *lanes[float32], x, y *float32, at *laneOffsets, rounds int)
TEXT ·dotLanes(SB), NOSPLIT, $0-40
	MOVQ acc+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ at+24(FP), AX
	MOVQ laneOffsets_second(AX), R8
	MOVQ laneOffsets_third(AX), R9
	MOVQ laneOffsets_fourth(AX), R10
	MOVQ laneOffsets_step(AX), R11
	MOVQ laneOffsets_ahead(AX), R12
	LEAQ (R9)(R12*1), R13
	MOVQ laneOffsets_aheadY(AX), BX
	LEAQ (R9)(BX*1), R15
	MOVQ rounds+32(FP), CX
	LANES
loop:
	PREFETCHT0 (SI)(R12*1)
	PREFETCHT0 (SI)(R13*1)
	PREFETCHT0 (DX)(BX*1)
	PREFETCHT0 (DX)(R15*1)
	VMOVUPS (SI), Y4
	VMOVUPS (SI)(R8*1), Y5
	VMOVUPS (SI)(R9*1), Y6
	VMOVUPS (SI)(R10*1), Y7
	VFMADD231PS (DX), Y4, Y0
	VFMADD231PS (DX)(R8*1), Y5, Y1
	VFMADD231PS (DX)(R9*1), Y6, Y2
	VFMADD231PS (DX)(R10*1), Y7, Y3
	ADDQ R11, SI
	ADDQ R11, DX
	DECQ CX
	JNE loop
	STORELANES

// func squareLanes(acc *lanes[float32], x *float32, mean *lanes[float32], at *laneOffsets, rounds int)
TEXT ·squareLanes(SB), NOSPLIT, $0-40
	MOVQ acc+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ mean+16(FP), DX
	MOVQ at+24(FP), AX
	MOVQ laneOffsets_second(AX), R8
	MOVQ laneOffsets_third(AX), R9
	MOVQ laneOffsets_fourth(AX), R10
	MOVQ laneOffsets_step(AX), R11
	MOVQ rounds+32(FP), CX
	LANES
	VMOVUPS 0(DX), Y8
	VMOVUPS 32(DX), Y9
	VMOVUPS 64(DX), Y10
	VMOVUPS 96(DX), Y11
loop:
	VMOVUPS (SI), Y4
	VMOVUPS (SI)(R8*1), Y5
	VMOVUPS (SI)(R9*1), Y6
	VMOVUPS (SI)(R10*1), Y7
	VSUBPS Y8, Y4, Y4
	VSUBPS Y9, Y5, Y5
	VSUBPS Y10, Y6, Y6
	VSUBPS Y11, Y7, Y7
	VFMADD231PS Y4, Y4, Y0
	VFMADD231PS Y5, Y5, Y1
	VFMADD231PS Y6, Y6, Y2
	VFMADD231PS Y7, Y7, Y3
	ADDQ R11, SI
	DECQ CX
	JNE loop
	STORELANES

// func foldLanes(into *float64, acc *lanes[float32], width int)
TEXT ·foldLanes(SB), NOSPLIT, $0-24
	MOVQ into+0(FP), DI
	MOVQ acc+8(FP), SI
	MOVQ width+16(FP), DX
	LEAQ 128(SI), R8
	MOVQ DX, CX
	SHRQ $2, CX
loop:
	VCVTPS2PD (SI), Y0
	LEAQ (SI)(DX*4), R9
	JMP  next
lane:
	VCVTPS2PD (R9), Y1
	VADDPD Y1, Y0, Y0
	LEAQ (R9)(DX*4), R9
next:
	CMPQ R9, R8
	JCS  lane
	VADDPD (DI), Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ $16, SI
	ADDQ $32, DI
	DECQ CX
	JNE  loop
	VZEROUPPER
	RET

// func meanLanes(mean *lanes[float32], sums *float64, n float64, width int)
TEXT ·meanLanes(SB), NOSPLIT, $0-32
	MOVQ mean+0(FP), DI
	MOVQ sums+8(FP), SI
	VBROADCASTSD n+16(FP), Y1
	MOVQ width+24(FP), CX
	SHRQ $2, CX
loop:
	VMOVUPD (SI), Y0
	VDIVPD Y1, Y0, Y0
	VCVTPD2PSY Y0, X0
	VMOVUPS X0, (DI)
	ADDQ $32, SI
	ADDQ $16, DI
	DECQ CX
	JNE  loop
	VZEROUPPER
	RET

// func fetchLines(first *float32, after, lines int)
TEXT ·fetchLines(SB), NOSPLIT, $0-24
	MOVQ first+0(FP), SI
	ADDQ after+8(FP), SI
	MOVQ lines+16(FP), CX
	TESTQ CX, CX
	JEQ  done
loop:
	PREFETCHT0 (SI)
	ADDQ $64, SI
	DECQ CX
	JNE  loop
done:
	RET

// Lanes of less than 8 channels of pixels that lie R8 bytes apart, R9 = 3·R8: the next
// 8 lanes are of two, four or eight pixels from p on, and p steps over them.
#define QUADS(p, x, y, spare) \
	VMOVUPS (p), x                   \
	VINSERTF128 $1, (p)(R8*1), y, y  \
	LEAQ (p)(R8*2), p

#define PAIRS(p, x, y, spare) \
	VMOVSD (p), x                    \
	VMOVHPS (p)(R8*1), x, x          \
	VMOVSD (p)(R8*2), spare          \
	VMOVHPS (p)(R9*1), spare, spare  \
	VINSERTF128 $1, spare, y, y      \
	LEAQ (p)(R8*4), p

#define FOUR(p, x) \
	VMOVSS (p), x                       \
	VINSERTPS $0x10, (p)(R8*1), x, x    \
	VINSERTPS $0x20, (p)(R8*2), x, x    \
	VINSERTPS $0x30, (p)(R9*1), x, x    \
	LEAQ (p)(R8*4), p

#define SINGLES(p, x, y, spare) \
	FOUR(p, x)                   \
	FOUR(p, spare)               \
	VINSERTF128 $1, spare, y, y

#define NARROW \
	MOVQ narrowLanes_acc(AX), DI    \
	MOVQ narrowLanes_x(AX), SI      \
	MOVQ narrowLanes_y(AX), DX      \
	MOVQ narrowLanes_step(AX), R8   \
	MOVQ narrowLanes_rounds(AX), CX \
	LEAQ (R8)(R8*2), R9        \
	LANES

#define NARROWSUM(LOAD) \
	NARROW                   \
loop:                            \
	LOAD(SI, X4, Y4, X8)     \
	LOAD(SI, X5, Y5, X9)     \
	LOAD(SI, X6, Y6, X10)    \
	LOAD(SI, X7, Y7, X11)    \
	VADDPS Y4, Y0, Y0        \
	VADDPS Y5, Y1, Y1        \
	VADDPS Y6, Y2, Y2        \
	VADDPS Y7, Y3, Y3        \
	DECQ CX                  \
	JNE loop                 \
	STORELANES

#define NARROWDOT(LOAD) \
	NARROW                   \
loop:                            \
	LOAD(SI, X4, Y4, X8)     \
	LOAD(SI, X5, Y5, X9)     \
	LOAD(SI, X6, Y6, X10)    \
	LOAD(SI, X7, Y7, X11)    \
	LOAD(DX, X8, Y8, X12)    \
	LOAD(DX, X9, Y9, X13)    \
	LOAD(DX, X10, Y10, X14)  \
	LOAD(DX, X11, Y11, X15)  \
	VFMADD231PS Y8, Y4, Y0   \
	VFMADD231PS Y9, Y5, Y1   \
	VFMADD231PS Y10, Y6, Y2  \
	VFMADD231PS Y11, Y7, Y3  \
	DECQ CX                  \
	JNE loop                 \
	STORELANES

// 8 lanes have all channels, so every 8 have the same means.
#define NARROWSQUARE(LOAD) \
	NARROW                   \
	VMOVUPS 0(DX), Y12       \
loop:                            \
	LOAD(SI, X4, Y4, X8)     \
	LOAD(SI, X5, Y5, X9)     \
	LOAD(SI, X6, Y6, X10)    \
	LOAD(SI, X7, Y7, X11)    \
	VSUBPS Y12, Y4, Y4       \
	VSUBPS Y12, Y5, Y5       \
	VSUBPS Y12, Y6, Y6       \
	VSUBPS Y12, Y7, Y7       \
	VFMADD231PS Y4, Y4, Y0   \
	VFMADD231PS Y5, Y5, Y1   \
	VFMADD231PS Y6, Y6, Y2   \
	VFMADD231PS Y7, Y7, Y3   \
	DECQ CX                  \
	JNE loop                 \
	STORELANES

// func sumQuads(a *narrowLanes)
TEXT ·sumQuads(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	NARROWSUM(QUADS)

// func sumPairs(a *narrowLanes)
TEXT ·sumPairs(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	NARROWSUM(PAIRS)

// func sumSingles(a *narrowLanes)
TEXT ·sumSingles(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	NARROWSUM(SINGLES)

// func dotQuads(a *narrowLanes)
TEXT ·dotQuads(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	NARROWDOT(QUADS)

// func dotPairs(a *narrowLanes)
TEXT ·dotPairs(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	NARROWDOT(PAIRS)

// func dotSingles(a *narrowLanes)
TEXT ·dotSingles(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	NARROWDOT(SINGLES)

// func squareQuads(a *narrowLanes)
TEXT ·squareQuads(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	NARROWSQUARE(QUADS)

// func squarePairs(a *narrowLanes)
TEXT ·squarePairs(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	NARROWSQUARE(PAIRS)

// func squareSingles(a *narrowLanes)
TEXT ·squareSingles(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	NARROWSQUARE(SINGLES)
