//go:build !nollama

// Attention for 64-bit ARM: NEON is part of all of them.
#if defined(__aarch64__)

#include "vector_neon.h"
#include "attention_body.h"

void gh_attention_neon(const gh_attention *a, void *scratch, int index, int threads) { attention(a, scratch, index, threads); }

#endif
