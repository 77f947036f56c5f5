// What the wide and the thin form of the attention kernel share: masks, the softmax over a block, the end of a row.
// Written in the vector type of the header included before; static, see the translation units.
#ifndef GUARDHOUSE_KERNEL_ATTENTION_PARTS_H
#define GUARDHOUSE_KERNEL_ATTENTION_PARTS_H

#include "attention.h"
#include "exp_body.h"

namespace {

enum { block = 64, most_rows = 128 }; // keys of a block; query rows of a tile

// tile is a run of query rows of one key head and one stream: row i is token i / group, head i % group of the key head.
struct tile {
	const gh_attention *a;
	const char *k, *v, *mask;
	int64_t stream, kv_head, first; // first: the row where the tile starts
	int rows, group;
	float *keys;    // [width][block] the block's keys as columns
	float *values;  // [block][width]
	float *sums;    // [most_rows + ROWS][width] weighted values so far
	float *weights; // [most_rows + ROWS][W] partial sums of the weights so far
	float *top;     // [most_rows + ROWS] largest score so far
	uint64_t *live; // [most_rows] keys of the block that count, for each of the tile's tokens
};

static inline int64_t token_of(const tile *t, int row) { return (t->first + row) / t->group; }

static inline const float *query_of(const tile *t, int row) {
	const gh_attention *a = t->a;
	const int64_t i = t->first + row, head = t->kv_head * t->group + i % t->group;
	return (const float *)(a->q + i / t->group * a->q_token + head * a->q_head + t->stream * a->q_stream);
}

// mask_of answers a token's mask entries for the n keys from `from`: in place, or in room and padded with -infinity
// where the block has fewer than 64 keys or nothing is masked.
static inline const uint16_t *mask_of(const tile *t, int64_t token, int64_t from, int n, uint16_t room[block]) {
	const uint16_t *m = t->mask == 0 ? 0 : (const uint16_t *)(t->mask + token * t->a->mask_token) + from;
	if (m != 0 && n == block) return m;
	for (int i = 0; i < block; i++) room[i] = i >= n ? 0xFC00 : m == 0 ? 0 : m[i];
	return room;
}

// see_mask fills t->live for the n keys from `from`, and answers the keys that count for any of the tile's tokens.
static inline uint64_t see_mask(tile *t, int64_t from, int n) {
	const int64_t first = token_of(t, 0), last = token_of(t, t->rows - 1);
	uint64_t any = 0;
	for (int64_t token = first; token <= last; token++) {
		uint16_t room[block];
		t->live[token - first] = v_keys_that_count(mask_of(t, token, from, n, room));
		any |= t->live[token - first];
	}
	return any;
}

// soften turns a row's products into weights e^(score - top), 0 for masked keys whatever their product, for the
// registers from start to stop; it raises *top, and answers the exponent by which earlier sums shrink.
static inline float soften(float *s, const uint16_t *mask, int start, int stop, float scale, float *top) {
	const vf never = v_all(-__builtin_inff()), by = v_all(scale);
	vf largest = v_all(*top);
	for (int i = start; i < stop; i += W) {
		const vf m = v_half(mask + i);
		const vf x = v_where_ne(m, never, v_fma(v_load(s + i), by, m), never);
		v_store(s + i, x);
		largest = v_max(x, largest); // a NaN is left out here and comes back as its weight
	}
	const float now = v_hmax(largest), base = now == -__builtin_inff() ? 0.0f : now; // all masked: weights of 0
	for (int i = start; i < stop; i += W) v_store(s + i, v_exp(v_sub(v_load(s + i), v_all(base))));
	const float less = *top - base;
	*top = now;
	return less;
}

// add_weights shrinks a row's sum of weights and adds the block's.
static inline void add_weights(float *weights, float shrink, const float *s, int start, int stop) {
	vf sum = v_mul(v_load(weights), v_all(shrink));
	for (int i = start; i < stop; i += W) sum = v_add(sum, v_load(s + i));
	v_store(weights, sum);
}

// start_rows empties the tile's sums.
static inline void start_rows(tile *t) {
	const int rows = t->rows + ROWS, width = (int)t->a->width;
	for (int i = 0; i < rows * width; i += W) v_store(t->sums + i, v_zero());
	for (int i = 0; i < rows * W; i += W) v_store(t->weights + i, v_zero());
	for (int r = 0; r < rows; r++) t->top[r] = -__builtin_inff();
}

// finish_rows writes what the tile's rows came to; zeros where every key was masked.
static inline void finish_rows(const tile *t) {
	const gh_attention *a = t->a;
	const int width = (int)a->width;
	for (int r = 0; r < t->rows; r++) {
		const int64_t i = t->first + r, head = t->kv_head * t->group + i % t->group;
		float *out = (float *)a->out + ((t->stream * a->tokens + i / t->group) * a->heads + head) * width;
		const float sum = v_hsum(v_load(t->weights + r * W));
		const vf by = v_all(sum == 0 ? 0 : 1 / sum);
		for (int d = 0; d < width; d += W) v_store(out + d, v_mul(v_load(t->sums + r * width + d), by));
	}
}

} // namespace

#endif
