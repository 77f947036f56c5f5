//go:build !nollama

#include "attention_op.h"

#include "ggml-cpu-impl.h"

#include <cstdint>
#include <cstring>

namespace gh {

namespace {

constexpr size_t line = 64;
constexpr int64_t most = int64_t(1) << 31; // of any size; far over every model's

using kernel = void (*)(const gh_attention *, void *, int, int);

// rows_of answers whether the tensor has contiguous rows of that type and sane sizes.
bool rows_of(const ggml_tensor *t, ggml_type type) {
	if (t == nullptr || t->type != type || t->nb[0] != ggml_type_size(type)) return false;
	for (int i = 0; i < 4; i++) {
		if (t->ne[i] < 1 || t->ne[i] >= most) return false;
	}
	return true;
}

float number(const ggml_tensor *node, int i) {
	float x;
	memcpy(&x, node->op_params + i, sizeof x);
	return x;
}

bool mask_fits(const ggml_tensor *m, const gh_attention &a) {
	return m == nullptr || (rows_of(m, GGML_TYPE_F16) && m->ne[0] == a.keys && m->ne[1] >= a.tokens && m->ne[2] == 1 &&
		a.streams % m->ne[3] == 0);
}

class attention : public ggml::cpu::tensor_traits {
  public:
	explicit attention(kernel k) : run(k) {}

	bool work_size(int threads, const ggml_tensor *node, size_t &size) override {
		gh_attention a;
		if (!attention_of(node, &a)) return false;
		size = gh_attention_scratch(a.width) * size_t(threads) + line;
		return true;
	}

	bool compute_forward(ggml_compute_params *params, ggml_tensor *node) override {
		gh_attention a;
		size_t needed = 0;
		if (!attention_of(node, &a) || !work_size(params->nth, node, needed)) return false;
		GGML_ASSERT(params->wsize >= needed);
		char *scratch = static_cast<char *>(params->wdata);
		scratch += (line - reinterpret_cast<uintptr_t>(scratch) % line) % line;
		run(&a, scratch + gh_attention_scratch(a.width) * size_t(params->ith), params->ith, params->nth);
		return true;
	}

  private:
	const kernel run;
};

} // namespace

bool attention_of(const ggml_tensor *node, gh_attention *a) {
	const ggml_tensor *q = node->src[0], *k = node->src[1], *v = node->src[2], *mask = node->src[3];
	if (!rows_of(node, GGML_TYPE_F32) || !rows_of(q, GGML_TYPE_F32) || !rows_of(k, GGML_TYPE_F16) || !rows_of(v, GGML_TYPE_F16)) return false;
	if (number(node, 1) != 0 || number(node, 2) != 0 || node->src[4] != nullptr) return false; // bias, soft cap, sinks
	if (node->op_params[3] != GGML_PREC_F32 || !ggml_is_contiguous(node)) return false;

	const int64_t width = q->ne[0];
	if (width % 16 != 0 || width > gh_attention_max_width || k->ne[0] != width || v->ne[0] != width) return false;
	if (q->ne[2] % k->ne[2] != 0 || v->ne[2] != k->ne[2] || v->ne[1] != k->ne[1]) return false;
	if (k->ne[3] != q->ne[3] || v->ne[3] != q->ne[3]) return false;
	if (node->ne[0] != width || node->ne[1] != q->ne[2] || node->ne[2] != q->ne[1] || node->ne[3] != q->ne[3]) return false;

	*a = gh_attention{};
	a->width = width, a->tokens = q->ne[1], a->heads = q->ne[2], a->streams = q->ne[3];
	a->keys = k->ne[1], a->kv_heads = k->ne[2];
	if (!mask_fits(mask, *a)) return false;
	a->q = static_cast<const char *>(q->data), a->q_token = q->nb[1], a->q_head = q->nb[2], a->q_stream = q->nb[3];
	a->k = static_cast<const char *>(k->data), a->k_key = k->nb[1], a->k_head = k->nb[2], a->k_stream = k->nb[3];
	a->v = static_cast<const char *>(v->data), a->v_key = v->nb[1], a->v_head = v->nb[2], a->v_stream = v->nb[3];
	a->mask_streams = 1;
	if (mask != nullptr) {
		a->mask = static_cast<const char *>(mask->data), a->mask_token = mask->nb[1];
		a->mask_stream = mask->nb[3], a->mask_streams = mask->ne[3];
	}
	a->out = static_cast<char *>(node->data);
	a->scale = number(node, 0);
	return true;
}

ggml::cpu::tensor_traits *attention_traits(const set &with, const ggml_tensor *node) {
	gh_attention a;
	if (!attention_of(node, &a)) return nullptr;
#if defined(__x86_64__)
	static attention on_avx512(gh_attention_avx512), on_avx2(gh_attention_avx2);
	if (strcmp(with.name, "avx512") == 0) return &on_avx512;
	if (strcmp(with.name, "avx2") == 0) return &on_avx2;
#elif defined(__aarch64__)
	static attention on_neon(gh_attention_neon);
	if (strcmp(with.name, "neon") == 0) return &on_neon;
#endif
	return nullptr;
}

} // namespace gh

size_t gh_attention_scratch(int64_t width) {
	const int64_t keys = 64, most_rows = 128, rows = most_rows + 8, lanes = 16; // attention_parts.h: block, most_rows + ROWS, W
	const int64_t floats = 2 * width * keys + rows * width + rows * lanes + rows + lanes;
	const size_t bytes = size_t(floats) * sizeof(float) + most_rows * sizeof(uint64_t);
	return (bytes + gh::line - 1) / gh::line * gh::line;
}
