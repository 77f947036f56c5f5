//go:build !nollama

#include "rows_op.h"

#include "rows.h"

#include "ggml-backend.h"
#include "ggml-cpu-impl.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gh {

namespace {

float number(const ggml_tensor *node, int i) {
	float x;
	memcpy(&x, node->op_params + i, sizeof x);
	return x;
}

bool floats(const ggml_tensor *t) { return t != nullptr && t->type == GGML_TYPE_F32 && t->nb[0] == sizeof(float); }

// like answers whether both have rows of floats in the same number, of a length that kernels take.
bool like(const ggml_tensor *x, const ggml_tensor *y) { return floats(x) && floats(y) && ggml_are_same_shape(x, y) && x->ne[0] % 16 == 0; }

template <class T> T *row(const ggml_tensor *t, int64_t i1, int64_t i2, int64_t i3) {
	return reinterpret_cast<T *>(static_cast<char *>(t->data) + i1 * t->nb[1] + i2 * t->nb[2] + i3 * t->nb[3]);
}

// each calls f with a thread's share of the rows of x and y.
template <class F> void each(const ggml_compute_params *params, const ggml_tensor *x, const ggml_tensor *y, F f) {
	const int64_t n = ggml_nrows(x), end = n * (params->ith + 1) / params->nth;
	int64_t i = n * params->ith / params->nth;
	int64_t i1 = i % x->ne[1], i2 = i / x->ne[1] % x->ne[2], i3 = i / x->ne[1] / x->ne[2];
	for (; i < end; i++) {
		f(row<const float>(x, i1, i2, i3), row<float>(y, i1, i2, i3));
		if (++i1 < x->ne[1]) continue;
		i1 = 0;
		if (++i2 < x->ne[2]) continue;
		i2 = 0, i3++;
	}
}

bool norm_fits(const ggml_tensor *node) { return like(node->src[0], node); }

void norm(const gh_rows &with, const ggml_compute_params *params, ggml_tensor *node) {
	const float eps = number(node, 0);
	each(params, node->src[0], node, [&](const float *x, float *y) { with.norm(x, y, node->ne[0], eps); });
}

bool times_fits(const ggml_tensor *node) {
	const ggml_tensor *w = node->src[1];
	return like(node->src[0], node) && floats(w) && w->ne[0] == node->ne[0] && ggml_nrows(w) == 1;
}

void times(const gh_rows &with, const ggml_compute_params *params, ggml_tensor *node) {
	const float *w = static_cast<const float *>(node->src[1]->data);
	each(params, node->src[0], node, [&](const float *x, float *y) { with.times(x, w, y, node->ne[0]); });
}

// Parameters of GGML_OP_ROPE by their place.
enum { rope_width = 1, rope_mode = 2, rope_base = 5, rope_scale = 6, rope_ramp = 7, rope_gain = 8 };

bool rope_fits(const ggml_tensor *node) {
	const ggml_tensor *positions = node->src[1];
	// No angle is larger than its position then: kernels take them below 2^20, and a file may ask for others.
	if (!(number(node, rope_base) >= 1 && fabsf(number(node, rope_scale)) <= 1)) return false;
	const int64_t width = node->ne[0];
	return like(node->src[0], node) && width % 32 == 0 && width <= gh_turn_max_width && node->ne[3] == 1 &&
		node->op_params[rope_width] == width && node->op_params[rope_mode] == GGML_ROPE_TYPE_NEOX && node->src[2] == nullptr &&
		number(node, rope_ramp) == 0 && number(node, rope_gain) == 1 &&
		positions->type == GGML_TYPE_I32 && positions->nb[0] == sizeof(int32_t) && positions->ne[0] >= node->ne[2];
}

void rope(const gh_rows &with, const ggml_compute_params *params, ggml_tensor *node) {
	const ggml_tensor *x = node->src[0];
	const int half = int(node->ne[0] / 2);
	const float step = powf(number(node, rope_base), -2.0f / float(node->ne[0])), scale = number(node, rope_scale);
	const int32_t *positions = static_cast<const int32_t *>(node->src[1]->data);
	float cosines[gh_turn_tokens * gh_turn_max_width / 2], sines[gh_turn_tokens * gh_turn_max_width / 2];
	const int64_t end = node->ne[2] * (params->ith + 1) / params->nth;
	for (int64_t from = node->ne[2] * params->ith / params->nth; from < end; from += gh_turn_tokens) {
		const int n = int(std::min<int64_t>(gh_turn_tokens, end - from));
		with.angles(positions + from, n, half, scale, step, cosines, sines);
		for (int t = 0; t < n; t++) {
			for (int64_t head = 0; head < node->ne[1]; head++) {
				const float *in = row<const float>(x, head, from + t, 0);
				with.turn(in, cosines + t * half, sines + t * half, half, row<float>(node, head, from + t, 0));
			}
		}
	}
}

// Rows of a q8_0 weight that stands as in its file: the embeddings of ids. Packed weights are not in host memory.
bool widen_fits(const ggml_tensor *node) {
	const ggml_tensor *w = node->src[0], *ids = node->src[1];
	return w->type == GGML_TYPE_Q8_0 && w->extra == nullptr && (w->buffer == nullptr || ggml_backend_buffer_is_host(w->buffer)) &&
		ggml_nrows(w) == w->ne[1] && floats(node) && node->ne[0] == w->ne[0] && ggml_nrows(node) == ggml_nelements(ids) &&
		ids->type == GGML_TYPE_I32 && ggml_is_contiguous(ids) && ggml_is_contiguous(node);
}

void widen(const gh_rows &with, const ggml_compute_params *params, ggml_tensor *node) {
	const ggml_tensor *w = node->src[0];
	const int32_t *ids = static_cast<const int32_t *>(node->src[1]->data);
	const int64_t n = ggml_nrows(node), end = n * (params->ith + 1) / params->nth;
	for (int64_t i = n * params->ith / params->nth; i < end; i++) {
		GGML_ASSERT(ids[i] >= 0 && ids[i] < w->ne[1]); // the engine refuses others before the pass
		with.widen(row<const char>(w, ids[i], 0, 0), static_cast<float *>(node->data) + i * node->ne[0], node->ne[0]);
	}
}

bool gate_fits(const ggml_tensor *node) {
	const ggml_tensor *g = node->src[1];
	return ggml_get_glu_op(node) == GGML_GLU_OP_SWIGLU && g != nullptr && like(node->src[0], node) && like(g, node) &&
		ggml_is_contiguous_1(node->src[0]) && ggml_is_contiguous_1(g) && ggml_is_contiguous_1(node);
}

void gate(const gh_rows &with, const ggml_compute_params *params, ggml_tensor *node) {
	const ggml_tensor *x = node->src[0], *g = node->src[1];
	const int64_t n = ggml_nrows(node), end = n * (params->ith + 1) / params->nth;
	for (int64_t i = n * params->ith / params->nth; i < end; i++) {
		with.gate(row<const float>(x, i, 0, 0), row<const float>(g, i, 0, 0), row<float>(node, i, 0, 0), node->ne[0]);
	}
}

// The mask of a pass, cast for attention: the engine does it bit by bit where its build has no AVX-512.
bool halve_fits(const ggml_tensor *node) {
	const ggml_tensor *x = node->src[0];
	return floats(x) && node->type == GGML_TYPE_F16 && node->nb[0] == sizeof(ggml_fp16_t) && ggml_are_same_shape(x, node) && x->ne[0] % 16 == 0;
}

void halve(const gh_rows &with, const ggml_compute_params *params, ggml_tensor *node) {
	const ggml_tensor *x = node->src[0];
	const int64_t n = ggml_nrows(x), end = n * (params->ith + 1) / params->nth;
	for (int64_t i = n * params->ith / params->nth; i < end; i++) {
		const int64_t i1 = i % x->ne[1], i2 = i / x->ne[1] % x->ne[2], i3 = i / x->ne[1] / x->ne[2];
		with.halve(row<const float>(x, i1, i2, i3), row<uint16_t>(node, i1, i2, i3), x->ne[0]);
	}
}

class rows_op : public ggml::cpu::tensor_traits {
  public:
	using kernel = void (*)(const gh_rows &, const ggml_compute_params *, ggml_tensor *);

	rows_op(const gh_rows &w, kernel k) : with(w), run(k) {}

	bool work_size(int, const ggml_tensor *, size_t &size) override {
		size = 0;
		return true;
	}

	bool compute_forward(ggml_compute_params *params, ggml_tensor *node) override {
		run(with, params, node);
		return true;
	}

  private:
	const gh_rows &with;
	const kernel run;
};

struct rows_ops {
	rows_op norms, products, ropes, lookups, gates, casts;
	explicit rows_ops(const gh_rows &with) : norms(with, norm), products(with, times), ropes(with, rope), lookups(with, widen), gates(with, gate), casts(with, halve) {}
};

rows_ops *ops_of(const set &with) {
#if defined(__x86_64__)
	static rows_ops avx512(gh_rows_avx512), avx2(gh_rows_avx2);
	if (strcmp(with.name, "avx512") == 0) return &avx512;
	if (strcmp(with.name, "avx2") == 0) return &avx2;
#elif defined(__aarch64__)
	static rows_ops neon(gh_rows_neon);
	if (strcmp(with.name, "neon") == 0) return &neon;
#endif
	return nullptr;
}

} // namespace

ggml::cpu::tensor_traits *rows_traits(const set &with, const ggml_tensor *node) {
	rows_ops *ops = ops_of(with);
	if (ops == nullptr) return nullptr;
	switch (node->op) {
	case GGML_OP_RMS_NORM: return norm_fits(node) ? &ops->norms : nullptr;
	case GGML_OP_MUL: return times_fits(node) ? &ops->products : nullptr;
	case GGML_OP_ROPE: return rope_fits(node) ? &ops->ropes : nullptr;
	case GGML_OP_GET_ROWS: return widen_fits(node) ? &ops->lookups : nullptr;
	case GGML_OP_GLU: return gate_fits(node) ? &ops->gates : nullptr;
	case GGML_OP_CPY: return halve_fits(node) ? &ops->casts : nullptr;
	default: return nullptr;
	}
}

} // namespace gh
