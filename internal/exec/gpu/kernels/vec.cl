// Vectors: places, sizes and constants come as numbers.

typedef struct { uint v[12]; } Args;
#define VECTOR global float *restrict m, const Args a
#define EACH(name, BODY)                                                      \
	KERNEL(256) name(VECTOR) {                                                \
		const uint i = bid() * 256 + tid();                                   \
		if (i >= a.v[1]) return;                                              \
		global float *y = m + a.v[0];                                         \
		BODY                                                                  \
	}

EACH(vec_fill, y[i] = FLOAT_OF(a.v[2]);)
EACH(vec_copy, y[i] = m[a.v[2] + (size_t)i];)
EACH(vec_axpy, y[i] = FMA(FLOAT_OF(a.v[3]), m[a.v[2] + (size_t)i], y[i]);)
EACH(vec_scale, y[i] = FLOAT_OF(a.v[2]) * y[i];)

// A tile of 4,096 products, a tree of 256 threads. args: x, n, z, partial sums.
KERNEL(256) vec_dot(VECTOR) {
	local float sh[256];
	const global float *x = m + a.v[0], *z = m + a.v[2];
	float s = 0;
	for (uint k = 0; k < 16; k++) {
		const uint i = bid() * 4096 + k * 256 + tid();
		if (i < a.v[1]) s = FMA(x[i], z[i], s);
	}
	TREE(sh, 256, s)
	if (tid() == 0) m[a.v[3] + (size_t)bid()] = sh[0];
}

// One group. args: partial sums, their number, where the sum goes, 1 for its root.
KERNEL(256) vec_sum(VECTOR) {
	local float sh[256];
	float s = 0;
	for (uint i = tid(); i < a.v[1]; i += 256) s += m[a.v[0] + (size_t)i];
	TREE(sh, 256, s)
	if (tid() == 0) m[a.v[2]] = a.v[3] ? SQRT(sh[0]) : sh[0];
}

// One step of gradient descent, see exec.SGDStep. args: 0 w, 1 n, 2 g, 3 buffer, 4 norm
// of g, 5 clip, 6 decay, 7 momentum, 8 -rate, 9 -rate * momentum, 10 kind: 0 without
// momentum, 1 with it, 2 Nesterov's.
EACH(vec_sgd,
	global float *g = m + a.v[2]; global float *buf = m + a.v[3];
	const float norm = m[a.v[4]]; const float clip = FLOAT_OF(a.v[5]); const float rate = FLOAT_OF(a.v[8]);
	float d = g[i];
	if (clip > 0 && norm > clip) d *= clip / (norm + 1e-6f);
	d = FMA(FLOAT_OF(a.v[6]), y[i], d);
	if (a.v[10] == 0) {
		y[i] = FMA(rate, d, y[i]);
		return;
	}
	const float b = FMA(FLOAT_OF(a.v[7]), buf[i], d);
	buf[i] = b;
	y[i] = a.v[10] == 1 ? FMA(rate, b, y[i]) : FMA(FLOAT_OF(a.v[9]), b, FMA(rate, d, y[i]));)

// Running averages, a group for each batch norm. The row: channels, place of the
// buffers, of the statistics, 1 - momentum, momentum, momentum for the variance.
KERNEL(64) bn_average(PROGRAM) {
	global const uint *t = table + first + 6 * bid();
	const uint c = t[0];
	global float *b = m + t[1];
	const global float *s = m + t[2];
	for (uint i = tid(); i < 2 * c; i += 64)
		b[i] = FMA(FLOAT_OF(i < c ? t[4] : t[5]), s[i], FLOAT_OF(t[3]) * b[i]);
}
