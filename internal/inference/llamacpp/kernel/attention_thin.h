// Attention of one token: its few heads per key head cannot repay turning the keys, so scores are dot products.
// All rows share one mask, and a masked key is never read.
// Written in the vector type of the header included before; static, see the translation units.
#ifndef GUARDHOUSE_KERNEL_ATTENTION_THIN_H
#define GUARDHOUSE_KERNEL_ATTENTION_THIN_H

#include "attention_parts.h"

namespace {

// score_four writes the products of R queries with four keys.
template <int R> static inline void score_four(const float *const *q, const uint16_t *const k[4], int width, float *s) {
	vf sum[4][R];
	for (int j = 0; j < 4; j++) {
		for (int r = 0; r < R; r++) sum[j][r] = v_zero();
	}
	for (int d = 0; d < width; d += W) {
		vf x[R];
		for (int r = 0; r < R; r++) x[r] = v_load(q[r] + d);
		for (int j = 0; j < 4; j++) {
			const vf key = v_half(k[j] + d);
			for (int r = 0; r < R; r++) sum[j][r] = v_fma(key, x[r], sum[j][r]);
		}
	}
	for (int r = 0; r < R; r++) v_store_sums(s + r * block, sum[0][r], sum[1][r], sum[2][r], sum[3][r]);
}

// blend_live adds N registers of the live keys' values, by R rows' weights, to their shrunk sums.
template <int R, int N>
static inline void blend_live(const tile *t, const float *s, const float *shrink, int64_t from, uint64_t live, int d, float *sums) {
	const int width = (int)t->a->width;
	vf sum[R][N];
	for (int r = 0; r < R; r++) {
		for (int n = 0; n < N; n++) sum[r][n] = v_mul(v_load(sums + r * width + d + n * W), v_all(shrink[r]));
	}
	for (uint64_t rest = live; rest != 0; rest &= rest - 1) {
		const int j = __builtin_ctzll(rest);
		const uint16_t *v = (const uint16_t *)(t->v + (from + j) * t->a->v_key) + d;
		for (int n = 0; n < N; n++) {
			const vf x = v_half(v + n * W);
			for (int r = 0; r < R; r++) sum[r][n] = v_fma(v_all(s[r * block + j]), x, sum[r][n]);
		}
	}
	for (int r = 0; r < R; r++) {
		for (int n = 0; n < N; n++) v_store(sums + r * width + d + n * W, sum[r][n]);
	}
}

// thin_rows brings R rows from `row` on past the block.
template <int R> static inline void thin_rows(tile *t, int row, int64_t from, const uint16_t *mask, uint64_t live) {
	const int width = (int)t->a->width, low = __builtin_ctzll(live), high = block - __builtin_clzll(live);
	const int start = low / W * W, stop = (high + W - 1) / W * W;
	const float *q[R];
	for (int r = 0; r < R; r++) q[r] = query_of(t, row + r);
	float s[R * block], shrink[16] = {0};
	for (int j = low / 4 * 4; j < high; j += 4) {
		const uint16_t *k[4];
		if ((live >> j & 15) == 0) continue;
		const int some = __builtin_ctzll(live >> j); // in place of masked keys: their scores are not used
		for (int i = 0; i < 4; i++) k[i] = (const uint16_t *)(t->k + (from + j + (live >> (j + i) & 1 ? i : some)) * t->a->k_key);
		score_four<R>(q, k, width, s + j);
	}
	for (int r = 0; r < R; r++) shrink[r] = soften(s + r * block, mask, start, stop, t->a->scale, t->top + row + r);
	v_store(shrink, v_exp(v_load(shrink)));
	for (int r = 0; r < R; r++) add_weights(t->weights + (row + r) * W, shrink[r], s + r * block, start, stop);
	float *sums = t->sums + row * width;
	int d = 0;
	for (; d + 4 * W <= width; d += 4 * W) blend_live<R, 4>(t, s, shrink, from, live, d, sums);
	for (; d < width; d += W) blend_live<R, 1>(t, s, shrink, from, live, d, sums);
}

static inline void attend_thin(tile *t) {
	const gh_attention *a = t->a;
	start_rows(t);
	for (int64_t from = 0; from < a->keys; from += block) {
		const int n = a->keys - from < block ? (int)(a->keys - from) : (int)block;
		const uint64_t live = see_mask(t, from, n);
		if (live == 0) continue;
		uint16_t room[block];
		const uint16_t *mask = mask_of(t, 0, from, n, room);
		int row = 0;
		for (; row + 2 <= t->rows; row += 2) thin_rows<2>(t, row, from, mask, live);
		if (row < t->rows) thin_rows<1>(t, row, from, mask, live);
	}
	finish_rows(t);
}

} // namespace

#endif
