//go:build !noasm

#include "textflag.h"
#include "go_asm.h"

// The transforms of Winograd's form in vectors of 8.

#define V0 Y0
#define V1 Y1
#define V2 Y2
#define V3 Y3
#define V4 Y4
#define V5 Y5
#define V6 Y6
#define V7 Y7
#define V8 Y8
#define V9 Y9
#define V10 Y10
#define V11 Y11
#define V12 Y12
#define V13 Y13
#define V14 Y14
#define V15 Y15
#define BYTES 32

#include "winograd_amd64.h"

// func transformInput8(a *transformArgs)
TEXT ·transformInput8(SB), NOSPLIT, $0-8
	INPUT

// func transformOutput8(a *transformArgs)
TEXT ·transformOutput8(SB), NOSPLIT, $0-8
	OUTPUT

// func transformGrad8(a *transformArgs)
TEXT ·transformGrad8(SB), NOSPLIT, $0-8
	GRAD

// func transformWeights8(a *transformArgs)
TEXT ·transformWeights8(SB), NOSPLIT, $0-8
	WEIGHTS

// func transformWeightsGrad8(a *transformArgs)
TEXT ·transformWeightsGrad8(SB), NOSPLIT, $0-8
	WEIGHTSGRAD
