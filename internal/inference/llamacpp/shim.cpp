//go:build !nollama

#include "shim.h"
#include "abi.h"
#include "ends.h"
#include "gpuabi.h"
#include "kernel/kernel.h"
#include "kernel/softmax.h"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <vector>

struct gh_model {
	llama_model *c = nullptr;
	const llama_vocab *vocab = nullptr;
	int32_t n_vocab = 0;
};

struct gh_lane {
	gh_model *model = nullptr;
	llama_context *ctx = nullptr;
	// A pass wakes all threads of its pool, so that there is one for each size that is used often.
	ggml_threadpool *wide = nullptr;  // all threads
	ggml_threadpool *share = nullptr; // those that a pass gets while all lanes work, where that is another number
	ggml_threadpool *solo = nullptr;  // the calling thread alone: wakes and awaits nobody
	int32_t threads = 1, shared = 1, attached = 0;
	uint32_t slots = 0, sequences = 0, slot_tokens = 0, batch = 0; // sequences: slots and shelves
	gh_lane_info memory{};
	std::atomic<bool> abort{false};
	// The batch's own arrays: C keeps pointers into them during a pass, so they are not Go's.
	std::vector<int32_t> ids, pos, seq, n_seq;
	std::vector<int32_t *> seq_of;
	std::vector<int8_t> want;
	int32_t n_last = 0; // entries of the last pass that succeeded
};

namespace {

// The engine's own words, kept until a load fails: the first error of the calling thread, which names the
// reason, or else its first warning. They are never printed, because a line of them belongs to no request.
thread_local std::string last_words;
thread_local bool is_error;

void listen(int level, const char *text, void *) {
	const int warn = 3, error = 4;
	if (text == nullptr || (level != warn && level != error)) return;
	try {
		if (last_words.empty() || (level == error && !is_error)) {
			last_words.assign(text, strnlen(text, 300));
			is_error = level == error;
		}
	} catch (...) {
		last_words.clear();
	}
}

void say(char *err, size_t size, const char *text) {
	if (err != nullptr && size > 0) snprintf(err, size, "%s", text);
}

void start_once() {
	static std::once_flag once;
	std::call_once(once, [] {
		llama_log_set(listen, nullptr);
		ggml_log_set(listen, nullptr);
		llama_backend_init();
	});
}

bool same_layout(const llama_model_params &m, const llama_context_params &c) {
	return m.devices == nullptr && m.n_gpu_layers == 999 && m.split_mode == 1 && m.tensor_split == nullptr &&
		m.progress_callback == nullptr && m.kv_overrides == nullptr && !m.vocab_only && m.use_mmap && !m.use_mlock &&
		!m.check_tensors && m.use_extra_bufts && !m.no_host && !m.no_alloc &&
		c.n_ctx == 512 && c.n_batch == 2048 && c.n_ubatch == 512 && c.n_seq_max == 1 && c.n_threads == 4 &&
		c.rope_scaling_type == -1 && c.pooling_type == -1 && c.attention_type == -1 && c.flash_attn_type == -1 &&
		c.yarn_ext_factor == -1.0f && c.defrag_thold == -1.0f && c.type_k == 1 && c.type_v == 1 &&
		c.abort_callback == nullptr && !c.embeddings && c.offload_kqv && c.no_perf && c.op_offload && c.swa_full &&
		!c.kv_unified;
}

const int q8_0 = 8; // ggml's number of the type

bool go_on(float part, void *data) {
	gh_flag *flag = static_cast<gh_flag *>(data);
	const float done = part >= 0 && part <= 1 ? part : 0; // what is no number is no conversion either
	__atomic_store_n(&flag->done, int32_t(done * 10000), __ATOMIC_RELAXED);
	return flag->set == 0;
}

bool aborted(void *data) { return static_cast<gh_lane *>(data)->abort.load(std::memory_order_relaxed); }

int64_t number_of(const llama_model *model, const char *key, int64_t otherwise) {
	char arch[64], name[128], value[32];
	if (llama_model_meta_val_str(model, "general.architecture", arch, sizeof arch) < 0) return otherwise;
	snprintf(name, sizeof name, "%s.%s", arch, key);
	if (llama_model_meta_val_str(model, name, value, sizeof value) < 0) return otherwise;
	return strtoll(value, nullptr, 10);
}

// cell_size answers the bytes of one position's keys and values over all layers, each given number of values
// taking so many bytes; 0 where the file's numbers make no sense.
uint64_t cell_size(const llama_model *model, uint64_t values, uint64_t bytes) {
	const int64_t heads = llama_model_n_head(model);
	const int64_t width = heads > 0 ? llama_model_n_embd(model) / heads : 0;
	const int64_t k = number_of(model, "attention.key_length", width);
	const int64_t v = number_of(model, "attention.value_length", width);
	if (k < 0 || v < 0 || k % values != 0 || v % values != 0) return 0;
	return uint64_t(llama_model_n_layer(model)) * uint64_t(llama_model_n_head_kv(model)) * uint64_t(k + v) / values * bytes;
}

// account reads how large the context's buffers are.
void account(gh_lane *e) {
	for (const auto &[buft, bytes] : e->ctx->memory_breakdown()) {
		if (gh_on_gpu(buft)) {
			e->memory.gpu_model_bytes += bytes.model;
			e->memory.gpu_cache_bytes += bytes.context;
			e->memory.gpu_compute_bytes += bytes.compute;
			continue;
		}
		const char *name = ggml_backend_buft_name(buft);
		const bool plain = strcmp(name, "CPU") == 0 || strcmp(name, "CPU_Mapped") == 0;
		(plain ? e->memory.plain_bytes : e->memory.packed_bytes) += bytes.model;
		e->memory.cache_bytes += bytes.context;
		e->memory.compute_bytes += bytes.compute;
	}
	e->memory.row_bytes = uint64_t(e->model->n_vocab) * sizeof(float);
}

int load(gh_model *m, const char *path, bool mmap, int32_t gpu, int32_t layers, gh_flag *cancel) {
	llama_model_params mp = llama_model_default_params();
	if (!same_layout(mp, llama_context_default_params())) return GH_LAYOUT;
	// An empty list, and not none: without one the engine would use every device that it knows.
	ggml_backend_device *devices[2] = {layers > 0 ? gh_gpu_device(gpu) : nullptr, nullptr};
	if (layers > 0 && devices[0] == nullptr) return GH_INVALID;
	mp.devices = devices;
	mp.n_gpu_layers = layers;
	mp.use_mmap = mmap;
	mp.check_tensors = true;
	mp.progress_callback = go_on;
	mp.progress_callback_user_data = cancel;
	m->c = llama_model_load_from_file(path, mp);
	if (m->c == nullptr) {
		if (cancel->set != 0) return GH_ABORTED;
		return last_words.find("unable to allocate") != std::string::npos ? GH_MEMORY : GH_FAILED;
	}
	if (llama_model_has_encoder(m->c) || !llama_model_has_decoder(m->c) ||
		llama_model_is_recurrent(m->c) || llama_model_is_hybrid(m->c)) {
		last_words = "not a plain decoder: slots could not be cut back to their prefix";
		return GH_FAILED;
	}
	m->vocab = llama_model_get_vocab(m->c);
	m->n_vocab = llama_vocab_n_tokens(m->vocab);
	return GH_OK;
}

ggml_threadpool *new_pool(int32_t threads, uint32_t poll) {
	ggml_threadpool_params p = ggml_threadpool_params_default(threads);
	if (p.n_threads != threads || p.poll != 50 || p.strict_cpu || p.paused) return nullptr;
	p.poll = poll;
	return ggml_threadpool_new(&p);
}

int open(gh_lane *e, const gh_lane_params *p) {
	llama_context_params cp = llama_context_default_params();
	// One pool of cells for all sequences: prompts of different lengths then share one pass (with a pool each the engine
	// cuts it to equal lengths), and a prefix is held once. Cells of other sequences are masked out.
	cp.kv_unified = true;
	cp.n_ctx = p->slots * p->slot_tokens + p->shelves * p->shelf_tokens;
	cp.n_batch = cp.n_ubatch = p->batch;
	cp.n_seq_max = p->slots + p->shelves;
	cp.n_threads = cp.n_threads_batch = p->threads;
	cp.flash_attn_type = p->flash ? 1 : 0;
	if (p->cache_q8) cp.type_k = cp.type_v = q8_0;
	cp.abort_callback = aborted;
	cp.abort_callback_data = e;
	e->ctx = llama_init_from_model(e->model->c, cp);
	if (e->ctx == nullptr) return GH_MEMORY;
	e->threads = p->threads;
	e->shared = p->share > 1 && p->share < p->threads ? p->share : 1;
	e->wide = new_pool(p->threads, p->poll);
	e->solo = new_pool(1, p->poll);
	if (e->shared > 1) e->share = new_pool(e->shared, p->poll);
	if (e->wide == nullptr || e->solo == nullptr || (e->shared > 1 && e->share == nullptr)) return GH_MEMORY;

	e->slots = p->slots;
	e->sequences = llama_n_seq_max(e->ctx);
	e->slot_tokens = p->slot_tokens;
	e->batch = llama_n_batch(e->ctx);
	account(e);
	e->ids.resize(e->batch);
	e->pos.resize(e->batch);
	e->seq.resize(e->batch);
	e->want.resize(e->batch);
	e->n_seq.assign(e->batch, 1);
	e->seq_of.resize(e->batch);
	for (uint32_t i = 0; i < e->batch; i++) e->seq_of[i] = &e->seq[i];
	return GH_OK;
}

void use_threads(gh_lane *e, int32_t n) {
	n = n < 1 ? 1 : n > e->threads ? e->threads : n;
	if (n == e->attached) return;
	ggml_threadpool *pool = n == 1 ? e->solo : n <= e->shared ? e->share : e->wide;
	llama_attach_threadpool(e->ctx, pool, pool);
	llama_set_n_threads(e->ctx, n, n);
	e->attached = n;
}

// guarded runs f and turns what it throws into a code.
template <typename F> int guarded(char *err, size_t size, F f) {
	try {
		last_words.clear();
		is_error = false;
		const int code = f();
		if (code != GH_OK) say(err, size, last_words.c_str());
		return code;
	} catch (const std::bad_alloc &) {
		return GH_MEMORY;
	} catch (const std::exception &x) {
		say(err, size, x.what());
	} catch (...) {
		say(err, size, "unknown exception");
	}
	return GH_EXCEPTION;
}

float *row_of(gh_lane *e, int32_t i) {
	// An entry without a row would abort the process inside the engine.
	if (i < 0 || i >= e->n_last || e->want[i] == 0) return nullptr;
	return llama_get_logits_ith(e->ctx, i);
}

} // namespace

void gh_start(void) {
	guarded(nullptr, 0, [] {
		start_once();
		return GH_OK;
	});
}

int gh_load(const char *path, bool mmap, int32_t gpu, int32_t layers, gh_flag *cancel, gh_model **out, char *err, size_t err_size) {
	*out = nullptr;
	gh_model *m = new (std::nothrow) gh_model;
	if (m == nullptr) return GH_MEMORY;
	const int code = guarded(err, err_size, [&] {
		start_once();
		return load(m, path, mmap, gpu, layers, cancel);
	});
	if (code == GH_OK) {
		*out = m;
	} else {
		gh_unload(m);
	}
	return code;
}

void gh_unload(gh_model *m) {
	if (m == nullptr) return;
	// What throws while it is freed stays allocated: nothing of it can be used again.
	guarded(nullptr, 0, [&] {
		if (m->c != nullptr) llama_model_free(m->c);
		return GH_OK;
	});
	delete m;
}

int gh_open(gh_model *m, const gh_lane_params *p, gh_lane **out, char *err, size_t err_size) {
	*out = nullptr;
	gh_lane *e = new (std::nothrow) gh_lane;
	if (e == nullptr) return GH_MEMORY;
	e->model = m;
	const int code = guarded(err, err_size, [&] {
		gh_ends late;
		return open(e, p);
	});
	if (code == GH_OK) {
		*out = e;
	} else {
		gh_close(e);
	}
	return code;
}

void gh_close(gh_lane *e) {
	if (e == nullptr) return;
	guarded(nullptr, 0, [&] {
		if (e->ctx != nullptr) {
			gh_ends late;
			llama_free(e->ctx);
		}
		if (e->wide != nullptr) ggml_threadpool_free(e->wide);
		if (e->share != nullptr) ggml_threadpool_free(e->share);
		if (e->solo != nullptr) ggml_threadpool_free(e->solo);
		return GH_OK;
	});
	delete e;
}

void gh_describe(const gh_model *m, gh_info *out) {
	out->vocab = m->n_vocab;
	out->heads = llama_model_n_head(m->c);
	out->weight_bytes = llama_model_size(m->c);
	out->cell_bytes = cell_size(m->c, 1, 2);
	out->cell_bytes_q8 = cell_size(m->c, 32, 34); // a scale of two bytes and 32 values of one
}

void gh_describe_lane(const gh_lane *e, gh_lane_info *out) {
	*out = e->memory;
	out->slots = int32_t(e->slots);
	out->slot_tokens = int32_t(e->slot_tokens);
	out->batch = int32_t(e->batch);
}

int gh_decode(gh_lane *e, const int32_t *ids, const int32_t *pos, const int32_t *seq, const int8_t *want, int32_t n, int32_t threads) {
	e->n_last = 0;
	if (n <= 0 || uint32_t(n) > e->batch) return GH_INVALID;
	for (int32_t i = 0; i < n; i++) {
		if (ids[i] < 0 || ids[i] >= e->model->n_vocab || seq[i] < 0 || uint32_t(seq[i]) >= e->sequences) return GH_INVALID;
		if (pos[i] < 0 || uint32_t(pos[i]) >= e->slot_tokens) return GH_INVALID;
	}
	memcpy(e->ids.data(), ids, n * sizeof *ids);
	memcpy(e->pos.data(), pos, n * sizeof *pos);
	memcpy(e->seq.data(), seq, n * sizeof *seq);
	memcpy(e->want.data(), want, n * sizeof *want);
	llama_batch b{n, e->ids.data(), nullptr, e->pos.data(), e->n_seq.data(), e->seq_of.data(), e->want.data()};
	try {
		use_threads(e, threads);
		const int32_t code = llama_decode(e->ctx, b);
		llama_synchronize(e->ctx);
		if (code == 0) {
			e->n_last = n;
			return GH_OK;
		}
		return code == 1 ? GH_FULL : code == 2 ? GH_ABORTED : code == -1 ? GH_INVALID : GH_FAILED;
	} catch (const std::bad_alloc &) {
		return GH_MEMORY;
	} catch (...) {
		return GH_EXCEPTION;
	}
}

int gh_keep(gh_lane *e, int32_t slot, int32_t n) {
	if (slot < 0 || uint32_t(slot) >= e->sequences || n < 0) return GH_INVALID;
	try {
		return llama_memory_seq_rm(llama_get_memory(e->ctx), slot, n, -1) ? GH_OK : GH_FAILED;
	} catch (...) {
		return GH_EXCEPTION;
	}
}

int gh_copy(gh_lane *e, int32_t src, int32_t dst) {
	if (src < 0 || uint32_t(src) >= e->sequences || dst < 0 || uint32_t(dst) >= e->sequences || src == dst) return GH_INVALID;
	try {
		llama_memory_seq_rm(llama_get_memory(e->ctx), dst, -1, -1);
		llama_memory_seq_cp(llama_get_memory(e->ctx), src, dst, 0, -1);
		return GH_OK;
	} catch (...) {
		return GH_EXCEPTION;
	}
}

int gh_wipe(gh_lane *e) {
	try {
		llama_memory_clear(llama_get_memory(e->ctx), true);
		return GH_OK;
	} catch (...) {
		return GH_EXCEPTION;
	}
}

int gh_score(gh_lane *e, int32_t i, double temperature, const int32_t *labels, int32_t n, double *probs, float *logits, int32_t *best) {
	if (!(temperature >= 0.01 && temperature <= 100) || n < 0) return GH_INVALID;
	for (int32_t j = 0; j < n; j++) {
		if (labels[j] < 0 || labels[j] >= e->model->n_vocab) return GH_INVALID;
	}
	try {
		const float *row = row_of(e, i);
		if (row == nullptr) return GH_INVALID;
		const gh_softmax *softmax = gh_softmax_of(gh_kernels_name());
		const int32_t at = softmax->largest(row, e->model->n_vocab);
		if (at < 0) return GH_NOT_FINITE;
		const float top = row[at];
		*best = at;
		if (n == 0) return GH_OK;
		const double sum = softmax->sum(row, e->model->n_vocab, top, float(1.0 / temperature));
		for (int32_t j = 0; j < n; j++) {
			logits[j] = row[labels[j]];
			probs[j] = std::exp((double(row[labels[j]]) - double(top)) / temperature) / sum;
		}
		return GH_OK;
	} catch (...) {
		return GH_EXCEPTION;
	}
}

float *gh_logits(gh_lane *e, int32_t i) {
	try {
		return row_of(e, i);
	} catch (...) {
		return nullptr;
	}
}

int gh_row(gh_lane *e, int32_t i, const int32_t *ids, int32_t n, float *logits) {
	try {
		const float *row = row_of(e, i);
		if (row == nullptr) return GH_INVALID;
		for (int32_t j = 0; j < n; j++) {
			if (ids[j] < 0 || ids[j] >= e->model->n_vocab) return GH_INVALID;
			logits[j] = row[ids[j]];
		}
		return GH_OK;
	} catch (...) {
		return GH_EXCEPTION;
	}
}

void gh_abort(gh_lane *e, bool on) { e->abort.store(on, std::memory_order_relaxed); }

int32_t gh_tokenize(const gh_model *m, const char *text, int32_t len, int32_t *ids, int32_t cap, bool special) {
	try {
		return llama_tokenize(m->vocab, text, len, ids, cap, false, special);
	} catch (...) {
		return INT32_MIN;
	}
}
