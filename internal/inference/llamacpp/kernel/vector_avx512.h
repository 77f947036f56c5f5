// Sixteen floats in a register: what the *_body.h files are written in. Included by one translation unit
// per instruction set, after its target pragma; everything here is static.
#ifndef GUARDHOUSE_KERNEL_VECTOR_AVX512_H
#define GUARDHOUSE_KERNEL_VECTOR_AVX512_H

#include <immintrin.h>
#include <stdint.h>

enum { W = 16, ROWS = 8 }; // floats of a register; query rows that share one load of a key

typedef __m512 vf;

static inline vf v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
static inline vf v_all(float x) { return _mm512_set1_ps(x); }
static inline vf v_zero() { return _mm512_setzero_ps(); }
static inline vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf v_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
static inline vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
// v_max and v_min answer b where a or b is NaN.
static inline vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf v_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
// v_half_all answers a register full of one half float, of any alignment.
static inline vf v_half_all(const void *p) {
	uint16_t h;
	__builtin_memcpy(&h, p, 2);
	return v_all(_cvtsh_ss(h));
}
// v_halve writes the values in half precision, rounded to the nearest even.
static inline void v_halve(uint16_t *p, vf x) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT)); }
static inline vf v_round(vf x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf v_floor(vf x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
// v_where answers x where a != b (or unordered), else y.
static inline vf v_where_ne(vf a, vf b, vf x, vf y) {
	return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ), y, x);
}
// v_zero_below answers x, and 0 where t < limit.
static inline vf v_zero_below(vf t, vf limit, vf x) {
	return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(t, limit, _CMP_NLT_UQ), x);
}
// v_scale answers x * 2^n for whole n from -126 to 127.
static inline vf v_scale(vf x, vf n) { return _mm512_scalef_ps(x, n); }
static inline bool v_any_nan(vf x) { return _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q) != 0; }

static inline float v_hmax(vf x) {
	const __m256 a = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
	const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
	const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
	return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

// v_fold answers the eight sums of a register's halves.
static inline __m256 v_fold(vf x) {
	return _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
}

// v_store_sums writes the sums of four registers.
static inline void v_store_sums(float *p, vf a, vf b, vf c, vf d) {
	const __m256 two = _mm256_hadd_ps(v_fold(a), v_fold(b)), more = _mm256_hadd_ps(v_fold(c), v_fold(d));
	const __m256 all = _mm256_hadd_ps(two, more);
	_mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
}

// v_hsum answers the sum of a register.
static inline float v_hsum(vf x) {
	const __m256 a = v_fold(x);
	const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
	const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
	return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

// v_bytes answers the floats of signed bytes.
static inline vf v_bytes(const int8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p))); }

// v_keys_that_count answers bit i for each of 64 mask entries that is not -infinity.
static inline uint64_t v_keys_that_count(const uint16_t *m) {
	const __m512i never = _mm512_set1_epi16((short)0xFC00);
	const uint64_t low = _mm512_cmpneq_epi16_mask(_mm512_loadu_si512(m), never);
	const uint64_t high = _mm512_cmpneq_epi16_mask(_mm512_loadu_si512(m + 32), never);
	return low | high << 32;
}

// v_transpose turns sixteen rows of sixteen floats into columns.
static inline void v_transpose(vf r[W]) {
	vf t[W];
	for (int i = 0; i < W; i += 2) {
		t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
	}
	for (int i = 0; i < W; i += 4) {
		r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
		r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
		r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
		r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
	}
	for (int j = 0; j < 4; j++) { // r[4g + j] holds column j, j + 4, j + 8, j + 12 of rows 4g .. 4g + 3
		const vf a = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88), b = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
		const vf c = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd), d = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
		t[j] = _mm512_shuffle_f32x4(a, b, 0x88);
		t[8 + j] = _mm512_shuffle_f32x4(a, b, 0xdd);
		t[4 + j] = _mm512_shuffle_f32x4(c, d, 0x88);
		t[12 + j] = _mm512_shuffle_f32x4(c, d, 0xdd);
	}
	for (int i = 0; i < W; i++) r[i] = t[i];
}

#endif
