//go:build !nollama

#include "tile.h"

namespace gh {

const set *const *sets(size_t *count) {
#if defined(__x86_64__)
	static const set *const all[] = {&avx512, &avx2};
	*count = sizeof all / sizeof *all;
	return all;
#else
	*count = 0;
	return nullptr;
#endif
}

} // namespace gh
