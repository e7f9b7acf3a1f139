"""Showing the work: what a loss's body calls on the lines that compute.

    r = show("r = input - target", input - target, "residual")

`show` hands the value back; with `quiet`, the default, that is all it does. A `Recorder` keeps every
equation with its value, from which the explanation is drawn. `Terms` is what a loss returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

from losscli.formula import PART, ROW, Formula, Quantity, parse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from losscli.engine import Problem

    Array = NDArray[Any]

T = TypeVar("T")


class Show(Protocol):
    """Records a step, where somebody wants to see it, and hands its value back."""

    def __call__(self, equation: str, value: T, note: str = "", **more: Any) -> T: ...


def quiet(equation: str, value: T, note: str = "", **more: Any) -> T:
    """Show nothing."""
    return value


# The gradient of the result, by tensor, from each term's share in the result: an array, or what
# slopes.py has. Each is computed when it is called, so that what nobody asked for costs nothing and is not
# shown; only once, as it may take the arrays of the value for its own.
Gradients = Mapping[str, Callable[[], Any]]


class Terms(NamedTuple):
    """What a loss returns for a block of rows.

    values:   the loss of each row, shape (rows...), or the `Products` that it is.
    gradient: from each row's share dL/dl, shape (rows...), to the gradient by tensor.
    counts:   what each row counts for in the denominator of a mean; None is 1.
    divisor:  what a row's loss is divided by before it enters a mean; None is 1.
    remark:   a sentence on the gradient that whoever asks for it should be told.
    """

    values: Any
    gradient: Callable[[Any], Gradients]
    counts: Any = None
    divisor: Any = None
    remark: str = ""


@dataclass(frozen=True)
class Step:
    """One equation with the value that the engine computed for it, over the rows that are shown."""

    formula: Formula
    quantity: Quantity
    note: str = ""
    part: str = "value"
    names: Mapping[str, Quantity] = field(default_factory=dict, repr=False)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The left-hand side."""
        return self.formula.name


def names_of(problem: Problem, rows: Sequence[tuple[int, ...]]) -> dict[str, Quantity]:
    """The names that a loss's formulas may use from the start: its options, its tensors at some rows."""
    names = {
        name: Quantity(np.asarray(value))
        for name, value in problem.options.items()
        if isinstance(value, (int, float))
    }
    block = problem.take(rows) if rows else {}
    pairs = any(map(np.iscomplexobj, block.values()))
    for name, array in block.items():
        if array is not None:
            one = problem.laid[name]
            axes = one.letters if one.rowless else (ROW, *one.letters)
            if pairs and problem.loss.tensors[name].tensor.complex:
                array, axes = _parts(array), (*axes, PART)
            names[name] = Quantity(array, axes)
    return names


def _parts(array: Array) -> Array:
    """Complex numbers as pairs of real ones, along another axis."""
    return np.stack([array.real, array.imag], -1)


class Recorder:
    """Keeps every step that is shown, in order, and the names that it may refer to."""

    def __init__(self, names: Mapping[str, Quantity], rows: int) -> None:
        self.names = dict(names)
        self.rows = rows
        self.part = "value"
        self.steps: list[Step] = []

    def __call__(self, equation: str, value: T, note: str = "", **more: Any) -> T:
        """Record `equation` with its value.

        `more` may hold `axes`, the axes of the value where the equation does not tell; `constants` that
        the equation uses, and `given` quantities by row; `cells`, which of the value's cells exist;
        `opaque`, that the value comes from a function that cannot be looked into; `picks`, the name of the
        indices that must not be left out where a long row is shortened; `remedy`, what to do where the value
        is not finite; and
        `pairs`, for cells that are pairs of the picked class with another one, "each" worked out where
        they are few, or in a "table".
        """
        formula = parse(equation)
        for name, constant in more.pop("constants", {}).items():
            self.names[name] = Quantity(np.asarray(constant))
        for name, array in more.pop("given", {}).items():
            axes = more.get("axes", (ROW,))
            self.names[name] = Quantity(np.asarray(array), axes)
        assert formula.name not in self.names, f"{formula.name} is shown twice"
        axes = more.pop("axes", None) or formula.axes(self.names)
        quantity = Quantity(self._shaped(value, axes), axes)
        self.steps.append(
            Step(formula, quantity, note, self.part, {**self.names, formula.name: quantity}, more)
        )
        self.names[formula.name] = quantity
        return value

    def _shaped(self, value: Any, axes: tuple[str, ...]) -> Any:
        """The value with exactly these axes: kept dimensions of length 1 go, missing ones come."""
        array = np.asarray(value)
        if np.iscomplexobj(array):
            array = _parts(array)
        if array.ndim == len(axes):
            return array
        sizes = tuple(self._size(axis) for axis in axes)
        if array.size == np.prod(sizes, dtype=int):
            return array.reshape(sizes)
        return np.broadcast_to(array, sizes)

    def _size(self, axis: str) -> int:
        if axis == ROW:
            return self.rows
        return max(q.size(axis) for q in self.names.values() if axis in q.axes)
