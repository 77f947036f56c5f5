//go:build !nollama

#include "set.h"

namespace gh {

const set *const *sets(size_t *count) {
	*count = 0;
	return nullptr;
}

} // namespace gh
