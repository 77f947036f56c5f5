//go:build !nollama

// Row operations for CPUs with AVX2, FMA and F16C.
#if defined(__x86_64__)
#pragma GCC target("avx2,fma,f16c")

#include "vector_avx2.h"
#include "rows_body.h"

const gh_rows gh_rows_avx2 = {norm_row, times_row, angles_of, turn_row, widen_row, gate_row, halve_row};

#endif
