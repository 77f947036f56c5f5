// The softmax over a row of logits, by the kernels that were installed.
#ifndef GUARDHOUSE_KERNEL_SOFTMAX_H
#define GUARDHOUSE_KERNEL_SOFTMAX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gh_softmax {
	// largest answers where the greatest of n values stands first; -1 where one is NaN or +infinity, or none is finite.
	int32_t (*largest)(const float *x, int32_t n);
	// sum answers the sum of e^((x[i] - top) * scale), relative error under 1e-6. No value is greater than top.
	double (*sum)(const float *x, int32_t n, float top, float scale);
};

// gh_softmax_of answers the functions of the named kernels; those that the build's own flags give for every other name.
const struct gh_softmax *gh_softmax_of(const char *kernels);

#ifdef __cplusplus
}
#endif
#endif
