// Small operations over rows of floats as the engine asks for them.
#ifndef GUARDHOUSE_KERNEL_ROWS_OP_H
#define GUARDHOUSE_KERNEL_ROWS_OP_H

#include "set.h"
#include "traits.h"

namespace gh {

// rows_traits is the hook for hooks.cpp: GGML_OP_RMS_NORM, GGML_OP_MUL by one row, GGML_OP_ROPE of whole heads in the NEOX
// order with plain frequencies, GGML_OP_GET_ROWS of q8_0, GGML_OP_GLU in the form SWIGLU of two
// tensors, and GGML_OP_CPY of floats into half precision. It answers nullptr for everything else.
ggml::cpu::tensor_traits *rows_traits(const set &with, const ggml_tensor *node);

} // namespace gh

#endif
