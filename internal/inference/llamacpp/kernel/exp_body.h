// e^x over a register, in the vector type of the header included before; static, see the translation units.
#ifndef GUARDHOUSE_KERNEL_EXP_BODY_H
#define GUARDHOUSE_KERNEL_EXP_BODY_H

namespace {

// v_exp answers e^x for x from -87 to 88 with a relative error under 2e-7, 0 below -87, e^88 above, NaN for NaN:
// 2^n * e^r with |r| <= ln(2)/2, e^r by the polynomial that softmax.h uses, and ln 2 in two parts.
static inline vf v_exp(vf x) {
	const vf floor = v_all(-87.0f), ceiling = v_all(88.0f);
	const vf within = v_max(floor, v_min(ceiling, x));
	const vf n = v_round(v_mul(within, v_all(1.44269504f)));
	const vf r = v_fma(n, v_all(2.12194440e-4f), v_fnma(n, v_all(0.693359375f), within));
	vf y = v_all(1.9875691500e-4f);
	y = v_fma(y, r, v_all(1.3981999507e-3f));
	y = v_fma(y, r, v_all(8.3334519073e-3f));
	y = v_fma(y, r, v_all(4.1665795894e-2f));
	y = v_fma(y, r, v_all(1.6666665459e-1f));
	y = v_fma(y, r, v_all(5.0000001201e-1f));
	y = v_add(v_fma(v_mul(y, r), r, r), v_all(1.0f));
	return v_zero_below(x, floor, v_scale(y, n));
}

} // namespace

#endif
