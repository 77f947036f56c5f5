//go:build !nollama

#include "matmul.h"

#include <algorithm>
#include <vector>

namespace gh {

namespace {

constexpr int64_t most = int64_t(1) << 31; // rows or values of a row; far over every model's
constexpr size_t line = 64;

// columns is a float tensor seen as a list of columns.
struct columns {
	const ggml_tensor *t;
	int64_t count() const { return t->ne[1] * t->ne[2] * t->ne[3]; }
	char *at(int64_t i) const {
		if (t->ne[2] == 1 && t->ne[3] == 1) return static_cast<char *>(t->data) + i * t->nb[1];
		const int64_t i1 = i % t->ne[1], i2 = i / t->ne[1] % t->ne[2], i3 = i / t->ne[1] / t->ne[2];
		return static_cast<char *>(t->data) + i1 * t->nb[1] + i2 * t->nb[2] + i3 * t->nb[3];
	}
};

// job is one product, cut into panels of columns and tiles of rows.
struct job {
	const set &with;
	const format &in;
	const ggml_tensor *weight;
	columns x, y;
	int64_t blocks, tiles, panels;
	char *quantised;

	job(const set &s, const format &f, const ggml_tensor *node, char *work)
		: with(s), in(f), weight(node->src[0]), x{node->src[1]}, y{node}, blocks(weight->ne[0] / f.block),
		  tiles(weight->ne[1] / tile_rows), panels((x.count() + s.width - 1) / s.width), quantised(work) {}

	int width(int64_t panel) const { return int(std::min<int64_t>(with.width, x.count() - panel * with.width)); }
	char *panel(int64_t i) const { return quantised + size_t(i) * with.width * blocks * in.column_bytes; }

	// quantise does this thread's share of the blocks of all panels.
	void quantise(int64_t first, int64_t last) const {
		while (first < last) {
			const int64_t p = first / blocks, from = first % blocks, to = std::min(blocks, from + last - first);
			const float *at[max_width];
			for (int c = 0; c < width(p); c++) at[c] = reinterpret_cast<const float *>(x.at(p * with.width + c));
			in.quantise(at, width(p), from, to, panel(p));
			first += to - from;
		}
	}

	// multiply computes some tiles for some panels: a group of tiles stays in the cache while all columns pass by.
	void multiply(int64_t tile, int64_t tile_end, int64_t panel_from, int64_t panel_end) const {
		const size_t stride = size_t(blocks) * in.tile_bytes;
		const int64_t group = 4; // what kernels for few columns take side by side
		for (; tile < tile_end; tile += group) {
			const int64_t n = std::min(group, tile_end - tile);
			for (int64_t p = panel_from; p < panel_end; p++) {
				float *at[max_width];
				const int wide = width(p);
				for (int c = 0; c < wide; c++) at[c] = reinterpret_cast<float *>(y.at(p * with.width + c)) + tile * tile_rows;
				in.product(static_cast<char *>(weight->data) + tile * stride, n, blocks, panel(p), wide, at);
			}
		}
	}
};

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

char *aligned(void *p) { return reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(p) + line - 1) / line * line); }

} // namespace

const format *fits(const set &with, const ggml_tensor *w) {
	if (w->view_src != nullptr || w->ne[2] != 1 || w->ne[3] != 1 || !ggml_is_contiguous(w)) return nullptr;
	if (w->ne[0] < 1 || w->ne[1] < 1 || w->ne[0] > most || w->ne[1] > most || w->ne[1] % tile_rows != 0) return nullptr;
	for (size_t i = 0; i < with.count; i++) {
		if (with.formats[i].type == w->type && w->ne[0] % with.formats[i].block == 0) return &with.formats[i];
	}
	return nullptr;
}

size_t packed_size(const format &f, const ggml_tensor *w) {
	return size_t(w->ne[1] / tile_rows) * size_t(w->ne[0] / f.block) * f.tile_bytes;
}

void pack(const format &f, const ggml_tensor *w, const void *rows) {
	const int64_t blocks = w->ne[0] / f.block;
	for (int64_t t = 0; t < w->ne[1] / tile_rows; t++) {
		f.pack(static_cast<const char *>(rows) + t * tile_rows * w->nb[1], blocks, static_cast<char *>(w->data) + t * blocks * f.tile_bytes);
	}
}

bool matmul::work_size(int, const ggml_tensor *node, size_t &size) {
	if (node->op != GGML_OP_MUL_MAT) return false;
	const columns x{node->src[1]};
	size = size_t(x.count()) * size_t(node->src[0]->ne[0] / in->block) * in->column_bytes + line;
	return true;
}

bool matmul::compute_forward(ggml_compute_params *params, ggml_tensor *node) {
	if (node->op != GGML_OP_MUL_MAT) return false;
	const ggml_tensor *x = node->src[1];
	// supports_op refused everything else before the pass was planned.
	GGML_ASSERT(x->type == GGML_TYPE_F32 && node->type == GGML_TYPE_F32 && x->nb[0] == sizeof(float) && node->nb[0] == sizeof(float));
	GGML_ASSERT(x->ne[0] == node->src[0]->ne[0] && node->ne[0] == node->src[0]->ne[1] && columns{node}.count() == columns{x}.count());
	size_t needed = 0;
	work_size(params->nth, node, needed);
	GGML_ASSERT(params->wsize >= needed);

	const job j(*with, *in, node, aligned(params->wdata));
	const int64_t share = j.panels * j.blocks;
	j.quantise(share * params->ith / params->nth, share * (params->ith + 1) / params->nth);

	// Chunks, so that a thread whose core is busy with others holds nobody up: about four for each, of rows first, because
	// every further part of the columns reads the weights again.
	const int64_t wanted = params->nth == 1 ? 1 : 4 * params->nth;
	int64_t tiles = std::max<int64_t>(1, j.tiles / wanted);
	if (tiles > 4) tiles = tiles / 4 * 4;
	const int64_t across = ceil_div(j.tiles, tiles);
	const int64_t down = std::min(j.panels, std::max<int64_t>(1, 2 * params->nth / across));
	const int64_t panels = ceil_div(j.panels, down);
	if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, params->nth);
	ggml_barrier(params->threadpool);
	for (int64_t i = params->ith; i < across * down; i = ggml_threadpool_chunk_add(params->threadpool, 1)) {
		const int64_t tile = i % across * tiles, panel = i / across * panels;
		j.multiply(tile, std::min(tile + tiles, j.tiles), panel, std::min(panel + panels, j.panels));
	}
	return true;
}

} // namespace gh
