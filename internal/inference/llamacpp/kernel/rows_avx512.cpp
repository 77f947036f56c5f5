//go:build !nollama

// Row operations for CPUs with AVX-512 (F, BW, DQ, VL).
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")

#include "vector_avx512.h"
#include "rows_body.h"

const gh_rows gh_rows_avx512 = {norm_row, times_row, angles_of, turn_row, widen_row, gate_row, halve_row};

#endif
