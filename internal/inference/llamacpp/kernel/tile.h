// How weights stand in tiles of 16 rows, and quantised columns in panels. Both sets for x86 share it.
//
// A tile holds the 32-bit words of 16 rows side by side: 64 bytes are the same word of each row, which is what one vpdpbusd
// takes. First come the scales of all blocks, then the words of all blocks, so that words stay aligned.
//
//   Q8_0  16 f16 scales | 8 words, a byte each value, plus 128
//   Q4_0  16 f16 scales | 4 words: low halves are values 0..15, high halves 16..31, plus 8
//   Q4_K  16 f16 d, 16 f16 dmin, then 8 times 16 scales and 16 minimums of a byte | 32 words as in the file
//   Q6_K  16 f16 d, then 16 times 16 scales of a signed byte | 48 words as in the file: of each half 16 ql, then 8 qh
//
// A panel of c columns holds, block by block:
//
//   Q8_0, Q4_0  c f32 scales | c i32: the sum of the values times minus what was added to the weights | 8 times c words
//   Q4_K        c f32 scales | 8 times c f32: sums of 32 values | 64 times c words
//   Q6_K        c f32 scales | 16 times c i32: -32 times the sums of 16 values | 64 times c words
#ifndef GUARDHOUSE_KERNEL_TILE_H
#define GUARDHOUSE_KERNEL_TILE_H

#include "set.h"

namespace gh {

enum {
	word_bytes = 64, // a word of each row of a tile
	q8_0_head = 32, q8_0_words = 8, q8_0_bias = 128,
	q4_0_head = 32, q4_0_words = 4, q4_0_bias = 8,
	q4_k_head = 64 + 8 * 32, q4_k_words = 32,
	q6_k_head = 32 + 16 * 16, q6_k_words = 48, q6_k_bias = 32,
	column_32 = 4 + 4 + 32,
	column_q4_k = 4 + 8 * 4 + 256,
	column_q6_k = 4 + 16 * 4 + 256,
};

// The tiles' writers.
void pack_q8_0(const void *rows, int64_t blocks, void *tile);
void pack_q4_0(const void *rows, int64_t blocks, void *tile);
void pack_q4_k(const void *rows, int64_t blocks, void *tile);
void pack_q6_k(const void *rows, int64_t blocks, void *tile);

extern const set avx512, avx2;

} // namespace gh

#endif
