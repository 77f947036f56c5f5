//go:build !nollama

#if defined(__x86_64__)

namespace {

// Before the pragma: it is asked everywhere, and so compiled as everything else is.
bool runs() {
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

} // namespace

// Before everything else: what follows runs only where avx2.runs() said yes, whatever the build's own processor is.
#pragma GCC target("avx2,fma,f16c")

#include "tile.h"

#include <immintrin.h>

namespace gh {

namespace {

// A ymm holds 8 rows: a tile is two halves. Products of bytes are added in 16 bits, which must never saturate: columns are
// -127..127, so that eight pairs of values 0..15 reach 8 * 2 * 15 * 127 = 30,480, and two pairs of values 0..63 32,004. Bytes
// of 0..255 are cut into their two halves of 4 bits.
enum { half_rows = 8, half_bytes = 32 };

inline __m256 same(const uint8_t *p) { return _mm256_broadcast_ss(reinterpret_cast<const float *>(p)); }
inline __m256i word(const uint8_t *p) { return _mm256_castps_si256(same(p)); }
inline __m256i words(const uint8_t *p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)); }
inline __m256 halves(const uint8_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p))); }
inline __m256 bytes(const uint8_t *p) {
	return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p))));
}
inline __m256 signed_bytes(const uint8_t *p) {
	return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p))));
}

// pairs adds neighbours of 16 bits, each times a factor.
inline __m256i pairs(__m256i v, int factor) { return _mm256_madd_epi16(v, _mm256_set1_epi16(short(factor))); }

inline __m256i magnitude(__m256 v) { return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff)); }

inline uint32_t biggest(__m256i v) {
	__m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
	m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
	m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
	return uint32_t(_mm_cvtsi128_si32(m));
}

inline int32_t total(__m256i v) {
	__m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

// scale_of answers what a quantised value is worth, and in *inverse what turns a value into it: ggml's 127 steps. Values too
// small to be counted are zeros, and a block with a NaN or an infinity makes its whole column NaN, as it would in floats.
inline float scale_of(uint32_t bits, float *inverse) {
	float top;
	__builtin_memcpy(&top, &bits, 4);
	*inverse = 0;
	if (bits >= 0x7f800000) return __builtin_nanf("");
	if (top < 1e-36f) return 0;
	*inverse = 127.0f / top;
	return top / 127.0f;
}

// put quantises 16 values, writes their 4 words between those of the other columns and answers their sum.
inline int32_t put(const float *x, float inverse, uint8_t *to, int columns) {
	const __m256 by = _mm256_set1_ps(inverse);
	// 0 times a NaN is none.
	const __m256 number = _mm256_cmp_ps(by, _mm256_setzero_ps(), _CMP_NEQ_OQ);
	const __m256i low = _mm256_cvtps_epi32(_mm256_and_ps(number, _mm256_mul_ps(_mm256_loadu_ps(x), by)));
	const __m256i high = _mm256_cvtps_epi32(_mm256_and_ps(number, _mm256_mul_ps(_mm256_loadu_ps(x + 8), by)));
	const __m256i both = _mm256_packs_epi32(low, high);                          // words 0 2 1 3 after the next step
	const __m256i q = _mm256_packs_epi16(both, both);
	const uint32_t out[4] = {
		uint32_t(_mm256_extract_epi32(q, 0)), uint32_t(_mm256_extract_epi32(q, 4)),
		uint32_t(_mm256_extract_epi32(q, 1)), uint32_t(_mm256_extract_epi32(q, 5)),
	};
	for (int i = 0; i < 4; i++) __builtin_memcpy(to + 4 * columns * i, out + i, 4);
	return total(_mm256_add_epi32(low, high));
}

template <int bias> void quantise_32(const float *const *x, int columns, int64_t first, int64_t last, void *out) {
	for (int64_t b = first; b < last; b++) {
		uint8_t *to = static_cast<uint8_t *>(out) + b * columns * column_32;
		for (int c = 0; c < columns; c++) {
			const float *from = x[c] + 32 * b;
			__m256i top = _mm256_setzero_si256();
			for (int i = 0; i < 4; i++) top = _mm256_max_epi32(top, magnitude(_mm256_loadu_ps(from + 8 * i)));
			float inverse;
			const float scale = scale_of(biggest(top), &inverse);
			uint8_t *q = to + 8 * columns + 4 * c;
			const int32_t sum = put(from, inverse, q, columns) + put(from + 16, inverse, q + 16 * columns, columns);
			const int32_t start = -bias * sum;
			__builtin_memcpy(to + 4 * c, &scale, 4);
			__builtin_memcpy(to + 4 * columns + 4 * c, &start, 4);
		}
	}
}

// sums writes what a format wants of the sums of 16 values.
struct sums_32 {
	enum { bytes = 8 * 4 };
	static void write(const int32_t *s, uint8_t *to, int columns) {
		for (int j = 0; j < 8; j++) {
			const float f = float(s[2 * j] + s[2 * j + 1]);
			__builtin_memcpy(to + 4 * columns * j, &f, 4);
		}
	}
};
struct sums_16 {
	enum { bytes = 16 * 4 };
	static void write(const int32_t *s, uint8_t *to, int columns) {
		for (int j = 0; j < 16; j++) {
			const int32_t n = -q6_k_bias * s[j];
			__builtin_memcpy(to + 4 * columns * j, &n, 4);
		}
	}
};

template <typename S> void quantise_256(const float *const *x, int columns, int64_t first, int64_t last, void *out) {
	for (int64_t b = first; b < last; b++) {
		uint8_t *to = static_cast<uint8_t *>(out) + b * columns * (4 + S::bytes + 256);
		for (int c = 0; c < columns; c++) {
			const float *from = x[c] + 256 * b;
			__m256i top = _mm256_setzero_si256();
			for (int i = 0; i < 32; i++) top = _mm256_max_epi32(top, magnitude(_mm256_loadu_ps(from + 8 * i)));
			float inverse;
			const float scale = scale_of(biggest(top), &inverse);
			int32_t sum[16];
			for (int i = 0; i < 16; i++) {
				sum[i] = put(from + 16 * i, inverse, to + (4 + S::bytes) * columns + 16 * columns * i + 4 * c, columns);
			}
			__builtin_memcpy(to + 4 * c, &scale, 4);
			S::write(sum, to + 4 * columns + 4 * c, columns);
		}
	}
}

// Each product computes h halves of one tile, from the one that `scales` and `w` point into, times c columns. Their loops over
// words stay loops: unrolled, the compiler takes loads out of order and spends more registers than there are.

template <int h, int c> void q8_0(const uint8_t *scales, const uint8_t *w, int64_t blocks, const uint8_t *x, float *const *out, int row) {
	const __m256i four = _mm256_set1_epi8(15);
	__m256 acc[h][c];
#pragma GCC unroll 4
	for (int i = 0; i < h; i++)
#pragma GCC unroll 4
		for (int j = 0; j < c; j++) acc[i][j] = _mm256_setzero_ps();
	for (int64_t b = 0; b < blocks; b++, x += c * column_32, w += q8_0_words * word_bytes, scales += q8_0_head) {
		__m256i low[h][c], high[h][c];
#pragma GCC unroll 4
		for (int i = 0; i < h; i++)
#pragma GCC unroll 4
			for (int j = 0; j < c; j++) low[i][j] = high[i][j] = _mm256_setzero_si256();
#pragma GCC unroll 1
		for (int g = 0; g < q8_0_words; g++)
#pragma GCC unroll 4
			for (int i = 0; i < h; i++) {
				const __m256i v = words(w + g * word_bytes + i * half_bytes);
				const __m256i l = _mm256_and_si256(v, four), u = _mm256_and_si256(_mm256_srli_epi16(v, 4), four);
#pragma GCC unroll 4
				for (int j = 0; j < c; j++) {
					const __m256i a = word(x + 8 * c + 4 * (c * g + j));
					low[i][j] = _mm256_add_epi16(low[i][j], _mm256_maddubs_epi16(l, a));
					high[i][j] = _mm256_add_epi16(high[i][j], _mm256_maddubs_epi16(u, a));
				}
			}
#pragma GCC unroll 4
		for (int i = 0; i < h; i++) {
			const __m256 d = halves(scales + 2 * half_rows * i);
#pragma GCC unroll 4
			for (int j = 0; j < c; j++) {
				const __m256i dot = _mm256_add_epi32(word(x + 4 * c + 4 * j), _mm256_add_epi32(pairs(low[i][j], 1), pairs(high[i][j], 16)));
				acc[i][j] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(d, same(x + 4 * j)), acc[i][j]);
			}
		}
	}
#pragma GCC unroll 4
	for (int i = 0; i < h; i++)
#pragma GCC unroll 4
		for (int j = 0; j < c; j++) _mm256_storeu_ps(out[j] + row + half_rows * i, acc[i][j]);
}

template <int h, int c> void q4_0(const uint8_t *scales, const uint8_t *w, int64_t blocks, const uint8_t *x, float *const *out, int row) {
	const __m256i four = _mm256_set1_epi8(15);
	__m256 acc[h][c];
#pragma GCC unroll 4
	for (int i = 0; i < h; i++)
#pragma GCC unroll 4
		for (int j = 0; j < c; j++) acc[i][j] = _mm256_setzero_ps();
	for (int64_t b = 0; b < blocks; b++, x += c * column_32, w += q4_0_words * word_bytes, scales += q4_0_head) {
		__m256i sum[h][c];
#pragma GCC unroll 4
		for (int i = 0; i < h; i++)
#pragma GCC unroll 4
			for (int j = 0; j < c; j++) sum[i][j] = _mm256_setzero_si256();
#pragma GCC unroll 1
		for (int g = 0; g < q4_0_words; g++)
#pragma GCC unroll 4
			for (int i = 0; i < h; i++) {
				const __m256i v = words(w + g * word_bytes + i * half_bytes);
				const __m256i l = _mm256_and_si256(v, four), u = _mm256_and_si256(_mm256_srli_epi16(v, 4), four);
#pragma GCC unroll 4
				for (int j = 0; j < c; j++) {
					sum[i][j] = _mm256_add_epi16(sum[i][j], _mm256_maddubs_epi16(l, word(x + 8 * c + 4 * (c * g + j))));
					sum[i][j] = _mm256_add_epi16(sum[i][j], _mm256_maddubs_epi16(u, word(x + 8 * c + 4 * (c * (g + 4) + j))));
				}
			}
#pragma GCC unroll 4
		for (int i = 0; i < h; i++) {
			const __m256 d = halves(scales + 2 * half_rows * i);
#pragma GCC unroll 4
			for (int j = 0; j < c; j++) {
				const __m256i dot = _mm256_add_epi32(word(x + 4 * c + 4 * j), pairs(sum[i][j], 1));
				acc[i][j] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(d, same(x + 4 * j)), acc[i][j]);
			}
		}
	}
#pragma GCC unroll 4
	for (int i = 0; i < h; i++)
#pragma GCC unroll 4
		for (int j = 0; j < c; j++) _mm256_storeu_ps(out[j] + row + half_rows * i, acc[i][j]);
}

template <int h, int c> void q4_k(const uint8_t *scales, const uint8_t *w, int64_t blocks, const uint8_t *x, float *const *out, int row) {
	const __m256i four = _mm256_set1_epi8(15);
	__m256 acc[h][c];
#pragma GCC unroll 4
	for (int i = 0; i < h; i++)
#pragma GCC unroll 4
		for (int j = 0; j < c; j++) acc[i][j] = _mm256_setzero_ps();
	for (int64_t b = 0; b < blocks; b++, x += c * column_q4_k, w += q4_k_words * word_bytes, scales += q4_k_head) {
		const uint8_t *small = scales - row; // scales points to the half's f16; a byte for each row is half as far
		__m256 part[h][c];
#pragma GCC unroll 4
		for (int i = 0; i < h; i++)
#pragma GCC unroll 4
			for (int j = 0; j < c; j++) part[i][j] = _mm256_setzero_ps();
		for (int s = 0; s < 8; s++) { // two blocks of 32 share their words: low halves, then high halves
			const uint8_t *from = w + s / 2 * 8 * word_bytes, *by = x + (4 + 8 * 4) * c + 32 * c * s;
			const __m128i shift = _mm_cvtsi32_si128(s % 2 * 4);
			__m256i sum[h][c];
#pragma GCC unroll 4
			for (int i = 0; i < h; i++)
#pragma GCC unroll 4
				for (int j = 0; j < c; j++) sum[i][j] = _mm256_setzero_si256();
#pragma GCC unroll 1
			for (int g = 0; g < 8; g++)
#pragma GCC unroll 4
				for (int i = 0; i < h; i++) {
					const __m256i v = _mm256_and_si256(_mm256_srl_epi16(words(from + g * word_bytes + i * half_bytes), shift), four);
#pragma GCC unroll 4
					for (int j = 0; j < c; j++) sum[i][j] = _mm256_add_epi16(sum[i][j], _mm256_maddubs_epi16(v, word(by + 4 * (c * g + j))));
				}
#pragma GCC unroll 4
			for (int i = 0; i < h; i++) {
				const __m256 d = _mm256_mul_ps(halves(scales + 2 * half_rows * i), bytes(small + 64 + 32 * s + half_rows * i));
				const __m256 m = _mm256_mul_ps(halves(scales + 32 + 2 * half_rows * i), bytes(small + 64 + 32 * s + 16 + half_rows * i));
#pragma GCC unroll 4
				for (int j = 0; j < c; j++) {
					part[i][j] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(pairs(sum[i][j], 1)), d, part[i][j]);
					part[i][j] = _mm256_fnmadd_ps(m, same(x + 4 * c + 4 * (c * s + j)), part[i][j]);
				}
			}
		}
#pragma GCC unroll 4
		for (int i = 0; i < h; i++)
#pragma GCC unroll 4
			for (int j = 0; j < c; j++) acc[i][j] = _mm256_fmadd_ps(part[i][j], same(x + 4 * j), acc[i][j]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < h; i++)
#pragma GCC unroll 4
		for (int j = 0; j < c; j++) _mm256_storeu_ps(out[j] + row + half_rows * i, acc[i][j]);
}

template <int h, int c> void q6_k(const uint8_t *scales, const uint8_t *w, int64_t blocks, const uint8_t *x, float *const *out, int row) {
	const __m256i four = _mm256_set1_epi8(15), two = _mm256_set1_epi8(0x30);
	__m256 acc[h][c];
#pragma GCC unroll 4
	for (int i = 0; i < h; i++)
#pragma GCC unroll 4
		for (int j = 0; j < c; j++) acc[i][j] = _mm256_setzero_ps();
	for (int64_t b = 0; b < blocks; b++, x += c * column_q6_k, w += q6_k_words * word_bytes, scales += q6_k_head) {
		const uint8_t *small = scales - row;
		__m256 part[h][c];
#pragma GCC unroll 4
		for (int i = 0; i < h; i++)
#pragma GCC unroll 4
			for (int j = 0; j < c; j++) part[i][j] = _mm256_setzero_ps();
		for (int s = 0; s < 16; s++) { // 16 values: which half, which quarter of it, which half of that
			const int quarter = s / 2 % 4;
			const uint8_t *half = w + s / 8 * 24 * word_bytes, *by = x + (4 + 16 * 4) * c + 16 * c * s;
			const uint8_t *ql = half + (quarter % 2 * 8 + s % 2 * 4) * word_bytes, *qh = half + (16 + s % 2 * 4) * word_bytes;
			const __m128i fours = _mm_cvtsi32_si128(quarter / 2 * 4), twos = _mm_cvtsi32_si128(2 * quarter);
			__m256i dot[h][c];
#pragma GCC unroll 4
			for (int i = 0; i < h; i++)
#pragma GCC unroll 4
				for (int j = 0; j < c; j++) dot[i][j] = word(x + 4 * c + 4 * (c * s + j));
#pragma GCC unroll 2
			for (int g = 0; g < 4; g += 2)
#pragma GCC unroll 4
				for (int i = 0; i < h; i++) {
					__m256i v[2];
#pragma GCC unroll 2
					for (int k = 0; k < 2; k++) {
						const size_t at = size_t(g + k) * word_bytes + i * half_bytes;
						const __m256i l = _mm256_and_si256(_mm256_srl_epi16(words(ql + at), fours), four);
						v[k] = _mm256_or_si256(l, _mm256_and_si256(_mm256_slli_epi16(_mm256_srl_epi16(words(qh + at), twos), 4), two));
					}
#pragma GCC unroll 4
					for (int j = 0; j < c; j++) {
						const __m256i sum = _mm256_add_epi16(_mm256_maddubs_epi16(v[0], word(by + 4 * (c * g + j))),
							_mm256_maddubs_epi16(v[1], word(by + 4 * (c * (g + 1) + j))));
						dot[i][j] = _mm256_add_epi32(dot[i][j], pairs(sum, 1));
					}
				}
#pragma GCC unroll 4
			for (int i = 0; i < h; i++) {
				const __m256 d = _mm256_mul_ps(halves(scales + 2 * half_rows * i), signed_bytes(small + 32 + 16 * s + half_rows * i));
#pragma GCC unroll 4
				for (int j = 0; j < c; j++) part[i][j] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[i][j]), d, part[i][j]);
			}
		}
#pragma GCC unroll 4
		for (int i = 0; i < h; i++)
#pragma GCC unroll 4
			for (int j = 0; j < c; j++) acc[i][j] = _mm256_fmadd_ps(part[i][j], same(x + 4 * j), acc[i][j]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < h; i++)
#pragma GCC unroll 4
		for (int j = 0; j < c; j++) _mm256_storeu_ps(out[j] + row + half_rows * i, acc[i][j]);
}

typedef void (*product)(const uint8_t *, const uint8_t *, int64_t, const uint8_t *, float *const *, int);

// each runs a product over all tiles: both halves at once where few columns leave registers for them.
inline void each(product f, bool both, const void *tiles, int64_t n, size_t head, size_t stride, int64_t blocks, const void *x, int columns, float *const *out) {
	for (int64_t t = 0; t < n; t++) {
		const uint8_t *scales = static_cast<const uint8_t *>(tiles) + t * stride, *w = scales + blocks * head;
		float *at[max_width];
		for (int j = 0; j < columns; j++) at[j] = out[j] + tile_rows * t;
		f(scales, w, blocks, static_cast<const uint8_t *>(x), at, 0);
		if (!both) f(scales + 2 * half_rows, w + half_bytes, blocks, static_cast<const uint8_t *>(x), at, half_rows);
	}
}

#define PRODUCT(name)                                                                                                  \
	void name##_tiles(const void *tiles, int64_t n, int64_t blocks, const void *x, int columns, float *const *out) { \
		const product all[] = {name<2, 1>, name<2, 2>, name<1, 3>, name<1, 4>};                                       \
		each(all[columns - 1], columns <= 2, tiles, n, name##_head, size_t(blocks) * name##_bytes, blocks, x, columns, out); \
	}

enum {
	q8_0_bytes = q8_0_head + q8_0_words * word_bytes,
	q4_0_bytes = q4_0_head + q4_0_words * word_bytes,
	q4_k_bytes = q4_k_head + q4_k_words * word_bytes,
	q6_k_bytes = q6_k_head + q6_k_words * word_bytes,
};

PRODUCT(q8_0)
PRODUCT(q4_0)
PRODUCT(q4_k)
PRODUCT(q6_k)

const format formats[] = {
	{GGML_TYPE_Q8_0, 32, q8_0_bytes, column_32, pack_q8_0, quantise_32<q8_0_bias>, q8_0_tiles},
	{GGML_TYPE_Q4_0, 32, q4_0_bytes, column_32, pack_q4_0, quantise_32<q4_0_bias>, q4_0_tiles},
	{GGML_TYPE_Q4_K, 256, q4_k_bytes, column_q4_k, pack_q4_k, quantise_256<sums_32>, q4_k_tiles},
	{GGML_TYPE_Q6_K, 256, q6_k_bytes, column_q6_k, pack_q6_k, quantise_256<sums_16>, q6_k_tiles},
};

} // namespace

const set avx2 = {"avx2", runs, 4, formats, sizeof formats / sizeof *formats};

} // namespace gh

#endif
