// Attention as the engine asks for it: GGML_OP_FLASH_ATTN_EXT.
#ifndef GUARDHOUSE_KERNEL_ATTENTION_OP_H
#define GUARDHOUSE_KERNEL_ATTENTION_OP_H

#include "attention.h"
#include "set.h"
#include "traits.h"

namespace gh {

// attention_traits is the hook for hooks.cpp: nullptr for sets without an attention kernel, and for nodes that it was not
// proved for. Those are all but f16 keys and values of one width (a multiple of 16, at most 256) with a mask shared by
// all heads or none, and without a bias by distance, a soft cap, sinks, or less than single precision.
ggml::cpu::tensor_traits *attention_traits(const set &with, const ggml_tensor *node);

// attention_of fills *a from a node, or answers false for one that is left to the engine.
bool attention_of(const ggml_tensor *node, gh_attention *a);

} // namespace gh

#endif
