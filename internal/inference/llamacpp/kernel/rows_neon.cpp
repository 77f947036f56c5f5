//go:build !nollama

// Row operations for 64-bit ARM: NEON is part of all of them.
#if defined(__aarch64__)

#include "vector_neon.h"
#include "rows_body.h"

const gh_rows gh_rows_neon = {norm_row, times_row, angles_of, turn_row, widen_row, gate_row, halve_row};

#endif
