// Operations other than products with packed weights that this package computes itself.
#ifndef GUARDHOUSE_KERNEL_HOOKS_H
#define GUARDHOUSE_KERNEL_HOOKS_H

#include "set.h"
#include "traits.h"

namespace gh {

// hook offers an operation. traits answers nullptr where this very node is left to the engine; it is asked for every node of
// that op in every pass, by every thread and when the pass is planned, and must answer the same each time.
struct hook {
	ggml_op op;
	ggml::cpu::tensor_traits *(*traits)(const set &with, const ggml_tensor *node);
};

// hooks answers the table in hooks.cpp.
const hook *hooks(size_t *count);

} // namespace gh

#endif
