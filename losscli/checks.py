"""Shapes, ranges, class indices: each check raises one named error.

Checks on values look at a block and raise RangeError with the position in it; the engine adds where
the block lies.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from losscli.errors import KindError, RangeError, UsageError, brief, count_of, place
from losscli.parameters import Array, Loss

BILLION = 10**9


def positive(loss: Loss, name: str, value: Any) -> int:
    """The value as an int; KindError unless it is a whole number, UsageError unless it is at least 1."""
    if not is_whole(value):
        raise KindError(
            f"{loss.name}: {name} is {brief(value)}; expected a whole number, at least 1."
        )
    if value < 1:
        raise UsageError(f"{loss.name}: {name} is {value}; at least 1 is needed.")
    if value >= BILLION:
        raise UsageError(
            f"{loss.name}: {name} is {brief(value)}; expected a whole number below a billion."
        )
    return int(value)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, Python's or NumPy's."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def number_text(value: Any) -> str:
    """A number for a message, in the shortest digits that tell it from its neighbours."""
    return str(np.asarray(value)[()])


def within(loss: Loss, name: str, block: Array) -> None:
    """RangeError unless every number of the tensor lies in the range that its signature gives.

    NaN passes where it does in PyTorch: it shows in the result.
    """
    tensor = loss.tensors[name].tensor
    low, high = tensor.at_least, tensor.at_most
    if not block.size or not tensor.bounded:
        return
    # one nan makes either of them nan, which is in no range
    if np.minimum.reduce(block, axis=None) >= low and (
        high == np.inf or np.maximum.reduce(block, axis=None) <= high
    ):
        return
    outside = (block < low) | (block > high)
    if not tensor.nan:
        outside |= np.isnan(block)
    if not outside.any():
        return
    position = _first(outside)
    value = number_text(block[position])
    expected = f"outside [{low:g}, {high:g}]" if high < np.inf else f"but must be at least {low:g}"
    hint = f" {tensor.hint}" if tensor.hint else ""
    raise RangeError(
        lambda where: f"{loss.name}: {where} is {value}, {expected}.{hint}", name, position
    )


def whole_numbers(loss: str, name: str, array: Array, hint: str = "") -> Array:
    """The array as integers; KindError unless its numbers are whole."""
    array = np.asarray(array)
    if array.dtype.kind in "iu":
        return array
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (np.floor(array) == array)
        if whole.all():
            return array.astype(np.int64)
        position = _first(~whole)
        raise KindError(
            f"{loss}: {place(name, position)} is {number_text(array[position])}; "
            f"expected a whole number.{hint and ' ' + hint}"
        )
    raise KindError(f"{loss}: {name} holds {kind_text(array)}; expected whole numbers.")


def kind_text(array: Array) -> str:
    """What an array holds, in words."""
    kinds = {"f": "floating-point numbers", "i": "whole numbers", "u": "whole numbers"}
    kinds |= {"b": "booleans", "c": "complex numbers", "U": "words"}
    return kinds.get(array.dtype.kind, f"objects of type {array.dtype}")


def class_indices(
    loss: str,
    name: str,
    block: Array,
    classes: int,
    ignore: int | None = None,
    of: str = "input",
    negative: str = "",
) -> None:
    """RangeError unless every index names one of `classes` classes or is the ignored one.

    `negative` is what to say of an index below 0 that is not the ignored one.
    """
    if not block.size:
        return
    if ignore == -1:
        fit = int(block.min()) >= -1 and int(block.max()) < classes
    else:  # a number below 0 is a large one without its sign
        fit = int(block.view(f"{block.dtype.byteorder}u{block.itemsize}").max()) < classes
    if fit:
        return
    outside = (block < 0) | (block >= classes)
    if ignore is not None:
        outside &= block != ignore
    if not outside.any():
        return
    position = _first(outside)
    value = int(block[position])
    kept = block[block != ignore] if ignore is not None else block
    if value == classes and int(kept.min()) >= 1:
        hint = "The indices look as if they started at 1: subtract 1."
    elif value < 0 and ignore is not None:
        hint = negative or f"To leave rows out, use ignore_index ({ignore}) as their target."
    else:
        hint = "Class indices start at 0."
    span = f"0 to {classes - 1}" if classes else "none"
    raise RangeError(
        lambda where: (
            f"{loss}: {where} is {value}, but {of} has {count_of(classes, 'class')}, {span}. {hint}"
        ),
        name,
        position,
    )


def _first(mask: Array) -> tuple[int, ...]:
    """The position of the first True."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))
