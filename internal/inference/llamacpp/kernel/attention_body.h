// The attention kernel, written in the vector type of the header that was included before this one. Keys come in blocks
// of 64, turned into columns once per tile of query rows, so that a row's scores are sums of whole registers; a
// softmax over the block that corrects what earlier blocks gave (https://arxiv.org/abs/2112.05682); then the values.
// All sums are in single precision. Everything here is static: see the translation units.
#ifndef GUARDHOUSE_KERNEL_ATTENTION_BODY_H
#define GUARDHOUSE_KERNEL_ATTENTION_BODY_H

#include "attention.h"
#include "attention_thin.h"
#include "exp_body.h"

namespace {

// tile is a run of query rows of one key head and one stream: row i is token i / group, head i % group of the key head.
struct tile {
	const gh_attention *a;
	const char *k, *v, *mask;
	int64_t first; // row of the stream and key head where the tile starts
	int rows, group;
	float *keys;    // [width][block] the block's keys as columns
	float *values;  // [block][width]
	float *sums;    // [most_rows + ROWS][width] weighted values so far
	float *weights; // [most_rows + ROWS][W] partial sums of the weights so far
	float *top;     // [most_rows + ROWS] largest score so far
	uint64_t *live; // [most_rows] keys of the block that count, for each of the tile's tokens
};

static inline int64_t token_of(const tile *t, int row) { return (t->first + row) / t->group; }

static inline const float *query_of(const tile *t, int64_t stream, int64_t kv_head, int row) {
	const gh_attention *a = t->a;
	const int64_t i = t->first + row;
	return (const float *)(a->q + i / t->group * a->q_token + (kv_head * t->group + i % t->group) * a->q_head + stream * a->q_stream);
}

// see_mask fills t->live for the n keys from `from`, and answers the keys that count for any of the tile's tokens.
static inline uint64_t see_mask(tile *t, int64_t from, int n) {
	const uint64_t all = n < block ? ((uint64_t)1 << n) - 1 : ~(uint64_t)0;
	const int64_t first = token_of(t, 0), last = token_of(t, t->rows - 1);
	uint64_t any = 0;
	for (int64_t token = first; token <= last; token++) {
		uint64_t live = all;
		if (t->mask != 0) {
			uint16_t room[block];
			live &= v_keys_that_count(mask_row(t->mask + token * t->a->mask_token, from, n, room));
		}
		t->live[token - first] = live;
		any |= live;
	}
	return any;
}

// turn_keys writes the keys as columns: only the registers of keys that count, zeros past the last key.
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
static inline int widen_values(tile *t, int64_t from, int low, int high) {
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
	return !v_any_not_finite(odd);
}

// score writes the products of R queries with N registers of keys.
template <int R, int N> static inline void score(const float *const *q, const float *keys, int width, float *s) {
	vf sum[R][N];
	for (int r = 0; r < R; r++) for (int n = 0; n < N; n++) sum[r][n] = v_zero();
	for (int d = 0; d < width; d++) {
		vf k[N];
		for (int n = 0; n < N; n++) k[n] = v_load(keys + d * block + n * W);
		for (int r = 0; r < R; r++) {
			const vf x = v_all(q[r][d]);
			for (int n = 0; n < N; n++) sum[r][n] = v_fma(x, k[n], sum[r][n]);
		}
	}
	for (int r = 0; r < R; r++) for (int n = 0; n < N; n++) v_store(s + r * block + n * W, sum[r][n]);
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
	for (int r = 0; r < R; r++) for (int n = 0; n < N; n++) v_store(sums + r * width + n * W, sum[r][n]);
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

// attend_rows brings R rows from `row` on past the block; the last of them may lie past the tile and then count nothing.
template <int R>
static inline void attend_rows(tile *t, const float *const *queries, int row, int64_t from, int n, int finite) {
	const int width = (int)t->a->width, real = t->rows - row < R ? t->rows - row : R;
	const int64_t first = token_of(t, 0);
	uint64_t any = 0;
	for (int64_t token = token_of(t, row); token <= token_of(t, row + real - 1); token++) any |= t->live[token - first];
	if (any == 0) return;
	const int low = __builtin_ctzll(any), high = block - __builtin_clzll(any);
	const int start = low / W * W, stop = (high + W - 1) / W * W;

	float s[R * block], shrink[16];
	int j = start;
	for (; j + 2 * W <= stop; j += 2 * W) score<R, 2>(queries + row, t->keys + j, width, s + j);
	if (j < stop) score<R, 1>(queries + row, t->keys + j, width, s + j);

	for (int r = real; r < 16; r++) shrink[r] = 0;
	for (int r = 0; r < real; r++) {
		uint16_t room[block];
		const int64_t token = token_of(t, row + r);
		const uint16_t *m = t->mask == 0 ? 0 : mask_row(t->mask + token * t->a->mask_token, from, n, room);
		shrink[r] = soften(s + r * block, m, n, start, stop, t->a->scale, t->top + row + r, t->weights + (row + r) * W);
	}
	for (int r = 0; r < R; r += W) v_store(shrink + r, v_exp(v_load(shrink + r)));
	for (int r = 0; r < real; r++) {
		float *w = t->weights + (row + r) * W;
		vf sum = v_mul(v_load(w), v_all(shrink[r]));
		for (int i = start; i < stop; i += W) sum = v_add(sum, v_load(s + r * block + i));
		v_store(w, sum);
	}

	float *sums = t->sums + row * width;
	if (!finite) {
		for (int r = 0; r < real; r++) {
			blend_one(s + r * block, shrink[r], t->values, t->live[token_of(t, row + r) - first], width, sums + r * width);
		}
		return;
	}
	int d = 0;
	for (; d + 2 * W <= width; d += 2 * W) blend<R, 2>(s, shrink, t->values + d, low, high, width, sums + d);
	if (d < width) blend<R, 1>(s, shrink, t->values + d, low, high, width, sums + d);
}

static inline void attend_group(tile *t, const float *const *queries, int row, int64_t from, int n, int finite) {
	const int left = t->rows - row;
	if (ROWS == 8 && left > 6) attend_rows<8>(t, queries, row, from, n, finite);
	else if (left > 4) attend_rows<6>(t, queries, row, from, n, finite);
	else if (left > 2) attend_rows<4>(t, queries, row, from, n, finite);
	else attend_rows<2>(t, queries, row, from, n, finite);
}

static inline void attend(tile *t, int64_t stream, int64_t kv_head) {
	const gh_attention *a = t->a;
	const int width = (int)a->width;
	const float *queries[most_rows + ROWS];
	for (int r = 0; r < t->rows + ROWS; r++) queries[r] = query_of(t, stream, kv_head, r < t->rows ? r : t->rows - 1);
	for (int i = 0; i < (t->rows + ROWS) * width; i += W) v_store(t->sums + i, v_zero());
	for (int i = 0; i < (t->rows + ROWS) * W; i += W) v_store(t->weights + i, v_zero());
	for (int r = 0; r < t->rows + ROWS; r++) t->top[r] = -__builtin_inff();

	for (int64_t from = 0; from < a->keys; from += block) {
		const int n = a->keys - from < block ? (int)(a->keys - from) : block;
		const uint64_t any = see_mask(t, from, n);
		if (any == 0) continue;
		turn_keys(t, from, n, any);
		const int finite = widen_values(t, from, __builtin_ctzll(any), block - __builtin_clzll(any));
		for (int row = 0; row < t->rows; row += ROWS) attend_group(t, queries, row, from, n, finite);
	}
	for (int r = 0; r < t->rows; r++) {
		const int64_t i = t->first + r, head = kv_head * t->group + i % t->group;
		finish(t->sums + r * width, t->weights + r * W, width,
			(float *)a->out + ((stream * a->tokens + i / t->group) * a->heads + head) * width);
	}
}

// attention computes every threads-th tile. Tiles are as long as scratch allows, or shorter when some threads had none.
static inline void attention(const gh_attention *a, void *scratch, int index, int threads) {
	const int64_t group = a->heads / a->kv_heads, rows = group * a->tokens, pairs = a->streams * a->kv_heads;
	const int64_t longest = most_rows / ROWS * ROWS;
	int64_t tiles = (rows + longest - 1) / longest;
	if (tiles * pairs < threads) tiles = (threads + pairs - 1) / pairs;
	int64_t length = (rows + tiles - 1) / tiles;
	if (a->tokens > 1) length = (length + ROWS - 1) / ROWS * ROWS;

	tile t;
	t.a = a;
	t.group = (int)group;
	t.keys = (float *)scratch;
	t.values = t.keys + a->width * block;
	t.sums = t.values + a->width * block;
	t.weights = t.sums + a->width * (most_rows + ROWS);
	t.top = t.weights + (most_rows + ROWS) * W;
	t.live = (uint64_t *)(t.top + most_rows + 16);
	for (int64_t i = index; i * length < rows * 0 + tiles * pairs * length; i += threads) {
		const int64_t pair = i % pairs, stream = pair / a->kv_heads, kv_head = pair % a->kv_heads;
		t.first = i / pairs * length;
		if (t.first >= rows) break;
		t.rows = (int)(rows - t.first < length ? rows - t.first : length);
		t.k = a->k + kv_head * a->k_head + stream * a->k_stream;
		t.v = a->v + kv_head * a->v_head + stream * a->v_stream;
		t.mask = a->mask == 0 ? 0 : a->mask + stream % a->mask_streams * a->mask_stream;
		if (a->tokens == 1) attend_thin(&t, stream, kv_head);
		else attend(&t, stream, kv_head);
	}
}

} // namespace

#endif
