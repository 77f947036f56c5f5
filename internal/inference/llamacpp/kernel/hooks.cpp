//go:build !nollama

#include "hooks.h"

namespace gh {

const hook *hooks(size_t *count) {
	// One line for each operation: {GGML_OP_..., its traits}.
	*count = 0;
	return nullptr;
}

} // namespace gh
