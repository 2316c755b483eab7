//go:build !noasm

#include "textflag.h"
#include "go_asm.h"

// Pooling by the maximum, see strip in pooling_amd64.go for the arguments.
//
// Registers: AX arguments, DI results, SI what they meet, BX the index, R8 starts,
// R9 places, R10 taps, CX blocks left, R11 and R12 steps of DI and SI, DX the tap,
// R13 where it begins, R14 rows left.

#define BEGIN \
	MOVQ s+0(FP), AX           \
	MOVQ strip_y(AX), DI       \
	MOVQ strip_index(AX), BX   \
	MOVQ strip_x(AX), SI       \
	MOVQ strip_starts(AX), R8    \
	MOVQ strip_places(AX), R9  \
	MOVQ strip_taps(AX), R10   \
	MOVQ strip_rows(AX), R14   \
	MOVQ strip_blocks(AX), CX  \
	MOVQ strip_yBlock(AX), R11 \
	MOVQ strip_xBlock(AX), R12 \
block:

// One tap: where it begins and its place.
#define TAP \
	MOVQ (R8)(DX*8), R13          \
	VBROADCASTSS (R9)(DX*4), Y15

#define NEXT \
	INCQ DX       \
	CMPQ DX, R10  \
	JLT  tap

// The index lies as the results do, or as what they meet.
#define END(indexRow) \
	DECQ CX                    \
	JNE  block                 \
	ADDQ strip_yRow(AX), DI    \
	ADDQ strip_xRow(AX), SI    \
	ADDQ indexRow(AX), BX      \
	MOVQ strip_blocks(AX), CX  \
	DECQ R14                   \
	JNE  block                 \
	VZEROUPPER                 \
	RET

// The first tap is the best so far.
#define FIRST(at, best, place) \
	VMOVUPS at(SI)(R13*4), best \
	VMOVAPS Y15, place

// x > best is false for NaN, and the larger of x and best is then best.
#define BETTER(at, best, place, x, mask) \
	VMOVUPS at(SI)(R13*4), x           \
	VCMPPS $0x1e, best, x, mask        \
	VMAXPS best, x, best               \
	VBLENDVPS mask, Y15, place, place

#define XFIRST(at, best, place) \
	VMOVUPS at(SI)(R13*4), best \
	VMOVAPS X15, place

#define XBETTER(at, best, place, x, mask) \
	VMOVUPS at(SI)(R13*4), x           \
	VCMPPS $0x1e, best, x, mask        \
	VMAXPS best, x, best               \
	VBLENDVPS mask, X15, place, place

#define INDEXED \
	ADDQ R11, DI \
	ADDQ R12, SI \
	END(strip_yRow)

// func maxIndex32(s *strip)
TEXT ·maxIndex32(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	TAP
	FIRST(0, Y0, Y4)
	FIRST(32, Y1, Y5)
	FIRST(64, Y2, Y6)
	FIRST(96, Y3, Y7)
	JMP next
tap:
	TAP
	BETTER(0, Y0, Y4, Y8, Y9)
	BETTER(32, Y1, Y5, Y10, Y11)
	BETTER(64, Y2, Y6, Y12, Y13)
	BETTER(96, Y3, Y7, Y8, Y9)
next:
	NEXT
	VMOVUPS Y4, 0(DI)
	VMOVUPS Y5, 32(DI)
	VMOVUPS Y6, 64(DI)
	VMOVUPS Y7, 96(DI)
	INDEXED

// func maxIndex16(s *strip)
TEXT ·maxIndex16(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	TAP
	FIRST(0, Y0, Y4)
	FIRST(32, Y1, Y5)
	JMP next
tap:
	TAP
	BETTER(0, Y0, Y4, Y8, Y9)
	BETTER(32, Y1, Y5, Y10, Y11)
next:
	NEXT
	VMOVUPS Y4, 0(DI)
	VMOVUPS Y5, 32(DI)
	INDEXED

// func maxIndex8(s *strip)
TEXT ·maxIndex8(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	TAP
	FIRST(0, Y0, Y4)
	JMP next
tap:
	TAP
	BETTER(0, Y0, Y4, Y8, Y9)
next:
	NEXT
	VMOVUPS Y4, 0(DI)
	INDEXED

// func maxIndex4(s *strip)
TEXT ·maxIndex4(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	TAP
	XFIRST(0, X0, X4)
	JMP next
tap:
	TAP
	XBETTER(0, X0, X4, X8, X9)
next:
	NEXT
	VMOVUPS X4, 0(DI)
	INDEXED

// What lies at the tap if its place is the index, else all bits 0.
#define PICK(at, index, acc, x) \
	VCMPPS $0, Y15, index, x          \
	VANDPS at(SI)(R13*4), x, x        \
	VORPS x, acc, acc

#define XPICK(at, index, acc, x) \
	VCMPPS $0, X15, index, x          \
	VANDPS at(SI)(R13*4), x, x        \
	VORPS x, acc, acc

#define GATHERED \
	ADDQ R11, DI \
	ADDQ R11, BX \
	ADDQ R12, SI \
	END(strip_yRow)

// func maxGather32(s *strip)
TEXT ·maxGather32(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	VMOVUPS 0(BX), Y0
	VMOVUPS 32(BX), Y1
	VMOVUPS 64(BX), Y2
	VMOVUPS 96(BX), Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
tap:
	TAP
	PICK(0, Y0, Y4, Y8)
	PICK(32, Y1, Y5, Y9)
	PICK(64, Y2, Y6, Y10)
	PICK(96, Y3, Y7, Y11)
	NEXT
	VMOVUPS Y4, 0(DI)
	VMOVUPS Y5, 32(DI)
	VMOVUPS Y6, 64(DI)
	VMOVUPS Y7, 96(DI)
	GATHERED

// func maxGather16(s *strip)
TEXT ·maxGather16(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	VMOVUPS 0(BX), Y0
	VMOVUPS 32(BX), Y1
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
tap:
	TAP
	PICK(0, Y0, Y4, Y8)
	PICK(32, Y1, Y5, Y9)
	NEXT
	VMOVUPS Y4, 0(DI)
	VMOVUPS Y5, 32(DI)
	GATHERED

// func maxGather8(s *strip)
TEXT ·maxGather8(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	VMOVUPS 0(BX), Y0
	VXORPS Y4, Y4, Y4
tap:
	TAP
	PICK(0, Y0, Y4, Y8)
	NEXT
	VMOVUPS Y4, 0(DI)
	GATHERED

// func maxGather4(s *strip)
TEXT ·maxGather4(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	VMOVUPS 0(BX), X0
	VXORPS X4, X4, X4
tap:
	TAP
	XPICK(0, X0, X4, X8)
	NEXT
	VMOVUPS X4, 0(DI)
	GATHERED

// Adds what lies at the tap if its index is the tap's place, else 0, which changes
// no sum: one that starts at 0 is never -0.
#define COLLECT(at, acc, x) \
	VCMPPS $0, at(BX)(R13*4), Y15, x  \
	VANDPS at(SI)(R13*4), x, x        \
	VADDPS x, acc, acc

#define XCOLLECT(at, acc, x) \
	VCMPPS $0, at(BX)(R13*4), X15, x  \
	VANDPS at(SI)(R13*4), x, x        \
	VADDPS x, acc, acc

#define SCATTERED \
	ADDQ R11, DI \
	ADDQ R12, BX \
	ADDQ R12, SI \
	END(strip_xRow)

// func maxScatter32(s *strip)
TEXT ·maxScatter32(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
tap:
	TAP
	COLLECT(0, Y4, Y8)
	COLLECT(32, Y5, Y9)
	COLLECT(64, Y6, Y10)
	COLLECT(96, Y7, Y11)
	NEXT
	VMOVUPS Y4, 0(DI)
	VMOVUPS Y5, 32(DI)
	VMOVUPS Y6, 64(DI)
	VMOVUPS Y7, 96(DI)
	SCATTERED

// func maxScatter16(s *strip)
TEXT ·maxScatter16(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
tap:
	TAP
	COLLECT(0, Y4, Y8)
	COLLECT(32, Y5, Y9)
	NEXT
	VMOVUPS Y4, 0(DI)
	VMOVUPS Y5, 32(DI)
	SCATTERED

// func maxScatter8(s *strip)
TEXT ·maxScatter8(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	VXORPS Y4, Y4, Y4
tap:
	TAP
	COLLECT(0, Y4, Y8)
	NEXT
	VMOVUPS Y4, 0(DI)
	SCATTERED

// func maxScatter4(s *strip)
TEXT ·maxScatter4(SB), NOSPLIT, $0-8
	BEGIN
	XORQ DX, DX
	VXORPS X4, X4, X4
tap:
	TAP
	XCOLLECT(0, X4, X8)
	NEXT
	VMOVUPS X4, 0(DI)
	SCATTERED

// The sum of a column of three pixels.
#define COLUMN(sum) \
	VMOVUPS (BX)(R13*1), sum       \
	VADDPS (SI)(R13*1), sum, sum   \
	VADDPS (DX)(R13*1), sum, sum

// The result of the pixel before R13, whose share is at R14.
#define RESULT(sum) \
	VMULPS (R14)(R13*1), sum, sum  \
	VMOVUPS sum, (DI)(R13*1)

// left + middle + right of each pixel of a row, for channels from R12 on; rows outside of
// the image are at R15. DI and R14 lie a pixel before the results and the shares.
#define BOX(left, middle, right, sum, width) \
	MOVQ boxArgs_y(AX), DI       \
	MOVQ boxArgs_x(AX), SI       \
	MOVQ boxArgs_outside(AX), R15 \
	MOVQ boxArgs_row(AX), R8     \
	MOVQ boxArgs_pixel(AX), R9   \
	MOVQ boxArgs_to(AX), R11     \
	MOVQ boxArgs_rows(AX), R10   \
	SUBQ R9, DI                  \
	MOVQ R15, BX                 \
	MOVQ boxArgs_edge(AX), R14   \
row:                                 \
	LEAQ (SI)(R8*1), DX          \
	CMPQ R10, $1                 \
	JNE  inside                  \
	MOVQ R15, DX                 \
	MOVQ boxArgs_edge(AX), R14   \
inside:                              \
	SUBQ R9, R14                 \
	MOVQ boxArgs_from(AX), R12   \
channels:                            \
	MOVQ R12, R13                \
	VMOVUPS (R15), left          \
	COLUMN(middle)               \
	MOVQ boxArgs_pixels(AX), CX  \
	DECQ CX                      \
pixel:                               \
	ADDQ R9, R13                 \
	COLUMN(right)                \
	VADDPS middle, left, sum     \
	VADDPS right, sum, sum       \
	RESULT(sum)                  \
	VMOVAPS middle, left         \
	VMOVAPS right, middle        \
	DECQ CX                      \
	JNE  pixel                   \
	ADDQ R9, R13                 \
	VADDPS middle, left, sum     \
	RESULT(sum)                  \
	ADDQ $width, R12             \
	CMPQ R12, R11                \
	JLT  channels                \
	MOVQ SI, BX                  \
	ADDQ R8, SI                  \
	ADDQ R8, DI                  \
	MOVQ boxArgs_inner(AX), R14  \
	DECQ R10                     \
	JNE  row                     \
	VZEROUPPER                   \
	RET

// func box8(a *boxArgs)
TEXT ·box8(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	BOX(Y0, Y1, Y2, Y3, 32)

// func box4(a *boxArgs)
TEXT ·box4(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	BOX(X0, X1, X2, X3, 16)
