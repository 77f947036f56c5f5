#ifndef GUARDHOUSE_KERNEL_INSTALL_H
#define GUARDHOUSE_KERNEL_INSTALL_H

#include "set.h"

#include "ggml-backend.h"

namespace gh {

// plug_in puts a set in front of the engine's own buffer types, for good, and answers its buffer type. Only before
// another thread computes.
ggml_backend_buffer_type_t plug_in(const set *with);

} // namespace gh

#endif
