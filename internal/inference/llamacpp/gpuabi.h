// What gpu.cpp calls of ggml (MIT licence, The ggml authors), declared for exactly the version that go.mod pins, as abi.h does
// for llama.cpp.
#ifndef GUARDHOUSE_GPUABI_H
#define GUARDHOUSE_GPUABI_H

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct ggml_backend;
struct ggml_backend_device;
struct ggml_backend_buffer;
struct ggml_backend_buffer_type;
struct ggml_backend_reg;
struct ggml_context;
struct ggml_tensor;
struct ggml_cgraph;

struct ggml_init_params {
	size_t mem_size;
	void *mem_buffer;
	bool no_alloc;
};

struct ggml_backend_dev_props {
	const char *name, *description;
	size_t memory_free;
	const char *id;
	size_t memory_total;
	int type;
	const char *device_id;
	struct { bool async, host_buffer, buffer_from_host_ptr, events; } caps;
	int driver_major, driver_minor, compute_major, compute_minor, integrated;
	const char *library;
};

ggml_backend_reg *ggml_backend_load(const char *path);
size_t ggml_backend_dev_count(void);
ggml_backend_device *ggml_backend_dev_get(size_t index);
int ggml_backend_dev_type(ggml_backend_device *dev);
void ggml_backend_dev_memory(ggml_backend_device *dev, size_t *free, size_t *total);
void ggml_backend_dev_get_props(ggml_backend_device *dev, ggml_backend_dev_props *props);
bool ggml_backend_dev_supports_op(ggml_backend_device *dev, const ggml_tensor *op);
ggml_backend *ggml_backend_dev_init(ggml_backend_device *dev, const char *params);
void ggml_backend_free(ggml_backend *backend);
ggml_backend_device *ggml_backend_buft_get_device(ggml_backend_buffer_type *buft);
bool ggml_backend_buft_is_host(ggml_backend_buffer_type *buft);

ggml_context *ggml_init(ggml_init_params params);
void ggml_free(ggml_context *ctx);
size_t ggml_tensor_overhead(void);
size_t ggml_graph_overhead(void);
ggml_tensor *ggml_new_tensor_2d(ggml_context *ctx, int type, int64_t ne0, int64_t ne1);
ggml_tensor *ggml_mul_mat(ggml_context *ctx, ggml_tensor *a, ggml_tensor *b);
ggml_cgraph *ggml_new_graph(ggml_context *ctx);
void ggml_build_forward_expand(ggml_cgraph *graph, ggml_tensor *tensor);
ggml_backend_buffer *ggml_backend_alloc_ctx_tensors(ggml_context *ctx, ggml_backend *backend);
void ggml_backend_buffer_free(ggml_backend_buffer *buffer);
void ggml_backend_tensor_set(ggml_tensor *tensor, const void *data, size_t offset, size_t size);
void ggml_backend_tensor_get(const ggml_tensor *tensor, void *data, size_t offset, size_t size);
int ggml_backend_graph_compute(ggml_backend *backend, ggml_cgraph *graph);
}

// gh_gpu_device answers the device that Go knows by the index, nullptr for none.
ggml_backend_device *gh_gpu_device(int32_t index);
// gh_on_gpu says that a buffer of this type takes memory of a device and not of the machine.
bool gh_on_gpu(ggml_backend_buffer_type *buft);

#endif
