//go:build !nollama

// The softmax for CPUs with AVX-512 (F, BW, DQ, VL).
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

#define LANES 16
#include "softmax_body.h"

extern "C" const gh_softmax gh_softmax_avx512;
const gh_softmax gh_softmax_avx512 = {largest, sum};

#endif
