//go:build !nollama

#include "tile.h"

#define GGML_COMMON_DECL_CPP
#include "ggml-common.h"

#include <cstring>

namespace gh {

namespace {

// spread writes the words of one row's block into its lane.
void spread(const uint8_t *from, int words, int lane, uint8_t *to, uint32_t flip) {
	for (int i = 0; i < words; i++) {
		uint32_t w;
		memcpy(&w, from + 4 * i, 4);
		w ^= flip;
		memcpy(to + i * word_bytes + 4 * lane, &w, 4);
	}
}

// scales reads the eight pairs of 6 bits of a Q4_K block: scales first, then minimums.
void scales(const uint8_t *packed, uint8_t *sc, uint8_t *m) {
	for (int j = 0; j < 4; j++) {
		sc[j] = packed[j] & 63;
		m[j] = packed[j + 4] & 63;
		sc[j + 4] = (packed[j + 8] & 15) | (packed[j] >> 6 << 4);
		m[j + 4] = (packed[j + 8] >> 4) | (packed[j + 4] >> 6 << 4);
	}
}

} // namespace

void pack_q8_0(const void *rows, int64_t blocks, void *tile) {
	auto *head = static_cast<uint8_t *>(tile), *words = head + blocks * q8_0_head;
	for (int r = 0; r < tile_rows; r++) {
		const auto *row = static_cast<const block_q8_0 *>(rows) + r * blocks;
		for (int64_t b = 0; b < blocks; b++) {
			memcpy(head + b * q8_0_head + 2 * r, &row[b].d, 2);
			spread(reinterpret_cast<const uint8_t *>(row[b].qs), q8_0_words, r, words + b * q8_0_words * word_bytes, 0x80808080);
		}
	}
}

void pack_q4_0(const void *rows, int64_t blocks, void *tile) {
	auto *head = static_cast<uint8_t *>(tile), *words = head + blocks * q4_0_head;
	for (int r = 0; r < tile_rows; r++) {
		const auto *row = static_cast<const block_q4_0 *>(rows) + r * blocks;
		for (int64_t b = 0; b < blocks; b++) {
			memcpy(head + b * q4_0_head + 2 * r, &row[b].d, 2);
			spread(row[b].qs, q4_0_words, r, words + b * q4_0_words * word_bytes, 0);
		}
	}
}

void pack_q4_k(const void *rows, int64_t blocks, void *tile) {
	auto *head = static_cast<uint8_t *>(tile), *words = head + blocks * q4_k_head;
	for (int r = 0; r < tile_rows; r++) {
		const auto *row = static_cast<const block_q4_K *>(rows) + r * blocks;
		for (int64_t b = 0; b < blocks; b++) {
			uint8_t *h = head + b * q4_k_head, sc[8], m[8];
			memcpy(h + 2 * r, &row[b].data.data.d, 2);
			memcpy(h + 32 + 2 * r, &row[b].data.data.dmin, 2);
			scales(row[b].scales, sc, m);
			for (int j = 0; j < 8; j++) {
				h[64 + 32 * j + r] = sc[j];
				h[64 + 32 * j + 16 + r] = m[j];
			}
			spread(row[b].qs, q4_k_words, r, words + b * q4_k_words * word_bytes, 0);
		}
	}
}

void pack_q6_k(const void *rows, int64_t blocks, void *tile) {
	auto *head = static_cast<uint8_t *>(tile), *words = head + blocks * q6_k_head;
	for (int r = 0; r < tile_rows; r++) {
		const auto *row = static_cast<const block_q6_K *>(rows) + r * blocks;
		for (int64_t b = 0; b < blocks; b++) {
			uint8_t *h = head + b * q6_k_head, *w = words + b * q6_k_words * word_bytes;
			memcpy(h + 2 * r, &row[b].d, 2);
			for (int j = 0; j < 16; j++) h[32 + 16 * j + r] = uint8_t(row[b].scales[j]);
			for (int half = 0; half < 2; half++) {
				spread(row[b].ql + 64 * half, 16, r, w + 24 * half * word_bytes, 0);
				spread(row[b].qh + 32 * half, 8, r, w + (24 * half + 16) * word_bytes, 0);
			}
		}
	}
}

} // namespace gh
