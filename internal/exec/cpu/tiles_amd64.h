// The frame of a tile function, see tileArgs in tiles_amd64.go for the arguments and
// the formula. Sums are chains of fused multiply-adds from zero.
//
// Registers: AX arguments, BX w, CX steps left in the run, DX and SI the steps of w and x,
// DI out, R8 x, R9-R12 1, 3, 5, 7 times pStep, R13 runs left, R14 x at the start
// of the run, R15 starts. CLEAR sets the accumulators to zero.

#define x_ tileArgs_x(AX)
#define w_ tileArgs_w(AX)
#define out_ tileArgs_out(AX)
#define starts_ tileArgs_starts(AX)
#define runs_ tileArgs_runs(AX)
#define runLen_ tileArgs_runLen(AX)
#define xStep_ tileArgs_xStep(AX)
#define pStep_ tileArgs_pStep(AX)
#define wStep_ tileArgs_wStep(AX)
#define outStep_ tileArgs_outStep(AX)
#define blocks_ tileArgs_blocks(AX)
#define xBlock_ tileArgs_xBlock(AX)
#define outBlock_ tileArgs_outBlock(AX)
#define xRow_ tileArgs_xRow(AX)
#define wRow_ tileArgs_wRow(AX)
#define add_ tileArgs_add(AX)
#define moved_ tileArgs_moved(AX)
#define mask_ tileArgs_mask(AX)
#define left_ tileArgs_left(AX)
#define xHalf_ tileArgs_xHalf(AX)
#define outHalf_ tileArgs_outHalf(AX)
#define ahead_ tileArgs_ahead(AX)
#define aheadLines_ tileArgs_aheadLines(AX)

// FETCH asks memory for the block's lines of what comes next, before the sums begin: they
// arrive while there is something to compute.
#define FETCH \
	MOVQ aheadLines_, CX     \
	TESTQ CX, CX             \
	JEQ  fetched             \
	MOVQ ahead_, R8          \
fetch:                      \
	PREFETCHT0 (R8)          \
	ADDQ $64, R8             \
	DECQ CX                  \
	JNE  fetch               \
	MOVQ R8, ahead_          \
fetched:

#define CLEAR8 \
	VXORPS Y0, Y0, Y0        \
	VXORPS Y1, Y1, Y1        \
	VXORPS Y2, Y2, Y2        \
	VXORPS Y3, Y3, Y3        \
	VXORPS Y4, Y4, Y4        \
	VXORPS Y5, Y5, Y5        \
	VXORPS Y6, Y6, Y6        \
	VXORPS Y7, Y7, Y7

#define BEGIN(CLEAR) \
	MOVQ a+0(FP), AX         \
	MOVQ $0, moved_          \
	MOVQ xStep_, SI          \
	MOVQ wStep_, DX          \
	MOVQ out_, DI            \
	MOVQ pStep_, R9          \
	LEAQ (R9)(R9*2), R10     \
	LEAQ (R9)(R9*4), R11     \
	LEAQ (R10)(R9*4), R12    \
block:                      \
	FETCH                    \
	MOVQ x_, R14             \
	ADDQ moved_, R14         \
	MOVQ w_, BX              \
	MOVQ starts_, R15        \
	MOVQ runs_, R13          \
	CLEAR                    \
run:                        \
	MOVQ R14, R8             \
	TESTQ R15, R15           \
	JEQ  rows                \
	MOVQ (R15), CX           \
	LEAQ (R14)(CX*4), R8     \
	ADDQ $8, R15             \
	JMP  start               \
rows:                       \
	ADDQ xRow_, R14          \
start:                      \
	MOVQ runLen_, CX         \
loop:

#define NEXT \
	ADDQ SI, R8    \
	ADDQ DX, BX    \
	DECQ CX        \
	JNE  loop      \
	ADDQ wRow_, BX \
	DECQ R13       \
	JNE  run       \
	MOVQ outStep_, R8 \
	MOVQ DI, R14   \
	CMPQ add_, $0  \
	JEQ  store

#define ADDTO(acc) \
	VADDPS (R14), acc, acc \
	ADDQ R8, R14

#define STORE(acc) \
	VMOVUPS acc, (R14) \
	ADDQ R8, R14

#define ADDTO8(a0, a1, a2, a3, a4, a5, a6, a7) \
	ADDTO(a0) \
	ADDTO(a1) \
	ADDTO(a2) \
	ADDTO(a3) \
	ADDTO(a4) \
	ADDTO(a5) \
	ADDTO(a6) \
	ADDTO(a7)

#define STORE8(a0, a1, a2, a3, a4, a5, a6, a7) \
	STORE(a0) \
	STORE(a1) \
	STORE(a2) \
	STORE(a3) \
	STORE(a4) \
	STORE(a5) \
	STORE(a6) \
	STORE(a7)

#define FINISH \
	MOVQ xBlock_, CX     \
	ADDQ CX, moved_      \
	ADDQ outBlock_, DI   \
	DECQ blocks_         \
	JNE  block           \
	VZEROUPPER           \
	RET

// The same for runs of one step with starts, as depthwise convolutions have.

#define BEGINDEEP(CLEAR) \
	MOVQ a+0(FP), AX         \
	MOVQ $0, moved_          \
	MOVQ wStep_, DX          \
	MOVQ out_, DI            \
	MOVQ pStep_, R9          \
	LEAQ (R9)(R9*2), R10     \
	LEAQ (R9)(R9*4), R11     \
	LEAQ (R10)(R9*4), R12    \
block:                      \
	MOVQ x_, R14             \
	ADDQ moved_, R14         \
	MOVQ w_, BX              \
	MOVQ starts_, R15        \
	MOVQ runs_, R13          \
	CLEAR                    \
loop:                       \
	MOVQ (R15), CX           \
	LEAQ (R14)(CX*4), R8

#define NEXTDEEP \
	ADDQ $8, R15   \
	ADDQ DX, BX    \
	DECQ R13       \
	JNE  loop      \
	MOVQ outStep_, R8 \
	MOVQ DI, R14   \
	CMPQ add_, $0  \
	JEQ  store

// The same for tiles of two halves: R13 is x of the second one, and the runs left are
// counted in memory.

#define BEGINHALVES(CLEAR) \
	MOVQ a+0(FP), AX         \
	MOVQ $0, moved_          \
	MOVQ xStep_, SI          \
	MOVQ wStep_, DX          \
	MOVQ out_, DI            \
	MOVQ pStep_, R9          \
	LEAQ (R9)(R9*2), R10     \
	LEAQ (R9)(R9*4), R11     \
	LEAQ (R10)(R9*4), R12    \
block:                      \
	FETCH                    \
	MOVQ x_, R14             \
	ADDQ moved_, R14         \
	MOVQ w_, BX              \
	MOVQ starts_, R15        \
	MOVQ runs_, CX           \
	MOVQ CX, left_           \
	CLEAR                    \
run:                        \
	MOVQ R14, R8             \
	TESTQ R15, R15           \
	JEQ  rows                \
	MOVQ (R15), CX           \
	LEAQ (R14)(CX*4), R8     \
	ADDQ $8, R15             \
	JMP  start               \
rows:                       \
	ADDQ xRow_, R14          \
start:                      \
	MOVQ R8, R13             \
	ADDQ xHalf_, R13         \
	MOVQ runLen_, CX         \
loop:

#define NEXTHALVES \
	ADDQ SI, R8    \
	ADDQ SI, R13   \
	ADDQ DX, BX    \
	DECQ CX        \
	JNE  loop      \
	ADDQ wRow_, BX \
	DECQ left_     \
	JNE  run       \
	MOVQ outStep_, R8 \
	MOVQ DI, R14   \
	CMPQ add_, $0  \
	JEQ  store

// HALF turns R14 from the end of the first half's results to the second half.
#define HALF \
	MOVQ DI, R14      \
	ADDQ outHalf_, R14
