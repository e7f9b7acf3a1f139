"""How tensors lie: from PyTorch's shape letters to rows.

A loss's body sees every tensor with the row axes first and the others last: cross-entropy's (N, C, d1)
comes as (N, d1, C). `lay_out` finds the view that does this to each tensor, and the shape of the rows;
the same view of a fresh array is where the engine writes that tensor's gradient.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from losscli.errors import ShapeError
from losscli.parameters import Array, Loss
from losscli.stored import Stored, addresses, place_of


def _as_it_is(array: Array) -> Array:
    return array


@dataclass(frozen=True)
class Laid:
    """A tensor, the view of it that has the row axes first, and the letters of the axes after them.

    `rowless` tensors (class weights) have no row axes: every block sees the whole of them. `batched` says
    that the view leaves the first axis first, whatever its length, so that it may be taken of a part.
    """

    array: Any  # numbers, or a Stored
    view: Callable[[Array], Array] = _as_it_is
    letters: tuple[str, ...] = ()
    rowless: bool = False
    batched: bool = False

    @property
    def by_item(self) -> bool:
        """Whether the view may be taken of some items of the first axis."""
        return self.batched or self.view is _as_it_is

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of the view."""
        shape: tuple[int, ...] = self.view(addresses(self.array.shape)).shape
        return shape

    @property
    def rows(self) -> tuple[int, ...]:
        """The shape of the row axes."""
        return self.shape[: len(self.shape) - len(self.letters)]

    @property
    def inner(self) -> tuple[int, ...]:
        """The shape of the other axes."""
        return self.shape[len(self.shape) - len(self.letters) :]

    def reader(self, rows: tuple[int, ...]) -> Callable[[Any], Array]:
        """What gives the tensor at an index into rows of shape `rows`, to which it is broadcast.

        A single row, of shape (), gets a row axis, and has no index.
        """
        if self.rowless or not rows:
            seen = self.view(np.asarray(self.array))
            whole = seen if self.rowless else seen[None]
            return lambda index: whole
        if not isinstance(self.array, Stored):
            return self._broadcast(rows).__getitem__
        stored = self.array

        def read(index: Any) -> Array:
            found = self._read(stored, index) if self.rows == rows else None
            part: Array = self._broadcast(rows)[index] if found is None else found
            return part

        return read

    def _broadcast(self, rows: tuple[int, ...]) -> Array:
        """The view, broadcast to rows of shape `rows`."""
        seen = self.view(np.asarray(self.array))
        full = rows + self.inner
        return seen if seen.shape == full else np.broadcast_to(seen, full)

    def _read(self, stored: Stored, index: Any) -> Array | None:
        """The part that lies at `index` in a file; None where it does not lie there in one piece."""
        if not self.by_item:
            return None
        lead, *rest = index
        if not isinstance(lead, slice):  # some items
            items = np.stack([stored.item(int(i)) for i in lead])
            found: Array = self.view(items)[(np.arange(len(items)), *rest)]
            return found
        start, stop, _ = lead.indices(len(stored))
        if all(one == slice(None) for one in rest):
            return self.view(stored.items(start, stop))
        places = addresses(stored.shape)
        # some of one item, which lie together
        if self.view is _as_it_is and (part := places[index]).flags.c_contiguous:
            begin = place_of(part, places)
            return stored.flat(begin, begin + part.size).reshape(part.shape)
        if stop - start == 1:
            found = self.view(stored.item(start)[None])[(slice(None), *rest)]
            return found
        return None


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as PyTorch writes it: (4, 3), (3,), ()."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def lay_out(loss: Loss, tensors: Mapping[str, Array]) -> tuple[dict[str, Laid], tuple[int, ...]]:
    """Every tensor laid out, and the shape of the rows. ShapeError where shapes do not fit."""
    laid = by_letters(loss, tensors)
    rowed = {name: one for name, one in laid.items() if not one.rowless}
    _refuse_unequal(loss, rowed)
    try:
        rows = np.broadcast_shapes(*(one.rows for one in rowed.values()))
    except ValueError:
        raise ShapeError(
            f"{loss.name}: {_shapes(rowed)}; their shapes must be the same, or broadcast to one another."
        ) from None
    for name, one in rowed.items():
        how = loss.tensors[name].tensor.broadcasts
        others = [o.rows for n, o in rowed.items() if n != name and loss.tensors[n].required]
        if how == "up" and others and np.broadcast_shapes(*others) != rows:
            raise ShapeError(
                f"{loss.name}: {_shapes({name: one})}, which does not broadcast to "
                f"{shape_text(np.broadcast_shapes(*others))}, the shape of the terms."
            )
    return laid, rows


def _refuse_unequal(loss: Loss, rowed: Mapping[str, Laid]) -> None:
    """ShapeError where tensors that may not be broadcast have different rows."""
    rigid = {n: one for n, one in rowed.items() if loss.tensors[n].tensor.broadcasts == "no"}
    for name, one in rigid.items():
        first = next(iter(rigid.values())).array
        if one.array.shape != first.shape:
            fits = one.array.size == first.size
            advice = f" Reshape {name} to {shape_text(first.shape)}." if fits else ""
            raise ShapeError(f"{loss.name}: {_shapes(rigid)}; their shapes must be equal.{advice}")


def as_many_axes(loss: str, tensors: Mapping[str, Array], expected: str) -> None:
    """ShapeError unless all of the tensors have as many axes."""
    if len({array.ndim for array in tensors.values()}) > 1:
        laid = {name: Laid(array) for name, array in tensors.items()}
        raise ShapeError(f"{loss}: {_shapes(laid)}; expected as many axes in each: {expected}.")


def classes_last(loss: str, scores: Array) -> Laid:
    """Scores by class, (N, C, *) or (C), with the class axis last."""
    if scores.ndim == 0:
        raise ShapeError(
            f"{loss}: input is a single number; expected scores by class, (N, C, *) or (C)."
        )
    axis = 0 if scores.ndim == 1 else 1
    if not scores.shape[axis] and scores.shape.count(0) == 1:
        raise ShapeError(
            f"{loss}: input has shape {shape_text(scores.shape)}: there are no classes."
        )
    return Laid(scores, lambda a: np.moveaxis(a, axis, -1), ("C",), batched=axis > 0)


def one_label_a_row(
    loss: str, scores: Laid, target: Array, weight: Array | None, alternative: str = ""
) -> dict[str, Laid]:
    """One class index for each row of scores, and a factor for each class.

    Beside scores of three axes or more PyTorch takes factors of any shape, and beside the only score
    of a single row an index of shape (1).
    """
    rows = scores.rows
    if target.shape == rows or target.shape == scores.array.shape == (1,):
        same = target.shape == rows
        laid = {"target": Laid(target) if same else Laid(target, lambda a: a.reshape(rows))}
        if weight is not None and scores.array.ndim > 2:
            laid["weight"] = Laid(weight, lambda a: a.reshape(-1), ("C",), rowless=True)
        return laid
    extra = " Drop the last axis of target." if target.shape == (*rows, 1) else ""
    raise ShapeError(
        f"{loss}: input has shape {shape_text(scores.array.shape)} and target "
        f"{shape_text(target.shape)}; expected class indices of shape {shape_text(rows)}"
        f"{alternative}.{extra}"
    )


def table_of_scores(loss: str, scores: Array, rows: tuple[int, ...]) -> Laid | None:
    """Scores (N, C), (C) or of a lone class as a row of classes for each of `rows`; None if not so many."""
    classes = scores.shape[-1] if scores.ndim else 1
    if scores.ndim > 2 or not classes:
        raise ShapeError(
            f"{loss}: input has shape {shape_text(scores.shape)}; expected scores by class, (N, C) or (C), "
            "with at least one class."
        )
    if math.prod(rows) * classes != scores.size:
        return None
    if scores.shape == (*rows, classes):
        return Laid(scores, letters=("C",))
    return Laid(scores, lambda a: a.reshape(*rows, classes), ("C",))


def by_letters(loss: Loss, tensors: Mapping[str, Array]) -> dict[str, Laid]:
    """Every tensor laid out by the letters of its shape, or by the loss's own rule where it has one."""
    own = loss.rows.layout
    laid = dict(own(**{name: tensors.get(name) for name in loss.tensors})) if own else {}
    sizes: dict[str, tuple[int, str]] = {}
    for name, array in tensors.items():
        if name not in laid:
            laid[name] = _lay(loss, name, array)
        one = laid[name]
        for letter, size in zip(one.letters, one.inner, strict=True):
            known, first = sizes.setdefault(letter, (size, name))
            broadcasts = loss.tensors[name].tensor.broadcasts == "both" and 1 in (size, known)
            if size != known and not broadcasts:
                raise ShapeError(
                    f"{loss.name}: {name} has shape {shape_text(array.shape)}, but expected "
                    f"{loss.tensors[name].tensor.shape} with {letter} = {known} as in {first}, "
                    f"which has shape {shape_text(tensors[first].shape)}."
                )
            if known == 1:  # broadcast, also to 0
                sizes[letter] = size, name
    return laid


def _lay(loss: Loss, name: str, array: Array) -> Laid:
    """One tensor by its letters: the alternative that has as many axes, its row letters first."""
    spec = loss.tensors[name].tensor.shape
    rows = set(_letters(loss.rows.shape))
    for alternative in spec.split(" or "):
        letters = _letters(alternative)
        star = "*" in letters
        if array.ndim == len(letters) or (star and array.ndim >= len(letters) - 1):
            filled: list[str] = []
            for letter in letters:
                extra = array.ndim - len(letters) + 1
                filled += ["*"] * extra if letter == "*" else [letter]
            first = [i for i, letter in enumerate(filled) if letter in rows]
            last = [i for i, letter in enumerate(filled) if letter not in rows]
            order = (*first, *last)
            return Laid(
                array,
                _as_it_is if order == tuple(range(array.ndim)) else _transposed(order),
                tuple(filled[i] for i in last),
                rowless=bool(letters) and not {*rows, "*"} & set(_letters(spec)),
                batched=order[:1] == (0,),
            )
    raise ShapeError(
        f"{loss.name}: {name} has shape {shape_text(array.shape)}; expected {spec}. "
        f"{loss.tensors[name].tensor.help[:1].upper()}{loss.tensors[name].tensor.help[1:]}."
    )


def joins_rows(loss: Loss, name: str, axes: int | None = None) -> bool:
    """Whether a tensor, made longer along its first axis, has more rows, not longer ones.

    With so many axes, or else with any.
    """
    rows = {*_letters(loss.rows.shape), "*"}
    for alternative in loss.tensors[name].tensor.shape.split(" or "):
        first, *others = _letters(alternative) or ["*"]
        fits = axes is None or len(others) + 1 == axes
        if fits and first not in rows and rows & {*others}:
            return False
    return True


def may_have_rows(loss: Loss, name: str) -> bool:
    """Whether a tensor's letters have room for rows."""
    letters = {*_letters(loss.tensors[name].tensor.shape)}
    return bool({*_letters(loss.rows.shape), "*"} & letters)


def _transposed(order: tuple[int, ...]) -> Callable[[Array], Array]:
    return lambda array: np.transpose(array, order)


def _letters(shape: str) -> list[str]:
    return re.findall(r"\*|\w+", shape)


def _shapes(laid: Mapping[str, Laid]) -> str:
    """`input has shape (3, 1) and target (3,)`."""
    parts = [
        f"{name}{' has shape' if i == 0 else ''} {shape_text(one.array.shape)}"
        for i, (name, one) in enumerate(laid.items())
    ]
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
