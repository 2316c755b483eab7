// Kernels for the shapes that networks are made of: many pixels, channels in sixteens.
// plans.go says who takes what. Sums that are split have a part for every so many
// pixels, and the parts are added up in order.

#define PER I(ROW_PER) // pixels of a part
#define PARTIAL (m + t[ROW_PARTIAL])

// c += a·b, in each of four
#define FMA4(a, b, c)                                                         \
	(c).x = FMA(a, (b).x, (c).x);                                             \
	(c).y = FMA(a, (b).y, (c).y);                                             \
	(c).z = FMA(a, (b).z, (c).z);                                             \
	(c).w = FMA(a, (b).w, (c).w)

// c += a·b, four products
#define FMA44(a, b, c)                                                        \
	(c).x = FMA((a).x, (b).x, (c).x);                                         \
	(c).y = FMA((a).y, (b).y, (c).y);                                         \
	(c).z = FMA((a).z, (b).z, (c).z);                                         \
	(c).w = FMA((a).w, (b).w, (c).w)

#define AT4(pointer) (*(const global float4 *)(pointer))
#define SPLAT(x) ((float4)(x, x, x, x))
// Coefficients of four channels from k on, which may be one number.
#define COEF4(arg, k) (XC(arg) == 1 ? SPLAT(X(arg)[0]) : AT4(X(arg) + (k)))

static inline float4 rectified4(float4 v) { return (float4)(rectified(v.x), rectified(v.y), rectified(v.z), rectified(v.w)); }
static inline float4 masked4(float4 x, float4 v) {
	return (float4)(x.x > 0 ? v.x : 0.0f, x.y > 0 ? v.y : 0.0f, x.z > 0 ? v.z : 0.0f, x.w > 0 ? v.w : 0.0f);
}

// How a convolution computes the image that it reads, argument XI, of those from argument 2
// on, see join.go: four channels from k on at eight pixels, whose first elements are at[j],
// or -1 outside the image, where f[j] is 0. It is what a pass over all elements would have
// written, to the bit. Where own is set the pixels are the result's own, and are written
// if somebody else reads them.
enum { FORM_RECTIFIED = 1, FORM_MASKED = 2, FORM_GIVEN = 4, FORM_WRITES = 8 };
#define EIGHT _Pragma("unroll") for (int j = 0; j < 8; j++)
#define FORM4(XI, k, own)                                                     \
	{                                                                         \
		const int how = OFFSET, first = how & FORM_MASKED ? 3 : 2, terms = TERMS, args = I(ROW_ARGS); \
		float4 bias = SPLAT(0.0f);                                            \
		if (!(how & FORM_GIVEN)) for (int e = first + 2 * terms; e < args; e++) bias += COEF4(e, k); \
		EIGHT f[j] = bias;                                                    \
		if (how & FORM_GIVEN) {                                               \
			EIGHT if (at[j] >= 0) f[j] = AT4(X(first) + at[j]);               \
		} else {                                                              \
			for (int e = first; e < first + 2 * terms; e += 2) {              \
				const global float *x = X(e);                                 \
				const float4 scale = COEF4(e + 1, k);                         \
				EIGHT if (at[j] >= 0) {                                       \
					const float4 z = AT4(x + at[j]);                          \
					FMA44(scale, z, f[j]);                                    \
				}                                                             \
			}                                                                 \
		}                                                                     \
		const int write = (own) && how & FORM_WRITES;                         \
		EIGHT {                                                               \
			if (at[j] < 0) {                                                  \
				f[j] = SPLAT(0.0f);                                           \
				continue;                                                     \
			}                                                                 \
			if (how & FORM_RECTIFIED) f[j] = rectified4(f[j]);                \
			if (how & FORM_MASKED) f[j] = masked4(AT4(X(2) + at[j]), f[j]);   \
			if (write) *(global float4 *)(X(XI) + at[j]) = f[j];              \
		}                                                                     \
	}

// Rows of 16 in local memory are 20 apart: eight neighbours then lie in different banks.
#define APART 20
#define FOUR(array, row, quad) (*(local float4 *)((array) + (row)*APART + 4 * (quad)))

// A tile of a convolution without groups: 128 pixels by 16 channels of the result, 8 by 4
// of them for a thread, 16 channels of one tap at a time. Taps and channels follow one
// another as in the plain kernels, for the same bits. Arguments are the images XI and the
// weights ZI, COUNT pairs of them; PLACE(u, v) is where the tap (u, v), in the order of the
// sum, has its weights, and WEIGHT takes one of 256 from there to zs[channel of the
// image][of the result]. IMAGE fills f, four channels of eight pixels.
// AFTER follows when the results in all, those of pixels p0 + lane + 16j, are written.
#define CONV_TILE(name, XI, ZI, COUNT, IMAGE, BEFORE, PLACE, WEIGHT, AFTER)   \
	KERNEL(64) name(PROGRAM) {                                                \
		local float xs[128 * APART] __attribute__((aligned(16)));             \
		local float zs[16 * APART] __attribute__((aligned(16)));              \
		local int bs[128], hs[128], ws[128];                                  \
		ROW;                                                                  \
		const int c = OC, pixels = OLEN / c, blocks = c / 16;                 \
		const int p0 = group / blocks * 128, n0 = group % blocks * 16;        \
		const int quad = tid() % 4, lane = tid() / 4;                         \
		for (int i = tid(); i < 128; i += 64) {                               \
			const int p = p0 + i, w = p % OW, h = p / OW % OH;                \
			bs[i] = p < pixels ? p / OW / OH * XH(XI) : -1;                   \
			hs[i] = h * STRIDE - BEFORE(KH);                                  \
			ws[i] = w * STRIDE - BEFORE(KW);                                  \
		}                                                                     \
		BARRIER();                                                            \
		float4 all[8];                                                        \
		EIGHT all[j] = (float4)(0.0f, 0.0f, 0.0f, 0.0f);                      \
		for (int q = 0; q < 2 * (COUNT); q += 2) {                            \
			const int cin = XC(q + XI), height = XH(q + XI), width = XW(q + XI); \
			const global float *weights = X(q + ZI);                          \
			float4 s[8];                                                      \
			EIGHT s[j] = (float4)(0.0f, 0.0f, 0.0f, 0.0f);                    \
			for (int u = 0; u < KH; u++) for (int v = 0; v < KW; v++)         \
				for (int k0 = 0; k0 < cin; k0 += 16) {                        \
					int at[8];                                                \
					float4 f[8];                                              \
					EIGHT {                                                   \
						const int i = lane + 16 * j, r = hs[i] + u * DILATION, l = ws[i] + v * DILATION; \
						const int inside = bs[i] >= 0 && r >= 0 && r < height && l >= 0 && l < width; \
						at[j] = inside ? ((bs[i] + r) * width + l) * cin + k0 + 4 * quad : -1; \
					}                                                         \
					IMAGE(XI, BEFORE)                                         \
					BARRIER();                                                \
					EIGHT FOUR(xs, lane + 16 * j, quad) = f[j];               \
					const int place = PLACE(u, v);                            \
					for (int i = tid(); i < 256; i += 64) {                   \
						const int a = i / 16, b = i % 16;                     \
						WEIGHT;                                               \
					}                                                         \
					BARRIER();                                                \
					_Pragma("unroll") for (int k = 0; k < 4; k++) {           \
						const float4 z0 = FOUR(zs, 4 * k, quad), z1 = FOUR(zs, 4 * k + 1, quad), z2 = FOUR(zs, 4 * k + 2, quad), \
							z3 = FOUR(zs, 4 * k + 3, quad);                   \
						EIGHT {                                               \
							const float4 e = FOUR(xs, lane + 16 * j, k);      \
							FMA4(e.x, z0, s[j]);                              \
							FMA4(e.y, z1, s[j]);                              \
							FMA4(e.z, z2, s[j]);                              \
							FMA4(e.w, z3, s[j]);                              \
						}                                                     \
					}                                                         \
				}                                                             \
			EIGHT all[j] += s[j];                                             \
		}                                                                     \
		EIGHT {                                                               \
			const int p = p0 + lane + 16 * j;                                 \
			if (p < pixels) *(global float4 *)(OUT + p * c + n0 + 4 * quad) = all[j]; \
		}                                                                     \
		AFTER                                                                 \
	}
#define BEFORE_FORWARD(size) PAD
#define PLACE_FORWARD(u, v) (((u)*KW + (v)) * cin + k0) * c + n0
#define WEIGHT_FORWARD zs[a * APART + b] = weights[place + a * c + b]
#define PAIRS LARGER(TERMS, 1)
#define IMAGE_THERE(XI, BEFORE)                                               \
	const global float *image = X(q + XI);                                    \
	EIGHT f[j] = at[j] >= 0 ? AT4(image + at[j]) : SPLAT(0.0f);
// The first tile of channels writes, where the tap lies on the pixel of the result.
#define IMAGE_FORM(XI, BEFORE)                                                \
	FORM4(XI, k0 + 4 * quad, n0 == 0 && u * DILATION == BEFORE(KH) && v * DILATION == BEFORE(KW))
CONV_TILE(conv_tile, 0, 1, PAIRS, IMAGE_THERE, BEFORE_FORWARD, PLACE_FORWARD, WEIGHT_FORWARD, )
CONV_TILE(form_conv_tile, 0, 1, 1, IMAGE_FORM, BEFORE_FORWARD, PLACE_FORWARD, WEIGHT_FORWARD, )

// The mean of the tile's pixels and the squares about it, of each channel, are a part of a
// batch norm. Threads add up their pixels, and the first of each four channels those of all
// lanes, in order.
#define TILE_SUM(s)                                                           \
	BARRIER();                                                                \
	FOUR(xs, lane, quad) = s;                                                 \
	BARRIER();                                                                \
	s = FOUR(xs, 0, quad);                                                    \
	for (int k = 1; k < 16; k++) s += FOUR(xs, k, quad);
#define TILE_STATS                                                            \
	const float count = (float)SMALLER(128, pixels - p0);                     \
	float4 mean = (float4)(0.0f, 0.0f, 0.0f, 0.0f), squares = mean;           \
	EIGHT if (p0 + lane + 16 * j < pixels) mean += all[j];                    \
	TILE_SUM(mean)                                                            \
	mean = mean / count;                                                      \
	EIGHT if (p0 + lane + 16 * j < pixels) {                                  \
		const float4 d = all[j] - mean;                                       \
		FMA44(d, d, squares);                                                 \
	}                                                                         \
	TILE_SUM(squares)                                                         \
	if (lane == 0) {                                                          \
		global float *to = PARTIAL + 2 * (p0 / 128) * c + n0 + 4 * quad;      \
		to[0] = mean.x, to[1] = mean.y, to[2] = mean.z, to[3] = mean.w;       \
		to += c;                                                              \
		to[0] = squares.x, to[1] = squares.y, to[2] = squares.z, to[3] = squares.w; \
	}
CONV_TILE(conv_tile_stats, 0, 1, PAIRS, IMAGE_THERE, BEFORE_FORWARD, PLACE_FORWARD, WEIGHT_FORWARD, TILE_STATS)
CONV_TILE(form_conv_tile_stats, 0, 1, 1, IMAGE_FORM, BEFORE_FORWARD, PLACE_FORWARD, WEIGHT_FORWARD, TILE_STATS)
// Its adjoint in x with stride 1 is a convolution with the taps turned about.
#define BEFORE_BACK(size) (((size)-1) * DILATION - PAD)
#define PLACE_BACK(u, v) ((((KH - 1 - (u)) * KW + KW - 1 - (v)) * c + n0) * cin + k0)
#define WEIGHT_BACK zs[b * APART + a] = weights[place + a * cin + b]
CONV_TILE(conv_grad_input_tile, 1, 0, PAIRS, IMAGE_THERE, BEFORE_BACK, PLACE_BACK, WEIGHT_BACK, )
CONV_TILE(form_conv_grad_input_tile, 1, 0, 1, IMAGE_FORM, BEFORE_BACK, PLACE_BACK, WEIGHT_BACK, )

// The adjoint of a convolution without groups in its weights: 16 by 16 channels of one
// tap over the pixels of a part, 64 at a time. 16 threads have 4 by 4 channels each; four
// such squads share the pixels.
KERNEL(64) conv_grad_weight_tile(PROGRAM) {
	local float xs[64 * APART] __attribute__((aligned(16)));
	local float ys[64 * APART] __attribute__((aligned(16)));
	ROW;
	const int c = OC, cin = OW, squad = tid() / 16, eq = tid() / 4 % 4, oq = tid() % 4, lane = tid() / 4;
	const int blocks = c / 16, o0 = group % blocks * 16, e0 = group / blocks % (cin / 16) * 16;
	const int tap = group / blocks / (cin / 16) % (KH * KW), part = group / blocks / (cin / 16) / (KH * KW);
	const int u = tap / KW * DILATION - PAD, v = tap % KW * DILATION - PAD;
	const int width = XW(1), height = XH(1), from = part * PER, to = SMALLER(from + PER, XN(1) * height * width);
	const global float *x = X(0), *y = X(1);
	float4 s[4];
	_Pragma("unroll") for (int j = 0; j < 4; j++) s[j] = (float4)(0.0f, 0.0f, 0.0f, 0.0f);
	for (int p0 = from; p0 < to; p0 += 64) {
		BARRIER();
		_Pragma("unroll") for (int j = 0; j < 4; j++) {
			const int i = lane + 16 * j, p = p0 + i, r = p / width % height * STRIDE + u, l = p % width * STRIDE + v;
			const int inside = p < to && r >= 0 && r < XH(0) && l >= 0 && l < XW(0);
			FOUR(xs, i, oq) = inside ? *(const global float4 *)(x + ((p / width / height * XH(0) + r) * XW(0) + l) * cin + e0 + 4 * oq)
				: (float4)(0.0f, 0.0f, 0.0f, 0.0f);
			FOUR(ys, i, oq) = p < to ? *(const global float4 *)(y + p * c + o0 + 4 * oq) : (float4)(0.0f, 0.0f, 0.0f, 0.0f);
		}
		BARRIER();
		for (int i = squad; i < 64; i += 4) {
			const float4 e = FOUR(xs, i, eq), o = FOUR(ys, i, oq);
			FMA4(e.x, o, s[0]);
			FMA4(e.y, o, s[1]);
			FMA4(e.z, o, s[2]);
			FMA4(e.w, o, s[3]);
		}
	}
	// Squads 0 and 2, 1 and 3, then the two.
	for (int half_ = 2; half_ > 0; half_ /= 2) {
		BARRIER();
		if (squad >= half_ && squad < 2 * half_) {
			_Pragma("unroll") for (int j = 0; j < 4; j++) FOUR(xs, tid() - half_ * 16, j) = s[j];
		}
		BARRIER();
		if (squad < half_) {
			_Pragma("unroll") for (int j = 0; j < 4; j++) s[j] += FOUR(xs, tid(), j);
		}
	}
	if (squad == 0) {
		global float *out = PARTIAL + part * OLEN + (tap * cin + e0 + 4 * eq) * c + o0 + 4 * oq;
		_Pragma("unroll") for (int j = 0; j < 4; j++) {
			out[j * c] = s[j].x;
			out[j * c + 1] = s[j].y;
			out[j * c + 2] = s[j].z;
			out[j * c + 3] = s[j].w;
		}
	}
}

// Sums over the pixels of a part, a channel for each thread, as many pixels at a time as
// there are threads for. TERM adds pixel p to s; the sum of channel c goes to PARTIAL[at].
#define LANES(n) const int C = n, lanes = 256 / C, c = tid() % C, lane = tid() / C
#define CHANNEL_PART(part, pixels, at, TERM)                                  \
	{                                                                         \
		float s = 0;                                                          \
		const int to_ = SMALLER(((part) + 1) * PER, pixels);                  \
		if (lane < lanes) for (int p = (part)*PER + lane; p < to_; p += lanes) TERM; \
		BARRIER();                                                            \
		sh[tid()] = s;                                                        \
		BARRIER();                                                            \
		if (lane == 0) {                                                      \
			for (int k_ = 1; k_ < lanes; k_++) s += sh[k_ * C + c];           \
			at = s;                                                           \
		}                                                                     \
	}

// ChanDots are Σx, Σx·z_1, ...; ChanSum is the first of them, ChanDot the second.
#define CHANNEL_PARTS(name, FROM)                                             \
	KERNEL(256) name(PROGRAM) {                                               \
		local float sh[256];                                                  \
		ROW;                                                                  \
		LANES(XC(0));                                                         \
		const int pixels = XLEN(0) / C, sums = OLEN / C;                      \
		for (int k = FROM; k < FROM + sums; k++) {                            \
			const global float *x = X(0), *z = X(k);                          \
			global float *to = PARTIAL + (group * sums + k - FROM) * C;       \
			CHANNEL_PART(group, pixels, to[c], s = k == 0 ? s + x[p * C + c] : FMA(x[p * C + c], z[p * C + c], s)) \
		}                                                                     \
	}
CHANNEL_PARTS(chan_dots_parts, 0)
CHANNEL_PARTS(chan_dot_parts, 1)

// The adjoint of a convolution with a group for each channel in its weights: one tap.
KERNEL(256) depthwise_weight_parts(PROGRAM) { // args x, dy
	local float sh[256];
	ROW;
	LANES(OC);
	const int tap = group % (KH * KW), part = group / (KH * KW);
	const int u = tap / KW * DILATION - PAD, v = tap % KW * DILATION - PAD;
	const int width = XW(1), height = XH(1), pixels = XN(1) * height * width;
	const global float *x = X(0), *y = X(1);
	global float *to = PARTIAL + (part * KH * KW + tap) * C;
	CHANNEL_PART(part, pixels, to[c], {
		const int r = p / width % height * STRIDE + u;
		const int l = p % width * STRIDE + v;
		if (r >= 0 && r < XH(0) && l >= 0 && l < XW(0)) s = FMA(x[((p / width / height * XH(0) + r) * XW(0) + l) * C + c], y[p * C + c], s);
	})
}

// The result is the parts, added up in order. A thread for each element.
KERNEL(64) fold_parts(PROGRAM) {
	ROW;
	const int i = group * 64 + tid(), n = OLEN;
	if (i >= n) return;
	const int last = OP_CONV_GRAD_WEIGHT == I(ROW_OP) ? 1 : 0; // whose pixels are split
	const int parts = (XN(last) * XH(last) * XW(last) + PER - 1) / PER;
	float s = PARTIAL[i];
	for (int k = 1; k < parts; k++) s += PARTIAL[k * n + i];
	OUT[i] = s;
}

// Batch norm: of each part the mean and the squares about it, then those of all.
KERNEL(256) bn_stats_parts(PROGRAM) {
	local float sh[256];
	ROW;
	LANES(XC(0));
	const int pixels = XLEN(0) / C;
	const float count = (float)(SMALLER((int)(group + 1) * PER, pixels) - (int)group * PER);
	const global float *x = X(0);
	global float *to = PARTIAL + 2 * group * C;
	CHANNEL_PART(group, pixels, sh[c], s += x[p * C + c])
	BARRIER();
	const float mean = sh[c] / count;
	if (lane == 0) to[c] = mean;
	CHANNEL_PART(group, pixels, to[C + c], { const float d = x[p * C + c] - mean; s = FMA(d, d, s); })
}
KERNEL(64) bn_stats_fold(PROGRAM) {
	ROW;
	const int C = XC(0), c = group * 64 + tid(), pixels = XLEN(0) / C, parts = (pixels + PER - 1) / PER;
	if (c >= C) return;
	float s = 0;
	for (int k = 0; k < parts; k++) s = FMA((float)(SMALLER((k + 1) * PER, pixels) - k * PER), PARTIAL[2 * k * C + c], s);
	const float mean = s / (float)pixels;
	s = 0;
	for (int k = 0; k < parts; k++) {
		const float d = PARTIAL[2 * k * C + c] - mean;
		s += FMA((float)(SMALLER((k + 1) * PER, pixels) - k * PER) * d, d, PARTIAL[(2 * k + 1) * C + c]);
	}
	const float variance = s / (float)pixels;
	OUT[c] = mean;
	OUT[C + c] = variance;
	OUT[2 * C + c] = 1.0f / SQRT(variance + FLOAT_OF(t[ROW_EPS]));
}
KERNEL(256) bn_grad_parts(PROGRAM) { // args g, y, stats
	local float sh[256];
	ROW;
	LANES(OC);
	const int pixels = OLEN / C;
	const global float *g = X(0), *y = X(1);
	global float *to = PARTIAL + 2 * group * C;
	CHANNEL_PART(group, pixels, to[c], s += g[p * C + c])
	CHANNEL_PART(group, pixels, to[C + c], s = FMA(g[p * C + c], y[p * C + c], s))
}
// Both means, behind the parts.
KERNEL(64) bn_grad_fold(PROGRAM) {
	ROW;
	const int n = 2 * OC, i = group * 64 + tid(), pixels = OLEN / OC, parts = (pixels + PER - 1) / PER;
	if (i >= n) return;
	float s = PARTIAL[i];
	for (int k = 1; k < parts; k++) s += PARTIAL[k * n + i];
	PARTIAL[parts * n + i] = s / (float)pixels;
}
KERNEL(256) bn_grad_apply(PROGRAM) {
	ROW;
	const int C = OC, i = group * 256 + tid(), n = OLEN, pixels = n / C, parts = (pixels + PER - 1) / PER, c = i % C;
	if (i >= n) return;
	const global float *mean = PARTIAL + 2 * parts * C;
	OUT[i] = X(2)[2 * C + c] * FMA(-X(1)[i], mean[C + c], X(0)[i] - mean[c]);
}
