// What a card does at best: fused multiply-adds on 8 numbers in registers, which do not
// wait for one another. args: 0 place of the results, 1 threads, 2 rounds of 64, 3 factor,
// 4 summand.
#define PEAK_8(a, b)                                                                       \
	x0 = FMA(x0, a, b); x1 = FMA(x1, a, b); x2 = FMA(x2, a, b); x3 = FMA(x3, a, b);        \
	x4 = FMA(x4, a, b); x5 = FMA(x5, a, b); x6 = FMA(x6, a, b); x7 = FMA(x7, a, b);
EACH(peak_fma,
	const float f = FLOAT_OF(a.v[3]); const float s = FLOAT_OF(a.v[4]);
	float x0 = i; float x1 = i + 1; float x2 = i + 2; float x3 = i + 3;
	float x4 = i + 4; float x5 = i + 5; float x6 = i + 6; float x7 = i + 7;
	for (uint k = 0; k < a.v[2]; k++) {
		PEAK_8(f, s) PEAK_8(f, s) PEAK_8(f, s) PEAK_8(f, s)
		PEAK_8(f, s) PEAK_8(f, s) PEAK_8(f, s) PEAK_8(f, s)
	}
	y[i] = ((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7));)
