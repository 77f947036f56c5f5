// The C face of what a shared library of the engine adds to it: GPUs. Nothing here looks for a library or reads the
// environment; it loads the very files that it is handed, which Go has checked (threat M6).
#ifndef GUARDHOUSE_GPU_H
#define GUARDHOUSE_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gh_gpu {
	char name[64], description[256];
	uint64_t memory_free, memory_total;
	int32_t major, minor; // compute capability
} gh_gpu;

// gh_gpu_support loads a library that the backend needs, so that the loader finds it by its name and looks nowhere else.
int gh_gpu_support(const char *path, char *err, size_t err_size);
// gh_gpu_load loads the backend and registers its devices. It stays for the life of the process.
int gh_gpu_load(const char *path, char *err, size_t err_size);

// gh_gpu_count answers the devices of the backends that were loaded. A device that is read afterwards has an index below it.
int32_t gh_gpu_count(void);
int gh_gpu_describe(int32_t index, gh_gpu *out);
// gh_gpu_try initialises the device and has it multiply two matrices. A device that the library was not built for ends the
// process: only a child may try.
int gh_gpu_try(int32_t index, char *err, size_t err_size);

#ifdef __cplusplus
}
#endif
#endif
