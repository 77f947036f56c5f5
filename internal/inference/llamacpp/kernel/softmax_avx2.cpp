//go:build !nollama

// The softmax for CPUs with AVX2 and FMA.
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")

#define LANES 8
#include "softmax_body.h"

extern "C" const gh_softmax gh_softmax_avx2;
const gh_softmax gh_softmax_avx2 = {largest, sum};

#endif
