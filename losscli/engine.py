"""Runs a loss: broadcasting, blocks, threads, reduction and gradients, once for all losses.

A `Problem` is a loss bound to its tensors and options. Its rows are cut into blocks that fit into the
cache; a block is views of the tensors, cast to the computing type, on which the loss's body runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from losscli import checks
from losscli.blocks import batched, cut, default_threads, in_turn, size_of
from losscli.errors import KindError, RangeError, ShapeError, UsageError, brief
from losscli.given import arrays_of, computing_type
from losscli.gradient import Gradient
from losscli.layout import lay_out, shape_text
from losscli.parameters import Array, Loss
from losscli.reduction import ExactSum, Total, added
from losscli.stored import Stored, addresses, place_of
from losscli.work import Show, Terms, quiet

if TYPE_CHECKING:
    from losscli.differences import GradientCheck

BLOCK = 1 << 21  # bytes of the tensors in a block, which with a loss's few arrays fit the cache
T = TypeVar("T")

# A block's arrays come and go by the thousand. glibc gives freed memory of this size back to the kernel
# at once, which costs more than the arithmetic, until it has seen a larger block freed (mallopt(3), on
# the dynamic mmap threshold): show it one. Nothing is touched, so this takes no memory.
del (_ := [np.empty(31 << 20, np.uint8)])[0]


class Share(NamedTuple):
    """What each term counts for in the result, dL/dl."""

    above: Array  # dL/d(result): 1, or the upstream gradient
    denominator: float
    each: Array  # above / denominator by row, one number that is broadcast where all are the same


class Problem:
    """A loss with its tensors and options, ready to be computed.

    `tensors` by PyTorch's argument names (None for those left out), arrays of any real type; never
    modified. `dtype` is auto, float64 or float32; auto is float32 when every floating-point input is.
    Raises ShapeError, KindError, RangeError and UsageError.
    """

    def __init__(
        self,
        loss: Loss,
        tensors: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
        *,
        reduction: str = "mean",
        dtype: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.loss = loss
        self.options = loss.checked_options(options or {})
        if not isinstance(reduction, str) or reduction not in loss.rows.reductions:
            raise UsageError(
                f"{loss.name}: reduction is {brief(reduction)}; expected one of "
                f"{', '.join(loss.rows.reductions)}."
            )
        self.reduction = reduction
        self.threads = (
            default_threads() if threads is None else checks.positive(loss, "threads", threads)
        )
        self.tensors = arrays_of(loss, tensors)
        self.dtype = computing_type(loss, self.tensors, dtype)
        self.laid, self.rows = lay_out(loss, self.tensors)
        self.told = loss.rows.told(**self.tensors) if loss.rows.told else {}
        self.zeros: Callable[..., Array] = np.zeros  # makes the arrays of results
        # is told how many rows are done, in each pass
        self.watch: Callable[[int], None] | None = None
        self.warnings: list[str] = []
        self.remarks: set[str] = set()

    # ---- results

    def value(self) -> Any:
        """The loss: a scalar of the computing type, or an array of the rows for `none`."""
        result: Any
        if self.reduction == "none":
            result = self.terms()
        else:
            with np.errstate(over="ignore"):
                result = self.dtype.type(self.total.reduce(self.reduction, self.batch))
        if not np.isfinite(result).all():
            from losscli import autopsy

            self.warnings.append(autopsy.of_value(self, result))
        return result

    def terms(self) -> Array:
        """The loss of every row, unreduced."""
        values = self.zeros(self.rows or (1,), self.dtype)
        for index, block in self._each_block(lambda terms: np.asarray(terms.values)):
            values[index] = block
        return values.reshape(self.rows)

    @cached_property
    def total(self) -> Total:
        """The total over all rows."""
        return added(self._in_batches(self.total_over))

    def total_over(self, blocks: Iterable[Any]) -> Total:
        """The total over some of the blocks, one after the other."""
        total = Total()
        with np.errstate(all="ignore"):
            for index in blocks:
                _counted(self._run_at(index), total)
        return total

    @cached_property
    def denominator(self) -> float:
        """What a mean is divided by."""
        count = self.loss.rows.counts
        if count is None:
            return float(self.count)
        if "total" in vars(self):  # everything has been added up already
            return float(self.total.counted)
        total, unread = ExactSum(), self.loss.predicted
        for index in self.blocks(self.laid.keys() - set(unread)):
            try:
                counts = count(**self.block(index, unread=unread), **self.options)
            except RangeError as error:
                raise self._placed(error, index) from None
            if counts is None:
                return float(self.count)
            with np.errstate(over="ignore"):
                total += ExactSum.of_all(counts)
        return float(total)

    def gradient(
        self, wrt: Sequence[str] | None = None, grad_output: Any = None, *, total: bool = False
    ) -> dict[str, Array]:
        """The gradient of the result by each tensor in `wrt`, of the tensor's own shape.

        `wrt` defaults to the loss's predictions. `grad_output` is the gradient that comes from
        above, of the result's shape; 1 by default, so that with `none` the gradient is of the sum.
        With `total` the total over all rows is found on the way.
        """
        result = Gradient(self, self.wrt(wrt))
        share = self.share(grad_output)

        def work(batch: Sequence[Any]) -> tuple[Total, list[tuple[dict[str, Array], Any]]]:
            part, rest = Total(), []
            for index in batch:
                terms = self._run_at(index)
                if total:
                    _counted(terms, part)
                if terms.remark:
                    self.remarks.add(terms.remark)
                found = terms.gradient(self.share_of(share, index, terms.divisor))
                if left := result.write(found, index, terms.values):
                    rest.append((left, index))
            return part, rest

        whole = Total()
        for part, rest in self._in_batches(work):
            whole += part
            for left, index in rest:
                result.add(left, index)
        if total:
            self.total = whole
        for name in result.not_finite():
            from losscli import autopsy

            self.warnings.append(autopsy.of_gradient(self, name, result.arrays[name]))
        return result.arrays

    def value_and_gradient(
        self, wrt: Sequence[str] | None = None, grad_output: Any = None
    ) -> tuple[Any, dict[str, Array]]:
        """The value and the gradient; in one pass, where the value is one number."""
        gradient = self.gradient(wrt, grad_output, total=self.reduction != "none")
        return self.value(), gradient

    def check(self, wrt: Sequence[str] | None = None, grad_output: Any = None) -> GradientCheck:
        """The gradient compared with central differences, kinks left out and counted."""
        from losscli import differences

        return differences.check(self, wrt, grad_output)

    def largest(self, most: int) -> list[tuple[int, ...]]:
        """The indices of the rows with the largest loss, largest first; NaN counts as largest.

        The total over all rows is found on the way.
        """
        best: list[tuple[float, int]] = []
        total = Total()
        for index, (values, part) in self._each_block(
            lambda terms: (np.asarray(terms.values), _counted(terms, Total()))
        ):
            total += part
            keys = np.where(np.isnan(values), np.inf, values).ravel()
            least = np.partition(keys, -most)[-most] if keys.size > most else -np.inf
            first = np.flatnonzero(keys == least)[:most]
            for i in (*np.flatnonzero(keys > least), *first):
                whole = _among_all(index, values.shape, i)
                best.append((-float(keys[i]), int(np.ravel_multi_index(whole, self.rows))))
            best = sorted(best)[:most]
        self.total = total
        return [tuple(map(int, np.unravel_index(i, self.rows))) for _, i in best]

    def first_not_finite(self) -> tuple[int, ...] | None:
        """The index of the first row whose loss is nan or infinite."""
        for index, lost in self._each_block(lambda t: ~np.isfinite(np.asarray(t.values))):
            if lost.any():
                return _among_all(index, lost.shape, np.argmax(lost)) if self.rows else ()
        return None

    def every(self) -> Terms:
        """The terms of all rows at once, for few."""
        with np.errstate(all="ignore"):
            terms = self._run_at((slice(None),) * len(self.rows or (1,)))
            return terms._replace(values=np.asarray(terms.values))

    def holds(self, name: str) -> str:
        """What a tensor was taken to hold, in words."""
        holds = self.loss.tensors[name].tensor.holds
        if holds == "indices or numbers":
            real = self.tensors[name].dtype.kind == "f"
            return "class probabilities" if real else "class indices"
        return {"indices": "class indices"}.get(holds, holds)

    # ---- blocks

    @property
    def count(self) -> int:
        """How many rows there are."""
        return math.prod(self.rows)

    @property
    def batch(self) -> int:
        """The length of the first tensor's first axis, by which `batchmean` divides."""
        first = self.tensors[next(iter(self.loss.tensors))]
        return first.shape[0] if first.ndim else 1

    def blocks(self, names: Iterable[str] | None = None) -> Iterator[Any]:
        """Indices into the rows that cut them into blocks, as large as these tensors allow; or all."""
        rows = self.rows or (1,)
        read = [self.laid[name] for name in (self.laid if names is None else names)]
        width = sum(math.prod(one.inner) for one in read if not one.rowless)
        room = BLOCK * self.loss.rows.sparse // self.dtype.itemsize
        most = max(self.loss.rows.least, room // max(1, width))
        return cut(rows, most, self._seams(rows))

    def _seams(self, rows: tuple[int, ...]) -> tuple[int, ...]:
        """Where the files that a tensor lies in meet, among the rows."""
        starts = {
            start
            for one in self.laid.values()
            if isinstance(one.array, Stored) and one.by_item and one.rows == rows
            for start in one.array.starts
        }
        return tuple(sorted(starts - {0, rows[0]}))

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

    def type_of(self, name: str) -> np.dtype[Any]:
        """The type of a tensor's numbers in the computing precision: complex where they are."""
        if self.tensors[name].dtype.kind == "c":
            return np.result_type(self.dtype, np.complex64)
        return self.dtype

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

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the result."""
        return self.rows if self.reduction == "none" else ()

    # ---- shares

    def share(self, grad_output: Any = None) -> Share:
        """Each term's share in the result."""
        above = np.asarray(1.0 if grad_output is None else grad_output)
        shape = self.shape
        if above.dtype.kind not in "fiu":
            raise KindError(
                f"{self.loss.name}: grad_output holds {checks.kind_text(above)}; expected numbers."
            )
        if above.shape not in (shape, ()):
            raise ShapeError(
                f"{self.loss.name}: grad_output has shape {shape_text(above.shape)}; expected "
                f"{shape_text(shape)}, the shape of the result."
            )
        denominator = 1.0
        if self.reduction == "mean":
            denominator = self.denominator
        elif self.reduction == "batchmean":
            denominator = float(self.batch)
        with np.errstate(all="ignore"):
            above = above.astype(self.dtype, copy=False)
            each = above / self.dtype.type(denominator) if denominator != 1 else above
        return Share(above, denominator, np.broadcast_to(each, self.rows or (1,)))

    def share_of(self, share: Share, index: Any, divisor: Any) -> Any:
        """The share of each row of a block."""
        each = share.each[index]
        return each if divisor is None or self.reduction != "mean" else each / divisor

    # ---- inside

    def _each_block(self, use: Callable[[Terms], T]) -> Iterator[tuple[Any, T]]:
        """Every block's index and `use` of its terms, in order, on several threads maybe."""

        def work(batch: Sequence[Any]) -> list[tuple[Any, T]]:
            return [(index, use(self._run_at(index))) for index in batch]

        for found in self._in_batches(work):
            yield from found

    def _in_batches(self, work: Callable[[Sequence[Any]], T]) -> Iterator[T]:
        """`work` on some blocks at a time, until all are done, in order, on several threads maybe."""

        def quietly(batch: Sequence[Any]) -> T:
            with np.errstate(all="ignore"):
                return work(batch)

        done, batches = 0, batched(self.blocks())
        for batch, found in in_turn(quietly, batches, self.threads):
            if self.watch is not None:
                done += sum(size_of(index, self.rows or (1,)) for index in batch)
                self.watch(done)
            yield found

    def _run_at(self, index: Any) -> Terms:
        try:
            return self.run(self.block(index))
        except RangeError as error:
            raise self._placed(error, index) from None

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


def _among_all(index: Any, shape: tuple[int, ...], place: Any) -> tuple[int, ...]:
    """The index among all rows of a place in the flattened block, of that shape, at `index`."""
    inside = np.unravel_index(place, shape)
    return tuple((one.start or 0) + int(i) for one, i in zip(index, inside, strict=True))


def _counted(terms: Terms, total: Total) -> Total:
    """A total into which the terms of a block are counted."""
    total.count(terms.values, terms.counts, terms.divisor)
    return total
