//go:build !nollama

#include "kernel.h"

#include "hooks.h"
#include "install.h"
#include "matmul.h"

#include "ggml-backend-impl.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

namespace gh {

namespace {

// plug is one set of kernels as the engine sees it. It lives as long as the process: buffers and graphs point to it.
class plug : public ggml::cpu::extra_buffer_type {
  public:
	const set *with = nullptr;
	ggml_backend_buffer_type type{};
	std::vector<matmul> products; // one for each format, in the set's order

	matmul *product(const ggml_tensor *weight) {
		const format *f = fits(*with, weight);
		return f == nullptr ? nullptr : &products[size_t(f - with->formats)];
	}

	bool holds(const ggml_tensor *t) const { return t != nullptr && t->buffer != nullptr && t->buffer->buft == &type; }

	// supports_op says yes to what compute_forward of matmul can do, and to nothing else. The loader asks it with a
	// made-up node whether a weight may be ours.
	bool supports_op(ggml_backend_dev_t, const ggml_tensor *op) override {
		if (op->op != GGML_OP_MUL_MAT || !holds(op->src[0]) || holds(op->src[1]) || product(op->src[0]) == nullptr) return false;
		const ggml_tensor *x = op->src[1];
		if (x->buffer != nullptr && !ggml_backend_buft_is_host(x->buffer->buft)) return false;
		return x->type == GGML_TYPE_F32 && x->nb[0] == sizeof(float) && op->type == GGML_TYPE_F32 && op->nb[0] == sizeof(float);
	}

	ggml::cpu::tensor_traits *get_tensor_traits(const ggml_tensor *op) override {
		if (op->op == GGML_OP_MUL_MAT) {
			return holds(op->src[0]) ? static_cast<ggml::cpu::tensor_traits *>(op->src[0]->extra) : nullptr;
		}
		size_t count = 0;
		const hook *table = hooks(&count);
		for (size_t i = 0; i < count; i++) {
			if (table[i].op == op->op) return table[i].traits(*with, op);
		}
		return nullptr;
	}
};

plug *plug_of(ggml_backend_buffer_type_t t) {
	return static_cast<plug *>(static_cast<ggml::cpu::extra_buffer_type *>(t->context));
}

const char *name_of(ggml_backend_buffer_type_t) { return "CPU_GUARDHOUSE"; }

size_t alignment_of(ggml_backend_buffer_type_t) { return 64; }

size_t alloc_size(ggml_backend_buffer_type_t t, const ggml_tensor *w) {
	const format *f = fits(*plug_of(t)->with, w);
	return f == nullptr ? ggml_nbytes(w) : packed_size(*f, w);
}

ggml_status init_tensor(ggml_backend_buffer_t b, ggml_tensor *w) {
	matmul *p = plug_of(b->buft)->product(w);
	w->extra = p == nullptr ? nullptr : static_cast<ggml::cpu::tensor_traits *>(p);
	return GGML_STATUS_SUCCESS; // a view of a weight has no traits, and supports_op refuses what would read it
}

void set_tensor(ggml_backend_buffer_t b, ggml_tensor *w, const void *data, size_t offset, size_t size) {
	const format *f = fits(*plug_of(b->buft)->with, w);
	GGML_ASSERT(f != nullptr && offset == 0 && size == ggml_nbytes(w));
	pack(*f, w, data);
}

ggml_backend_buffer_t alloc_buffer(ggml_backend_buffer_type_t t, size_t size) {
	ggml_backend_buffer_t b = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
	if (b == nullptr) return nullptr;
	b->buft = t;
	b->iface.init_tensor = init_tensor;
	b->iface.set_tensor = set_tensor;
	b->iface.get_tensor = nullptr; // nothing reads packed weights back
	b->iface.cpy_tensor = nullptr;
	return b;
}

const set *find(const char *wanted) {
	size_t count = 0;
	const set *const *all = sets(&count);
	for (size_t i = 0; i < count; i++) {
		if ((strcmp(wanted, "auto") == 0 || strcmp(wanted, all[i]->name) == 0) && all[i]->runs()) return all[i];
	}
	return nullptr;
}

std::atomic<const set *> installed{nullptr};

} // namespace

ggml_backend_buffer_type_t plug_in(const set *with) {
	auto p = std::make_unique<plug>();
	p->with = with;
	p->products.resize(with->count);
	for (size_t i = 0; i < with->count; i++) {
		p->products[i].with = with;
		p->products[i].in = &with->formats[i];
	}
	p->type.iface.get_name = name_of;
	p->type.iface.alloc_buffer = alloc_buffer;
	p->type.iface.get_alignment = alignment_of;
	p->type.iface.get_alloc_size = alloc_size;
	p->type.device = ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0);
	p->type.context = static_cast<ggml::cpu::extra_buffer_type *>(p.get());
	auto &all = ggml_backend_cpu_get_extra_buffer_types();
	// In front of the engine's own: the loader takes the first that says yes.
	all.insert(all.begin(), &p->type);
	return &p.release()->type;
}

} // namespace gh

void gh_kernels_install(const char *wanted) {
	static std::once_flag once;
	std::call_once(once, [&] {
		const gh::set *s = gh::find(wanted);
		if (s == nullptr) return;
		gh::plug_in(s);
		gh::installed.store(s);
	});
}

const char *gh_kernels_name(void) {
	const gh::set *s = gh::installed.load();
	return s == nullptr ? "none" : s->name;
}

bool gh_kernels_run(const char *name) {
	return strcmp(name, "auto") == 0 || strcmp(name, "none") == 0 || gh::find(name) != nullptr;
}
