// The attention kernel's division of work, and its two forms: attention_wide.h and attention_thin.h. A softmax over each
// block of keys corrects what earlier blocks gave (https://arxiv.org/abs/2112.05682), so that no row of scores is kept.
// All sums are in single precision. Static; see the translation units.
#ifndef GUARDHOUSE_KERNEL_ATTENTION_BODY_H
#define GUARDHOUSE_KERNEL_ATTENTION_BODY_H

#include "attention_thin.h"
#include "attention_wide.h"

namespace {

// lay_out cuts a thread's scratch; the order and sizes are gh_attention_scratch's.
static inline void lay_out(tile *t, char *scratch) {
	const int64_t width = t->a->width, rows = most_rows + ROWS;
	t->live = (uint64_t *)scratch;
	t->keys = (float *)(t->live + most_rows);
	t->values = t->keys + width * block;
	t->sums = t->values + width * block;
	t->weights = t->sums + rows * width;
	t->top = t->weights + rows * W;
}

// attention computes every threads-th tile. Tiles are as long as scratch allows, or shorter where some threads had none, or
// less than others had.
static inline void attention(const gh_attention *a, void *scratch, int index, int threads) {
	const int64_t group = a->heads / a->kv_heads, rows = group * a->tokens, pairs = a->streams * a->kv_heads;
	const int64_t longest = most_rows / ROWS * ROWS;
	int64_t tiles = (rows + longest - 1) / longest;
	if (tiles * pairs < threads) tiles = (threads + pairs - 1) / pairs;
	while (tiles * pairs % threads != 0 && tiles * pairs < 4 * threads && rows > 2 * ROWS * tiles) tiles++;
	int64_t length = (rows + tiles - 1) / tiles;
	if (a->tokens > 1) length = (length + ROWS - 1) / ROWS * ROWS;

	tile t;
	t.a = a;
	t.group = (int)group;
	lay_out(&t, (char *)scratch);
	for (int64_t i = index; i < tiles * pairs; i += threads) {
		t.first = i / pairs * length;
		if (t.first >= rows) return;
		t.rows = (int)(rows - t.first < length ? rows - t.first : length);
		t.stream = i % pairs / a->kv_heads;
		t.kv_head = i % pairs % a->kv_heads;
		t.k = a->k + t.kv_head * a->k_head + t.stream * a->k_stream;
		t.v = a->v + t.kv_head * a->v_head + t.stream * a->v_stream;
		t.mask = a->mask == 0 ? 0 : a->mask + t.stream % a->mask_streams * a->mask_stream;
		if (a->tokens == 1) attend_thin(&t);
		else attend(&t);
	}
}

} // namespace

#endif
