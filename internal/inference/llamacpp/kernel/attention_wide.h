// Attention of many query rows: keys come in blocks of 64, turned into columns once per tile, so that a row's scores
// are sums of whole registers, and every loaded key and value serves several rows.
// Written in the vector type of the header included before; static, see the translation units.
#ifndef GUARDHOUSE_KERNEL_ATTENTION_WIDE_H
#define GUARDHOUSE_KERNEL_ATTENTION_WIDE_H

#include "attention_parts.h"

namespace {

// turn_keys writes the keys as columns: only the registers with keys that count, zeros past the last key.
static inline void turn_keys(tile *t, int64_t from, int n, uint64_t any) {
	const int width = (int)t->a->width;
	for (int j = 0; j < block; j += W) {
		if ((any >> j & (((uint64_t)1 << W) - 1)) == 0) continue;
		for (int d = 0; d < width; d += W) {
			vf r[W];
			for (int i = 0; i < W; i++) {
				r[i] = j + i < n ? v_half((const uint16_t *)(t->k + (from + j + i) * t->a->k_key) + d) : v_zero();
			}
			v_transpose(r);
			for (int i = 0; i < W; i++) v_store(t->keys + (d + i) * block + j, r[i]);
		}
	}
}

// widen_values writes the values of keys `low` to `high` as floats, and answers whether all of them are finite.
static inline bool widen_values(tile *t, int64_t from, int low, int high) {
	const int width = (int)t->a->width;
	vf odd = v_zero(); // x - x is 0, or NaN where x is not finite
	for (int j = low; j < high; j++) {
		const uint16_t *v = (const uint16_t *)(t->v + (from + j) * t->a->v_key);
		for (int d = 0; d < width; d += W) {
			const vf x = v_half(v + d);
			v_store(t->values + j * width + d, x);
			odd = v_add(odd, v_sub(x, x));
		}
	}
	return !v_any_nan(odd);
}

// score writes the products of R queries with N registers of keys.
template <int R, int N> static inline void score(const float *const *q, const float *keys, int width, float *s) {
	vf sum[R][N];
	for (int r = 0; r < R; r++) {
		for (int n = 0; n < N; n++) sum[r][n] = v_zero();
	}
	for (int d = 0; d < width; d++) {
		vf k[N];
		for (int n = 0; n < N; n++) k[n] = v_load(keys + d * block + n * W);
		for (int r = 0; r < R; r++) {
			const vf x = v_all(q[r][d]);
			for (int n = 0; n < N; n++) sum[r][n] = v_fma(x, k[n], sum[r][n]);
		}
	}
	for (int r = 0; r < R; r++) {
		for (int n = 0; n < N; n++) v_store(s + r * block + n * W, sum[r][n]);
	}
}

// blend shrinks N registers of R rows' sums and adds the values of keys `low` to `high` by their weights.
template <int R, int N>
static inline void blend(const float *s, const float *shrink, const float *values, int low, int high, int width, float *sums) {
	vf sum[R][N];
	for (int r = 0; r < R; r++) {
		for (int n = 0; n < N; n++) sum[r][n] = v_mul(v_load(sums + r * width + n * W), v_all(shrink[r]));
	}
	for (int j = low; j < high; j++) {
		vf v[N];
		for (int n = 0; n < N; n++) v[n] = v_load(values + j * width + n * W);
		for (int r = 0; r < R; r++) {
			const vf p = v_all(s[r * block + j]);
			for (int n = 0; n < N; n++) sum[r][n] = v_fma(p, v[n], sum[r][n]);
		}
	}
	for (int r = 0; r < R; r++) {
		for (int n = 0; n < N; n++) v_store(sums + r * width + n * W, sum[r][n]);
	}
}

// blend_one does the same for one row where a value is NaN or infinite: masked keys are left out, not weighed with 0.
static inline void blend_one(const float *s, float shrink, const float *values, uint64_t live, int width, float *sums) {
	for (int d = 0; d < width; d += W) {
		vf sum = v_mul(v_load(sums + d), v_all(shrink));
		for (uint64_t rest = live; rest != 0; rest &= rest - 1) {
			const int j = __builtin_ctzll(rest);
			sum = v_fma(v_all(s[j]), v_load(values + j * width + d), sum);
		}
		v_store(sums + d, sum);
	}
}

// attend_rows brings R rows from `row` on past the block of n keys; rows past the tile's last count nothing.
template <int R> static inline void attend_rows(tile *t, const float *const *queries, int row, int64_t from, int n, bool finite) {
	const int width = (int)t->a->width, rows = t->rows - row < R ? t->rows - row : R;
	const int64_t first = token_of(t, 0);
	uint64_t any = 0;
	for (int64_t token = token_of(t, row); token <= token_of(t, row + rows - 1); token++) any |= t->live[token - first];
	if (any == 0) return;
	const int low = __builtin_ctzll(any), high = block - __builtin_clzll(any);
	const int start = low / W * W, stop = (high + W - 1) / W * W;

	float s[R * block], shrink[16] = {0};
	int j = start;
	for (; j + 2 * W <= stop; j += 2 * W) score<R, 2>(queries + row, t->keys + j, width, s + j);
	if (j < stop) score<R, 1>(queries + row, t->keys + j, width, s + j);
	for (int r = 0; r < rows; r++) {
		uint16_t room[block];
		const uint16_t *m = mask_of(t, token_of(t, row + r), from, n, room);
		shrink[r] = soften(s + r * block, m, start, stop, t->a->scale, t->top + row + r);
	}
	for (int r = 0; r < R; r += W) v_store(shrink + r, v_exp(v_load(shrink + r)));
	for (int r = 0; r < rows; r++) add_weights(t->weights + (row + r) * W, shrink[r], s + r * block, start, stop);

	float *sums = t->sums + row * width;
	if (!finite) {
		for (int r = 0; r < rows; r++) {
			const uint64_t live = t->live[token_of(t, row + r) - first];
			blend_one(s + r * block, shrink[r], t->values, live, width, sums + r * width);
		}
		return;
	}
	int d = 0;
	for (; d + 2 * W <= width; d += 2 * W) blend<R, 2>(s, shrink, t->values + d, low, high, width, sums + d);
	if (d < width) blend<R, 1>(s, shrink, t->values + d, low, high, width, sums + d);
}

static inline void attend_group(tile *t, const float *const *queries, int row, int64_t from, int n, bool finite) {
	const int left = t->rows - row;
	if (left <= 2) attend_rows<2>(t, queries, row, from, n, finite);
	else if (left <= 4) attend_rows<4>(t, queries, row, from, n, finite);
	else if (ROWS == 6 || left <= 6) attend_rows<6>(t, queries, row, from, n, finite);
	else if constexpr (ROWS == 8) attend_rows<8>(t, queries, row, from, n, finite);
}

static inline void attend(tile *t) {
	const gh_attention *a = t->a;
	const float *queries[most_rows + ROWS];
	for (int r = 0; r < t->rows + ROWS; r++) queries[r] = query_of(t, r < t->rows ? r : t->rows - 1);
	start_rows(t);
	for (int64_t from = 0; from < a->keys; from += block) {
		const int n = a->keys - from < block ? (int)(a->keys - from) : (int)block;
		const uint64_t any = see_mask(t, from, n);
		if (any == 0) continue; // later keys of the same prompt, other prompts, and the padding to 256
		turn_keys(t, from, n, any);
		const bool finite = widen_values(t, from, __builtin_ctzll(any), block - __builtin_clzll(any));
		for (int row = 0; row < t->rows; row += ROWS) attend_group(t, queries, row, from, n, finite);
	}
	finish_rows(t);
}

} // namespace

#endif
