"""Runs a loss over all of its rows: blocks, threads, reduction and gradients, once for all losses.

The rows of a bound loss are cut into blocks that fit into the cache. The loss's body runs on each of them,
and what they come to is put together here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from losscli import checks
from losscli.blocks import batched, cut, default_threads, in_turn, size_of
from losscli.bound import Bound
from losscli.errors import KindError, RangeError, ShapeError, UsageError, brief
from losscli.gradient import Gradient
from losscli.layout import shape_text
from losscli.parameters import Array, Loss
from losscli.reduction import ExactSum, Total, added
from losscli.stored import Stored
from losscli.work import Terms

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


class Problem(Bound):
    """A loss with its tensors and options, ready to be computed.

    The arguments are those of `Bound`, how the rows are reduced, and how many threads may run.
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
        super().__init__(loss, tensors, options, dtype)
        if not isinstance(reduction, str) or reduction not in loss.rows.reductions:
            raise UsageError(
                f"{loss.name}: reduction is {brief(reduction)}; expected one of "
                f"{', '.join(loss.rows.reductions)}."
            )
        self.reduction = reduction
        self.threads = (
            default_threads() if threads is None else checks.positive(loss, "threads", threads)
        )
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

    # ---- blocks

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

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the result."""
        return self.rows if self.reduction == "none" else ()

    # ---- shares

    def share(self, grad_output: Any = None) -> Share:
        """Each term's share in the result."""
        above = np.asarray(1.0 if grad_output is None else grad_output)
        if above.dtype.kind not in "fiu":
            raise KindError(
                f"{self.loss.name}: grad_output holds {checks.kind_text(above)}; expected numbers."
            )
        if above.shape not in (self.shape, ()):
            raise ShapeError(
                f"{self.loss.name}: grad_output has shape {shape_text(above.shape)}; expected "
                f"{shape_text(self.shape)}, the shape of the result."
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


def _among_all(index: Any, shape: tuple[int, ...], place: Any) -> tuple[int, ...]:
    """The index among all rows of a place in the flattened block, of that shape, at `index`."""
    inside = np.unravel_index(place, shape)
    return tuple((one.start or 0) + int(i) for one, i in zip(index, inside, strict=True))


def _counted(terms: Terms, total: Total) -> Total:
    """A total into which the terms of a block are counted."""
    total.count(terms.values, terms.counts, terms.divisor)
    return total
