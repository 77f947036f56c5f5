//go:build !nollama

// Attention for CPUs with AVX-512 (F, BW, DQ, VL).
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")

#include "vector_avx512.h"
#include "attention_body.h"

void gh_attention_avx512(const gh_attention *a, void *scratch, int index, int threads) { attention(a, scratch, index, threads); }

#endif
