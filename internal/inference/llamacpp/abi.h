// What the shim calls of llama.cpp and ggml (MIT licence, The ggml authors), declared for exactly the
// version that go.mod pins: the module keeps its headers out of reach of other packages' include paths.
// Field order and types are the binary interface; gh_load holds them against the engine's own defaults
// before it uses them, so that another version is refused and never misread.
#ifndef GUARDHOUSE_ABI_H
#define GUARDHOUSE_ABI_H

#include <stddef.h>
#include <stdint.h>

#include <map>

struct ggml_backend_buffer_type;

struct llama_memory_breakdown_data {
	size_t model, context, compute;
};

// The one C++ method among them: the engine's own account of its buffers, which no C function gives. It is
// never made or copied here, so that nothing but the name counts.
struct llama_context {
	std::map<ggml_backend_buffer_type *, llama_memory_breakdown_data> memory_breakdown() const;
};

extern "C" {

struct llama_model;
struct llama_vocab;
struct ggml_threadpool;
typedef struct llama_memory_i *llama_memory_t;
typedef void (*ggml_log_callback)(int level, const char *text, void *data);
typedef bool (*ggml_abort_callback)(void *data);
typedef bool (*llama_progress_callback)(float progress, void *data);

struct llama_batch {
	int32_t n_tokens;
	int32_t *token;
	float *embd;
	int32_t *pos;
	int32_t *n_seq_id;
	int32_t **seq_id;
	int8_t *logits;
};

struct llama_model_params {
	void *devices;
	const void *tensor_buft_overrides;
	int32_t n_gpu_layers;
	int32_t split_mode;
	int32_t main_gpu;
	const float *tensor_split;
	llama_progress_callback progress_callback;
	void *progress_callback_user_data;
	const void *kv_overrides;
	bool vocab_only, use_mmap, use_mlock, check_tensors, use_extra_bufts, no_host, no_alloc;
};

struct llama_context_params {
	uint32_t n_ctx, n_batch, n_ubatch, n_seq_max;
	int32_t n_threads, n_threads_batch;
	int32_t rope_scaling_type, pooling_type, attention_type, flash_attn_type;
	float rope_freq_base, rope_freq_scale;
	float yarn_ext_factor, yarn_attn_factor, yarn_beta_fast, yarn_beta_slow;
	uint32_t yarn_orig_ctx;
	float defrag_thold;
	void *cb_eval, *cb_eval_user_data;
	int32_t type_k, type_v;
	ggml_abort_callback abort_callback;
	void *abort_callback_data;
	bool embeddings, offload_kqv, no_perf, op_offload, swa_full, kv_unified;
};

struct ggml_threadpool_params {
	bool cpumask[512];
	int n_threads;
	int prio;
	uint32_t poll;
	bool strict_cpu, paused;
};

llama_model_params llama_model_default_params(void);
llama_context_params llama_context_default_params(void);
void llama_backend_init(void);
void llama_log_set(ggml_log_callback callback, void *data);
void ggml_log_set(ggml_log_callback callback, void *data);

llama_model *llama_model_load_from_file(const char *path, llama_model_params params);
void llama_model_free(llama_model *model);
llama_context *llama_init_from_model(llama_model *model, llama_context_params params);
void llama_free(llama_context *ctx);

const llama_vocab *llama_model_get_vocab(const llama_model *model);
int32_t llama_vocab_n_tokens(const llama_vocab *vocab);
int32_t llama_model_n_ctx_train(const llama_model *model);
int32_t llama_model_n_layer(const llama_model *model);
int32_t llama_model_n_embd(const llama_model *model);
int32_t llama_model_n_head(const llama_model *model);
int32_t llama_model_n_head_kv(const llama_model *model);
uint64_t llama_model_size(const llama_model *model);
bool llama_model_has_encoder(const llama_model *model);
bool llama_model_has_decoder(const llama_model *model);
bool llama_model_is_recurrent(const llama_model *model);
bool llama_model_is_hybrid(const llama_model *model);
int32_t llama_model_meta_val_str(const llama_model *model, const char *key, char *buf, size_t size);

uint32_t llama_n_batch(const llama_context *ctx);
uint32_t llama_n_seq_max(const llama_context *ctx);
llama_memory_t llama_get_memory(const llama_context *ctx);
bool llama_memory_seq_rm(llama_memory_t mem, int32_t seq, int32_t p0, int32_t p1);
void llama_memory_clear(llama_memory_t mem, bool data);
void llama_memory_seq_cp(llama_memory_t mem, int32_t src, int32_t dst, int32_t p0, int32_t p1);

int32_t llama_decode(llama_context *ctx, llama_batch batch);
const char *ggml_backend_buft_name(ggml_backend_buffer_type *buft);
void llama_synchronize(llama_context *ctx);
float *llama_get_logits_ith(llama_context *ctx, int32_t i);

ggml_threadpool_params ggml_threadpool_params_default(int n_threads);
ggml_threadpool *ggml_threadpool_new(ggml_threadpool_params *params);
void ggml_threadpool_free(ggml_threadpool *pool);
void llama_attach_threadpool(llama_context *ctx, ggml_threadpool *pool, ggml_threadpool *pool_batch);
void llama_set_n_threads(llama_context *ctx, int32_t n_threads, int32_t n_threads_batch);

int32_t llama_tokenize(const llama_vocab *vocab, const char *text, int32_t len, int32_t *ids, int32_t cap, bool add_special, bool parse_special);
}
#endif
