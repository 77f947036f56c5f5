// Single operations of the engine, computed by chosen kernels or by the engine's own code.
#ifndef GUARDHOUSE_KERNELTEST_NODE_H
#define GUARDHOUSE_KERNELTEST_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gh_node gh_node;

// gh_attention_shape says how the engine lays attention out: queries [width, heads, tokens] of all streams one after the
// other; a cache of cells x kv_heads x width for each stream, of which the first keys are seen; a mask of mask_rows x keys for
// each stream. The rest are things that our kernels leave to the engine.
typedef struct {
	int64_t width, tokens, keys, heads, kv_heads, streams, cells, mask_rows;
	float scale, max_bias, soft_cap;
	bool eight_bits; // the cache in q8_0
	bool sinks;
} gh_attention_shape;

void gh_halves(const float *x, uint16_t *h, int64_t n);

// The functions that make a node copy their data; mask may be null. A place is where rows stand: 0 in a tensor of their own,
// 1 the result goes over the input, 2 the rows have a gap between them.
gh_node *gh_node_attention(const gh_attention_shape *s, const float *q, const uint16_t *k, const uint16_t *v, const uint16_t *mask);
gh_node *gh_node_norm(const int64_t shape[4], const float *x, float eps, int place);
gh_node *gh_node_times(const int64_t shape[4], const float *x, const float *w, int place);
gh_node *gh_node_rope(const int64_t shape[4], const float *x, const int32_t *positions, int mode, int turned, float base, float scale, float ramp, int place);

// gh_node_lookup reads rows by their ids from a q8_0 tensor that holds count rows of x.
gh_node *gh_node_lookup(int64_t width, int64_t count, const float *x, const int32_t *ids, int64_t n);

gh_node *gh_node_gate(const int64_t shape[4], const float *x, const float *g, int place);
gh_node *gh_node_cast(const int64_t shape[4], const float *x, int place); // to half precision; computed values are floats again

// gh_node_taken says whether the kernels of that name compute the node; -1 where this processor lacks them.
int gh_node_taken(gh_node *n, const char *kernels);

// gh_node_compute computes it so many times with kernels that this processor has, or "none", and answers the nanoseconds of
// processor time of the calling thread that the fastest took. The result goes to out, rows without gaps.
int64_t gh_node_compute(gh_node *n, const char *kernels, int threads, int times, float *out);

int64_t gh_node_floats(const gh_node *n);
void gh_node_free(gh_node *n);

#ifdef __cplusplus
}
#endif
#endif
