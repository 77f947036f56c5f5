//go:build !nollama

#if defined(__x86_64__)

namespace {

// Before the pragma: it is asked everywhere, and so compiled as everything else is.
bool runs() {
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
		__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512vnni");
}

} // namespace

// Before everything else: what follows runs only where avx512.runs() said yes, whatever the build's own processor is.
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

#include "tile.h"

#include <immintrin.h>

namespace gh {

namespace {

inline __m512 same(const uint8_t *p) { return _mm512_set1_ps(*reinterpret_cast<const float *>(p)); }
inline __m512i word(const uint8_t *p) { return _mm512_set1_epi32(*reinterpret_cast<const int32_t *>(p)); }
inline __m512i words(const uint8_t *p) { return _mm512_loadu_si512(p); }
inline __m512 halves(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p))); }
inline __m512 bytes(const uint8_t *p) {
	return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p))));
}
inline __m512 signed_bytes(const uint8_t *p) {
	return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p))));
}

inline __m512i magnitude(__m512 v) { return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff)); }

// A panel is quantised eight columns at a time, one in each lane of a ymm. `used` of them (1, 2, 4 or 8) are computed; where
// the panel has fewer, some repeat the first column, and lanes without a column are not written.

// largest answers each column's largest magnitude from its sixteen lanes. As integers a NaN is larger than infinity, and
// that than all numbers.
inline __m256i largest(const __m512i *v) {
	__m256i w[8];
#pragma GCC unroll 8
	for (int i = 0; i < 8; i++) w[i] = _mm256_max_epi32(_mm512_castsi512_si256(v[i]), _mm512_extracti64x4_epi64(v[i], 1));
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) w[i] = _mm256_max_epi32(_mm256_unpacklo_epi32(w[2 * i], w[2 * i + 1]), _mm256_unpackhi_epi32(w[2 * i], w[2 * i + 1]));
#pragma GCC unroll 2
	for (int i = 0; i < 2; i++) w[i] = _mm256_max_epi32(_mm256_unpacklo_epi64(w[2 * i], w[2 * i + 1]), _mm256_unpackhi_epi64(w[2 * i], w[2 * i + 1]));
	return _mm256_max_epi32(_mm256_permute2x128_si256(w[0], w[1], 0x20), _mm256_permute2x128_si256(w[0], w[1], 0x31));
}

// scales answers what quantised values are worth, and writes what turns values into them: ggml's 127 steps. Values too small to
// be counted are zeros, and a block with a NaN or an infinity makes its whole column NaN, as it would in floats.
inline __m256 scales(__m256i bits, float *inverse) {
	const __m256 top = _mm256_castsi256_ps(bits), steps = _mm256_set1_ps(127);
	const __mmask8 number = _mm256_cmplt_epu32_mask(bits, _mm256_set1_epi32(0x7f800000));
	const __mmask8 counts = _mm256_mask_cmp_ps_mask(number, top, _mm256_set1_ps(1e-36f), _CMP_GE_OQ);
	_mm256_storeu_ps(inverse, _mm256_maskz_div_ps(counts, steps, top));
	return _mm256_mask_div_ps(_mm256_maskz_mov_ps(__mmask8(~number), _mm256_set1_ps(__builtin_nanf(""))), counts, top, steps);
}

// quantised writes 32 values of each column as eight words, those of all columns side by side, and answers the sums of
// the first and of the second sixteen.
template <int used> inline void quantised(const float *const *x, int64_t at, const float *inverse, uint8_t *to, int columns, __m256i *sums) {
	const __mmask8 lanes = __mmask8((1 << columns) - 1);
	__m256i q[8], t[8];
#pragma GCC unroll 8
	for (int c = 0; c < 8; c++) {
		if (c >= used) {
			q[c] = _mm256_setzero_si256();
			continue;
		}
		const __m512 by = _mm512_set1_ps(inverse[c]);
		// 0 times what is no number converts to the smallest integer, whose lowest byte is 0.
		const __m128i low = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x[c] + at), by)));
		const __m128i high = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x[c] + at + 16), by)));
		q[c] = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
	}
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) { // words 0 1 4 5 of two columns, then 2 3 6 7
		t[2 * i] = _mm256_unpacklo_epi32(q[2 * i], q[2 * i + 1]);
		t[2 * i + 1] = _mm256_unpackhi_epi32(q[2 * i], q[2 * i + 1]);
	}
	sums[0] = sums[1] = _mm256_setzero_si256();
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) { // word i of columns 0..3 and 4..7, and word i + 4
		const int k = i / 2;
		const __m256i a = i % 2 == 0 ? _mm256_unpacklo_epi64(t[k], t[k + 2]) : _mm256_unpackhi_epi64(t[k], t[k + 2]);
		const __m256i b = i % 2 == 0 ? _mm256_unpacklo_epi64(t[k + 4], t[k + 6]) : _mm256_unpackhi_epi64(t[k + 4], t[k + 6]);
		const __m256i first = _mm256_permute2x128_si256(a, b, 0x20), second = _mm256_permute2x128_si256(a, b, 0x31);
		_mm256_mask_storeu_epi32(to + 4 * columns * i, lanes, first);
		_mm256_mask_storeu_epi32(to + 4 * columns * (i + 4), lanes, second);
		sums[0] = _mm256_dpbusd_epi32(sums[0], _mm256_set1_epi8(1), first);
		sums[1] = _mm256_dpbusd_epi32(sums[1], _mm256_set1_epi8(1), second);
	}
}

template <int used, int bias> void quantise_panel_32(const float *const *columns_at, int columns, int64_t first, int64_t last, void *out) {
	const __mmask8 lanes = __mmask8((1 << columns) - 1);
	const float *x[8];
	for (int c = 0; c < 8; c++) x[c] = columns_at[c < columns ? c : 0];
	for (int64_t b = first; b < last; b++) {
		uint8_t *to = static_cast<uint8_t *>(out) + b * columns * column_32;
		__m512i top[8];
#pragma GCC unroll 8
		for (int c = 0; c < 8; c++) {
			top[c] = c < used ? _mm512_max_epi32(magnitude(_mm512_loadu_ps(x[c] + 32 * b)), magnitude(_mm512_loadu_ps(x[c] + 32 * b + 16)))
							  : _mm512_setzero_si512();
		}
		float inverse[8];
		__m256i sums[2];
		_mm256_mask_storeu_ps(to, lanes, scales(largest(top), inverse));
		quantised<used>(x, 32 * b, inverse, to + 8 * columns, columns, sums);
		const __m256i start = _mm256_mullo_epi32(_mm256_add_epi32(sums[0], sums[1]), _mm256_set1_epi32(-bias));
		_mm256_mask_storeu_epi32(to + 4 * columns, lanes, start);
	}
}

template <int bias> void quantise_32(const float *const *x, int columns, int64_t first, int64_t last, void *out) {
	(columns == 1 ? quantise_panel_32<1, bias> : columns == 2 ? quantise_panel_32<2, bias> :
	 columns <= 4 ? quantise_panel_32<4, bias> : quantise_panel_32<8, bias>)(x, columns, first, last, out);
}

// What a format wants of the sums of 16 values.
struct sums_32 {
	enum { bytes = 8 * 4 };
	static void write(const __m256i *s, int i, uint8_t *to, int columns, __mmask8 lanes) {
		_mm256_mask_storeu_ps(to + 4 * columns * i, lanes, _mm256_cvtepi32_ps(_mm256_add_epi32(s[0], s[1])));
	}
};
struct sums_16 {
	enum { bytes = 16 * 4 };
	static void write(const __m256i *s, int i, uint8_t *to, int columns, __mmask8 lanes) {
		for (int k = 0; k < 2; k++) {
			_mm256_mask_storeu_epi32(to + 4 * columns * (2 * i + k), lanes, _mm256_mullo_epi32(s[k], _mm256_set1_epi32(-q6_k_bias)));
		}
	}
};

template <int used, typename S> void quantise_panel_256(const float *const *columns_at, int columns, int64_t first, int64_t last, void *out) {
	const __mmask8 lanes = __mmask8((1 << columns) - 1);
	const float *x[8];
	for (int c = 0; c < 8; c++) x[c] = columns_at[c < columns ? c : 0];
	for (int64_t b = first; b < last; b++) {
		uint8_t *to = static_cast<uint8_t *>(out) + b * columns * (4 + S::bytes + 256);
		__m512i top[8];
		for (int c = 0; c < 8; c++) {
			top[c] = _mm512_setzero_si512();
			for (int i = 0; i < 16 && c < used; i++) top[c] = _mm512_max_epi32(top[c], magnitude(_mm512_loadu_ps(x[c] + 256 * b + 16 * i)));
		}
		float inverse[8];
		_mm256_mask_storeu_ps(to, lanes, scales(largest(top), inverse));
		for (int i = 0; i < 8; i++) {
			__m256i sums[2];
			quantised<used>(x, 256 * b + 32 * i, inverse, to + (4 + S::bytes) * columns + 32 * columns * i, columns, sums);
			S::write(sums, i, to + 4 * columns, columns, lanes);
		}
	}
}

template <typename S> void quantise_256(const float *const *x, int columns, int64_t first, int64_t last, void *out) {
	(columns == 1 ? quantise_panel_256<1, S> : columns == 2 ? quantise_panel_256<2, S> :
	 columns <= 4 ? quantise_panel_256<4, S> : quantise_panel_256<8, S>)(x, columns, first, last, out);
}

// Each product below computes n tiles times c columns. Integers start at what the weights' bias adds, in blocks of 32 no
// sum passes 255 * 127 * 32.

template <int n, int c> void q8_0(const uint8_t *tile, size_t stride, int64_t blocks, const uint8_t *x, float *const *out) {
	__m512 acc[n][c];
#pragma GCC unroll 8
	for (int t = 0; t < n; t++)
#pragma GCC unroll 8
		for (int j = 0; j < c; j++) acc[t][j] = _mm512_setzero_ps();
	const uint8_t *w = tile + blocks * q8_0_head;
	for (int64_t b = 0; b < blocks; b++, x += c * column_32, w += q8_0_words * word_bytes) {
		__m512i dot[n][c];
#pragma GCC unroll 8
		for (int t = 0; t < n; t++)
#pragma GCC unroll 8
			for (int j = 0; j < c; j++) dot[t][j] = word(x + 4 * c + 4 * j);
#pragma GCC unroll 8
		for (int g = 0; g < q8_0_words; g++)
#pragma GCC unroll 8
			for (int t = 0; t < n; t++) {
				const __m512i v = words(w + t * stride + g * word_bytes);
#pragma GCC unroll 8
				for (int j = 0; j < c; j++) dot[t][j] = _mm512_dpbusd_epi32(dot[t][j], v, word(x + 8 * c + 4 * (c * g + j)));
			}
#pragma GCC unroll 8
		for (int t = 0; t < n; t++) {
			const __m512 d = halves(tile + t * stride + b * q8_0_head);
#pragma GCC unroll 8
			for (int j = 0; j < c; j++) acc[t][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[t][j]), _mm512_mul_ps(d, same(x + 4 * j)), acc[t][j]);
		}
	}
#pragma GCC unroll 8
	for (int t = 0; t < n; t++)
#pragma GCC unroll 8
		for (int j = 0; j < c; j++) _mm512_storeu_ps(out[j] + tile_rows * t, acc[t][j]);
}

template <int n, int c> void q4_0(const uint8_t *tile, size_t stride, int64_t blocks, const uint8_t *x, float *const *out) {
	const __m512i low = _mm512_set1_epi8(15);
	__m512 acc[n][c];
#pragma GCC unroll 8
	for (int t = 0; t < n; t++)
#pragma GCC unroll 8
		for (int j = 0; j < c; j++) acc[t][j] = _mm512_setzero_ps();
	const uint8_t *w = tile + blocks * q4_0_head;
	for (int64_t b = 0; b < blocks; b++, x += c * column_32, w += q4_0_words * word_bytes) {
		__m512i dot[n][c];
#pragma GCC unroll 8
		for (int t = 0; t < n; t++)
#pragma GCC unroll 8
			for (int j = 0; j < c; j++) dot[t][j] = word(x + 4 * c + 4 * j);
#pragma GCC unroll 8
		for (int g = 0; g < q4_0_words; g++)
#pragma GCC unroll 8
			for (int t = 0; t < n; t++) {
				const __m512i v = words(w + t * stride + g * word_bytes);
				const __m512i u = _mm512_and_si512(v, low), o = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
#pragma GCC unroll 8
				for (int j = 0; j < c; j++) dot[t][j] = _mm512_dpbusd_epi32(dot[t][j], u, word(x + 8 * c + 4 * (c * g + j)));
#pragma GCC unroll 8
				for (int j = 0; j < c; j++) dot[t][j] = _mm512_dpbusd_epi32(dot[t][j], o, word(x + 8 * c + 4 * (c * (g + 4) + j)));
			}
#pragma GCC unroll 8
		for (int t = 0; t < n; t++) {
			const __m512 d = halves(tile + t * stride + b * q4_0_head);
#pragma GCC unroll 8
			for (int j = 0; j < c; j++) acc[t][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[t][j]), _mm512_mul_ps(d, same(x + 4 * j)), acc[t][j]);
		}
	}
#pragma GCC unroll 8
	for (int t = 0; t < n; t++)
#pragma GCC unroll 8
		for (int j = 0; j < c; j++) _mm512_storeu_ps(out[j] + tile_rows * t, acc[t][j]);
}

template <int n, int c> void q4_k(const uint8_t *tile, size_t stride, int64_t blocks, const uint8_t *x, float *const *out) {
	const __m512i low = _mm512_set1_epi8(15);
	__m512 acc[n][c];
#pragma GCC unroll 8
	for (int t = 0; t < n; t++)
#pragma GCC unroll 8
		for (int j = 0; j < c; j++) acc[t][j] = _mm512_setzero_ps();
	const uint8_t *w = tile + blocks * q4_k_head;
	for (int64_t b = 0; b < blocks; b++, x += c * column_q4_k, w += q4_k_words * word_bytes, tile += q4_k_head) {
		__m512 part[n][c];
#pragma GCC unroll 8
		for (int t = 0; t < n; t++)
#pragma GCC unroll 8
			for (int j = 0; j < c; j++) part[t][j] = _mm512_setzero_ps();
		// Two blocks of 32 share their words: low halves, then high halves.
		for (int i = 0; i < 8; i++) {
			const uint8_t *from = w + i / 2 * 8 * word_bytes, *by = x + (4 + 8 * 4) * c + 32 * c * i;
			const __m128i shift = _mm_cvtsi32_si128(i % 2 * 4);
			__m512i dot[n][c];
#pragma GCC unroll 8
			for (int t = 0; t < n; t++)
#pragma GCC unroll 8
				for (int j = 0; j < c; j++) dot[t][j] = _mm512_setzero_si512();
#pragma GCC unroll 8
			for (int g = 0; g < 8; g++)
#pragma GCC unroll 8
				for (int t = 0; t < n; t++) {
					const __m512i v = _mm512_and_si512(_mm512_srl_epi16(words(from + t * stride + g * word_bytes), shift), low);
#pragma GCC unroll 8
					for (int j = 0; j < c; j++) dot[t][j] = _mm512_dpbusd_epi32(dot[t][j], v, word(by + 4 * (c * g + j)));
				}
#pragma GCC unroll 8
			for (int t = 0; t < n; t++) {
				const uint8_t *head = tile + t * stride;
				const __m512 s = _mm512_mul_ps(halves(head), bytes(head + 64 + 32 * i)), m = _mm512_mul_ps(halves(head + 32), bytes(head + 64 + 32 * i + 16));
#pragma GCC unroll 8
				for (int j = 0; j < c; j++) {
					part[t][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[t][j]), s, part[t][j]);
					part[t][j] = _mm512_fnmadd_ps(m, same(x + 4 * c + 4 * (c * i + j)), part[t][j]);
				}
			}
		}
#pragma GCC unroll 8
		for (int t = 0; t < n; t++)
#pragma GCC unroll 8
			for (int j = 0; j < c; j++) acc[t][j] = _mm512_fmadd_ps(part[t][j], same(x + 4 * j), acc[t][j]);
	}
#pragma GCC unroll 8
	for (int t = 0; t < n; t++)
#pragma GCC unroll 8
		for (int j = 0; j < c; j++) _mm512_storeu_ps(out[j] + tile_rows * t, acc[t][j]);
}

template <int n, int c> void q6_k(const uint8_t *tile, size_t stride, int64_t blocks, const uint8_t *x, float *const *out) {
	const __m512i low = _mm512_set1_epi8(15), two = _mm512_set1_epi8(0x30);
	__m512 acc[n][c];
#pragma GCC unroll 8
	for (int t = 0; t < n; t++)
#pragma GCC unroll 8
		for (int j = 0; j < c; j++) acc[t][j] = _mm512_setzero_ps();
	const uint8_t *w = tile + blocks * q6_k_head;
	for (int64_t b = 0; b < blocks; b++, x += c * column_q6_k, w += q6_k_words * word_bytes, tile += q6_k_head) {
		__m512 part[n][c];
#pragma GCC unroll 8
		for (int t = 0; t < n; t++)
#pragma GCC unroll 8
			for (int j = 0; j < c; j++) part[t][j] = _mm512_setzero_ps();
		for (int i = 0; i < 16; i++) { // 16 values: which half, which quarter of it, which half of that
			const int quarter = i / 2 % 4;
			const uint8_t *half = w + i / 8 * 24 * word_bytes, *by = x + (4 + 16 * 4) * c + 16 * c * i;
			const uint8_t *ql = half + (quarter % 2 * 8 + i % 2 * 4) * word_bytes, *qh = half + (16 + i % 2 * 4) * word_bytes;
			const __m128i fours = _mm_cvtsi32_si128(quarter / 2 * 4), twos = _mm_cvtsi32_si128(2 * quarter);
			__m512i dot[n][c];
#pragma GCC unroll 8
			for (int t = 0; t < n; t++)
#pragma GCC unroll 8
				for (int j = 0; j < c; j++) dot[t][j] = word(x + 4 * c + 4 * (c * i + j));
#pragma GCC unroll 4
			for (int g = 0; g < 4; g++)
#pragma GCC unroll 8
				for (int t = 0; t < n; t++) {
					const __m512i l = _mm512_and_si512(_mm512_srl_epi16(words(ql + t * stride + g * word_bytes), fours), low);
					const __m512i h = _mm512_and_si512(_mm512_slli_epi16(_mm512_srl_epi16(words(qh + t * stride + g * word_bytes), twos), 4), two);
					const __m512i v = _mm512_or_si512(l, h);
#pragma GCC unroll 8
					for (int j = 0; j < c; j++) dot[t][j] = _mm512_dpbusd_epi32(dot[t][j], v, word(by + 4 * (c * g + j)));
				}
#pragma GCC unroll 8
			for (int t = 0; t < n; t++) {
				const uint8_t *head = tile + t * stride;
				const __m512 s = _mm512_mul_ps(halves(head), signed_bytes(head + 32 + 16 * i));
#pragma GCC unroll 8
				for (int j = 0; j < c; j++) part[t][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot[t][j]), s, part[t][j]);
			}
		}
#pragma GCC unroll 8
		for (int t = 0; t < n; t++)
#pragma GCC unroll 8
			for (int j = 0; j < c; j++) acc[t][j] = _mm512_fmadd_ps(part[t][j], same(x + 4 * j), acc[t][j]);
	}
#pragma GCC unroll 8
	for (int t = 0; t < n; t++)
#pragma GCC unroll 8
		for (int j = 0; j < c; j++) _mm512_storeu_ps(out[j] + tile_rows * t, acc[t][j]);
}

typedef void (*product)(const uint8_t *, size_t, int64_t, const uint8_t *, float *const *);

// each runs a product for as many tiles as it takes at a time.
inline void each(product f, int64_t step, const void *tiles, int64_t n, size_t stride, int64_t blocks, const void *x, int columns, float *const *out) {
	for (int64_t t = 0; t < n; t += step) {
		float *at[max_width];
		for (int j = 0; j < columns; j++) at[j] = out[j] + tile_rows * t;
		f(static_cast<const uint8_t *>(tiles) + t * stride, stride, blocks, static_cast<const uint8_t *>(x), at);
	}
}

// Few columns leave registers for several tiles at a time: more loads on their way, and more sums that await nobody.
#define PRODUCT(name, bytes, four, two)                                                                                      \
	void name##_tiles(const void *tiles, int64_t n, int64_t blocks, const void *x, int columns, float *const *out) {        \
		const product one[] = {name<1, 1>, name<1, 2>, name<1, 3>, name<1, 4>, name<1, 5>, name<1, 6>, name<1, 7>, name<1, 8>}; \
		const product wide[] = {name<four, 1>, name<four, 2>, name<two, 3>, name<two, 4>};                                   \
		const int64_t step = columns <= 2 ? four : columns <= 4 ? two : 1, whole = n / step * step;                          \
		const size_t stride = size_t(blocks) * (bytes);                                                                      \
		if (step > 1) each(wide[columns - 1], step, tiles, whole, stride, blocks, x, columns, out);                          \
		float *rest[max_width];                                                                                              \
		const int64_t done = step > 1 ? whole : 0;                                                                           \
		for (int j = 0; j < columns; j++) rest[j] = out[j] + tile_rows * done;                                               \
		each(one[columns - 1], 1, static_cast<const uint8_t *>(tiles) + done * stride, n - done, stride, blocks, x, columns, rest); \
	}

enum {
	q8_0_bytes = q8_0_head + q8_0_words * word_bytes,
	q4_0_bytes = q4_0_head + q4_0_words * word_bytes,
	q4_k_bytes = q4_k_head + q4_k_words * word_bytes,
	q6_k_bytes = q6_k_head + q6_k_words * word_bytes,
};

PRODUCT(q8_0, q8_0_bytes, 4, 2)
PRODUCT(q4_0, q4_0_bytes, 4, 2)
PRODUCT(q4_k, q4_k_bytes, 4, 2)
PRODUCT(q6_k, q6_k_bytes, 4, 2)

const format formats[] = {
	{GGML_TYPE_Q8_0, 32, q8_0_bytes, column_32, pack_q8_0, quantise_32<q8_0_bias>, q8_0_tiles},
	{GGML_TYPE_Q4_0, 32, q4_0_bytes, column_32, pack_q4_0, quantise_32<q4_0_bias>, q4_0_tiles},
	{GGML_TYPE_Q4_K, 256, q4_k_bytes, column_q4_k, pack_q4_k, quantise_256<sums_32>, q4_k_tiles},
	{GGML_TYPE_Q6_K, 256, q6_k_bytes, column_q6_k, pack_q6_k, quantise_256<sums_16>, q6_k_tiles},
};

} // namespace

const set avx512 = {"avx512", runs, 8, formats, sizeof formats / sizeof *formats};

} // namespace gh

#endif
