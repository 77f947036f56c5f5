//go:build !nollama

#include "hooks.h"

#include "attention_op.h"
#include "rows_op.h"

namespace gh {

const hook *hooks(size_t *count) {
	// One line for each operation: {GGML_OP_..., its traits}.
	static const hook all[] = {
		{GGML_OP_FLASH_ATTN_EXT, attention_traits},
		{GGML_OP_RMS_NORM, rows_traits},
		{GGML_OP_MUL, rows_traits},
		{GGML_OP_ROPE, rows_traits},
		{GGML_OP_GET_ROWS, rows_traits},
		{GGML_OP_GLU, rows_traits},
		{GGML_OP_CPY, rows_traits},
	};
	*count = sizeof all / sizeof *all;
	return all;
}

} // namespace gh
