//go:build !nollama

#include "tile.h"

namespace gh {

#if defined(__aarch64__) && defined(__linux__)
extern const set neon;
#endif

const set *const *sets(size_t *count) {
#if defined(__x86_64__)
	static const set *const all[] = {&avx512, &avx2};
	*count = sizeof all / sizeof *all;
	return all;
#elif defined(__aarch64__) && defined(__linux__)
	static const set *const all[] = {&neon};
	*count = sizeof all / sizeof *all;
	return all;
#else
	*count = 0;
	return nullptr;
#endif
}

} // namespace gh
