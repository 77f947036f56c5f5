// The softmax over a row of logits, in forms that compilers vectorise without being allowed to reorder
// sums: every lane of the loops is independent.
#ifndef GUARDHOUSE_SOFTMAX_H
#define GUARDHOUSE_SOFTMAX_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

// e^x for x <= 0 in single precision, relative error under 3e-7, in a form that compilers vectorise:
// 2^n * 2^f with a polynomial for the fraction. Below -87 it answers 0.
inline float exp_neg(float x) {
	const float clamped = x < -87.0f ? -87.0f : x;
	const float n = std::nearbyint(clamped * 1.44269504f);
	const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
	float y = 1.9875691500e-4f;
	y = y * r + 1.3981999507e-3f;
	y = y * r + 8.3334519073e-3f;
	y = y * r + 4.1665795894e-2f;
	y = y * r + 1.6666665459e-1f;
	y = y * r + 5.0000001201e-1f;
	y = y * r * r + r + 1.0f;
	int32_t bits;
	const int32_t shifted = (int32_t(n) + 127) << 23;
	float scale;
	bits = shifted;
	memcpy(&scale, &bits, sizeof scale);
	return x < -87.0f ? 0.0f : y * scale;
}

enum { lanes = 16 };

// largest answers the maximum of n values and, in *finite, whether none is NaN or +infinity.
inline float largest(const float *x, int32_t n, bool *finite) {
	float m[lanes];
	int32_t bad[lanes] = {0};
	for (int j = 0; j < lanes; j++) m[j] = -INFINITY;
	int32_t i = 0;
	for (; i + lanes <= n; i += lanes) {
		for (int j = 0; j < lanes; j++) {
			const float v = x[i + j];
			m[j] = v > m[j] ? v : m[j];
			bad[j] |= !(v < INFINITY);
		}
	}
	for (; i < n; i++) {
		m[0] = x[i] > m[0] ? x[i] : m[0];
		bad[0] |= !(x[i] < INFINITY);
	}
	int32_t any = 0;
	for (int j = 0; j < lanes; j++) {
		any |= bad[j];
		m[0] = m[j] > m[0] ? m[j] : m[0];
	}
	*finite = any == 0 && m[0] > -INFINITY;
	return m[0];
}

inline double sum_exp(const float *x, int32_t n, float top, float scale) {
	double s[lanes] = {0};
	int32_t i = 0;
	for (; i + lanes <= n; i += lanes) {
		float y[lanes];
		for (int j = 0; j < lanes; j++) y[j] = exp_neg((x[i + j] - top) * scale);
		for (int j = 0; j < lanes; j++) s[j] += double(y[j]);
	}
	for (; i < n; i++) s[0] += double(exp_neg((x[i] - top) * scale));
	double sum = 0;
	for (int j = 0; j < lanes; j++) sum += s[j];
	return sum;
}

} // namespace

#endif
