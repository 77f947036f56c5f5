// The softmax in the compiler's own vectors, LANES floats to a register: the includer says 16, 8 or 4. Sums run in 16 lanes
// whatever the registers, so that results are the same bit by bit wherever products are fused. Included once per set of instructions; everything here is static, and no header with
// functions of its own may be included: a copy compiled for AVX-512 could be the one that the linker keeps for everybody.
#ifndef GUARDHOUSE_KERNEL_SOFTMAX_BODY_H
#define GUARDHOUSE_KERNEL_SOFTMAX_BODY_H

#include "softmax.h"

namespace {

enum { lanes = LANES, wide = 4, sums = 16 / lanes, half = lanes / 2 }; // wide: registers that wait for nothing of each other

typedef float floats __attribute__((vector_size(lanes * 4)));
typedef float halves __attribute__((vector_size(half * 4)));
typedef int32_t words __attribute__((vector_size(lanes * 4)));
typedef double doubles __attribute__((vector_size(half * 8)));

static inline void fetch(floats &v, const float *p) { __builtin_memcpy(&v, p, sizeof v); }

// exp_neg turns x <= 0 into e^x in single precision, relative error under 3e-7: 2^n * 2^f with a polynomial for the
// fraction. Below -87 it answers 0.
static inline void exp_neg(floats &x) {
	const floats floor = (floats){} - 87.0f, whole = (floats){} + 12582912.0f; // 1.5 * 2^23: adding it rounds to whole numbers
	const floats clamped = x < floor ? floor : x;
	const floats n = (clamped * 1.44269504f + whole) - whole;
	const floats r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
	floats y = (floats){} + 1.9875691500e-4f;
	y = y * r + 1.3981999507e-3f;
	y = y * r + 8.3334519073e-3f;
	y = y * r + 4.1665795894e-2f;
	y = y * r + 1.6666665459e-1f;
	y = y * r + 5.0000001201e-1f;
	y = y * r * r + r + 1.0f;
	const words shifted = (__builtin_convertvector(n, words) + 127) << 23;
	floats scale;
	__builtin_memcpy(&scale, &shifted, sizeof scale);
	x = x < floor ? (floats){} : y * scale;
}

// greatest answers the maximum of n values and, in *bad, whether one of them is NaN or +infinity.
static inline float greatest(const float *x, int32_t n, bool *bad) {
	const float infinity = __builtin_inff();
	floats m[wide];
	words good[wide];
	for (int w = 0; w < wide; w++) {
		m[w] = (floats){} - infinity;
		good[w] = (words){} - 1;
	}
	int32_t i = 0;
	for (; i + wide * lanes <= n; i += wide * lanes) {
		for (int w = 0; w < wide; w++) {
			floats v;
			fetch(v, x + i + w * lanes);
			m[w] = v > m[w] ? v : m[w];
			good[w] &= v < (floats){} + infinity;
		}
	}
	float top = -infinity;
	*bad = false;
	for (int w = 0; w < wide; w++) {
		for (int j = 0; j < lanes; j++) {
			top = m[w][j] > top ? m[w][j] : top;
			*bad |= good[w][j] == 0;
		}
	}
	for (; i < n; i++) {
		top = x[i] > top ? x[i] : top;
		*bad |= !(x[i] < infinity);
	}
	return top;
}

static int32_t largest(const float *x, int32_t n) {
	bool bad = false;
	const float top = greatest(x, n, &bad);
	if (bad || !(top > -__builtin_inff())) return -1;
	int32_t i = 0;
	for (; i + wide * lanes <= n; i += wide * lanes) { // registers that do not hold it are passed over
		words hit = {};
		for (int w = 0; w < wide; w++) {
			floats v;
			fetch(v, x + i + w * lanes);
			hit |= v == (floats){} + top;
		}
		int64_t pairs[half], any = 0;
		__builtin_memcpy(pairs, &hit, sizeof pairs);
		for (int j = 0; j < half; j++) any |= pairs[j];
		if (any != 0) break;
	}
	while (x[i] != top) i++;
	return i;
}

// add adds the values to the running sums, low and high half.
static inline void add(doubles *to, const floats &y) {
	halves parts[2];
	__builtin_memcpy(parts, &y, sizeof parts);
	to[0] += __builtin_convertvector(parts[0], doubles);
	to[1] += __builtin_convertvector(parts[1], doubles);
}

static double sum(const float *x, int32_t n, float top, float scale) {
	doubles s[sums][2] = {};
	int32_t i = 0;
	for (; i + 16 <= n; i += 16) {
		for (int k = 0; k < sums; k++) {
			floats y;
			fetch(y, x + i + k * lanes);
			y = (y - top) * scale;
			exp_neg(y);
			add(s[k], y);
		}
	}
	for (int k = 0; k < sums; k++) {
		floats rest = (floats){} - __builtin_inff(); // e^-infinity is 0
		for (int32_t j = 0; j < lanes && i < n; j++, i++) rest[j] = (x[i] - top) * scale;
		exp_neg(rest);
		add(s[k], rest);
	}
	double all = 0;
	for (int k = 0; k < sums; k++) {
		for (int j = 0; j < lanes; j++) all += s[k][j / half][j % half];
	}
	return all;
}

} // namespace

#endif
