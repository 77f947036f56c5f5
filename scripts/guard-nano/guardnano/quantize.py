"""ggml's block formats Q8_0, Q4_0 and Q6_K in NumPy, byte for byte as its reference quantisers write them.

The formulas are those of ggml-quants.c (`quantize_row_*_ref`, `make_qx_quants`, `dequantize_row_*`), in
float32 and in the same order of operations, without fused multiply-add.
"""

import numpy as np

F32, F16, Q4_0, Q8_0, Q6_K = 0, 1, 2, 8, 14
TYPES = {"f32": F32, "f16": F16, "q4_0": Q4_0, "q8_0": Q8_0, "q6_k": Q6_K}
BLOCK = {F32: (1, 4), F16: (1, 2), Q4_0: (32, 18), Q8_0: (32, 34), Q6_K: (256, 210)}  # values, bytes
TINY = np.float32(1e-15)  # GROUP_MAX_EPS
f32 = np.float32


def pack(values: np.ndarray, kind: str) -> bytes:
    """The bytes of a tensor in that type, rows along the last axis.

    Refuses (ValueError) an unknown type, values that are not finite, and rows that are no whole blocks.
    """
    code = TYPES.get(kind)
    if code is None:
        raise ValueError(f"unknown type {kind}")
    x = np.ascontiguousarray(values, dtype=f32)
    if not np.isfinite(x).all():
        raise ValueError("a value is not finite")
    size = BLOCK[code][0]
    if x.shape[-1] % size:
        raise ValueError(f"rows of {x.shape[-1]} values are no whole blocks of {size}")
    return _PACK[code](x.reshape(-1, size)).tobytes()


def unpack(data: bytes, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 values of a packed tensor; refuses (ValueError) another length than the shape's."""
    code = TYPES[kind]
    size, width = BLOCK[code]
    blocks = np.frombuffer(data, dtype=np.uint8)
    if blocks.size * size != int(np.prod(shape)) * width:
        raise ValueError("the data's length does not fit the shape")
    return _UNPACK[code](blocks.reshape(-1, width)).reshape(shape)


def _half(d: np.ndarray) -> np.ndarray:
    """float16 of each block's scale as two bytes."""
    return d.astype("<f2").reshape(-1, 1).view(np.uint8)


def _scale(blocks: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(blocks).view("<f2").astype(f32)


def _inverse(d: np.ndarray) -> np.ndarray:
    """1/d, and 0 where d is 0."""
    return np.divide(f32(1), d, out=np.zeros_like(d), where=d != 0)


def _pack_f32(x: np.ndarray) -> np.ndarray:
    return x.astype("<f4")


def _pack_f16(x: np.ndarray) -> np.ndarray:
    return x.astype("<f2")


def _pack_q8_0(x: np.ndarray) -> np.ndarray:
    d = np.abs(x).max(axis=1) / f32(127)
    y = x * _inverse(d)[:, None]
    a = np.abs(y)
    low = np.floor(a)
    q = np.sign(y) * (low + np.floor(f32(2) * (a - low)))  # roundf: halves away from zero
    return np.hstack([_half(d), q.astype(np.int8).view(np.uint8)])


def _unpack_q8_0(b: np.ndarray) -> np.ndarray:
    return _scale(b[:, :2]) * b[:, 2:].view(np.int8).astype(f32)


def _pack_q4_0(x: np.ndarray) -> np.ndarray:
    largest = np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)
    d = largest / f32(-8)
    q = np.minimum(15, (x * _inverse(d) + f32(8.5)).astype(np.int8)).astype(np.uint8)
    return np.hstack([_half(d), q[:, :16] | q[:, 16:] << 4])


def _unpack_q4_0(b: np.ndarray) -> np.ndarray:
    q = np.hstack([b[:, 2:] & 15, b[:, 2:] >> 4]).astype(np.int8) - 8
    return _scale(b[:, :2]) * q.astype(f32)


def _fit(x: np.ndarray, inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Levels -32..31 at an inverse scale, and the sums of x*x*x*l and x*x*l*l along each group, in order."""
    levels = np.clip(np.rint(inverse[:, None] * x), -32, 31)
    xl, ll = np.zeros(len(x), f32), np.zeros(len(x), f32)
    weights = x * x
    for i in range(x.shape[1]):
        w, level = weights[:, i], levels[:, i]
        xl += w * x[:, i] * level
        ll += w * level * level
    return levels, xl, ll


def _best_scales(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """make_qx_quants(16, 32, ..., rmse_type 1): the scale of each group of 16, and its levels 0..63."""
    largest = np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)[:, 0]
    empty = np.abs(largest) < TINY
    safe = np.where(empty, f32(1), largest)
    levels, xl, ll = _fit(x, f32(-32) / safe)
    scale = np.divide(xl, ll, out=np.zeros_like(xl), where=ll != 0)
    best = scale * xl
    for step in (s for s in range(-9, 10) if s):
        tried, xl, ll = _fit(x, -(f32(32) + f32(0.1) * f32(step)) / safe)
        better = (ll > 0) & (xl * xl > best * ll)
        levels[better] = tried[better]
        scale = np.where(better, np.divide(xl, ll, out=np.zeros_like(xl), where=ll != 0), scale)
        best = np.where(better, scale * xl, best)
    levels = np.where(empty[:, None], f32(0), levels + f32(32))
    return np.where(empty, f32(0), scale), levels


def _pack_q6_k(x: np.ndarray) -> np.ndarray:
    groups = x.reshape(-1, 16)
    fitted, levels = _best_scales(groups)
    scales = fitted.reshape(-1, 16)
    largest = np.take_along_axis(scales, np.abs(scales).argmax(axis=1)[:, None], axis=1)[:, 0]
    empty = np.abs(largest) < TINY
    inverse = f32(-128) / np.where(empty, f32(1), largest)
    d = _half(f32(1) / inverse)
    small = np.minimum(127, np.rint(inverse[:, None] * scales)).astype(np.int8)
    step = (_scale(d) * small.astype(f32)).reshape(-1, 1)
    exact = np.rint(np.divide(groups, step, out=np.zeros_like(groups), where=step != 0))
    levels = np.where(step != 0, np.clip(exact, -32, 31) + 32, levels).astype(np.uint8)
    # 128 values at a time: four runs of 32, their low halves in 64 bytes, their two high bits in 32
    q = levels.reshape(-1, 2, 4, 32)
    low = q[:, :, :2] & 15 | (q[:, :, 2:] & 15) << 4
    high = q[:, :, 0] >> 4 | q[:, :, 1] >> 4 << 2 | q[:, :, 2] >> 4 << 4 | q[:, :, 3] >> 4 << 6
    blocks = np.hstack([low.reshape(-1, 128), high.reshape(-1, 64), small.view(np.uint8), d])
    blocks[empty] = 0
    return blocks


def _unpack_q6_k(b: np.ndarray) -> np.ndarray:
    low, high = b[:, :128].reshape(-1, 2, 2, 32), b[:, 128:192].reshape(-1, 2, 1, 32)
    nibbles = np.concatenate([low & 15, low >> 4], axis=2)
    bits = high >> np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 4, 1) & 3
    levels = (nibbles | bits << 4).astype(np.int8) - 32
    step = _scale(b[:, 208:210]) * b[:, 192:208].view(np.int8).astype(f32)
    return (step[:, :, None] * levels.reshape(-1, 16, 16).astype(f32)).reshape(-1, 256)


_PACK = {F32: _pack_f32, F16: _pack_f16, Q4_0: _pack_q4_0, Q8_0: _pack_q8_0, Q6_K: _pack_q6_k}
_UNPACK = {
    F32: lambda b: np.ascontiguousarray(b).view("<f4"),
    F16: lambda b: np.ascontiguousarray(b).view("<f2").astype(f32),
    Q4_0: _unpack_q4_0, Q8_0: _unpack_q8_0, Q6_K: _unpack_q6_k,
}  # fmt: skip
