// The product of a packed weight with float columns, for every set and format.
#ifndef GUARDHOUSE_KERNEL_MATMUL_H
#define GUARDHOUSE_KERNEL_MATMUL_H

#include "set.h"
#include "traits.h"

namespace gh {

// fits answers the set's format for a weight, nullptr for types and shapes that no kernel was written for.
const format *fits(const set &with, const ggml_tensor *weight);

// packed_size answers the bytes of the packed weight. The weight fits the format.
size_t packed_size(const format &f, const ggml_tensor *weight);

// pack writes rows of ggml's blocks in the format's tiles. The weight fits the format.
void pack(const format &f, const ggml_tensor *weight, const void *rows);

// matmul computes GGML_OP_MUL_MAT for weights packed in one format.
class matmul : public ggml::cpu::tensor_traits {
  public:
	const set *with = nullptr;
	const format *in = nullptr;
	bool work_size(int threads, const ggml_tensor *node, size_t &size) override;
	bool compute_forward(ggml_compute_params *params, ggml_tensor *node) override;
};

} // namespace gh

#endif
