//go:build !nollama

#if defined(__aarch64__) && defined(__linux__)

// Before everything: what follows runs only where neon.runs() said yes, whatever the build's own processor is.
#pragma GCC target("arch=armv8.2-a+dotprod")

#include "tile.h"

#include <arm_neon.h>
#include <sys/auxv.h>

namespace gh {

extern const set neon;

namespace {

// A register holds 4 rows: a tile is four of them. sdot multiplies signed bytes and adds in 32 bits, so nothing saturates and
// Q8_0 needs no bias: its tiles are packed as they come.
enum { some_rows = 4, some_bytes = 16, q8_0_no_bias = 0 };

inline int8x16_t same(const uint8_t *p) {
	int32_t w;
	__builtin_memcpy(&w, p, 4);
	return vreinterpretq_s8_s32(vdupq_n_s32(w));
}
inline int32_t number(const uint8_t *p) {
	int32_t n;
	__builtin_memcpy(&n, p, 4);
	return n;
}
inline float real(const uint8_t *p) {
	float f;
	__builtin_memcpy(&f, p, 4);
	return f;
}
inline float32x4_t halves(const uint8_t *p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }

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

inline uint32x4_t magnitude(const float *x) { return vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x)), vdupq_n_u32(0x7fffffff)); }

template <int values> inline float scale_of_block(const float *x, float *inverse) {
	uint32x4_t top = vdupq_n_u32(0);
	for (int i = 0; i < values; i += some_rows) top = vmaxq_u32(top, magnitude(x + i));
	return scale_of(vmaxvq_u32(top), inverse);
}

// put quantises 16 values, writes their 4 words between those of the other columns and answers their sum. NaN becomes 0.
inline int32_t put(const float *x, float inverse, uint8_t *to, int columns) {
	int16x4_t part[4];
	for (int i = 0; i < 4; i++) part[i] = vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * i), inverse)));
	const int8x16_t q = vcombine_s8(vqmovn_s16(vcombine_s16(part[0], part[1])), vqmovn_s16(vcombine_s16(part[2], part[3])));
	uint8_t out[16];
	vst1q_u8(out, vreinterpretq_u8_s8(q));
	for (int i = 0; i < 4; i++) __builtin_memcpy(to + 4 * columns * i, out + 4 * i, 4);
	return vaddlvq_s8(q);
}

template <int bias> void quantise_32(const float *const *x, int columns, int64_t first, int64_t last, void *out) {
	for (int64_t b = first; b < last; b++) {
		uint8_t *to = static_cast<uint8_t *>(out) + b * columns * column_32;
		for (int c = 0; c < columns; c++) {
			const float *from = x[c] + 32 * b;
			float inverse;
			const float scale = scale_of_block<32>(from, &inverse);
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
	static inline void write(const int32_t *s, uint8_t *to, int columns) {
		for (int j = 0; j < 8; j++) {
			const float f = float(s[2 * j] + s[2 * j + 1]);
			__builtin_memcpy(to + 4 * columns * j, &f, 4);
		}
	}
};
struct sums_16 {
	enum { bytes = 16 * 4 };
	static inline void write(const int32_t *s, uint8_t *to, int columns) {
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
			float inverse;
			const float scale = scale_of_block<256>(from, &inverse);
			int32_t sum[16];
			for (int i = 0; i < 16; i++) {
				sum[i] = put(from + 16 * i, inverse, to + (4 + S::bytes) * columns + 16 * columns * i + 4 * c, columns);
			}
			__builtin_memcpy(to + 4 * c, &scale, 4);
			S::write(sum, to + 4 * columns + 4 * c, columns);
		}
	}
}

void pack_q8_0_signed(const void *rows, int64_t blocks, void *tile) {
	pack_q8_0(rows, blocks, tile);
	uint8_t *words = static_cast<uint8_t *>(tile) + blocks * q8_0_head;
	for (int64_t i = 0; i < blocks * q8_0_words * word_bytes; i++) words[i] ^= q8_0_bias;
}

// block is r registers of rows times c columns: what one product keeps in registers.
template <int r, int c> struct block {
	float32x4_t acc[r][c];
	int32x4_t sum[r][c];

	inline void clear() {
		for (int i = 0; i < r; i++)
			for (int j = 0; j < c; j++) acc[i][j] = vdupq_n_f32(0);
	}
	// start sets the integers of each column to what the panel has there, or to 0.
	inline void start(const uint8_t *x) {
		for (int j = 0; j < c; j++) {
			const int32x4_t first = vdupq_n_s32(x == nullptr ? 0 : number(x + 4 * j));
			for (int i = 0; i < r; i++) sum[i][j] = first;
		}
	}
	// dot adds a word of each row times a word of each column.
	inline void dot(const uint8x16_t *w, const uint8_t *x) {
		for (int j = 0; j < c; j++) {
			const int8x16_t a = same(x + 4 * j);
			for (int i = 0; i < r; i++) sum[i][j] = vdotq_s32(sum[i][j], vreinterpretq_s8_u8(w[i]), a);
		}
	}
	// scale adds the integers, times the rows' scales and, where x is not null, the columns'.
	inline void scale(const float32x4_t *d, const uint8_t *x) {
		for (int j = 0; j < c; j++) {
			for (int i = 0; i < r; i++) {
				const float32x4_t by = x == nullptr ? d[i] : vmulq_n_f32(d[i], real(x + 4 * j));
				acc[i][j] = vfmaq_f32(acc[i][j], vcvtq_f32_s32(sum[i][j]), by);
			}
		}
	}
	// add adds another's floats times the columns' scales.
	inline void add(const block &o, const uint8_t *x) {
		for (int j = 0; j < c; j++)
			for (int i = 0; i < r; i++) acc[i][j] = vfmaq_n_f32(acc[i][j], o.acc[i][j], real(x + 4 * j));
	}
	inline void store(float *const *out) const {
		for (int j = 0; j < c; j++)
			for (int i = 0; i < r; i++) vst1q_f32(out[j] + some_rows * i, acc[i][j]);
	}
};

// Each product computes r registers of rows of one tile, from the one that `w` and `scales` point to, times c columns; row is
// how far that is from the tile's first.

template <int r, int c> void q8_0(const uint8_t *scales, const uint8_t *w, int64_t blocks, const uint8_t *x, float *const *out, int) {
	block<r, c> y;
	y.clear();
	for (int64_t b = 0; b < blocks; b++, x += c * column_32, w += q8_0_words * word_bytes, scales += q8_0_head) {
		y.start(nullptr);
#pragma GCC unroll 8
		for (int g = 0; g < q8_0_words; g++) {
			uint8x16_t v[r];
			for (int i = 0; i < r; i++) v[i] = vld1q_u8(w + g * word_bytes + some_bytes * i);
			y.dot(v, x + 8 * c + 4 * c * g);
		}
		float32x4_t d[r];
		for (int i = 0; i < r; i++) d[i] = halves(scales + 2 * some_rows * i);
		y.scale(d, x);
	}
	y.store(out);
}

template <int r, int c> void q4_0(const uint8_t *scales, const uint8_t *w, int64_t blocks, const uint8_t *x, float *const *out, int) {
	const uint8x16_t four = vdupq_n_u8(15);
	block<r, c> y;
	y.clear();
	for (int64_t b = 0; b < blocks; b++, x += c * column_32, w += q4_0_words * word_bytes, scales += q4_0_head) {
		y.start(x + 4 * c);
#pragma GCC unroll 4
		for (int g = 0; g < q4_0_words; g++) {
			uint8x16_t low[r], high[r];
			for (int i = 0; i < r; i++) {
				const uint8x16_t v = vld1q_u8(w + g * word_bytes + some_bytes * i);
				low[i] = vandq_u8(v, four);
				high[i] = vshrq_n_u8(v, 4);
			}
			y.dot(low, x + 8 * c + 4 * c * g);
			y.dot(high, x + 8 * c + 4 * c * (g + 4));
		}
		float32x4_t d[r];
		for (int i = 0; i < r; i++) d[i] = halves(scales + 2 * some_rows * i);
		y.scale(d, x);
	}
	y.store(out);
}

// bytes answers what 4 rows of a list of bytes are worth, signed or not.
inline float32x4_t bytes(const uint8_t *p, bool with_sign) {
	uint32_t four;
	__builtin_memcpy(&four, p, 4);
	const uint8x8_t v = vcreate_u8(four);
	if (with_sign) return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(v)))));
	return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(v))));
}

template <int r, int c> void q4_k(const uint8_t *scales, const uint8_t *w, int64_t blocks, const uint8_t *x, float *const *out, int row) {
	const uint8x16_t four = vdupq_n_u8(15);
	block<r, c> y;
	y.clear();
	for (int64_t b = 0; b < blocks; b++, x += c * column_q4_k, w += q4_k_words * word_bytes, scales += q4_k_head) {
		const uint8_t *small = scales - row; // scales points to these rows' f16; a byte for each row is half as far
		block<r, c> part;
		part.clear();
		for (int s = 0; s < 8; s++) { // two blocks of 32 share their words: low halves, then high halves
			const uint8_t *from = w + s / 2 * 8 * word_bytes, *by = x + (4 + 8 * 4) * c + 32 * c * s;
			const int8x16_t shift = vdupq_n_s8(int8_t(-4 * (s % 2)));
			part.start(nullptr);
#pragma GCC unroll 8
			for (int g = 0; g < 8; g++) {
				uint8x16_t v[r];
				for (int i = 0; i < r; i++) v[i] = vandq_u8(vshlq_u8(vld1q_u8(from + g * word_bytes + some_bytes * i), shift), four);
				part.dot(v, by + 4 * c * g);
			}
			float32x4_t d[r];
			for (int i = 0; i < r; i++) {
				d[i] = vmulq_f32(halves(scales + 2 * some_rows * i), bytes(small + 64 + 32 * s + some_rows * i, false));
				const float32x4_t m = vmulq_f32(halves(scales + 32 + 2 * some_rows * i), bytes(small + 64 + 32 * s + 16 + some_rows * i, false));
				for (int j = 0; j < c; j++) part.acc[i][j] = vfmsq_n_f32(part.acc[i][j], m, real(x + 4 * c + 4 * (c * s + j)));
			}
			part.scale(d, nullptr);
		}
		y.add(part, x);
	}
	y.store(out);
}

template <int r, int c> void q6_k(const uint8_t *scales, const uint8_t *w, int64_t blocks, const uint8_t *x, float *const *out, int row) {
	const uint8x16_t four = vdupq_n_u8(15), two = vdupq_n_u8(3);
	block<r, c> y;
	y.clear();
	for (int64_t b = 0; b < blocks; b++, x += c * column_q6_k, w += q6_k_words * word_bytes, scales += q6_k_head) {
		const uint8_t *small = scales - row;
		block<r, c> part;
		part.clear();
		for (int s = 0; s < 16; s++) { // 16 values: which half, which quarter of it, which half of that
			const int quarter = s / 2 % 4;
			const uint8_t *half = w + s / 8 * 24 * word_bytes, *by = x + (4 + 16 * 4) * c + 16 * c * s;
			const uint8_t *ql = half + (quarter % 2 * 8 + s % 2 * 4) * word_bytes, *qh = half + (16 + s % 2 * 4) * word_bytes;
			const int8x16_t fours = vdupq_n_s8(int8_t(-(quarter / 2 * 4))), twos = vdupq_n_s8(int8_t(-2 * quarter));
			part.start(x + 4 * c + 4 * c * s);
#pragma GCC unroll 4
			for (int g = 0; g < 4; g++) {
				uint8x16_t v[r];
				for (int i = 0; i < r; i++) {
					const int at = g * word_bytes + some_bytes * i;
					const uint8x16_t low = vandq_u8(vshlq_u8(vld1q_u8(ql + at), fours), four);
					v[i] = vorrq_u8(low, vshlq_n_u8(vandq_u8(vshlq_u8(vld1q_u8(qh + at), twos), two), 4));
				}
				part.dot(v, by + 4 * c * g);
			}
			float32x4_t d[r];
			for (int i = 0; i < r; i++) d[i] = vmulq_f32(halves(scales + 2 * some_rows * i), bytes(small + 32 + 16 * s + some_rows * i, true));
			part.scale(d, nullptr);
		}
		y.add(part, x);
	}
	y.store(out);
}

typedef void (*product)(const uint8_t *, const uint8_t *, int64_t, const uint8_t *, float *const *, int);

// each runs a product over all tiles: all rows at once where few columns leave registers for them, else half of them.
inline void each(product f, bool all, const void *tiles, int64_t n, size_t head, size_t stride, int64_t blocks, const void *x, int columns, float *const *out) {
	for (int64_t t = 0; t < n; t++) {
		const uint8_t *scales = static_cast<const uint8_t *>(tiles) + t * stride, *w = scales + blocks * head;
		for (int row = 0; row < tile_rows; row += all ? tile_rows : 2 * some_rows) {
			float *at[max_width];
			for (int j = 0; j < columns; j++) at[j] = out[j] + tile_rows * t + row;
			f(scales + 2 * row, w + 4 * row, blocks, static_cast<const uint8_t *>(x), at, row);
		}
	}
}

#define PRODUCT(name)                                                                                                  \
	void name##_tiles(const void *tiles, int64_t n, int64_t blocks, const void *x, int columns, float *const *out) { \
		const product all[] = {name<4, 1>, name<4, 2>, name<2, 3>, name<2, 4>};                                       \
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

// Bit 20 of HWCAP: Linux, Documentation/arch/arm64/elf_hwcaps.rst, ASIMDDP.
bool runs() { return (getauxval(AT_HWCAP) >> 20 & 1) != 0; }

const format formats[] = {
	{GGML_TYPE_Q8_0, 32, q8_0_bytes, column_32, pack_q8_0_signed, quantise_32<q8_0_no_bias>, q8_0_tiles},
	{GGML_TYPE_Q4_0, 32, q4_0_bytes, column_32, pack_q4_0, quantise_32<q4_0_bias>, q4_0_tiles},
	{GGML_TYPE_Q4_K, 256, q4_k_bytes, column_q4_k, pack_q4_k, quantise_256<sums_32>, q4_k_tiles},
	{GGML_TYPE_Q6_K, 256, q6_k_bytes, column_q6_k, pack_q6_k, quantise_256<sums_16>, q6_k_tiles},
};

} // namespace

const set neon = {"neon", runs, 4, formats, sizeof formats / sizeof *formats};

} // namespace gh

#endif
