/* Stand-in for miniaudio: the product takes no audio. Every call answers "not supported". */
#ifndef GUARDHOUSE_MINIAUDIO_H
#define GUARDHOUSE_MINIAUDIO_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ma_uint64;
typedef int ma_result;
typedef int ma_format;
typedef struct { int unused; } ma_decoder_config;
typedef struct { int unused; } ma_decoder;

#define MA_SUCCESS 0
#define MA_NOT_SUPPORTED (-1)

enum { ma_format_f32 = 5 };

static inline ma_decoder_config ma_decoder_config_init(ma_format format, int channels, int rate) {
    ma_decoder_config config = { 0 };
    (void) format; (void) channels; (void) rate;
    return config;
}

static inline ma_result ma_decoder_init_memory(const void * data, size_t size, const ma_decoder_config * config, ma_decoder * decoder) {
    (void) data; (void) size; (void) config; (void) decoder;
    return MA_NOT_SUPPORTED;
}

static inline ma_result ma_decoder_get_length_in_pcm_frames(ma_decoder * decoder, ma_uint64 * frames) {
    (void) decoder;
    *frames = 0;
    return MA_NOT_SUPPORTED;
}

static inline ma_result ma_decoder_read_pcm_frames(ma_decoder * decoder, void * out, ma_uint64 frames, ma_uint64 * read) {
    (void) decoder; (void) out; (void) frames;
    *read = 0;
    return MA_NOT_SUPPORTED;
}

static inline void ma_decoder_uninit(ma_decoder * decoder) { (void) decoder; }

#endif
