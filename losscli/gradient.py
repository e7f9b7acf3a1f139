"""A gradient put together from those of blocks of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from losscli.numerics import finite, put
from losscli.parameters import Array
from losscli.slopes import Multiple, Picked
from losscli.work import Gradients

if TYPE_CHECKING:
    from losscli.engine import Problem


class Gradient:
    """The gradient of a problem by each of some tensors, to which block after block is added.

    Where each number of a tensor belongs to one block only, `write` puts it in its place, on any thread.
    What is left is for `add`, one block after the other.
    """

    def __init__(self, problem: Problem, names: Sequence[str]) -> None:
        self.laid = {name: problem.laid[name] for name in names}
        self.rows = problem.rows
        self.arrays = {
            name: problem.zeros(problem.tensors[name].shape, problem.type_of(name))
            for name in names
        }
        self.views = {name: self._view(name) for name in names}
        self.inner = {name: self._inner(name) for name in names}
        self.shared: set[str] = set()  # the tensors that several blocks have added to
        self.lost: set[str] = set()  # those of which a block was not finite

    def write(self, found: Gradients, index: Any, values: Any) -> dict[str, Array]:
        """Write what no other block touches of a block's gradients; give the others.

        `values` is the loss of each row of the block.
        """
        left = {}
        for name, view in self.views.items():
            piece = found[name]()
            if isinstance(piece, Picked):
                put(view[index], piece.label, piece.values)
                piece = piece.values
            elif isinstance(piece, Multiple) and self._is_private(name, piece.slope):
                known = piece.is_known_finite(values)
                piece = piece.into(view[index])
                if known:
                    continue
            elif self._is_private(name, piece := np.asarray(piece)):
                view[index] = piece
            else:
                left[name] = piece
                continue
            if not finite(piece):
                self.lost.add(name)
        return left

    def add(self, left: dict[str, Array], index: Any) -> None:
        """Add what a block's gradients share with other blocks."""
        for name, piece in left.items():
            self.shared.add(name)
            with np.errstate(all="ignore"):  # inf and -inf may meet here
                _add_broadcast(self.views[name], piece, len(self.laid[name].letters), index)

    def not_finite(self) -> list[str]:
        """The tensors by which it is not finite everywhere, in their order."""
        lost = self.lost | {name for name in self.shared if not finite(self.arrays[name])}
        return [name for name in self.arrays if name in lost]

    def _view(self, name: str) -> Array:
        """The view of an array that blocks index; a single row gets a row axis."""
        one = self.laid[name]
        view = one.view(self.arrays[name])
        return view if self.rows or one.rowless else view[None]

    def _inner(self, name: str) -> tuple[int, ...] | None:
        """The axes behind the rows of a tensor that has every row for itself, else None."""
        one = self.laid[name]
        return None if one.rowless or one.rows != self.rows else one.inner

    def _is_private(self, name: str, piece: Array) -> bool:
        """Whether a gradient's elements belong to one block each: nothing in it was broadcast."""
        inner = self.inner[name]
        return inner is not None and piece.shape[piece.ndim - len(inner) :] == inner


def _add_broadcast(view: Array, piece: Array, letters: int, index: Any) -> None:
    """Add a block's gradient to that of a tensor that was broadcast to the rows, or has none."""
    if piece.ndim - letters != len(index):  # the loss has summed over the rows
        view += piece
        return
    missing = piece.ndim - view.ndim
    piece = piece.sum(tuple(range(missing)))
    narrow = tuple(i for i in range(view.ndim) if view.shape[i] == 1)
    own = index[missing:]
    place = tuple(slice(None) if i in narrow else own[i] for i in range(len(own)))
    view[place] += piece.sum(narrow, keepdims=True)
