#ifndef GUARDHOUSE_ENDS_H
#define GUARDHOUSE_ENDS_H

#include <stdint.h>

#ifdef __cplusplus
#include <array>
#include <cstddef>

struct ggml_backend;

// gh_ends holds back the end of every backend that this thread ends while it lives. A context of the engine ends
// its backends before its scheduler, whose own end reads them (ggml_backend_sched_free calls their reset): they
// have to be there until then.
class gh_ends {
  public:
	gh_ends();
	~gh_ends();
	gh_ends(const gh_ends &) = delete;
	gh_ends &operator=(const gh_ends &) = delete;
	// hold answers false where there is no room: more backends than any machine has.
	bool hold(ggml_backend *b);

  private:
	std::array<ggml_backend *, 64> held;
	size_t count = 0;
	gh_ends *before;
};

extern "C" {
#endif

// gh_held answers how many backends this thread has ended late so far, for tests.
int64_t gh_held(void);

#ifdef __cplusplus
}
#endif
#endif
