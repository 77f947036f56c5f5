#ifndef GUARDHOUSE_KERNELTEST_H
#define GUARDHOUSE_KERNELTEST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gh_product gh_product;

size_t gh_row_bytes(int type, int64_t k);
void gh_quantise(int type, const float *values, int64_t rows, int64_t k, void *blocks);
void gh_floats(int type, const void *blocks, float *values, int64_t n);

// gh_product_new answers null where the kernels do not take the weight.
gh_product *gh_product_new(const char *kernels, int type, const void *weight, size_t bytes, int64_t rows, int64_t k, int64_t columns,
	int64_t batches, int64_t stride, int threads);
// gh_product_compute answers the nanoseconds of processor time that the calling thread spent in the fastest time.
int64_t gh_product_compute(gh_product *p, const float *x, size_t floats, float *y, int times);
size_t gh_product_bytes(const gh_product *p);
void gh_product_free(gh_product *p);

#ifdef __cplusplus
}
#endif
#endif
