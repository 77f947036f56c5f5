//go:build !nollama

// What the build's own flags give.
#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
#include "softmax_body.h"

#include <cstring>

#if defined(__x86_64__)
extern "C" const gh_softmax gh_softmax_avx512, gh_softmax_avx2;
#endif

const gh_softmax *gh_softmax_of(const char *kernels) {
	static const gh_softmax plain = {largest, sum};
#if defined(__x86_64__)
	if (strcmp(kernels, "avx512") == 0) return &gh_softmax_avx512;
	if (strcmp(kernels, "avx2") == 0) return &gh_softmax_avx2;
#else
	(void)kernels;
#endif
	return &plain;
}
