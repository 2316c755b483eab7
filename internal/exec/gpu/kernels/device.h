// The dialect that kernels are written in: OpenCL C 1.2 for run-time compilers, and
// the same text for clang's PTX target, where __NVPTX__ is set.
//
// Rules. A product that is added is FMA(a, b, c), so that no compiler has anything
// left to contract. Sums are fixed trees over the threads of a group; nothing is
// atomic. Divisions and roots are those that IEEE 754 rounds correctly. Then every
// conforming device gives the same bits.
#pragma OPENCL FP_CONTRACT OFF

#ifdef __NVPTX__
static inline uint tid(void) { return __nvvm_read_ptx_sreg_tid_x(); }
static inline uint bid(void) { return __nvvm_read_ptx_sreg_ctaid_x(); }
#define BARRIER() __syncthreads()
#define GLOBAL_BARRIER() __syncthreads()
#define FMA(a, b, c) __builtin_fmaf(a, b, c)
#define FLOAT_OF(u) __builtin_bit_cast(float, (uint)(u))
#define BITS_OF(x) __builtin_bit_cast(uint, (float)(x))
#define SQRT(x) __nvvm_sqrt_rn_f(x)
#define RINT(x) __builtin_rintf(x)
#else
static inline uint tid(void) { return (uint)get_local_id(0); }
static inline uint bid(void) { return (uint)get_group_id(0); }
#ifndef BARRIER // a test takes one away
#define BARRIER() barrier(CLK_LOCAL_MEM_FENCE)
#endif
#define GLOBAL_BARRIER() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#define FMA(a, b, c) fma(a, b, c)
#define FLOAT_OF(u) as_float((uint)(u))
#define BITS_OF(x) as_uint((float)(x))
#define SQRT(x) sqrt(x)
#define RINT(x) rint(x)
#endif

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))
#define KERNEL(threads) kernel __attribute__((reqd_work_group_size(threads, 1, 1))) void

// A sum over the threads of a group, a power of two of them: what each brings in v is
// added up in sh[0]. All threads of the group must come here.
#define TREE(sh, threads, v)                                       \
	sh[tid()] = (v);                                               \
	BARRIER();                                                     \
	for (uint half_ = (threads) / 2; half_ > 0; half_ /= 2) {      \
		if (tid() < half_) sh[tid()] += sh[tid() + half_];         \
		BARRIER();                                                 \
	}

// The row of an instruction, see lower.go.
enum {
	ROW_OP = 0, ROW_WORDS = 1, ROW_OUT = 2, ROW_SHAPE = 3, ROW_KH = 7, ROW_KW = 8, ROW_STRIDE = 9, ROW_PAD = 10,
	ROW_DILATION = 11, ROW_GROUPS = 12, ROW_TERMS = 13, ROW_OFFSET = 14, ROW_EPS = 15, ROW_ALPHA = 16, ROW_BETA = 17,
	ROW_ARGS = 18, ROW_EACH = 19, ROW_PER = 20, ROW_PARTIAL = 21, ROW_FIRST = 22, ROW_ARG = 5
};
#define PROGRAM global float *restrict m, global const uint *restrict table, const uint first
// The row of the group, and which of the row's groups it is. A launch has rows of one
// length, each with as many groups.
#define ROW                                                                   \
	global const uint *t = table + first;                                     \
	const uint group = bid() % t[ROW_EACH];                                   \
	t += bid() / t[ROW_EACH] * t[ROW_WORDS]
#define I(k) ((int)t[k])
#define ARG(i) (t + ROW_FIRST + ROW_ARG * (i))
#define X(i) (m + ARG(i)[0])
#define OUT (m + t[ROW_OUT])
// of an argument: images, height, width, channels
#define XN(i) ((int)ARG(i)[1])
#define XH(i) ((int)ARG(i)[2])
#define XW(i) ((int)ARG(i)[3])
#define XC(i) ((int)ARG(i)[4])
#define XLEN(i) (XN(i) * XH(i) * XW(i) * XC(i))
// of the result
#define OH I(ROW_SHAPE + 1)
#define OW I(ROW_SHAPE + 2)
#define OC I(ROW_SHAPE + 3)
#define OLEN (I(ROW_SHAPE) * OH * OW * OC)
#define KH I(ROW_KH)
#define KW I(ROW_KW)
#define STRIDE I(ROW_STRIDE)
#define PAD I(ROW_PAD)
#define DILATION I(ROW_DILATION)
#define GROUPS I(ROW_GROUPS)
#define TERMS I(ROW_TERMS)
#define OFFSET I(ROW_OFFSET)
