//go:build !nollama

// Attention for CPUs with AVX2, FMA and F16C.
#if defined(__x86_64__)
#pragma GCC target("avx2,fma,f16c")

#include "vector_avx2.h"
#include "attention_body.h"

void gh_attention_avx2(const gh_attention *a, void *scratch, int index, int threads) { attention(a, scratch, index, threads); }

#endif
