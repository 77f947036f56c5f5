// The C face of the kernels. Names of kernels: "auto" (the fastest that this processor runs), "avx512", "avx2", "neon",
// "none" (everything stays the engine's).
#ifndef GUARDHOUSE_KERNEL_H
#define GUARDHOUSE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// gh_kernels_install makes the engine use the wanted kernels for the rest of the process. It must come before
// llama_backend_init; the first call counts. Kernels that the processor lacks are not installed.
void gh_kernels_install(const char *wanted);

// gh_kernels_name answers what was installed, "none" if nothing was.
const char *gh_kernels_name(void);

// gh_kernels_run says whether this processor (and its operating system) runs kernels of that name.
bool gh_kernels_run(const char *name);

#ifdef __cplusplus
}
#endif
#endif
