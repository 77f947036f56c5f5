// Eight floats in a register: what the *_body.h files are written in. Included by one translation unit
// per instruction set, after its target pragma; everything here is static.
#ifndef GUARDHOUSE_KERNEL_VECTOR_AVX2_H
#define GUARDHOUSE_KERNEL_VECTOR_AVX2_H

#include <immintrin.h>
#include <stdint.h>

enum { W = 8, ROWS = 6 }; // floats of a register; query rows that share one load of a key

typedef __m256 vf;

static inline vf v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
static inline vf v_all(float x) { return _mm256_set1_ps(x); }
static inline vf v_zero() { return _mm256_setzero_ps(); }
static inline vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf v_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
static inline vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
// v_max and v_min answer b where a or b is NaN.
static inline vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf v_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
// v_half_all answers a register full of one half float, of any alignment.
static inline vf v_half_all(const void *p) {
	uint16_t h;
	__builtin_memcpy(&h, p, 2);
	return v_all(_cvtsh_ss(h));
}
// v_halve writes the values in half precision, rounded to the nearest even.
static inline void v_halve(uint16_t *p, vf x) { _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT)); }
static inline vf v_round(vf x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf v_floor(vf x) { return _mm256_floor_ps(x); }
// v_where answers x where a != b (or unordered), else y.
static inline vf v_where_ne(vf a, vf b, vf x, vf y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_NEQ_UQ)); }
// v_zero_below answers x, and 0 where t < limit.
static inline vf v_zero_below(vf t, vf limit, vf x) { return _mm256_and_ps(_mm256_cmp_ps(t, limit, _CMP_NLT_UQ), x); }
// v_scale answers x * 2^n for whole n from -126 to 127.
static inline vf v_scale(vf x, vf n) {
	const __m256i power = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
	return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(power, 23)));
}
static inline bool v_any_nan(vf x) { return _mm256_movemask_ps(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)) != 0; }

static inline float v_hmax(vf x) {
	const __m128 b = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
	const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
	return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

// v_fold answers the register: it has eight sums already.
static inline __m256 v_fold(vf x) { return x; }

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
static inline vf v_bytes(const int8_t *p) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p))); }

// v_keys_that_count answers bit i for each of 64 mask entries that is not -infinity.
static inline uint64_t v_keys_that_count(const uint16_t *m) {
	const __m256i never = _mm256_set1_epi16((short)0xFC00);
	uint64_t bits = 0;
	for (int i = 0; i < 64; i += 32) {
		const __m256i a = _mm256_cmpeq_epi16(_mm256_loadu_si256((const __m256i *)(m + i)), never);
		const __m256i b = _mm256_cmpeq_epi16(_mm256_loadu_si256((const __m256i *)(m + i + 16)), never);
		const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8);
		bits |= (uint64_t)(uint32_t)~_mm256_movemask_epi8(both) << i;
	}
	return bits;
}

// v_transpose turns eight rows of eight floats into columns.
static inline void v_transpose(vf r[W]) {
	vf t[W];
	for (int i = 0; i < W; i += 2) {
		t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
		t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
	}
	for (int i = 0; i < W; i += 4) {
		r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
		r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
		r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
		r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
	}
	for (int j = 0; j < 4; j++) {
		t[j] = _mm256_permute2f128_ps(r[j], r[4 + j], 0x20);
		t[4 + j] = _mm256_permute2f128_ps(r[j], r[4 + j], 0x31);
	}
	for (int i = 0; i < W; i++) r[i] = t[i];
}

#endif
