// Small operations over rows of floats, as plain functions: one of each per instruction set. Lengths are multiples of 16;
// an output row may be the input row, and overlaps it in no other way.
#ifndef GUARDHOUSE_KERNEL_ROWS_H
#define GUARDHOUSE_KERNEL_ROWS_H

#include <cstdint>

enum { gh_turn_tokens = 16, gh_turn_max_width = 256 };

struct gh_rows {
	// norm writes x / sqrt(mean of the squares + eps), n values.
	void (*norm)(const float *x, float *y, int64_t n, float eps);
	// times writes x * w.
	void (*times)(const float *x, const float *w, float *y, int64_t n);
	// angles writes the cosines and sines of 1 to 16 positions, [position][half]: the angle of pair i is position * scale * step^i,
	// multiplied up one pair after the other as the engine does. Angles stay under 2^20.
	void (*angles)(const int32_t *positions, int count, int half, float scale, float step, float *cosines, float *sines);
	// turn rotates the pairs (x[i], x[i + half]) of one row.
	void (*turn)(const float *x, const float *cosines, const float *sines, int half, float *y);
	// widen writes what a row of q8_0 stands for: blocks of a half float and 32 bytes that it multiplies. n is a multiple of 32.
	void (*widen)(const void *blocks, float *y, int64_t n);
	// gate writes x / (1 + e^-x) * g.
	void (*gate)(const float *x, const float *g, float *y, int64_t n);
	// halve writes x in half precision, rounded to the nearest even.
	void (*halve)(const float *x, uint16_t *y, int64_t n);
};

extern const gh_rows gh_rows_avx512, gh_rows_avx2, gh_rows_neon;

#endif
