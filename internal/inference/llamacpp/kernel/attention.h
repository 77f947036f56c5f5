// Attention over a cache of 16-bit keys and values, as plain functions: one per instruction set.
#ifndef GUARDHOUSE_KERNEL_ATTENTION_H
#define GUARDHOUSE_KERNEL_ATTENTION_H

#include <cstddef>
#include <cstdint>

// gh_attention describes softmax(scale * q k^T + mask) v for every stream, head and token. Rows are contiguous;
// strides are in bytes. Query head h reads key head h / (heads / kv_heads).
struct gh_attention {
	const char *q, *k, *v; // q f32 [width, tokens, heads, streams]; k, v f16 [width, keys, kv_heads, streams]
	const char *mask;      // f16 [keys, tokens, 1, mask_streams] added to the scores; null: nothing is masked
	char *out;             // f32 [width, heads, tokens, streams], contiguous
	int64_t width, tokens, keys, heads, kv_heads, streams, mask_streams;
	size_t q_token, q_head, q_stream;
	size_t k_key, k_head, k_stream;
	size_t v_key, v_head, v_stream;
	size_t mask_token, mask_stream;
	float scale;
};

enum { gh_attention_max_width = 256 };

// gh_attention_scratch answers how many bytes one thread needs, for any shape of that width: a multiple of 64.
size_t gh_attention_scratch(int64_t width);

// The kernels compute the share of thread `index` of `threads`; scratch is the thread's own, aligned to 64 bytes.
// A row whose keys are all masked answers zeros. A masked key never touches a result, whatever its bits say; a NaN
// or an infinity among a row's own inputs makes that row NaN.
void gh_attention_avx512(const gh_attention *a, void *scratch, int index, int threads);
void gh_attention_avx2(const gh_attention *a, void *scratch, int index, int threads);
void gh_attention_neon(const gh_attention *a, void *scratch, int index, int threads);

#endif
