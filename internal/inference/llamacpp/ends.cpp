//go:build !nollama

#include "ends.h"

// The linker sends the engine's calls of ggml_backend_free here (--wrap in native.go).
extern "C" {
void __real_ggml_backend_free(ggml_backend *b);
void __wrap_ggml_backend_free(ggml_backend *b);
}

namespace {

thread_local gh_ends *open_now = nullptr;
thread_local int64_t ended_late = 0;

} // namespace

gh_ends::gh_ends() : held{}, before(open_now) { open_now = this; }

gh_ends::~gh_ends() {
	open_now = before;
	for (size_t i = 0; i < count; i++) __real_ggml_backend_free(held[i]);
	ended_late += static_cast<int64_t>(count);
}

bool gh_ends::hold(ggml_backend *b) {
	if (b == nullptr || count == held.size()) return false;
	held[count++] = b;
	return true;
}

void __wrap_ggml_backend_free(ggml_backend *b) {
	if (open_now == nullptr || !open_now->hold(b)) __real_ggml_backend_free(b);
}

int64_t gh_held(void) { return ended_late; }
