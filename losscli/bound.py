"""A loss bound to its tensors, of which any block of rows can be computed.

A block is views of the tensors, cast to the computing type, on which the loss's body runs; what is wrong
in it is told by where it lies in the tensor as the user has it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from losscli import checks
from losscli.errors import RangeError, UsageError
from losscli.given import arrays_of, computing_type
from losscli.layout import lay_out
from losscli.parameters import Array, Loss
from losscli.stored import addresses, place_of
from losscli.work import Show, Terms, quiet


class Bound:
    """A loss with its tensors and options, computed in one type.

    `tensors` by PyTorch's argument names (None for those left out), arrays of numbers; never modified.
    `dtype` is auto, float64 or float32; auto is float32 when every floating-point input is.
    Raises ShapeError, KindError, RangeError and UsageError.
    """

    def __init__(
        self,
        loss: Loss,
        tensors: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
        dtype: str = "auto",
    ) -> None:
        self.loss = loss
        self.options = loss.checked_options(options or {})
        self.tensors = arrays_of(loss, tensors)
        self.dtype = computing_type(loss, self.tensors, dtype)
        self.laid, self.rows = lay_out(loss, self.tensors)
        self.told = loss.rows.told(**self.tensors) if loss.rows.told else {}

    @property
    def count(self) -> int:
        """How many rows there are."""
        return math.prod(self.rows)

    @property
    def batch(self) -> int:
        """The length of the first tensor's first axis, by which `batchmean` divides."""
        first = self.tensors[next(iter(self.loss.tensors))]
        return first.shape[0] if first.ndim else 1

    # ---- what tensors hold

    def holds(self, name: str) -> str:
        """What a tensor was taken to hold, in words."""
        holds = self.loss.tensors[name].tensor.holds
        if holds == "indices or numbers":
            real = self.tensors[name].dtype.kind == "f"
            return "class probabilities" if real else "class indices"
        return {"indices": "class indices"}.get(holds, holds)

    def wrt(self, names: Sequence[str] | None) -> tuple[str, ...]:
        """The tensors whose gradient is wanted, checked."""
        if names is None:
            return tuple(name for name in self.loss.predicted if name in self.tensors)
        able = [name for name in self.loss.differentiable if self._has_gradient(name)]
        if list(names) == ["all"]:
            return tuple(able)
        for name in names:
            if name not in able:
                given = name in self.loss.tensors and name not in self.tensors
                why = "was not given" if given else "has no gradient here"
                raise UsageError(
                    f"{self.loss.name}: {name} {why}; choose from {', '.join(able) or 'nothing'}."
                )
        return tuple(dict.fromkeys(names))

    def _has_gradient(self, name: str) -> bool:
        """Whether a tensor was given and holds numbers, not indices."""
        if name not in self.tensors:
            return False
        needs = self.loss.tensors[name].tensor.differentiable
        able = self._has_gradient(needs) if isinstance(needs, str) else needs
        return able and self._has_numbers(name)

    def _has_numbers(self, name: str) -> bool:
        """Whether a tensor that was given holds numbers, not indices."""
        holds = self.loss.tensors[name].tensor.holds
        return holds == "numbers" or self.tensors[name].dtype.kind == "f"

    def type_of(self, name: str) -> np.dtype[Any]:
        """The type of a tensor's numbers in the computing precision: complex where they are."""
        if self.tensors[name].dtype.kind == "c":
            return np.result_type(self.dtype, np.complex64)
        return self.dtype

    # ---- blocks of rows

    def block(self, index: Any, *, unread: Collection[str] = ()) -> dict[str, Any]:
        """The tensors at `index` into the rows, floating-point ones in the computing type.

        Those that are `unread` come as zeros, where their shape and type is all that counts.
        """
        block: dict[str, Any] = dict.fromkeys(self.loss.tensors)
        for name, read, kind in self._readers:
            if name in unread:
                full = (self.rows or (1,)) + self.laid[name].inner
                block[name] = np.broadcast_to(np.zeros((), kind), full)[index]
            else:
                block[name] = np.asarray(read(index), kind)
        return block

    @cached_property
    def _readers(self) -> list[tuple[str, Callable[[Any], Array], np.dtype[Any] | None]]:
        """The tensors, what gives their blocks, and the type these are cast to; None is their own."""
        return [
            (name, one.reader(self.rows), self.type_of(name) if self._has_numbers(name) else None)
            for name, one in self.laid.items()
        ]

    def take(self, rows: Sequence[tuple[int, ...]]) -> dict[str, Any]:
        """The tensors at single rows, stacked along one row axis."""
        if not self.rows:
            return self.block(())
        index = tuple(np.array(axis) for axis in zip(*rows, strict=True))
        return self.block(index)

    def run(self, block: Mapping[str, Any], show: Show = quiet, *, checked: bool = True) -> Terms:
        """The loss's body on a block, after the checks on its values."""
        for name in self._bounded if checked else ():
            checks.within(self.loss, name, block[name])
        terms: Terms = self.loss.function(**block, **self.options, **self.told, show=show)
        return terms

    @cached_property
    def _bounded(self) -> list[str]:
        """The tensors whose numbers must lie in a range."""
        return [
            name
            for name, parameter in self.loss.tensors.items()
            if name in self.tensors and parameter.tensor.bounded
        ]

    def _run_at(self, index: Any) -> Terms:
        try:
            return self.run(self.block(index))
        except RangeError as error:
            raise self._placed(error, index) from None

    def every(self) -> Terms:
        """The terms of all rows at once, for few."""
        with np.errstate(all="ignore"):
            terms = self._run_at((slice(None),) * len(self.rows or (1,)))
            return terms._replace(values=np.asarray(terms.values))

    # ---- where something lies

    def _placed(self, error: RangeError, index: Any) -> RangeError:
        """What was raised about a position in a block, with that in the whole tensor."""
        if not error.tensor:
            return error
        return error.at(self.position(error.tensor, index, error.position))

    def position(self, name: str, index: Any, inside: tuple[int, ...]) -> tuple[int, ...]:
        """Where a position inside a block lies in the tensor as the user has it."""
        one = self.laid[name]
        if not one.array.ndim:
            return ()
        places = addresses(one.array.shape)
        part = replace(one, array=places).reader(self.rows)(index)
        flat = place_of(part[tuple(slice(i, None) for i in inside)], places)
        return tuple(int(i) for i in np.unravel_index(flat, one.array.shape))

    def position_in_row(
        self, name: str, row: tuple[int, ...], inside: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Where a position inside a row lies in the tensor as the user has it."""
        index = tuple(slice(i, i + 1) for i in row)
        return self.position(name, index, (*(0 for _ in index or (0,)), *inside))
