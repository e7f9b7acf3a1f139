"""Numerical functions that several losses share, each as exact as its type allows."""

from __future__ import annotations

import math
from ctypes import addressof, c_char
from functools import lru_cache
from typing import Any

import numpy as np

from losscli.parameters import Array

LINE = 64  # bytes in a line of the cache
LONG = 512  # numbers in a row, from which on it is worth while to broadcast one to them
SHORT = 1024  # numbers, up to which adding one after the other keeps the digits of a pairwise sum


def room(x: Array) -> Array:
    """An empty array like x that starts at a cache line, where NumPy writes twice as fast as elsewhere."""
    memory = np.empty(x.nbytes + LINE, np.uint8)
    start = -addressof(c_char.from_buffer(memory.data)) % LINE
    return np.ndarray(x.shape, x.dtype, memory, start)


def minus(x: Array, y: Array) -> Array:
    """x - y, in a room of its own where x and y are alike."""
    alike = x.shape == y.shape and x.dtype == y.dtype
    difference: Array = np.subtract(x, y, out=room(x) if alike else None)
    return difference


def times(x: Array, y: Array) -> Array:
    """x * y, where x broadcasts to y, in a room of its own."""
    product: Array = np.multiply(x, y, out=room(y))
    return product


def flags(mask: Array, x: Array) -> Array:
    """The mask in numbers like x, 1 where it holds and 0 elsewhere, in a room of their own."""
    found = room(x)
    np.copyto(found, mask)  # comparisons and casts run at the speed of memory, choices do not
    return found


def dots(x: Array, y: Array) -> Array:
    """The dot products over the last axis."""
    found: Array
    if x.shape == y.shape and x.shape[-1] <= SHORT:
        found = np.vecdot(x, y)  # no products are written down
        return found
    found = (x * y).sum(-1)
    return found


def finite(x: Array) -> bool:
    """Whether there is no nan and no infinity; a finite sum says so in one pass."""
    return bool(np.isfinite(np.einsum("i->", x.ravel())) or np.isfinite(x).all())


def by_row(operation: np.ufunc, x: Array, each: Array, out: Array | None = None) -> Array:
    """The operation on x (..., C) and one number for each row (...), in a room of its own or in `out`."""
    each = each[..., None]
    if x.shape[-1] >= LONG:
        size = np.setbufsize(16)  # or NumPy fills its buffer with copies of each number
        try:
            found: Array = operation(x, each, out=room(x) if out is None else out)
        finally:
            np.setbufsize(size)
        return found
    if out is None:  # two steps of likes are faster than one that broadcasts
        out = room(x)
        np.copyto(out, each)
        each = out
    found = operation(x, each, out=out)
    return found


def pick(x: Array, k: Array) -> Array:
    """x at index k of its last axis: from (..., C) and (...) to (...)."""
    if not x.flags.c_contiguous:  # take would copy the whole of it
        found: Array = np.take_along_axis(x, k[..., None].astype(np.intp, copy=False), -1)[..., 0]
        return found
    picked: Array = x.reshape(-1).take(places_of(x, k)).reshape(k.shape)
    return picked


def put(x: Array, k: Array, value: Array | float) -> None:
    """Set x at index k of its last axis; x is changed."""
    if x.flags.c_contiguous:
        x.reshape(-1)[places_of(x, k)] = np.ravel(value)
    else:
        index = k[..., None].astype(np.intp, copy=False)
        np.put_along_axis(x, index, np.broadcast_to(value, k.shape)[..., None], -1)


def places_of(x: Array, k: Array) -> Array:
    """Where in the flattened x the items at index k of its last axis lie."""
    places: Array = _starts(k.size, x.shape[-1]) + k.ravel().astype(np.intp, copy=False)
    return places


@lru_cache(4)
def _starts(rows: int, classes: int) -> Array:
    """Where the rows of a flattened table start; blocks are mostly alike."""
    starts = np.arange(0, rows * classes, classes)
    starts.flags.writeable = False
    return starts


def row_sums(x: Array) -> Array:
    """Sums over the last axis, of SHORT numbers at a time by einsum, NumPy's fastest sum."""
    x = np.ascontiguousarray(x)  # or the order of adding might hang on how many rows there are
    whole = x.shape[-1] - x.shape[-1] % SHORT
    sums: Array = np.einsum("...c->...", x[..., whole:] if whole else x)
    if whole:
        sums += np.einsum(
            "...gc->...g", x[..., :whole].reshape(*x.shape[:-1], whole // SHORT, SHORT)
        ).sum(-1)
    return sums


def one_hot(
    index: Array, classes: int, dtype: Any = np.float64, *, on: float = 1, off: float = 0
) -> Array:
    """1 (or `on`) at the index and 0 (or `off`) at the other classes: from (...) to (..., C)."""
    hot: Array = np.full((*index.shape, classes), off, dtype)
    known = (index >= 0) & (index < classes)
    put(hot, np.where(known, index, 0), np.where(known, on, off))
    return hot


def labels_of(target: Array, ignore_index: int) -> tuple[Array, Array | None]:
    """The class index of every row, 0 where it is ignored; and where that is, None for nowhere."""
    label = target.astype(np.intp, copy=False)
    ignored = target == ignore_index
    return (np.where(ignored, 0, label), ignored) if ignored.any() else (label, None)


def label_weights(
    label: Array, ignored: Array | None, weight: Array | None, dtype: np.dtype[Any]
) -> Array:
    """What each row of a class index counts for: its class's weight, or 1; 0 where it is ignored."""
    counts: Array = np.ones(label.shape, dtype) if weight is None else weight.take(label)
    if ignored is not None:
        counts[ignored] = 0
    return counts


def log_of_sum(x: Array, eps: float) -> Array:
    """ln(x + eps) with the rounding of x + eps made good, which near x = 1 is all there is."""
    total = np.add(x, eps, out=room(x))
    lost = minus(total, x)
    if eps > 0.1:
        lost = (x - (total - lost)) + (eps - lost)  # what the sum has lost (Knuth's two-sum)
    else:  # where x is below eps, ln(x + eps) is too large for what is lost to matter
        np.subtract(eps, lost, out=lost)
    lost /= total
    np.fmax(lost, -1, out=lost)  # nan where the sum is 0 or infinite, and nothing is lost
    logs: Array = np.log(total, out=total)
    logs += lost
    return logs


def exp_below(x: Array) -> Array:
    """exp(-|x|), which never overflows."""
    below = room(x)
    bits = f"u{x.itemsize}"
    np.bitwise_or(x.view(bits), np.array(-0.0, x.dtype).view(bits), out=below.view(bits))  # -|x|
    return np.exp(below, out=below)


def sigmoid(positive: Array, e: Array) -> Array:
    """1 / (1 + e) where the score is positive, e / (1 + e) elsewhere, from e = exp(-|score|)."""
    found = flags(positive, e)
    np.maximum(found, e, out=found)
    found /= np.add(e, 1, out=room(e))
    return found


def mean_over(costs: Array, count: int, text: str) -> tuple[Array, str]:
    """The sum over the last axis divided by `count`, called C, and the formula of it.

    It divides first where the sum overflows, for the quotient may not.
    """
    total = row_sums(costs)
    if np.isinf(total).any():
        return row_sums(costs / count), f"sum({text} / C)"
    return total / count, f"sum({text}) / C"


def sign(x: Array) -> Array:
    """-1, 0 or 1; 0 for nan, as in PyTorch."""
    return flags((x > 0).view(np.int8) - (x < 0).view(np.int8), x)


def kept(x: Array, mask: Array) -> Array:
    """x where the mask holds, 0 elsewhere."""
    if finite(x):
        return times(x, flags(mask, x))  # faster than a choice, and no infinity is lost in it
    return np.where(mask, x, 0)


def unit(z: Array) -> Array:
    """z / |z| of complex numbers: 0 at 0, nan where z is not finite, as in PyTorch."""
    length = np.abs(z)
    found = np.empty_like(z)
    lost = 0 * z.real + 0 * z.imag  # nan where a part is not finite
    # by parts, as the quotient of complex numbers goes through 1 / |z|, which may overflow
    found.real, found.imag = (
        np.where(length == 0, 0, part / length + lost) for part in (z.real, z.imag)
    )
    return found


def norm(x: Array, p: float) -> Array:
    """The p-norm over the last axis, for any real p; 0 counts what is not 0."""
    if p == 2:
        return _euclidean(x)
    a = np.abs(x)
    if p == 0:
        count: Array = (a != 0).sum(-1)
        return count.astype(x.dtype)
    if math.isinf(p):
        start = 0.0 if p > 0 else np.inf
        found: Array = (np.max if p > 0 else np.min)(a, -1, initial=start)
        return found if x.shape[-1] else np.zeros(x.shape[:-1], x.dtype)
    total: Array = a.sum(-1) if p == 1 else _relative_norm(a, p)
    return total


def _euclidean(x: Array) -> Array:
    """The 2-norm over the last axis."""
    total: Array = np.sqrt(dots(x, x))
    lost = np.isinf(total) | (total < _least(x))
    if lost.any():
        total[lost] = _relative_norm(np.abs(x[lost]), 2)
    return total


def norm_text(p: float, x: str, value: Array) -> str:
    """The formula of the p-norm of the vector called `x`, in a form that holds for these values."""
    if p == 0:
        return f"sum(where({x} == 0, 0, 1))"
    if math.isinf(p):
        return f"{'max' if p > 0 else 'min'}(abs({x}))"
    if p == 1:
        return f"sum(abs({x}))"

    def powers(of: str, absolute: str) -> str:
        return f"sqrt(sum({of}**2))" if p == 2 else f"sum({absolute}**p)**(1 / p)"

    plain = powers(x, f"abs({x})")
    # Powers that overflow or underflow; and 1 / p is rounded, which a sum far from 1 magnifies.
    far = 1e150 if p == 2 else 1e3
    if ((value == 0) | ((1 / far < value) & (value < far)) | ~np.isfinite(value)).all():
        return plain
    scale = f"{'max' if p > 0 else 'min'}(abs({x}))"
    scaled = f"{scale} * {powers(f'({x} / {scale})', f'(abs({x}) / {scale})')}"
    return f"where({scale} > 0 and {scale} < inf, {scaled}, {plain})"


def norm_slope(x: Array, value: Array, p: float) -> Array:
    """The derivative of `norm` by x, given its value; what PyTorch answers at 0 and at ties.

    0 where the norm is 0, and shared equally among equally large components for p = inf.
    """
    n = value[..., None]
    if p == 0:
        return np.zeros_like(x)
    if p == 1:
        return sign(x)
    if math.isinf(p):
        largest = (np.abs(x) == n) | (np.isnan(x) & np.isnan(n))
        slope: Array = sign(x) * largest / np.maximum(largest.sum(-1, keepdims=True), 1)
        return slope
    if p == 2:
        length = np.where(value == 0, np.inf, value).astype(x.dtype, copy=False)  # x / inf is 0
        return by_row(np.divide, x, length)
    # (|x| / n)^(p - 1), whose parts may overflow where the whole does not
    slope = np.sign(x) * (np.abs(x) / n) ** (p - 1)
    if p < 1:
        slope = np.where(x == 0, 0 * n, slope)  # nan beside infinity, as in PyTorch
    return np.where(n == 0, 0, slope)


def norm_slope_text(p: float, x: str, value: str) -> str:
    """The formula of that derivative, for the vector called `x` with the norm called `value`."""
    if p == 0:
        return f"0 * {x}"
    if p == 1:
        return f"sign({x})"
    if math.isinf(p):
        ties = f"max(sum(where(abs({x}) == {value}, 1, 0)), 1)"
        return f"where(abs({x}) == {value}, sign({x}), 0) / {ties}"
    if p == 2:
        return f"where({value} == 0, 0, {x} / {value})"
    slope = f"sign({x}) * (abs({x}) / {value})**(p - 1)"
    return f"where({value} == 0, 0, {slope if p > 1 else f'where({x} == 0, 0 * {value}, {slope})'})"


def shrunk(x: Array) -> tuple[Array, Array, Any]:
    """x, x . x over the last axis, and 1; where squares would overflow, vectors divided by a power of 2,
    their squares, and those powers."""
    limit = np.ldexp(1.0, np.finfo(x.dtype).maxexp // 2 - 12)
    squares = dots(x, x)
    if squares.max(initial=0) <= limit * limit:
        return x, squares, 1.0
    largest = np.abs(x).max(-1)
    _, exponent = np.frexp(largest)
    large = (largest > limit) & np.isfinite(largest)
    factor = np.ldexp(x.dtype.type(1), np.where(large, exponent - 1, 0))
    x = x / factor[..., None]
    return x, dots(x, x), factor


def cosine_shortfall(a: Array, b: Array, e1: Array | float, e2: Array | float) -> Array:
    """1 - a.b / sqrt((a.a + e1) (b.b + e2)) over the last axis, of nearly parallel vectors.

    With b = t a + c the difference of (a.a) (b.b) and (a.b)^2 is (a.a) (c.c) - (a.c)^2, where hardly
    anything cancels; c is b - t a with the rounding error of the product taken back.
    """
    dtype = a.dtype
    (a, e1), (b, e2) = _near_one(a, e1), _near_one(b, e2)  # as their fourth powers are multiplied
    aa, bb, ab = (a * a).sum(-1), (b * b).sum(-1), (a * b).sum(-1)
    t = (ab / aa)[..., None]
    c = b - t * a - product_error(t, a)
    apart = aa * (c * c).sum(-1) - (a * c).sum(-1) ** 2
    whole = np.sqrt((aa + e1) * (bb + e2))
    short: Array = (apart + e1 * bb + e2 * aa + e1 * e2) / (whole * (whole + ab))
    return short.astype(dtype)


def _near_one(x: Array, e: Array | float) -> tuple[Array, Array]:
    """Vectors in float64, divided by powers of 2 that bring their largest components near 1, and e by
    the squares of those."""
    x = x.astype(np.float64)
    _, exponent = np.frexp(np.abs(x).max(-1))
    return np.ldexp(x, -exponent[..., None]), np.ldexp(np.float64(e), -2 * exponent)


def product_error(x: Array, y: Array) -> Array:
    """What float64 rounds away from x * y, exactly (Dekker 1971)."""
    high_x, high_y = (z * 134217729.0 - (z * 134217729.0 - z) for z in (x, y))  # 2**27 + 1
    low_x, low_y = x - high_x, y - high_y
    error: Array = low_x * low_y - (((x * y - high_x * high_y) - low_x * high_y) - high_x * low_y)
    return error


def summed_like(x: Array, like: Array) -> Array:
    """x over the components that `like` has: summed where that has one, which was broadcast."""
    narrow = like.shape[-1] == 1 != x.shape[-1]
    return x.sum(-1, keepdims=True) if narrow else x


def summed_text(text: str, x: Array, like: Array) -> str:
    """The formula of that."""
    return f"sum({text})" if like.shape[-1] == 1 != x.shape[-1] else text


def _relative_norm(a: Array, p: float) -> Array:
    """The p-norm of what is not negative, from powers relative to the component that counts most.

    Plain powers overflow and underflow where the norm does not, and the root of a sum far from 1
    magnifies the rounding of 1 / p.
    """
    scale = a.max(-1, initial=0) if p > 0 else a.min(-1, initial=np.inf)
    scale = np.where(np.isfinite(scale) & (scale > 0), scale, 1).astype(a.dtype)
    norms: Array = scale * ((a / scale[..., None]) ** p).sum(-1) ** (1 / p)
    return norms


def _least(x: Array) -> float:
    """Below this a norm may have lost digits to underflow."""
    return float(np.sqrt(np.finfo(x.dtype).tiny) / np.finfo(x.dtype).eps)
