//go:build !nollama

#include "gpu.h"
#include "gpuabi.h"
#include "shim.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

namespace {

const int device_gpu = 1, device_igpu = 2, type_f32 = 0, success = 0;

void say(char *err, size_t size, const char *text) {
	if (err != nullptr && size > 0) snprintf(err, size, "%s", text != nullptr ? text : "");
}

// open keeps the library for good: what is inside keeps pointers of ours, and the other way round.
void *open(const char *path, char *err, size_t size) {
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == nullptr) say(err, size, dlerror());
	return handle;
}

// errors_only is what the libraries' own copy of the engine's base may say: to this process's standard error, and only what went wrong.
void errors_only(int level, const char *text, void *) {
	const int error = 4;
	if (level == error && text != nullptr) fputs(text, stderr);
}

// product has the backend multiply a small matrix of whole numbers by another, so that every right result is exact.
int product(ggml_backend_device *dev, ggml_backend *backend, ggml_context *ctx, char *err, size_t size) {
	const int64_t inner = 64, rows = 32, columns = 4;
	ggml_tensor *a = ggml_new_tensor_2d(ctx, type_f32, inner, rows);
	ggml_tensor *b = ggml_new_tensor_2d(ctx, type_f32, inner, columns);
	ggml_tensor *c = ggml_mul_mat(ctx, a, b);
	if (!ggml_backend_dev_supports_op(dev, c)) {
		say(err, size, "the device does not multiply");
		return GH_FAILED;
	}
	ggml_cgraph *graph = ggml_new_graph(ctx);
	ggml_build_forward_expand(graph, c);
	ggml_backend_buffer *buffer = ggml_backend_alloc_ctx_tensors(ctx, backend);
	if (buffer == nullptr) {
		say(err, size, "the device has no memory free");
		return GH_MEMORY;
	}
	std::vector<float> x(inner * rows), y(inner * columns), z(rows * columns);
	for (size_t i = 0; i < x.size(); i++) x[i] = float(int(i % 7) - 3);
	for (size_t i = 0; i < y.size(); i++) y[i] = float(int(i % 5) - 2);
	ggml_backend_tensor_set(a, x.data(), 0, x.size() * sizeof(float));
	ggml_backend_tensor_set(b, y.data(), 0, y.size() * sizeof(float));
	const bool computed = ggml_backend_graph_compute(backend, graph) == success;
	if (computed) ggml_backend_tensor_get(c, z.data(), 0, z.size() * sizeof(float));
	ggml_backend_buffer_free(buffer);
	bool right = computed;
	for (int64_t j = 0; j < columns; j++) {
		for (int64_t i = 0; i < rows; i++) {
			float sum = 0;
			for (int64_t k = 0; k < inner; k++) sum += x[i * inner + k] * y[j * inner + k];
			right = right && z[j * rows + i] == sum;
		}
	}
	if (!right) say(err, size, computed ? "the device computes wrong results" : "the device failed to compute");
	return right ? GH_OK : GH_FAILED;
}

int attempt(ggml_backend_device *dev, char *err, size_t size) {
	ggml_backend *backend = ggml_backend_dev_init(dev, nullptr);
	if (backend == nullptr) {
		say(err, size, "the device could not be initialised");
		return GH_FAILED;
	}
	ggml_context *ctx = ggml_init({ggml_tensor_overhead() * 8 + ggml_graph_overhead(), nullptr, true});
	const int code = ctx != nullptr ? product(dev, backend, ctx, err, size) : GH_MEMORY;
	if (ctx != nullptr) ggml_free(ctx);
	ggml_backend_free(backend);
	return code;
}

template <typename F> int guarded(char *err, size_t size, F f) {
	try {
		return f();
	} catch (const std::exception &x) {
		say(err, size, x.what());
	} catch (...) {
		say(err, size, "unknown exception");
	}
	return GH_EXCEPTION;
}

} // namespace

ggml_backend_device *gh_gpu_device(int32_t index) {
	for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
		ggml_backend_device *dev = ggml_backend_dev_get(i);
		const int type = ggml_backend_dev_type(dev);
		if ((type == device_gpu || type == device_igpu) && index-- == 0) return dev;
	}
	return nullptr;
}

bool gh_on_gpu(ggml_backend_buffer_type *buft) {
	ggml_backend_device *dev = ggml_backend_buft_get_device(buft);
	if (dev == nullptr || ggml_backend_buft_is_host(buft)) return false;
	const int type = ggml_backend_dev_type(dev);
	return type == device_gpu || type == device_igpu;
}

int gh_gpu_support(const char *path, char *err, size_t size) {
	return guarded(err, size, [&]() -> int {
		void *handle = open(path, err, size);
		if (handle == nullptr) return GH_FAILED;
		using log_set = void (*)(void (*)(int, const char *, void *), void *);
		const log_set set = reinterpret_cast<log_set>(dlsym(handle, "ggml_log_set"));
		if (set != nullptr) set(errors_only, nullptr);
		return GH_OK;
	});
}

int gh_gpu_load(const char *path, char *err, size_t size) {
	return guarded(err, size, [&]() -> int {
		// Twice, because the engine's own loader keeps the reason to itself: the second finds it loaded.
		if (open(path, err, size) == nullptr) return GH_FAILED;
		if (ggml_backend_load(path) != nullptr) return GH_OK;
		say(err, size, "it is no backend of this engine");
		return GH_FAILED;
	});
}

int32_t gh_gpu_count(void) {
	int32_t n = 0;
	while (gh_gpu_device(n) != nullptr) n++;
	return n;
}

int gh_gpu_describe(int32_t index, gh_gpu *out) {
	return guarded(nullptr, 0, [&]() -> int {
		ggml_backend_device *dev = gh_gpu_device(index);
		if (dev == nullptr) return GH_INVALID;
		ggml_backend_dev_props props{};
		ggml_backend_dev_get_props(dev, &props);
		size_t free = 0, total = 0;
		ggml_backend_dev_memory(dev, &free, &total);
		say(out->name, sizeof out->name, props.name);
		say(out->description, sizeof out->description, props.description);
		out->memory_free = free;
		out->memory_total = total;
		out->major = props.compute_major;
		out->minor = props.compute_minor;
		return GH_OK;
	});
}

int gh_gpu_try(int32_t index, char *err, size_t size) {
	return guarded(err, size, [&]() -> int {
		ggml_backend_device *dev = gh_gpu_device(index);
		return dev != nullptr ? attempt(dev, err, size) : GH_INVALID;
	});
}
