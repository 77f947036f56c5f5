//go:build !nollama

#include "node.h"

#include "../install.h"

#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "traits.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

struct gh_node {
	std::vector<uint8_t> memory;
	ggml_context *ctx = nullptr;
	ggml_tensor *node = nullptr, *source = nullptr; // source: what a node that writes over its input must be given again
	std::vector<uint8_t> input;
};

namespace {

// as_if makes the engine see one set's plug alone, or none of ours, for as long as it lives.
class as_if {
  public:
	explicit as_if(const std::string &name) : saved(ggml_backend_cpu_get_extra_buffer_types()) {
		static std::map<std::string, ggml_backend_buffer_type_t> known;
		size_t count = 0;
		const gh::set *const *all = gh::sets(&count);
		for (size_t i = 0; i < count; i++) {
			if (name == all[i]->name && all[i]->runs() && known.count(name) == 0) known[name] = gh::plug_in(all[i]);
		}
		have = name == "none" || known.count(name) == 1;
		auto &list = ggml_backend_cpu_get_extra_buffer_types();
		list.clear();
		if (known.count(name) == 1) list.push_back(known[name]);
	}
	~as_if() { ggml_backend_cpu_get_extra_buffer_types() = saved; }
	as_if(const as_if &) = delete;
	as_if &operator=(const as_if &) = delete;
	bool have = false;

  private:
	std::vector<ggml_backend_buffer_type_t> saved;
};

gh_node *start(size_t bytes) {
	ggml_cpu_init();
	auto *n = new gh_node;
	n->memory.resize(bytes + (size_t(1) << 20));
	n->ctx = ggml_init({n->memory.size(), n->memory.data(), false});
	return n;
}

ggml_tensor *put(ggml_tensor *t, const void *data) {
	memcpy(t->data, data, ggml_nbytes(t));
	return t;
}

// rows answers a tensor that holds x, with a gap of 48 bytes between rows for place 2.
ggml_tensor *rows(gh_node *n, const int64_t ne[4], const float *x, int place) {
	const int64_t gap = place == 2 ? 12 : 0;
	ggml_tensor *all = ggml_new_tensor_4d(n->ctx, GGML_TYPE_F32, ne[0] + gap, ne[1], ne[2], ne[3]);
	ggml_tensor *t = ggml_view_4d(n->ctx, all, ne[0], ne[1], ne[2], ne[3], all->nb[1], all->nb[2], all->nb[3], 0);
	for (int64_t i = 0; i < ggml_nrows(t); i++) memcpy(static_cast<char *>(all->data) + size_t(i) * all->nb[1], x + i * ne[0], size_t(ne[0]) * 4);
	n->source = all;
	n->input.assign(static_cast<uint8_t *>(all->data), static_cast<uint8_t *>(all->data) + ggml_nbytes(all));
	return t;
}

size_t bytes_of(const int64_t ne[4]) { return size_t((ne[0] + 12) * ne[1] * ne[2] * ne[3]) * 4 * 3; }

int64_t processor_time() {
	timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return int64_t(t.tv_sec) * 1000000000 + t.tv_nsec;
}

} // namespace

void gh_halves(const float *x, uint16_t *h, int64_t n) { ggml_fp32_to_fp16_row(x, h, n); }

gh_node *gh_node_attention(const gh_attention_shape *s, const float *q, const uint16_t *k, const uint16_t *v, const uint16_t *mask) {
	const int64_t cached = s->width * s->kv_heads * s->cells * s->streams, queries = s->width * s->heads * s->tokens * s->streams;
	gh_node *n = start(size_t(cached * 4 + queries * 8 + s->keys * s->mask_rows * s->streams * 2));
	ggml_context *c = n->ctx;
	const ggml_type type = s->eight_bits ? GGML_TYPE_Q8_0 : GGML_TYPE_F16;
	ggml_tensor *cache[2];
	for (int i = 0; i < 2; i++) {
		const uint16_t *from = i == 0 ? k : v;
		ggml_tensor *t = ggml_new_tensor_3d(c, type, s->width * s->kv_heads, s->cells, s->streams);
		if (s->eight_bits) {
			std::vector<float> wide(static_cast<size_t>(cached));
			ggml_fp16_to_fp32_row(from, wide.data(), cached);
			ggml_quantize_chunk(type, wide.data(), t->data, 0, s->cells * s->streams, s->width * s->kv_heads, nullptr);
		} else {
			put(t, from);
		}
		t = ggml_view_4d(c, t, s->width, s->kv_heads, s->keys, s->streams, ggml_row_size(type, s->width), t->nb[1], t->nb[2], 0);
		cache[i] = ggml_permute(c, t, 0, 2, 1, 3);
	}
	ggml_tensor *x = put(ggml_new_tensor_4d(c, GGML_TYPE_F32, s->width, s->heads, s->tokens, s->streams), q);
	x = ggml_permute(c, x, 0, 2, 1, 3);
	ggml_tensor *m = mask == nullptr ? nullptr : put(ggml_new_tensor_4d(c, GGML_TYPE_F16, s->keys, s->mask_rows, 1, s->streams), mask);
	n->node = ggml_flash_attn_ext(c, x, cache[0], cache[1], m, s->scale, s->max_bias, s->soft_cap);
	ggml_flash_attn_ext_set_prec(n->node, GGML_PREC_F32);
	if (s->sinks) {
		ggml_tensor *sinks = ggml_new_tensor_1d(c, GGML_TYPE_F32, s->heads);
		ggml_set_zero(sinks);
		ggml_flash_attn_ext_add_sinks(n->node, sinks);
	}
	return n;
}

gh_node *gh_node_norm(const int64_t ne[4], const float *x, float eps, int place) {
	gh_node *n = start(bytes_of(ne));
	ggml_tensor *t = rows(n, ne, x, place);
	n->node = place == 1 ? ggml_rms_norm_inplace(n->ctx, t, eps) : ggml_rms_norm(n->ctx, t, eps);
	return n;
}

gh_node *gh_node_times(const int64_t ne[4], const float *x, const float *w, int place) {
	gh_node *n = start(bytes_of(ne));
	ggml_tensor *t = rows(n, ne, x, place), *by = put(ggml_new_tensor_1d(n->ctx, GGML_TYPE_F32, ne[0]), w);
	n->node = place == 1 ? ggml_mul_inplace(n->ctx, t, by) : ggml_mul(n->ctx, t, by);
	return n;
}

gh_node *gh_node_rope(const int64_t ne[4], const float *x, const int32_t *positions, int mode, int turned, float base, float scale, float ramp, int place) {
	gh_node *n = start(bytes_of(ne) + size_t(ne[2]) * 4);
	ggml_tensor *t = rows(n, ne, x, place), *p = put(ggml_new_tensor_1d(n->ctx, GGML_TYPE_I32, ne[2]), positions);
	const auto make = place == 1 ? ggml_rope_ext_inplace : ggml_rope_ext;
	n->node = make(n->ctx, t, p, nullptr, turned, mode, 4096, base, scale, ramp, 1.0f, 32.0f, 1.0f);
	return n;
}

gh_node *gh_node_lookup(int64_t width, int64_t count, const float *x, const int32_t *ids, int64_t many) {
	gh_node *n = start(size_t(width * (count * 2 + many * 4) + many * 4));
	ggml_tensor *w = ggml_new_tensor_2d(n->ctx, GGML_TYPE_Q8_0, width, count);
	ggml_quantize_chunk(w->type, x, w->data, 0, count, width, nullptr);
	n->node = ggml_get_rows(n->ctx, w, put(ggml_new_tensor_1d(n->ctx, GGML_TYPE_I32, many), ids));
	return n;
}

gh_node *gh_node_gate(const int64_t ne[4], const float *x, const float *g, int place) {
	gh_node *n = start(2 * bytes_of(ne));
	ggml_tensor *t = rows(n, ne, x, place), *by = put(ggml_new_tensor_4d(n->ctx, GGML_TYPE_F32, ne[0], ne[1], ne[2], ne[3]), g);
	n->node = ggml_swiglu_split(n->ctx, t, by);
	return n;
}

gh_node *gh_node_cast(const int64_t ne[4], const float *x, int place) {
	gh_node *n = start(bytes_of(ne));
	n->node = ggml_cast(n->ctx, rows(n, ne, x, place), GGML_TYPE_F16);
	return n;
}

int gh_node_taken(gh_node *n, const char *kernels) {
	as_if now(kernels);
	if (!now.have) return -1;
	size_t size = 0;
	return ggml_cpu_extra_work_size(1, n->node, &size) ? 1 : 0;
}

int64_t gh_node_compute(gh_node *n, const char *kernels, int threads, int times, float *out) {
	as_if now(kernels);
	if (!now.have) return -1;
	ggml_tensor *node = n->node;
	ggml_cgraph *graph = ggml_new_graph_custom(n->ctx, 8, false);
	ggml_build_forward_expand(graph, node);
	ggml_threadpool_params tp = ggml_threadpool_params_default(threads);
	ggml_threadpool *pool = ggml_threadpool_new(&tp);
	ggml_cplan plan = ggml_graph_plan(graph, threads, pool);
	std::vector<uint8_t> work(plan.work_size, 0xff); // scratch holds anything
	plan.work_data = work.data();
	int64_t least = INT64_MAX;
	for (int i = 0; i < times; i++) {
		if (n->source != nullptr) put(n->source, n->input.data());
		const int64_t from = processor_time();
		ggml_graph_compute(graph, &plan);
		least = std::min(least, processor_time() - from);
	}
	ggml_threadpool_free(pool);
	for (int64_t i = 0; i < ggml_nrows(node); i++) {
		const int64_t i1 = i % node->ne[1], i2 = i / node->ne[1] % node->ne[2], i3 = i / node->ne[1] / node->ne[2];
		const void *row = static_cast<char *>(node->data) + i1 * node->nb[1] + i2 * node->nb[2] + i3 * node->nb[3];
		if (node->type == GGML_TYPE_F16) {
			ggml_fp16_to_fp32_row(static_cast<const ggml_fp16_t *>(row), out + i * node->ne[0], node->ne[0]);
		} else {
			memcpy(out + i * node->ne[0], row, size_t(node->ne[0]) * 4);
		}
	}
	return least;
}

int64_t gh_node_floats(const gh_node *n) { return ggml_nelements(n->node); }

void gh_node_free(gh_node *n) {
	ggml_free(n->ctx);
	delete n;
}
