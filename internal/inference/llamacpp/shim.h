// The C face of the engine: a model, and lanes that each own one llama.cpp context on it and two thread
// pools. Every function answers a code instead of letting a C++ exception cross into Go. A model is
// read-only once loaded; a lane belongs to one goroutine at a time, but for gh_abort, which any thread
// may call.
#ifndef GUARDHOUSE_SHIM_H
#define GUARDHOUSE_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	GH_OK = 0,
	GH_FULL = 1,       // no room in the key/value cache
	GH_ABORTED = 2,    // gh_abort was heard; what was stored of the pass must be dropped
	GH_INVALID = -1,   // the arguments were refused before anything was computed
	GH_FAILED = -2,    // the computation failed
	GH_EXCEPTION = -3, // C++ threw
	GH_MEMORY = -4,    // out of memory
	GH_NOT_FINITE = -5, // the model answered NaN or infinity
	GH_LAYOUT = -6     // the linked engine is not the one these declarations were written for
};

typedef struct gh_model gh_model;
typedef struct gh_lane gh_lane;

// gh_flag ends a load when it is set, and says how far the load is, in ten-thousandths: either side may look at any time.
typedef struct gh_flag { volatile int32_t set, done; } gh_flag;

typedef struct gh_lane_params {
	uint32_t slots, slot_tokens, batch;
	// Sequences after those of the slots, with room for so many ids each of their own.
	uint32_t shelves, shelf_tokens;
	int32_t threads; // most threads of one pass
	int32_t share;   // threads of a pass while all lanes work; they get a pool of their own
	uint32_t poll;   // 0 = idle threads sleep at once, 100 = they spin long
	bool flash;
	bool cache_q8;   // keys and values in q8_0 instead of f16; needs flash
} gh_lane_params;

typedef struct gh_info {
	int32_t vocab, heads;
	uint64_t weight_bytes;
	// What the cache needs for one cell of one slot, as f16 and as q8_0; 0 where the file does not say.
	uint64_t cell_bytes, cell_bytes_q8;
} gh_info;

typedef struct gh_lane_info {
	int32_t slots, slot_tokens, batch;
	uint64_t cache_bytes;
	uint64_t plain_bytes, packed_bytes; // the model's buffers: as in the file, and in the form that kernels want
	uint64_t compute_bytes;             // what lies between two operations, at the largest pass
	uint64_t row_bytes;                 // one row of logits; a pass holds as many as it has wanted entries
	uint64_t gpu_model_bytes, gpu_cache_bytes, gpu_compute_bytes; // what of all that is on a GPU, and counted nowhere else
} gh_lane_info;

// gh_start has the engine say nothing by itself from now on. Loading a model does so too.
void gh_start(void);

// gh_load and gh_open fill *out, or answer a code and write the engine's last complaint into err. Lanes
// are freed before their model. So many of the model's last layers go on the GPU of that index (gpu.h), one more than it has for
// its output too; with none no device has any part in it.
int gh_load(const char *path, bool mmap, int32_t gpu, int32_t layers, gh_flag *cancel, gh_model **out, char *err, size_t err_size);
void gh_unload(gh_model *m);
void gh_describe(const gh_model *m, gh_info *out);
int gh_open(gh_model *m, const gh_lane_params *p, gh_lane **out, char *err, size_t err_size);
void gh_close(gh_lane *e);
void gh_describe_lane(const gh_lane *e, gh_lane_info *out);

// gh_decode runs one pass on at most the given number of threads. ids, pos, seq and want have n entries; want marks rows whose logits are kept.
int gh_decode(gh_lane *e, const int32_t *ids, const int32_t *pos, const int32_t *seq, const int8_t *want, int32_t n, int32_t threads);

// gh_keep drops what a slot holds from position n on.
int gh_keep(gh_lane *e, int32_t slot, int32_t n);
// gh_copy replaces what slot dst holds by all that slot src holds: both then share its cells, nothing is moved.
int gh_copy(gh_lane *e, int32_t src, int32_t dst);
// gh_wipe empties all slots and clears the cells' bytes.
int gh_wipe(gh_lane *e);

// gh_score reads the row of entry i of the last pass: per label its logit and its share of the softmax
// over the whole vocabulary at the temperature, and the id with the largest logit.
int gh_score(gh_lane *e, int32_t i, double temperature, const int32_t *labels, int32_t n, double *probs, float *logits, int32_t *best);
// gh_logits answers the row of entry i of the last pass, n_vocab numbers that stay until the next pass, NULL where there is none.
float *gh_logits(gh_lane *e, int32_t i);
// gh_row copies the given ids' logits of entry i.
int gh_row(gh_lane *e, int32_t i, const int32_t *ids, int32_t n, float *logits);

// gh_abort makes the running pass and all later ones end early, until it is called with false.
void gh_abort(gh_lane *e, bool on);

// gh_tokenize is llama.cpp's own tokenizer, which must never see a long run of one class of characters.
int32_t gh_tokenize(const gh_model *m, const char *text, int32_t len, int32_t *ids, int32_t cap, bool special);

#ifdef __cplusplus
}
#endif
#endif
