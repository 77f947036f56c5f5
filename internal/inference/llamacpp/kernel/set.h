// What the parts of this package share: a set of kernels for one kind of processor, and the formats it multiplies.
// Files that are compiled for more than the build's own processor include this and nothing with inline functions: one of
// those, compiled for AVX-512, could be the copy that the linker keeps for everybody.
#ifndef GUARDHOUSE_KERNEL_SET_H
#define GUARDHOUSE_KERNEL_SET_H

#include "ggml.h"

#include <stddef.h>
#include <stdint.h>

namespace gh {

// Rows of a weight stand in tiles of 16, one 32-bit lane of a zmm each.
enum { tile_rows = 16, max_width = 8 };

// format is how a set keeps and multiplies weights of one type. Blocks are the type's: 32 or 256 values of a row.
struct format {
	ggml_type type;
	int64_t block;       // values in a block
	size_t tile_bytes;   // of one block of 16 rows
	size_t column_bytes; // of one block of a quantised column
	// pack writes one tile from 16 rows of ggml's blocks that follow each other.
	void (*pack)(const void *rows, int64_t blocks, void *tile);
	// quantise fills blocks first..last-1 of a panel of columns, 1 to the set's width. The floats of a column are contiguous.
	void (*quantise)(const float *const *x, int columns, int64_t first, int64_t last, void *panel);
	// product writes tiles x columns of the result: out[c] + 16 t are the rows of tile t.
	void (*product)(const void *tiles, int64_t n, int64_t blocks, const void *panel, int columns, float *const *out);
};

// set is everything for one kind of processor.
struct set {
	const char *name;
	bool (*runs)(); // whether processor and operating system can
	int width;      // columns of a panel, at most max_width
	const format *formats;
	size_t count;
};

// sets answers all sets of this build, the fastest first.
const set *const *sets(size_t *count);

} // namespace gh

#endif
