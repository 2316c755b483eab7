// Passes over images whose channels come in fours: a thread for each four elements, read
// and written at once. Each element is computed as in the plain kernels, for the same bits.

#define QUADS(name, BODY)                                                     \
	KERNEL(64) name(PROGRAM) {                                                \
		ROW;                                                                  \
		const int i = 4 * (group * 64 + tid()), c = OC;                       \
		if (i >= OLEN) return;                                                \
		BODY                                                                  \
	}
#define X4(k) AT4(X(k) + i)
#define OUT4 (*(global float4 *)(OUT + i))

static inline float4 lin4(global float *m, global const uint *t, int from, int i, int c) {
	const int terms = TERMS, args = I(ROW_ARGS);
	float4 s = SPLAT(0.0f);
	for (int k = from + 2 * terms; k < args; k++) s += COEF4(k, i % c);
	for (int k = from; k < from + 2 * terms; k += 2) {
		const float4 a = COEF4(k + 1, i % c), x = X4(k);
		FMA44(a, x, s);
	}
	return s;
}

QUADS(quad_chan_lin, OUT4 = lin4(m, t, 0, i, c);)
QUADS(quad_lin_relu, OUT4 = rectified4(lin4(m, t, 0, i, c));)
QUADS(quad_lin_mask, const float4 v = lin4(m, t, 1, i, c); OUT4 = masked4(X4(0), v);)
QUADS(quad_relu, OUT4 = rectified4(X4(0));)
QUADS(quad_relu_mask, OUT4 = masked4(X4(0), X4(1));)
QUADS(quad_add, float4 s = X4(0); for (int k = 1; k < I(ROW_ARGS); k++) s += X4(k); OUT4 = s;)
QUADS(quad_slice, OUT4 = AT4(X(0) + i / c * XC(0) + OFFSET + i % c);)
QUADS(quad_concat, int k = 0; int at = i % c;
	while (at >= XC(k)) { at -= XC(k); k++; }
	OUT4 = AT4(X(k) + i / c * XC(k) + at);)

// Convolutions with a group for each channel.
#define QUAD_CONV(name, COUNT, FIRST, IMAGE)                                  \
	QUADS(name, PIXEL; float4 all = SPLAT(0.0f); FIRST                        \
		for (int q = 0; q < 2 * (COUNT); q += 2) {                            \
			float4 s = SPLAT(0.0f);                                           \
			for (int u = 0; u < KH; u++) for (int v = 0; v < KW; v++) {       \
				const int r = h * STRIDE - PAD + u * DILATION; const int l = w * STRIDE - PAD + v * DILATION; \
				if (r < 0 || r >= XH(q) || l < 0 || l >= XW(q)) continue;     \
				const int at = ((b * XH(q) + r) * XW(q) + l) * c + k;         \
				float4 f = AT4(IMAGE + at);                                   \
				FORM                                                          \
				const float4 z = AT4(X(q + 1) + (u * KW + v) * c + k);        \
				FMA44(f, z, s);                                               \
			}                                                                 \
			all += s;                                                         \
		}                                                                     \
		OUT4 = all;)
#define FORM
QUAD_CONV(quad_conv, PAIRS, , X(q))
#undef FORM
// A form of one image: the same coefficients for all taps.
#define FORM_FIRST                                                            \
	const int how = OFFSET; float4 scale = SPLAT(0.0f); float4 bias = scale;  \
	if (!(how & FORM_GIVEN)) {                                                \
		for (int j = 4; j < I(ROW_ARGS); j++) bias += COEF4(j, k);            \
		scale = COEF4(3, k);                                                  \
	}                                                                         \
	const int rectify = how & FORM_RECTIFIED; const int write = how & FORM_WRITES;
#define FORM                                                                  \
	if (!(how & FORM_GIVEN)) {                                                \
		float4 e = bias;                                                      \
		FMA44(scale, f, e);                                                   \
		f = e;                                                                \
	}                                                                         \
	if (rectify) f = rectified4(f);                                           \
	if (write && r == h && l == w) *(global float4 *)(X(0) + at) = f;
QUAD_CONV(form_quad_conv, 1, FORM_FIRST, X(2))
#undef FORM
QUADS(quad_conv_grad_input, PIXEL; float4 all = SPLAT(0.0f); const int terms = LARGER(TERMS, 1);
	for (int q = 0; q < 2 * terms; q += 2) {
		float4 s = SPLAT(0.0f);
		for (int u = KH - 1; u >= 0; u--) for (int v = KW - 1; v >= 0; v--) {
			const int r = h + PAD - u * DILATION; const int l = w + PAD - v * DILATION;
			if (r < 0 || l < 0 || r % STRIDE != 0 || l % STRIDE != 0 || r / STRIDE >= XH(q + 1) || l / STRIDE >= XW(q + 1)) continue;
			const float4 y = AT4(X(q + 1) + ((b * XH(q + 1) + r / STRIDE) * XW(q + 1) + l / STRIDE) * c + k);
			const float4 z = AT4(X(q) + (u * KW + v) * c + k);
			FMA44(y, z, s);
		}
		all += s;
	}
	OUT4 = all;)
