// The operations of rows.h, in the vector type of the header included before; static, see the translation units.
#ifndef GUARDHOUSE_KERNEL_ROWS_BODY_H
#define GUARDHOUSE_KERNEL_ROWS_BODY_H

#include "exp_body.h"
#include "rows.h"

namespace {

static void norm_row(const float *x, float *y, int64_t n, float eps) {
	vf a = v_zero(), b = v_zero(); // two sums: the next product does not wait for the last sum
	int64_t i = 0;
	for (; i + 2 * W <= n; i += 2 * W) {
		const vf p = v_load(x + i), q = v_load(x + i + W);
		a = v_fma(p, p, a);
		b = v_fma(q, q, b);
	}
	for (; i < n; i += W) {
		const vf p = v_load(x + i);
		a = v_fma(p, p, a);
	}
	const vf by = v_all(1.0f / __builtin_sqrtf(v_hsum(v_add(a, b)) / (float)n + eps));
	for (i = 0; i < n; i += W) v_store(y + i, v_mul(v_load(x + i), by));
}

static void times_row(const float *x, const float *w, float *y, int64_t n) {
	for (int64_t i = 0; i < n; i += W) v_store(y + i, v_mul(v_load(x + i), v_load(w + i)));
}

// v_odd answers 1 for odd whole numbers and 0 for even ones, and in *half the number halved and rounded down.
static inline vf v_odd(vf n, vf *half) {
	*half = v_floor(v_mul(n, v_all(0.5f)));
	return v_fnma(*half, v_all(2.0f), n);
}

// v_turn answers cosine and sine for |x| < 2^20 with an absolute error under 1.2e-7: pi/2 in three parts of few bits, so
// that the first two differences are exact, and the usual polynomials for |r| <= pi/4.
static inline void v_turn(vf x, vf *cosine, vf *sine) {
	const vf n = v_round(v_mul(x, v_all(0.636619772f)));
	vf r = v_fnma(n, v_all(1.5703125f), x);
	r = v_fnma(n, v_all(4.837512969970703125e-4f), r);
	r = v_fnma(n, v_all(7.54978995489188216e-8f), r);
	const vf z = v_mul(r, r), one = v_all(1.0f), two = v_all(2.0f);
	vf s = v_fma(v_fma(v_all(-1.9515295891e-4f), z, v_all(8.3321608736e-3f)), z, v_all(-1.6666654611e-1f));
	s = v_fma(v_mul(s, z), r, r);
	vf c = v_fma(v_fma(v_all(2.443315711809948e-5f), z, v_all(-1.388731625493765e-3f)), z, v_all(4.166664568298827e-2f));
	c = v_fma(v_mul(c, z), z, v_fnma(z, v_all(0.5f), one));
	// Quadrant n mod 4: an odd one swaps the two; sines of 2 and 3 and cosines of 1 and 2 change their sign.
	vf half, quarter;
	const vf odd = v_odd(n, &half), high = v_odd(half, &quarter), zero = v_zero();
	const vf differ = v_fnma(v_mul(odd, high), two, v_add(odd, high));
	*sine = v_mul(v_where_ne(odd, zero, c, s), v_fnma(high, two, one));
	*cosine = v_mul(v_where_ne(odd, zero, s, c), v_fnma(differ, two, one));
}

// angles_of has a position in each lane: what a lane multiplies is what one position's chain would.
static void angles_of(const int32_t *positions, int count, int half, float scale, float step, float *cosines, float *sines) {
	for (int from = 0; from < count; from += W) {
		const int n = count - from < W ? count - from : (int)W;
		float first[W] = {0};
		for (int j = 0; j < n; j++) first[j] = (float)positions[from + j];
		vf theta = v_load(first);
		for (int i = 0; i < half; i += W) {
			vf c[W], s[W];
			for (int k = 0; k < W; k++) {
				v_turn(v_mul(theta, v_all(scale)), &c[k], &s[k]);
				theta = v_mul(theta, v_all(step));
			}
			v_transpose(c);
			v_transpose(s);
			for (int j = 0; j < n; j++) {
				v_store(cosines + (from + j) * half + i, c[j]);
				v_store(sines + (from + j) * half + i, s[j]);
			}
		}
	}
}

static void widen_row(const void *blocks, float *y, int64_t n) {
	const uint8_t *b = (const uint8_t *)blocks;
	for (int64_t i = 0; i < n; i += 32, b += 34) {
		const vf by = v_half_all(b);
		for (int j = 0; j < 32; j += W) v_store(y + i + j, v_mul(v_bytes((const int8_t *)b + 2 + j), by));
	}
}

static void gate_row(const float *x, const float *g, float *y, int64_t n) {
	const vf one = v_all(1.0f), zero = v_zero();
	for (int64_t i = 0; i < n; i += W) {
		const vf v = v_load(x + i);
		v_store(y + i, v_mul(v_div(v, v_add(one, v_exp(v_sub(zero, v)))), v_load(g + i)));
	}
}

static void halve_row(const float *x, uint16_t *y, int64_t n) {
	for (int64_t i = 0; i < n; i += W) v_halve(y + i, v_load(x + i));
}

static void turn_row(const float *x, const float *cosines, const float *sines, int half, float *y) {
	for (int i = 0; i < half; i += W) {
		const vf a = v_load(x + i), b = v_load(x + i + half), c = v_load(cosines + i), s = v_load(sines + i);
		v_store(y + i, v_fnma(b, s, v_mul(a, c)));
		v_store(y + i + half, v_fma(a, s, v_mul(b, c)));
	}
}

} // namespace

#endif
