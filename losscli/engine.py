"""Runs a loss: broadcasting, blocks, threads, reduction and gradients, once for all losses.

A `Problem` is a loss bound to its tensors and options. Its rows are cut into blocks that fit into the
cache; a block is views of the tensors, cast to the computing type, on which the loss's body runs.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from itertools import pairwise as neighbours
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from losscli import checks
from losscli.errors import KindError, RangeError, ShapeError, UsageError
from losscli.layout import Laid, lay_out, shape_text
from losscli.numerics import finite, put
from losscli.parameters import Array, Loss
from losscli.reduction import ExactSum, Total
from losscli.stored import Stored, addresses, place_of
from losscli.work import Picked, Show, Terms, quiet

if TYPE_CHECKING:
    from losscli.differences import GradientCheck

BLOCK = 786_432  # bytes of the tensors in a block, which with a loss's few arrays fit the cache
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
        if reduction not in loss.rows.reductions:
            raise UsageError(
                f"{loss.name}: reduction is {reduction!r}; expected one of "
                f"{', '.join(loss.rows.reductions)}."
            )
        self.reduction = reduction
        self.threads = threads if threads is not None else default_threads()
        if self.threads < 1:
            raise UsageError(f"{loss.name}: threads is {threads}; at least 1 is needed.")
        self.tensors = self._arrays(tensors)
        self.dtype = self._computing_type(dtype)
        self.laid, self.rows = lay_out(loss, self.tensors)
        self.told = loss.rows.told(**self.tensors) if loss.rows.told else {}
        self.zeros: Callable[..., Array] = np.zeros  # makes the arrays of results
        self.watch: Callable[[int], None] | None = (
            None  # is told how many rows are done, in each pass
        )
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
        for index, block in self._each_block(lambda terms: terms.values):
            values[index] = block
        return values.reshape(self.rows)

    @cached_property
    def total(self) -> Total:
        """The total over all rows."""
        parts = self._each_block(_total)
        return sum((part for _, part in parts), Total())

    def total_over(self, blocks: Iterable[Any]) -> Total:
        """The total over some of the blocks, one after the other."""
        with np.errstate(all="ignore"):
            return sum((_total(self._run_at(index)) for index in blocks), Total())

    @cached_property
    def denominator(self) -> float:
        """What a mean is divided by."""
        count = self.loss.rows.counts
        if count is None:
            return float(self.count)
        if "total" in vars(self):  # everything has been added up already
            return float(self.total.counted)
        total = ExactSum()
        for index in self.blocks():
            try:
                counts = count(**self.block(index), **self.options)
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
        names = self.wrt(wrt)
        share = self.share(grad_output)
        out = {name: self.zeros(self.tensors[name].shape, self.type_of(name)) for name in names}
        seen = {name: self._seen(name, array) for name, array in out.items()}
        lost: set[str] = set()

        def work(terms: Terms, index: Any) -> tuple[dict[str, Array], Total]:
            """Writes the gradients that no other block touches, returns the others."""
            self.remarks |= {terms.remark} if terms.remark else set()
            found = terms.gradient(self.share_of(share, index, terms.divisor))
            left = {}
            for name in names:
                piece = found[name]()
                if isinstance(piece, Picked):
                    put(seen[name][index], piece.label, piece.values)
                    piece = piece.values
                elif not self._is_private(name, piece):
                    left[name] = piece
                    continue
                else:
                    seen[name][index] = piece
                if not finite(piece):
                    lost.add(name)
            return left, _total(terms) if total else Total()

        whole = Total()
        added: set[str] = set()
        for index, (left, part) in self._each_block(work, with_index=True):
            whole += part
            added |= left.keys()
            for name, piece in left.items():
                with np.errstate(all="ignore"):  # inf and -inf may meet here
                    _add_broadcast(seen[name], piece, len(self.laid[name].letters), index)
        lost |= {name for name in added if not np.isfinite(out[name]).all()}
        if total:
            self.total = whole
        for name, array in out.items():
            if name in lost:
                from losscli import autopsy

                self.warnings.append(autopsy.of_gradient(self, name, array))
        return out

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
        for index, (values, part) in self._each_block(lambda t: (t.values, _total(t))):
            total += part
            keys = np.where(np.isnan(values), np.inf, values).ravel()
            least = np.partition(keys, -most)[-most] if keys.size > most else -np.inf
            first = np.flatnonzero(keys == least)[:most]
            for i in (*np.flatnonzero(keys > least), *first):
                inside = np.unravel_index(i, values.shape)
                whole = [(s.start or 0) + j for s, j in zip(index, inside, strict=True)]
                best.append((-float(keys[i]), int(np.ravel_multi_index(whole, self.rows))))
            best = sorted(best)[:most]
        self.total = total
        return [tuple(map(int, np.unravel_index(i, self.rows))) for _, i in best]

    def first_not_finite(self) -> tuple[int, ...] | None:
        """The index of the first row whose loss is nan or infinite."""
        for index, lost in self._each_block(lambda terms: ~np.isfinite(terms.values)):
            if lost.any():
                inside = np.unravel_index(int(np.argmax(lost)), lost.shape)
                whole = tuple((s.start or 0) + int(j) for s, j in zip(index, inside, strict=True))
                return whole if self.rows else ()
        return None

    def every(self) -> Terms:
        """The terms of all rows at once, for few."""
        with np.errstate(all="ignore"):
            return self._run_at((slice(None),) * len(self.rows or (1,)))

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

    def blocks(self) -> Iterator[Any]:
        """Indices into the rows that cut them into blocks."""
        rows = self.rows or (1,)
        width = sum(math.prod(one.inner) for one in self.laid.values() if not one.rowless)
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

    def block(self, index: Any) -> dict[str, Any]:
        """The tensors at `index` into the rows, floating-point ones in the computing type."""
        block: dict[str, Any] = dict.fromkeys(self.loss.tensors)
        for name, kind in self._kinds.items():
            block[name] = np.asarray(self._part(self.laid[name], index), kind)
        return block

    @cached_property
    def _kinds(self) -> dict[str, np.dtype[Any] | None]:
        """The type that each tensor's blocks are cast to; None is its own, of class indices."""
        return {
            name: self.type_of(name)
            if parameter.tensor.holds == "numbers" or self.tensors[name].dtype.kind == "f"
            else None
            for name, parameter in self.loss.tensors.items()
            if name in self.laid
        }

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

    # ---- shares

    def share(self, grad_output: Any = None) -> Share:
        """Each term's share in the result."""
        above = np.asarray(1.0 if grad_output is None else grad_output)
        shape = self.rows if self.reduction == "none" else ()
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

    def _arrays(self, tensors: Mapping[str, Any]) -> dict[str, Array]:
        """The tensors that were given, as arrays; the rest of the names are refused."""
        known = self.loss.tensors
        for name in tensors:
            if name not in known:
                raise UsageError(
                    f"{self.loss.name}: there is no input {name!r}; it takes {', '.join(known)}."
                )
        arrays = {}
        missing = [n for n, p in known.items() if p.required and tensors.get(n) is None]
        if missing:
            raise UsageError(f"{self.loss.name}: {' and '.join(missing)} must be given.")
        for name, parameter in known.items():
            if tensors.get(name) is None:
                continue
            array = _as_array(self.loss.name, name, tensors[name])
            holds = parameter.tensor.holds
            kinds = "iu" if holds == "indices" else "fiuc" if parameter.tensor.complex else "fiu"
            if array.dtype.kind not in kinds:
                wanted = {"iu": "class indices", "fiu": "real numbers"}.get(kinds, "numbers")
                raise KindError(
                    f"{self.loss.name}: {name} holds {checks.kind_text(array)}; expected {wanted}."
                )
            arrays[name] = array
        return arrays

    def _computing_type(self, dtype: str) -> np.dtype[Any]:
        if dtype not in ("auto", "float64", "float32"):
            raise UsageError(
                f"{self.loss.name}: dtype is {dtype!r}; expected auto, float64 or float32."
            )
        if dtype != "auto":
            return np.dtype(dtype)
        floating = {
            np.finfo(array.dtype).dtype
            for name, array in self.tensors.items()
            if self.loss.tensors[name].required and array.dtype.kind in "fc"
        }
        return np.dtype(np.float32 if floating == {np.dtype(np.float32)} else np.float64)

    def _each_block(
        self, use: Callable[..., T], *, with_index: bool = False
    ) -> Iterator[tuple[Any, T]]:
        """`use` on the terms of every block, in order, on several threads where that may help."""
        done = 0
        for index, found in self._in_turn(use, with_index):
            if self.watch is not None:
                spans = zip(self.rows or (1,), index, strict=True)
                done += math.prod(len(range(*span.indices(n))) for n, span in spans)
                self.watch(done)
            yield index, found

    def _in_turn(self, use: Callable[..., T], with_index: bool) -> Iterator[tuple[Any, T]]:
        def work(index: Any) -> tuple[Any, T]:
            with np.errstate(all="ignore"):
                terms = self._run_at(index)
                return index, use(terms, index) if with_index else use(terms)

        indices = self.blocks()
        first = list(islice(indices, 4))  # so few are done before a thread has started
        yield from map(work, first)
        if self.threads == 1:
            yield from map(work, indices)
            return
        if not (batch := list(islice(indices, 8 * self.threads))):
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.threads) as pool:
            while batch:
                yield from pool.map(work, batch)
                batch = list(islice(indices, 8 * self.threads))

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
        part = self._part(replace(one, array=places), index)
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
        tensor = self.loss.tensors[name].tensor
        needs = tensor.differentiable
        real = tensor.holds == "numbers" or self.tensors[name].dtype.kind == "f"
        return real and (self._has_gradient(needs) if isinstance(needs, str) else needs)

    def _is_private(self, name: str, piece: Array) -> bool:
        """Whether a gradient's elements belong to one block each: nothing in it was broadcast."""
        one = self.laid[name]
        inner = one.inner
        return (
            not one.rowless
            and one.rows == self.rows
            and piece.shape[piece.ndim - len(inner) :] == inner
        )

    def _part(self, one: Laid, index: Any) -> Array:
        """A block of a tensor; a single row gets a row axis."""
        part = one.part(self.rows, index if self.rows else ())
        return part if self.rows or one.rowless else part[None]

    def _seen(self, name: str, array: Array) -> Array:
        """The view of a tensor that blocks index; a single row gets a row axis."""
        one = self.laid[name]
        seen = one.view(array)
        return seen if self.rows or one.rowless else seen[None]


def _total(terms: Terms) -> Total:
    return Total.of(terms.values, terms.counts, terms.divisor)


def cut(shape: tuple[int, ...], rows: int, seams: Sequence[int] = ()) -> Iterator[Any]:
    """Indices that cut an array of this shape, leading axes first, into blocks of about `rows`.

    No block goes over one of the `seams` in the first axis: the blocks are those of its parts.
    """
    if seams:
        for start, stop in neighbours((0, *seams, shape[0])):
            for first, *rest in cut((stop - start, *shape[1:]), rows):
                low, high, _ = first.indices(stop - start)
                yield (slice(start + low, start + high), *rest)
        return
    if math.prod(shape) <= rows:
        if math.prod(shape):
            yield (slice(None),) * len(shape)
        return
    axis, tail = len(shape) - 1, 1
    while tail * shape[axis] <= rows:
        tail *= shape[axis]
        axis -= 1
    step = max(1, rows // tail)
    rest = (slice(None),) * (len(shape) - axis - 1)
    for lead in np.ndindex(*shape[:axis]):
        whole = tuple(slice(i, i + 1) for i in lead)
        for start in range(0, shape[axis], step):
            yield (*whole, slice(start, start + step), *rest)


def default_threads() -> int:
    """LOSSCLI_THREADS, else as many as the process may use."""
    text = os.environ.get("LOSSCLI_THREADS", "")
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"LOSSCLI_THREADS is {text!r}; expected a whole number, at least 1.")
    return int(text)


def _as_array(loss: str, name: str, value: Any) -> Any:
    if isinstance(value, Stored):
        return value
    try:
        array = np.asarray(value)
    except ValueError:
        raise ShapeError(
            f"{loss}: {name} is a list whose rows have different lengths; make them equally long."
        ) from None
    return array.astype(np.float64) if not array.size and array.dtype.kind == "O" else array


def _add_broadcast(seen: Array, piece: Array, letters: int, index: Any) -> None:
    """Add a block's gradient to that of a tensor that was broadcast to the rows, or has none."""
    if piece.ndim - letters != len(index):  # the loss has summed over the rows
        seen += piece
        return
    missing = piece.ndim - seen.ndim
    piece = piece.sum(tuple(range(missing)))
    narrow = tuple(i for i in range(seen.ndim) if seen.shape[i] == 1)
    own = index[missing:]
    place = tuple(slice(None) if i in narrow else own[i] for i in range(len(own)))
    seen[place] += piece.sum(narrow, keepdims=True)
