// Four floats in a register: what the *_body.h files are written in. Included by one translation unit per instruction set;
// everything here is static.
#ifndef GUARDHOUSE_KERNEL_VECTOR_NEON_H
#define GUARDHOUSE_KERNEL_VECTOR_NEON_H

#include <arm_neon.h>
#include <stdint.h>

enum { W = 4, ROWS = 8 }; // floats of a register; query rows that share one load of a key

typedef float32x4_t vf;

static inline vf v_load(const float *p) { return vld1q_f32(p); }
static inline void v_store(float *p, vf x) { vst1q_f32(p, x); }
static inline vf v_all(float x) { return vdupq_n_f32(x); }
static inline vf v_zero() { return vdupq_n_f32(0); }
static inline vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static inline vf v_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
static inline vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
// v_max and v_min answer NaN where a or b is NaN.
static inline vf v_max(vf a, vf b) { return vmaxq_f32(a, b); }
static inline vf v_min(vf a, vf b) { return vminq_f32(a, b); }
static inline vf v_half(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
// v_half_all answers a register full of one half float, of any alignment.
static inline vf v_half_all(const void *p) {
	uint16_t h;
	__builtin_memcpy(&h, p, 2);
	return vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h)));
}
// v_halve writes the values in half precision, rounded to the nearest even.
static inline void v_halve(uint16_t *p, vf x) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x))); }
static inline vf v_round(vf x) { return vrndnq_f32(x); }
static inline vf v_floor(vf x) { return vrndmq_f32(x); }
// v_where_ne answers x where a != b (or unordered), else y.
static inline vf v_where_ne(vf a, vf b, vf x, vf y) { return vbslq_f32(vceqq_f32(a, b), y, x); }
// v_zero_below answers x, and 0 where t < limit.
static inline vf v_zero_below(vf t, vf limit, vf x) {
	return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), vcltq_f32(t, limit)));
}
// v_scale answers x * 2^n for whole n from -126 to 127.
static inline vf v_scale(vf x, vf n) {
	const int32x4_t power = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
	return vmulq_f32(x, vreinterpretq_f32_s32(vshlq_n_s32(power, 23)));
}
static inline bool v_any_nan(vf x) { return vminvq_u32(vceqq_f32(x, x)) == 0; }
static inline float v_hmax(vf x) { return vmaxvq_f32(x); }
static inline float v_hsum(vf x) { return vaddvq_f32(x); }

// v_store_sums writes the sums of four registers.
static inline void v_store_sums(float *p, vf a, vf b, vf c, vf d) { vst1q_f32(p, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d))); }

// v_bytes answers the floats of signed bytes.
static inline vf v_bytes(const int8_t *p) {
	uint32_t four;
	__builtin_memcpy(&four, p, 4);
	const int16x8_t wide = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(four)));
	return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}

// v_keys_that_count answers bit i for each of 64 mask entries that is not -infinity.
static inline uint64_t v_keys_that_count(const uint16_t *m) {
	const uint16_t places[8] = {1, 2, 4, 8, 16, 32, 64, 128};
	const uint16x8_t never = vdupq_n_u16(0xFC00), place = vld1q_u16(places);
	uint64_t bits = 0;
	for (int i = 0; i < 64; i += 8) bits |= (uint64_t)vaddvq_u16(vbicq_u16(place, vceqq_u16(vld1q_u16(m + i), never))) << i;
	return bits;
}

// v_transpose turns four rows of four floats into columns.
static inline void v_transpose(vf r[W]) {
	const vf a = vtrn1q_f32(r[0], r[1]), b = vtrn2q_f32(r[0], r[1]), c = vtrn1q_f32(r[2], r[3]), d = vtrn2q_f32(r[2], r[3]);
	const float64x2_t p = vreinterpretq_f64_f32(a), q = vreinterpretq_f64_f32(b);
	const float64x2_t s = vreinterpretq_f64_f32(c), t = vreinterpretq_f64_f32(d);
	r[0] = vreinterpretq_f32_f64(vtrn1q_f64(p, s));
	r[1] = vreinterpretq_f32_f64(vtrn1q_f64(q, t));
	r[2] = vreinterpretq_f32_f64(vtrn2q_f64(p, s));
	r[3] = vreinterpretq_f32_f64(vtrn2q_f64(q, t));
}

#endif
