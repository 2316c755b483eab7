//go:build !noasm

#include "textflag.h"
#include "go_asm.h"

// The transforms of Winograd's form in vectors of 16.

#define V0 Z0
#define V1 Z1
#define V2 Z2
#define V3 Z3
#define V4 Z4
#define V5 Z5
#define V6 Z6
#define V7 Z7
#define V8 Z8
#define V9 Z9
#define V10 Z10
#define V11 Z11
#define V12 Z12
#define V13 Z13
#define V14 Z14
#define V15 Z15
#define BYTES 64

#include "winograd_amd64.h"

// func transformInput16(a *transformArgs)
TEXT ·transformInput16(SB), NOSPLIT, $0-8
	INPUT

// func transformOutput16(a *transformArgs)
TEXT ·transformOutput16(SB), NOSPLIT, $0-8
	OUTPUT

// func transformGrad16(a *transformArgs)
TEXT ·transformGrad16(SB), NOSPLIT, $0-8
	GRAD

// func transformWeights16(a *transformArgs)
TEXT ·transformWeights16(SB), NOSPLIT, $0-8
	WEIGHTS

// func transformWeightsGrad16(a *transformArgs)
TEXT ·transformWeightsGrad16(SB), NOSPLIT, $0-8
	WEIGHTSGRAD
