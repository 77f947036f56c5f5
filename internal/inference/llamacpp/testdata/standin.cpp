// A stand-in for the engine's library for GPUs, for machines that have none: one device with memory of its own that the
// processor cannot see, where the processor's own backend computes. Tests compile it against the pinned engine's headers.
// STANDIN says how it behaves: 0 well, 1 dies as it computes, 2 never answers, 3 has no device, 4 is of another engine,
// 5 multiplies and dies of anything larger.
#include "ggml-backend-impl.h"
#include "ggml-impl.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

// What the engine's headers call when they give up; its own library is not linked.
extern "C" void ggml_abort(const char *, int, const char *, ...) { abort(); }

#ifndef STANDIN
#define STANDIN 0
#endif

// Where the program has its own backend for the processor, in hexadecimal; without it only small products are computed.
static ggml_backend_dev_t cpu() {
	const char *at = getenv("GH_STANDIN_CPU");
	if (at == nullptr) return nullptr;
	auto reg = reinterpret_cast<ggml_backend_reg_t>(strtoull(at, nullptr, 16));
	return reg->iface.get_device(reg, 0);
}

static size_t number(const char *name, size_t otherwise) {
	const char *text = getenv(name);
	return text != nullptr ? strtoull(text, nullptr, 10) : otherwise;
}

static std::atomic<size_t> taken{0};
static thread_local bool asking; // the processor's backend is asked whether it could compute, were the memory its own
static ggml_backend_device device;

// Buffers.
static void free_buffer(ggml_backend_buffer_t b) { taken -= b->size; free(b->context); }
static void *get_base(ggml_backend_buffer_t b) { return b->context; }
static void memset_tensor(ggml_backend_buffer_t, ggml_tensor *t, uint8_t v, size_t at, size_t n) { memset((char *)t->data + at, v, n); }
static void set_tensor(ggml_backend_buffer_t, ggml_tensor *t, const void *from, size_t at, size_t n) { memcpy((char *)t->data + at, from, n); }
static void get_tensor(ggml_backend_buffer_t, const ggml_tensor *t, void *to, size_t at, size_t n) { memcpy(to, (const char *)t->data + at, n); }
static void clear(ggml_backend_buffer_t b, uint8_t v) { memset(b->context, v, b->size); }

static const char *buft_name(ggml_backend_buffer_type_t) { return "STANDIN0"; }
static size_t alignment(ggml_backend_buffer_type_t) { return 64; }
static bool is_host(ggml_backend_buffer_type_t) { return asking; }
static ggml_backend_buffer_t alloc(ggml_backend_buffer_type_t buft, size_t size) {
#if STANDIN == 5
	if (size > 64 << 10) abort();
#endif
	if (taken + size > number("GH_STANDIN_LIMIT", size_t(1) << 40)) return nullptr;
	void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
	if (memory == nullptr) return nullptr;
	taken += size;
	ggml_backend_buffer_i i = {};
	i.free_buffer = free_buffer;
	i.get_base = get_base;
	i.memset_tensor = memset_tensor;
	i.set_tensor = set_tensor;
	i.get_tensor = get_tensor;
	i.clear = clear;
	return new ggml_backend_buffer{i, buft, memory, size, GGML_BACKEND_BUFFER_USAGE_ANY, false};
}
static ggml_backend_buffer_type buffers = {{buft_name, alloc, alignment, nullptr, nullptr, is_host, nullptr}, &device, nullptr, false};

// The backend: the processor's own, or a product by hand.
static const char *backend_name(ggml_backend_t) { return "STANDIN0"; }
static void backend_free(ggml_backend_t b) { delete b; }
static ggml_status by_hand(ggml_backend_t, ggml_cgraph *graph, int) {
#if STANDIN == 1
	fprintf(stderr, "CUDA error: no kernel image is available for execution on the device\n");
	abort();
#endif
	for (int n = 0; n < graph->n_nodes; n++) {
		ggml_tensor *c = graph->nodes[n];
		if (c->op != GGML_OP_MUL_MAT) return GGML_STATUS_FAILED;
		const float *a = (const float *)c->src[0]->data, *b = (const float *)c->src[1]->data;
		for (int64_t j = 0; j < c->ne[1]; j++)
			for (int64_t i = 0; i < c->ne[0]; i++) {
				float sum = 0;
				for (int64_t k = 0; k < c->src[0]->ne[0]; k++) sum += a[i * c->src[0]->ne[0] + k] * b[j * c->src[0]->ne[0] + k];
				((float *)c->data)[j * c->ne[0] + i] = sum;
			}
	}
	return GGML_STATUS_SUCCESS;
}
static ggml_guid guid = {0x57, 0x41, 0x4e, 0x44};
static ggml_backend_t init_backend(ggml_backend_dev_t dev, const char *) {
#if STANDIN == 2
	for (;;) pause();
#endif
	if (ggml_backend_dev_t real = cpu()) {
		ggml_backend_t b = real->iface.init_backend(real, nullptr);
		b->device = dev;
		b->guid = &guid;
		b->iface.get_name = backend_name;
		return b;
	}
	ggml_backend_i i = {};
	i.get_name = backend_name;
	i.free = backend_free;
	i.graph_compute = by_hand;
	return new ggml_backend{&guid, i, dev, nullptr};
}

// The device.
static const char *dev_name(ggml_backend_dev_t) { return "STANDIN0"; }
static const char *dev_description(ggml_backend_dev_t) { return "Stand-in Board"; }
static void dev_memory(ggml_backend_dev_t, size_t *free, size_t *total) {
	*total = size_t(16) << 30;
	*free = number("GH_STANDIN_FREE", size_t(8) << 30) - taken;
}
static enum ggml_backend_dev_type dev_type(ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_GPU; }
static void dev_props(ggml_backend_dev_t dev, ggml_backend_dev_props *p) {
	*p = {};
	p->name = dev_name(dev);
	p->description = dev_description(dev);
	p->type = dev_type(dev);
	p->compute_major = 8;
	p->compute_minor = 6;
}
static ggml_backend_buffer_type_t dev_buffers(ggml_backend_dev_t) { return &buffers; }
static bool supports_op(ggml_backend_dev_t, const ggml_tensor *op) {
	ggml_backend_dev_t real = cpu();
	if (real == nullptr) return op->op == GGML_OP_MUL_MAT && op->src[0]->type == GGML_TYPE_F32 && op->src[1]->type == GGML_TYPE_F32;
	asking = true;
	const bool yes = real->iface.supports_op(real, op);
	asking = false;
	return yes;
}
static bool supports_buft(ggml_backend_dev_t, ggml_backend_buffer_type_t b) { return b == &buffers; }

// What the engine asks for.
static const char *reg_name(ggml_backend_reg_t) { return "STANDIN"; }
static size_t device_count(ggml_backend_reg_t) { return STANDIN == 3 ? 0 : 1; }
static ggml_backend_dev_t get_device(ggml_backend_reg_t, size_t) { return &device; }
static void *address(ggml_backend_reg_t, const char *) { return nullptr; }
static ggml_backend_reg registry = {STANDIN == 4 ? 1 : GGML_BACKEND_API_VERSION, {reg_name, device_count, get_device, address}, nullptr};

extern "C" __attribute__((visibility("default"))) ggml_backend_reg_t ggml_backend_init(void) {
	device.iface = {};
	device.iface.get_name = dev_name;
	device.iface.get_description = dev_description;
	device.iface.get_memory = dev_memory;
	device.iface.get_type = dev_type;
	device.iface.get_props = dev_props;
	device.iface.init_backend = init_backend;
	device.iface.get_buffer_type = dev_buffers;
	device.iface.supports_op = supports_op;
	device.iface.supports_buft = supports_buft;
	device.reg = &registry;
	return &registry;
}
