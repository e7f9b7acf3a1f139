"""Gradients of a block of rows that are worked out where they are to lie."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from losscli.numerics import by_row, flags, room
from losscli.parameters import Array
from losscli.products import Products


class Picked(NamedTuple):
    """A gradient that is 0 but for one class of each row, which is all that is written of it."""

    values: Array  # (rows...)
    label: Array  # (rows...), the class
    classes: int

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """The whole table."""
        whole = np.zeros((*self.values.shape, self.classes), self.values.dtype)
        np.put_along_axis(whole, self.label[..., None], self.values[..., None], -1)
        return whole if dtype is None else whole.astype(dtype)


class Multiple(NamedTuple):
    """A gradient that is a slope times the share in the result, multiplied where it is to lie."""

    share: Array  # broadcasts to the slope
    slope: Array
    factor: float = 1

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """The whole gradient."""
        whole = self.into(room(self.slope))
        return whole if dtype is None else whole.astype(dtype)

    def into(self, out: Array) -> Array:
        """Write it to an array of its shape."""
        each = self._each
        if each.shape[-1:] == (1,) != self.slope.shape[-1:]:
            # a share for each row: what reads two arrays is slow where it writes to memory
            np.copyto(out, by_row(np.multiply, self.slope, each[..., 0]))
            return out
        return np.multiply(self.slope, each, out=out)

    def is_known_finite(self, values: Any) -> bool:
        """Whether it is finite for the loss of each row being what it is: no larger than a factor of it."""
        if not isinstance(values, Products) or not values.has_finite_factor(self.slope):
            return False
        each = self._each
        return each.ndim == 0 and bool(abs(each) <= 1)

    @property
    def _each(self) -> Array:
        """The share times the factor: one number, where it is the same for all."""
        share = self.share if any(self.share.strides) else self.share[(0,) * self.share.ndim]
        return share if self.factor == 1 else share * self.factor


def shared(share: Array, mask: Array, like: Array) -> Array:
    """The share where the mask holds, in numbers like `like`; 0 elsewhere, also of an infinite share."""
    one = share if any(share.strides) else share[(0,) * share.ndim]
    if not np.isfinite(one).all():
        found: Array = np.where(mask, share, 0)
        return found
    on = flags(mask, like)
    on *= one
    return on


def divided(share: Array, divisor: float) -> Array:
    """share / divisor, which is one number that is broadcast where share is."""
    if any(share.strides):
        found: Array = share / divisor
        return found
    return np.broadcast_to(share[(0,) * share.ndim] / share.dtype.type(divisor), share.shape)
