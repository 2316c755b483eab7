// Every operator, plainly: a thread for each element of the result, a group for each
// sum. What is here is right for all shapes; tuned kernels take over where they fit.

#define ELEMENTS(name, BODY)                                                  \
	KERNEL(64) name(PROGRAM) {                                                \
		ROW;                                                                  \
		const int i = group * 64 + tid(), n = OLEN, c = OC;                   \
		if (i >= n) return;                                                   \
		BODY                                                                  \
	}

// e^x for x <= 0, within 2 units in the last place; subnormal results are 0.
static inline float expo(float x) {
	if (x != x) return x;
	if (x < -87.0f) return 0.0f;
	const float k = RINT(x * 1.44269504f);
	float r = FMA(-k, 0.693145752f, x); // ln 2 in two parts
	r = FMA(-k, 1.42860677e-6f, r);
	float p = 1.98412698e-4f;
	p = FMA(p, r, 1.38888889e-3f);
	p = FMA(p, r, 8.33333333e-3f);
	p = FMA(p, r, 4.16666667e-2f);
	p = FMA(p, r, 1.66666667e-1f);
	p = FMA(p, r, 0.5f);
	p = FMA(p, r, 1.0f);
	p = FMA(p, r, 1.0f);
	return p * FLOAT_OF((uint)((int)k + 127) << 23);
}

// ln x for x >= 1, by artanh of (f-1)/(f+1), x = f·2^k.
static inline float loge(float x) {
	if (!(x < 3.0e38f)) return x; // infinite, or no number
	const uint b = BITS_OF(x);
	int k = (int)(b >> 23) - 127;
	float f = FLOAT_OF((b & 0x7fffff) | 0x3f800000);
	if (f > 1.41421356f) {
		f *= 0.5f;
		k++;
	}
	const float s = (f - 1.0f) / (f + 1.0f), q = s * s;
	float p = 1.0f / 11;
	p = FMA(p, q, 1.0f / 9);
	p = FMA(p, q, 1.0f / 7);
	p = FMA(p, q, 1.0f / 5);
	p = FMA(p, q, 1.0f / 3);
	return FMA((float)k, 0.693147181f, 2.0f * FMA(p * q, s, s));
}

static inline float rectified(float v) { return v > 0 || v != v ? v : 0.0f; }

// Element i of a ChanLin whose terms begin at argument from: biases first, then terms.
static inline float lin(global float *m, global const uint *t, int from, int i, int c) {
	const int terms = TERMS, args = I(ROW_ARGS);
	float s = 0;
	for (int k = from + 2 * terms; k < args; k++) s += X(k)[XC(k) == 1 ? 0 : i % c];
	for (int k = from; k < from + 2 * terms; k += 2) s = FMA(X(k + 1)[XC(k + 1) == 1 ? 0 : i % c], X(k)[i], s);
	return s;
}

ELEMENTS(op_chan_lin, OUT[i] = lin(m, t, 0, i, c);)
ELEMENTS(op_lin_relu, OUT[i] = rectified(lin(m, t, 0, i, c));)
ELEMENTS(op_lin_mask, const float v = lin(m, t, 1, i, c); OUT[i] = X(0)[i] > 0 ? v : 0.0f;)
ELEMENTS(op_relu, OUT[i] = rectified(X(0)[i]);)
ELEMENTS(op_relu_mask, OUT[i] = X(0)[i] > 0 ? X(1)[i] : 0.0f;)
ELEMENTS(op_add, float s = X(0)[i]; for (int k = 1; k < I(ROW_ARGS); k++) s += X(k)[i]; OUT[i] = s;)
ELEMENTS(op_mul, OUT[i] = X(0)[i] * X(1)[i];)
ELEMENTS(op_div, OUT[i] = X(0)[i] / X(1)[i];)
ELEMENTS(op_affine, OUT[i] = FMA(FLOAT_OF(t[ROW_ALPHA]), X(0)[i], FLOAT_OF(t[ROW_BETA]));)
ELEMENTS(op_rsqrt, OUT[i] = 1.0f / SQRT(X(0)[i] + FLOAT_OF(t[ROW_EPS]));)
ELEMENTS(op_copy, OUT[i] = X(0)[i];)
ELEMENTS(op_zero, OUT[i] = c < 0 ? 1.0f : 0.0f;)
ELEMENTS(op_slice, OUT[i] = X(0)[i / c * XC(0) + OFFSET + i % c];)
ELEMENTS(op_place, const int d = XC(0); const int k = i % c - OFFSET; OUT[i] = k >= 0 && k < d ? X(0)[i / c * d + k] : 0.0f;)
ELEMENTS(op_concat, int k = 0; int at = i % c;
	while (at >= XC(k)) { at -= XC(k); k++; }
	OUT[i] = X(k)[i / c * XC(k) + at];)
ELEMENTS(op_row_scale, OUT[i] = X(0)[i] * X(1)[i / (n / I(ROW_SHAPE))];)
ELEMENTS(op_bn_norm, OUT[i] = (X(0)[i] - X(1)[i % c]) * X(1)[2 * c + i % c];)
ELEMENTS(op_spatial_mean, const int a = XH(0) * XW(0); float s = 0;
	for (int p = 0; p < a; p++) s += X(0)[(i / c * a + p) * c + i % c];
	OUT[i] = s / (float)a;)
ELEMENTS(op_spatial_spread, const int a = OH * OW; OUT[i] = X(0)[i / (a * c) * c + i % c] / (float)a;)

// The pixel (b, h, w) and channel k of element i of the result.
#define PIXEL const int k = i % c, w = i / c % OW, h = i / c / OW % OH, b = i / c / OW / OH
ELEMENTS(op_subsample, PIXEL; OUT[i] = X(0)[((b * XH(0) + h * STRIDE + OFFSET) * XW(0) + w * STRIDE + OFFSET) * c + k];)
ELEMENTS(op_subsample_grad, PIXEL; const int s = STRIDE; const int u = h - OFFSET; const int v = w - OFFSET;
	OUT[i] = u >= 0 && v >= 0 && u % s == 0 && v % s == 0 ? X(0)[((b * XH(0) + u / s) * XW(0) + v / s) * c + k] : 0.0f;)

// Convolution: x [b,H,W,C], w [KH,KW,C/g,O], y [b,h,w,O]. Taps in order, then channels.
ELEMENTS(op_conv, PIXEL; float all = 0; const int terms = LARGER(TERMS, 1);
	for (int q = 0; q < 2 * terms; q += 2) {
		const int cin = (int)ARG(q + 1)[3]; const int g = k / (c / GROUPS); float s = 0;
		for (int u = 0; u < KH; u++) for (int v = 0; v < KW; v++) {
			const int r = h * STRIDE - PAD + u * DILATION; const int l = w * STRIDE - PAD + v * DILATION;
			if (r < 0 || r >= XH(q) || l < 0 || l >= XW(q)) continue;
			const global float *x = X(q) + ((b * XH(q) + r) * XW(q) + l) * XC(q) + g * cin;
			const global float *z = X(q + 1) + (u * KW + v) * cin * c + k;
			for (int e = 0; e < cin; e++) s = FMA(x[e], z[e * c], s);
		}
		all += s;
	}
	OUT[i] = all;)

// Its adjoint in x: args w, dy.
ELEMENTS(op_conv_grad_input, PIXEL; float all = 0; const int terms = LARGER(TERMS, 1);
	for (int q = 0; q < 2 * terms; q += 2) {
		const int cin = XW(q); const int O = XC(q); const int per = O / GROUPS; const int g = k / cin; float s = 0;
		for (int u = KH - 1; u >= 0; u--) for (int v = KW - 1; v >= 0; v--) {
			const int r = h + PAD - u * DILATION; const int l = w + PAD - v * DILATION;
			if (r < 0 || l < 0 || r % STRIDE != 0 || l % STRIDE != 0 || r / STRIDE >= XH(q + 1) || l / STRIDE >= XW(q + 1)) continue;
			const global float *y = X(q + 1) + ((b * XH(q + 1) + r / STRIDE) * XW(q + 1) + l / STRIDE) * O + g * per;
			const global float *z = X(q) + ((u * KW + v) * cin + k % cin) * O + g * per;
			for (int e = 0; e < per; e++) s = FMA(y[e], z[e], s);
		}
		all += s;
	}
	OUT[i] = all;)

// Its adjoint in w: args x, dy. A group for each weight.
KERNEL(64) op_conv_grad_weight(PROGRAM) {
	local float sh[64];
	ROW;
	const int O = OC, cin = OW, i = group, o = i % O, e = i / O % cin, v = i / O / cin % KW, u = i / O / cin / KW;
	const int pixels = XN(1) * XH(1) * XW(1), g = o / (O / GROUPS);
	float s = 0;
	for (int p = tid(); p < pixels; p += 64) {
		const int w = p % XW(1), h = p / XW(1) % XH(1), b = p / XW(1) / XH(1);
		const int r = h * STRIDE - PAD + u * DILATION, l = w * STRIDE - PAD + v * DILATION;
		if (r < 0 || r >= XH(0) || l < 0 || l >= XW(0)) continue;
		s = FMA(X(0)[((b * XH(0) + r) * XW(0) + l) * XC(0) + g * cin + e], X(1)[p * O + o], s);
	}
	TREE(sh, 64, s)
	if (tid() == 0) OUT[i] = sh[0];
}

// Sums over pixels: a group for each. ChanDots are Σx, Σ x*z_1, ...; ChanSum is the
// first of them, ChanDot the second.
#define CHANNEL_SUMS(name, FROM)                                              \
	KERNEL(64) name(PROGRAM) {                                                \
		local float sh[64];                                                   \
		ROW;                                                                  \
		const int C = XC(0), k = group / C + FROM, c = group % C, pixels = XLEN(0) / C; \
		float s = 0;                                                          \
		for (int p = tid(); p < pixels; p += 64) s = k == 0 ? s + X(0)[p * C + c] : FMA(X(0)[p * C + c], X(k)[p * C + c], s); \
		TREE(sh, 64, s)                                                       \
		if (tid() == 0) OUT[group] = sh[0];                                   \
	}
CHANNEL_SUMS(op_chan_dots, 0)
CHANNEL_SUMS(op_chan_sum, 0)
CHANNEL_SUMS(op_chan_dot, 1)

// Products of whole images, a group for each of so many.
#define IMAGE_DOTS(name, IMAGES)                                              \
	KERNEL(64) name(PROGRAM) {                                                \
		local float sh[64];                                                   \
		ROW;                                                                  \
		const int n = XLEN(0) / (IMAGES), from = group * n;                   \
		float s = 0;                                                          \
		for (int p = tid(); p < n; p += 64) s = FMA(X(0)[from + p], X(1)[from + p], s); \
		TREE(sh, 64, s)                                                       \
		if (tid() == 0) OUT[group] = sh[0];                                   \
	}
IMAGE_DOTS(op_row_dot, XN(0))
IMAGE_DOTS(op_dot, 1)

// Batch norm, a group for each channel. The variance is about the mean.
KERNEL(64) op_bn_stats(PROGRAM) {
	local float sh[64];
	ROW;
	const int C = XC(0), c = group, pixels = XLEN(0) / C;
	float s = 0;
	for (int p = tid(); p < pixels; p += 64) s += X(0)[p * C + c];
	TREE(sh, 64, s)
	const float mean = sh[0] / (float)pixels;
	BARRIER();
	s = 0;
	for (int p = tid(); p < pixels; p += 64) {
		const float d = X(0)[p * C + c] - mean;
		s = FMA(d, d, s);
	}
	TREE(sh, 64, s)
	if (tid() == 0) {
		const float variance = sh[0] / (float)pixels;
		OUT[c] = mean;
		OUT[C + c] = variance;
		OUT[2 * C + c] = 1.0f / SQRT(variance + FLOAT_OF(t[ROW_EPS]));
	}
}
KERNEL(64) op_bn_grad(PROGRAM) { // args g, y, stats; the result may lie over g or y
	local float sh[64];
	ROW;
	const int C = OC, c = group, pixels = OLEN / C;
	float s = 0;
	for (int p = tid(); p < pixels; p += 64) s += X(0)[p * C + c];
	TREE(sh, 64, s)
	const float g = sh[0] / (float)pixels;
	BARRIER();
	s = 0;
	for (int p = tid(); p < pixels; p += 64) s = FMA(X(0)[p * C + c], X(1)[p * C + c], s);
	TREE(sh, 64, s)
	const float gy = sh[0] / (float)pixels;
	for (int p = tid(); p < pixels; p += 64) OUT[p * C + c] = X(2)[2 * C + c] * FMA(-X(1)[p * C + c], gy, X(0)[p * C + c] - g);
}

// Windows of pools: the pixels (r, l) of an HH x WW image under the window at (r0, l0).
#define WINDOW(r0, l0, HH, WW)                                                \
	for (int u = 0; u < KH; u++)                                              \
		for (int v = 0; v < KW; v++) {                                        \
			const int r = (r0) + u, l = (l0) + v;                             \
			if (r < 0 || r >= (HH) || l < 0 || l >= (WW)) continue;
#define UNDER WINDOW(h * STRIDE - PAD, w * STRIDE - PAD, XH(0), XW(0))
ELEMENTS(op_avg_pool, PIXEL; float s = 0; int count = 0;
	UNDER s += X(0)[((b * XH(0) + r) * XW(0) + l) * c + k]; count++; }
	OUT[i] = s / (float)count;)
ELEMENTS(op_max_pool_index, PIXEL; float best = 0; int at = -1;
	UNDER const float z = X(0)[((b * XH(0) + r) * XW(0) + l) * c + k];
		if (at < 0 || z > best) { best = z; at = u * KW + v; } }
	OUT[i] = (float)at;)
ELEMENTS(op_max_gather, PIXEL; const int at = (int)X(0)[i]; const int r = h * STRIDE - PAD + at / KW; const int l = w * STRIDE - PAD + at % KW;
	OUT[i] = X(1)[((b * XH(1) + r) * XW(1) + l) * c + k];)
// The places j of the pool's results whose windows have the pixel (h, w).
#define COVER                                                                 \
	for (int u = 0; u < KH; u++)                                              \
		for (int v = 0; v < KW; v++) {                                        \
			const int r = h + PAD - u, l = w + PAD - v;                       \
			if (r < 0 || l < 0 || r % STRIDE != 0 || l % STRIDE != 0 || r / STRIDE >= XH(0) || l / STRIDE >= XW(0)) continue; \
			const int j = ((b * XH(0) + r / STRIDE) * XW(0) + l / STRIDE) * c + k;
ELEMENTS(op_avg_pool_grad, PIXEL; float s = 0;
	COVER const int r0 = r - PAD; const int l0 = l - PAD;
		const int rows = SMALLER(r0 + KH, OH) - LARGER(r0, 0); const int cols = SMALLER(l0 + KW, OW) - LARGER(l0, 0);
		s += X(0)[j] / (float)(rows * cols); }
	OUT[i] = s;)
ELEMENTS(op_max_scatter, PIXEL; float s = 0;
	COVER if ((int)X(0)[j] == u * KW + v) s += X(1)[j]; }
	OUT[i] = s;)

// Rows of classes, a thread for each, one group.
KERNEL(64) op_cross_entropy(PROGRAM) { // args z, t
	local float sh[64];
	ROW;
	const int c = XC(0), rows = XLEN(0) / c;
	float s = 0;
	for (int r = tid(); r < rows; r += 64) {
		const global float *z = X(0) + r * c, *y = X(1) + r * c;
		float top = z[0], sum = 0, at = 0;
		for (int k = 1; k < c; k++) top = LARGER(top, z[k]);
		for (int k = 0; k < c; k++) {
			sum += expo(z[k] - top);
			at = FMA(y[k], z[k], at);
		}
		s += loge(sum) + top - at;
	}
	TREE(sh, 64, s)
	if (tid() == 0) OUT[0] = sh[0] / (float)rows;
}
// A thread for each row: results may lie over arguments.
#define CLASSES(name, BODY)                                                   \
	KERNEL(64) name(PROGRAM) {                                                \
		ROW;                                                                  \
		const int c = OC, r = group * 64 + tid();                             \
		if (r >= OLEN / c) return;                                            \
		BODY                                                                  \
	}
CLASSES(op_softmax, const global float *z = X(0) + r * c; float top = z[0]; float sum = 0;
	for (int k = 1; k < c; k++) top = LARGER(top, z[k]);
	for (int k = 0; k < c; k++) sum += expo(z[k] - top);
	for (int k = 0; k < c; k++) OUT[r * c + k] = expo(z[k] - top) / sum;)
CLASSES(op_softmax_jac, const global float *p = X(0) + r * c; const global float *u = X(1) + r * c; float s = 0;
	for (int k = 0; k < c; k++) s = FMA(p[k], u[k], s);
	for (int k = 0; k < c; k++) OUT[r * c + k] = p[k] * (u[k] - s);)

// The tape: instructions on vectors in one launch of one group, in levels which wait for
// one another, see tape.go. 32 threads take an instruction. OP_... come from the host,
// which counts operators.
KERNEL(256) op_tape(PROGRAM) {
	global const uint *list = table + first;
	const uint levels = *list++;
	for (uint level = 0; level < levels; level++) {
		if (level > 0) GLOBAL_BARRIER();
		const uint count = *list++;
		for (uint j = tid() / 32; j < count; j += 8) {
			global const uint *t = table + first + list[j];
			const int n = OC;
			for (int i = tid() % 32; i < n; i += 32) {
				float v = 0;
				switch (t[ROW_OP]) {
				case OP_CHAN_LIN: v = lin(m, t, 0, i, n); break;
				case OP_ADD:
					v = X(0)[i];
					for (int k = 1; k < I(ROW_ARGS); k++) v += X(k)[i];
					break;
				case OP_MUL: v = X(0)[i] * X(1)[i]; break;
				case OP_DIV: v = X(0)[i] / X(1)[i]; break;
				case OP_AFFINE: v = FMA(FLOAT_OF(t[ROW_ALPHA]), X(0)[i], FLOAT_OF(t[ROW_BETA])); break;
				case OP_RSQRT: v = 1.0f / SQRT(X(0)[i] + FLOAT_OF(t[ROW_EPS])); break;
				case OP_SLICE: v = X(0)[OFFSET + i]; break;
				case OP_PLACE: v = i >= OFFSET && i < OFFSET + XC(0) ? X(0)[i - OFFSET] : 0.0f; break;
				case OP_COPY: v = X(0)[i]; break;
				case OP_CHAN_SUM: v = 0.0f + X(0)[i]; break;
				case OP_CHAN_DOT: v = FMA(X(0)[i], X(1)[i], 0.0f); break;
				case OP_DOT:
					for (int k = 0; k < XC(0); k++) v = FMA(X(0)[k], X(1)[k], v);
					break;
				}
				OUT[i] = v;
			}
		}
		list += count;
	}
}
