// The transforms of Winograd's form on vectors V0-V15 of BYTES bytes, see transformArgs in
// winograd_amd64.go for the arguments and kernels.go for the formulas. Each goes down the
// columns of a tile first.
//
// Registers: AX arguments, CX vectors left in the tile, SI and R8-R10 the rows of the
// image, R11 and R12 1 and 3 times the step between its pixels, DI and R13-R15 elements
// 0, 4, 8 and 12 of the transform, DX and BX 1 and 3 times the step between its elements.

#define BEGIN \
	MOVQ a+0(FP), AX                     \
	MOVQ transformArgs_image(AX), SI     \
	MOVQ transformArgs_row(AX), DX       \
	LEAQ (SI)(DX*1), R8                  \
	LEAQ (R8)(DX*1), R9                  \
	LEAQ (R9)(DX*1), R10                 \
	MOVQ transformArgs_pixel(AX), R11    \
	LEAQ (R11)(R11*2), R12               \
	MOVQ transformArgs_transform(AX), DI \
	MOVQ transformArgs_element(AX), DX   \
	LEAQ (DX)(DX*2), BX                  \
	LEAQ (DI)(DX*4), R13                 \
	LEAQ (R13)(DX*4), R14                \
	LEAQ (R14)(DX*4), R15                \
tile:                                    \
	MOVQ transformArgs_vectors(AX), CX   \
vector:

#define END \
	ADDQ $BYTES, SI                      \
	ADDQ $BYTES, R8                      \
	ADDQ $BYTES, R9                      \
	ADDQ $BYTES, R10                     \
	ADDQ $BYTES, DI                      \
	ADDQ $BYTES, R13                     \
	ADDQ $BYTES, R14                     \
	ADDQ $BYTES, R15                     \
	DECQ CX                              \
	JNE  vector                          \
	MOVQ transformArgs_skip(AX), CX      \
	ADDQ CX, SI                          \
	ADDQ CX, R8                          \
	ADDQ CX, R9                          \
	ADDQ CX, R10                         \
	DECQ transformArgs_tiles(AX)         \
	JNE  tile                            \
	VZEROUPPER                           \
	RET

#define STORE4(a, toA, b, toB, c, toC, d, toD) \
	VMOVUPS a, toA \
	VMOVUPS b, toB \
	VMOVUPS c, toC \
	VMOVUPS d, toD

// A half in V15.
#define HALF \
	MOVL $0x3f000000, CX \
	VMOVD CX, X15        \
	VBROADCASTSS X15, V15

// t0, ..., t3 = a − c, b + c, c − b, b − d
#define INPUTLINE(a, b, c, d, t0, t1, t2, t3) \
	VMOVUPS a, V0      \
	VMOVUPS b, V1      \
	VMOVUPS c, V2      \
	VMOVUPS d, V3      \
	VSUBPS V2, V0, t0  \
	VADDPS V2, V1, t1  \
	VSUBPS V1, V2, t2  \
	VSUBPS V3, V1, t3

// Columns come in the order in which the rows need them, so that 16 registers do: of
// what column 0 gives nothing is needed after column 2.
#define INPUT \
	BEGIN                                                                          \
	INPUTLINE((SI), (R8), (R9), (R10), V4, V5, V6, V7)                             \
	INPUTLINE((SI)(R11*2), (R8)(R11*2), (R9)(R11*2), (R10)(R11*2), V8, V9, V10, V11) \
	VSUBPS V8, V4, V4                                                              \
	VSUBPS V9, V5, V5                                                              \
	VSUBPS V10, V6, V6                                                             \
	VSUBPS V11, V7, V7                                                             \
	STORE4(V4, (DI), V5, (R13), V6, (R14), V7, (R15))                              \
	INPUTLINE((SI)(R11*1), (R8)(R11*1), (R9)(R11*1), (R10)(R11*1), V4, V5, V6, V7) \
	VADDPS V8, V4, V12                                                             \
	VADDPS V9, V5, V13                                                             \
	VADDPS V10, V6, V14                                                            \
	VADDPS V11, V7, V15                                                            \
	STORE4(V12, (DI)(DX*1), V13, (R13)(DX*1), V14, (R14)(DX*1), V15, (R15)(DX*1))  \
	VSUBPS V4, V8, V8                                                              \
	VSUBPS V5, V9, V9                                                              \
	VSUBPS V6, V10, V10                                                            \
	VSUBPS V7, V11, V11                                                            \
	STORE4(V8, (DI)(DX*2), V9, (R13)(DX*2), V10, (R14)(DX*2), V11, (R15)(DX*2))    \
	INPUTLINE((SI)(R12*1), (R8)(R12*1), (R9)(R12*1), (R10)(R12*1), V8, V9, V10, V11) \
	VSUBPS V8, V4, V4                                                              \
	VSUBPS V9, V5, V5                                                              \
	VSUBPS V10, V6, V6                                                             \
	VSUBPS V11, V7, V7                                                             \
	STORE4(V4, (DI)(BX*1), V5, (R13)(BX*1), V6, (R14)(BX*1), V7, (R15)(BX*1))      \
	END

// y0, y1 = (a + b) + c, (b − c) − d
#define OUTPUTLINE(a, b, c, d, y0, y1) \
	VMOVUPS b, V14     \
	VMOVUPS c, V15     \
	VADDPS a, V14, y0  \
	VADDPS V15, y0, y0 \
	VSUBPS V15, V14, y1 \
	VSUBPS d, y1, y1

#define OUTPUT \
	BEGIN                                                                  \
	OUTPUTLINE((DI), (R13), (R14), (R15), V0, V4)                          \
	OUTPUTLINE((DI)(DX*1), (R13)(DX*1), (R14)(DX*1), (R15)(DX*1), V1, V5)  \
	OUTPUTLINE((DI)(DX*2), (R13)(DX*2), (R14)(DX*2), (R15)(DX*2), V2, V6)  \
	OUTPUTLINE((DI)(BX*1), (R13)(BX*1), (R14)(BX*1), (R15)(BX*1), V3, V7)  \
	OUTPUTLINE(V0, V1, V2, V3, V8, V9)                                     \
	OUTPUTLINE(V4, V5, V6, V7, V10, V11)                                   \
	STORE4(V8, (SI), V9, (SI)(R11*1), V10, (R8), V11, (R8)(R11*1))         \
	END

// a, a + b, a − b, b from the row at to on.
#define GRADROW(a, b, to) \
	VADDPS b, a, V14 \
	VSUBPS b, a, V15 \
	STORE4(a, (to), V14, (to)(DX*1), V15, (to)(DX*2), b, (to)(BX*1))

#define GRAD \
	BEGIN                     \
	VMOVUPS (SI), V0          \
	VMOVUPS (SI)(R11*1), V1   \
	VMOVUPS (R8), V6          \
	VMOVUPS (R8)(R11*1), V7   \
	VADDPS V6, V0, V2         \
	VADDPS V7, V1, V3         \
	VSUBPS V6, V0, V4         \
	VSUBPS V7, V1, V5         \
	GRADROW(V0, V1, DI)       \
	GRADROW(V2, V3, R13)      \
	GRADROW(V4, V5, R14)      \
	GRADROW(V6, V7, R15)      \
	END

// t1, t2 = ((t0 + t3) + b) / 2, ((t0 + t3) − b) / 2
#define HALVES(t0, b, t3, t1, t2) \
	VADDPS t3, t0, V14    \
	VADDPS b, V14, t1     \
	VSUBPS b, V14, t2     \
	VMULPS V15, t1, t1    \
	VMULPS V15, t2, t2

#define WEIGHTSCOLUMN(a, b, c, t0, t1, t2, t3) \
	VMOVUPS a, t0   \
	VMOVUPS c, t3   \
	HALVES(t0, b, t3, t1, t2)

#define WEIGHTSROW(a, b, c, to) \
	HALVES(a, b, c, V12, V13) \
	STORE4(a, (to), V12, (to)(DX*1), V13, (to)(DX*2), c, (to)(BX*1))

#define WEIGHTS \
	HALF                                                                     \
	BEGIN                                                                    \
	WEIGHTSCOLUMN((SI), (R8), (R9), V0, V3, V6, V9)                          \
	WEIGHTSCOLUMN((SI)(R11*1), (R8)(R11*1), (R9)(R11*1), V1, V4, V7, V10)    \
	WEIGHTSCOLUMN((SI)(R11*2), (R8)(R11*2), (R9)(R11*2), V2, V5, V8, V11)    \
	WEIGHTSROW(V0, V1, V2, DI)                                               \
	WEIGHTSROW(V3, V4, V5, R13)                                              \
	WEIGHTSROW(V6, V7, V8, R14)                                              \
	WEIGHTSROW(V9, V10, V11, R15)                                            \
	END

// g0, g1, g2 = a + (b + c)/2, (b − c)/2, (b + c)/2 − d
#define WEIGHTSGRADLINE(a, b, c, d, g0, g1, g2) \
	VMOVUPS b, V12       \
	VMOVUPS c, V13       \
	VADDPS V13, V12, V14 \
	VSUBPS V13, V12, V12 \
	VMULPS V15, V14, V14 \
	VMULPS V15, V12, g1  \
	VADDPS a, V14, g0    \
	VSUBPS d, V14, g2

#define ADDTO(a, to) \
	VADDPS to, a, a \
	VMOVUPS a, to

// A row of the gradient at to. It leaves its numbers in a, b and c.
#define WEIGHTSGRADROW(a, b, c, d, to) \
	WEIGHTSGRADLINE(a, b, c, d, a, b, c) \
	ADDTO(a, (to))         \
	ADDTO(b, (to)(R11*1))  \
	ADDTO(c, (to)(R11*2))

#define WEIGHTSGRAD \
	HALF                                                                               \
	BEGIN                                                                              \
	WEIGHTSGRADLINE((DI), (R13), (R14), (R15), V0, V4, V8)                             \
	WEIGHTSGRADLINE((DI)(DX*1), (R13)(DX*1), (R14)(DX*1), (R15)(DX*1), V1, V5, V9)     \
	WEIGHTSGRADLINE((DI)(DX*2), (R13)(DX*2), (R14)(DX*2), (R15)(DX*2), V2, V6, V10)    \
	WEIGHTSGRADLINE((DI)(BX*1), (R13)(BX*1), (R14)(BX*1), (R15)(BX*1), V3, V7, V11)    \
	WEIGHTSGRADROW(V0, V1, V2, V3, SI)                                                 \
	WEIGHTSGRADROW(V4, V5, V6, V7, R8)                                                 \
	WEIGHTSGRADROW(V8, V9, V10, V11, R9)                                               \
	END
