//go:build !nollama

#include "kerneltest.h"

#include "../install.h"

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "traits.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <time.h>
#include <vector>

struct gh_product {
	ggml_context *weights = nullptr, *rest = nullptr;
	ggml_backend_buffer_t held = nullptr, other = nullptr;
	ggml_tensor *w = nullptr, *all = nullptr, *x = nullptr, *y = nullptr;
	ggml_cgraph *graph = nullptr;
	ggml_threadpool *pool = nullptr;
	std::vector<uint8_t> work;
	int threads = 1;
};

namespace {

// plugged answers the buffer type of a set, which joins the engine's list for good when it is first asked for.
ggml_backend_buffer_type_t plugged(const std::string &name) {
	static std::mutex one;
	static std::map<std::string, ggml_backend_buffer_type_t> known;
	std::lock_guard<std::mutex> held(one);
	if (known.empty()) {
		known["none"] = ggml_backend_cpu_buffer_type();
		const auto &own = ggml_backend_cpu_get_extra_buffer_types();
		known["engine"] = own.empty() ? ggml_backend_cpu_buffer_type() : own.back();
	}
	if (known.count(name) == 0) {
		size_t count = 0;
		const gh::set *const *all = gh::sets(&count);
		known[name] = nullptr;
		for (size_t i = 0; i < count; i++) {
			if (name == all[i]->name && all[i]->runs()) known[name] = gh::plug_in(all[i]);
		}
	}
	return known[name];
}

bool takes(ggml_backend_buffer_type_t type, gh_product *p) {
	// As the loader asks: with a buffer of no bytes behind the weight.
	p->w->buffer = ggml_backend_buft_alloc_buffer(type, 0);
	const bool yes = ggml_backend_dev_supports_op(ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0), p->y);
	ggml_backend_buffer_free(p->w->buffer);
	p->w->buffer = nullptr;
	return yes;
}

// spent is the processor time of this thread, which computes its share itself: a busy machine does not count.
int64_t spent() {
	timespec t{};
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return int64_t(t.tv_sec) * 1000000000 + t.tv_nsec;
}

} // namespace

size_t gh_row_bytes(int type, int64_t k) { return ggml_row_size(ggml_type(type), k); }

void gh_quantise(int type, const float *values, int64_t rows, int64_t k, void *blocks) {
	ggml_quantize_chunk(ggml_type(type), values, blocks, 0, rows, k, nullptr);
}

void gh_floats(int type, const void *blocks, float *values, int64_t n) {
	ggml_get_type_traits(ggml_type(type))->to_float(blocks, values, n);
}

gh_product *gh_product_new(const char *kernels, int type, const void *weight, size_t bytes, int64_t rows, int64_t k, int64_t columns,
	int64_t batches, int64_t stride, int threads) {
	ggml_backend_buffer_type_t held = plugged(kernels);
	if (held == nullptr) return nullptr;
	ggml_cpu_init();
	auto *p = new gh_product;
	p->threads = threads;
	p->weights = ggml_init({ggml_tensor_overhead() * 2, nullptr, true});
	p->rest = ggml_init({ggml_tensor_overhead() * 8 + ggml_graph_overhead(), nullptr, true});
	p->w = ggml_new_tensor_2d(p->weights, ggml_type(type), k, rows);
	p->all = ggml_new_tensor_3d(p->rest, GGML_TYPE_F32, stride, columns, batches);
	p->x = ggml_view_3d(p->rest, p->all, k, columns, batches, p->all->nb[1], p->all->nb[2], 0);
	p->y = ggml_mul_mat(p->rest, p->w, p->x);
	if (!takes(held, p)) {
		if (std::string(kernels) != "engine") {
			gh_product_free(p);
			return nullptr;
		}
		held = ggml_backend_cpu_buffer_type();
	}
	p->held = ggml_backend_alloc_ctx_tensors_from_buft(p->weights, held);
	p->other = ggml_backend_alloc_ctx_tensors_from_buft(p->rest, ggml_backend_cpu_buffer_type());
	ggml_backend_tensor_set(p->w, weight, 0, bytes);
	p->graph = ggml_new_graph(p->rest);
	ggml_build_forward_expand(p->graph, p->y);
	ggml_threadpool_params tp = ggml_threadpool_params_default(threads);
	p->pool = ggml_threadpool_new(&tp);
	return p;
}

int64_t gh_product_compute(gh_product *p, const float *x, size_t floats, float *y, int times) {
	ggml_backend_tensor_set(p->all, x, 0, floats * sizeof *x);
	int64_t least = INT64_MAX;
	for (int i = 0; i < times; i++) {
		ggml_cplan plan = ggml_graph_plan(p->graph, p->threads, p->pool);
		p->work.resize(plan.work_size);
		plan.work_data = p->work.data();
		const int64_t from = spent();
		ggml_graph_compute(p->graph, &plan);
		least = std::min(least, spent() - from);
	}
	ggml_backend_tensor_get(p->y, y, 0, ggml_nbytes(p->y));
	return least;
}

size_t gh_product_bytes(const gh_product *p) { return ggml_backend_buffer_get_size(p->held); }

void gh_product_free(gh_product *p) {
	if (p->pool != nullptr) ggml_threadpool_free(p->pool);
	if (p->held != nullptr) ggml_backend_buffer_free(p->held);
	if (p->other != nullptr) ggml_backend_buffer_free(p->other);
	ggml_free(p->weights);
	ggml_free(p->rest);
	delete p;
}
