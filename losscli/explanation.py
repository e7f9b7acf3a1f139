"""The worked calculation as data, from which every format is drawn.

`explain` runs a loss's body once more on the few rows that are shown, this time recording; the totals
come from the engine, which has seen all rows. An `Explanation` holds the steps; renderers compute
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from losscli.checks import is_whole, positive
from losscli.engine import Problem
from losscli.errors import KindError, UsageError, brief, count_of
from losscli.illustration import illustrate
from losscli.ledger import Ledger, ledger_of, reduction_step, row_shares, show_share
from losscli.parameters import plain
from losscli.pictures import Picture
from losscli.references import Reference, references
from losscli.work import Recorder, names_of
from losscli.worked import Worked, worked

ROWS_SHOWN = 3


@dataclass(frozen=True, repr=False)
class Explanation:
    """A worked calculation: `value`, `gradients`, `steps`, and what they were computed from.

    It shows itself as text, with Rich as the terminal shows it, and in a notebook as HTML; `to_dict`
    and `to_json` give the data. `rows` are the indices of the rows that are shown.
    """

    problem: Problem
    value: Any
    reduction: Ledger
    steps: tuple[Worked, ...]
    rows: tuple[tuple[int, ...], ...]
    shares: tuple[float | None, ...] = ()  # of each shown row in the sum of all
    origins: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()  # the names of the rows, where they have some
    case: str = ""
    references: tuple[Reference, ...] = ()  # smallest first
    pictures: tuple[tuple[str, Picture], ...] = ()  # each with the name of the step it belongs to
    wrt: tuple[str, ...] = ()
    grad_output: Any = None
    parts: Mapping[str, Any] = field(default_factory=dict)  # where in files tensors are

    @property
    def loss(self) -> str:
        """The loss's name."""
        return self.problem.loss.name

    @cached_property
    def gradients(self) -> dict[str, Any]:
        """The gradient of the result by each tensor that was asked for, whole."""
        return self.problem.gradient(self.wrt, self.grad_output) if self.wrt else {}

    @property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """What each tensor was taken for: shape, type, what it holds, where it came from."""
        found = {}
        for name, array in self.problem.tensors.items():
            found[name] = {
                "shape": list(array.shape),
                "dtype": str(array.dtype),
                "holds": self.problem.holds(name),
                "source": self.origins.get(name, "given"),
            }
        return found

    @property
    def parameters(self) -> dict[str, Any]:
        """Every option with its value; a function by its name."""
        return {name: plain(value) for name, value in self.problem.options.items()}

    def row_name(self, k: int) -> str:
        """What the k-th shown row is called."""
        index = self.rows[k]
        word = self.problem.loss.rows.row
        places = list(map(str, index))
        if len(index) == 2:
            places[1] = self._column_name(index[1]) or places[1]
        if self.ids:
            word = self.ids[index[0] if index else 0]
            places = places[1:]
        elif len(places) == 1:
            word, places = f"{word} {places[0]}", []
        at = f" [{', '.join(places)}]" if places else ""
        said = self._said(index)
        return f"{word}{at}" + (f' "{said}"' if said else "")

    def _column_name(self, index: int) -> str:
        """What the user called the column that an element is from."""
        names = next(
            (self.columns[n] for n in self.problem.loss.predicted if n in self.columns), ()
        )
        return names[index] if len(names) == self.problem.rows[1] else ""

    def _said(self, row: tuple[int, ...]) -> str:
        """The word that a sample's labels spell, where an alphabet names the classes and it is short."""
        spelled = "blank" in self.problem.options and len("".join(self.classes)) == len(
            self.classes
        )
        if not spelled or not self.classes:
            return ""
        sample = self.problem.take([row])
        labels = sample["targets"][0][: int(sample["target_lengths"][0])]
        return "".join(self.classes[int(label)] for label in labels) if len(labels) <= 12 else ""

    def places(self, k: int) -> list[str]:
        """The names of the places of the k-th row's extended target, for losses that have one."""
        for step in self.steps:
            if step.name == "z" and step.quantity is not None:
                blank = self.problem.options.get("blank")
                return [self._class_name(int(z), blank) for z in step.quantity.array[k]]
        return []

    def _class_name(self, index: int, blank: Any) -> str:
        if index < len(self.classes):
            return self.classes[index]
        return "blank" if index == blank else str(index)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain data; gradients of more than 100,000 numbers only by their shape."""
        gradients = {}
        for name in self.wrt:
            small = self.problem.tensors[name].size <= 100_000
            gradients[name] = self.gradients[name].tolist() if small else None
        return {
            "loss": self.loss,
            "value": np.asarray(self.value).tolist(),
            "dtype": str(self.problem.dtype),
            "reduction": self.reduction.to_dict(),
            "rows": [list(row) for row in self.rows],
            "row_names": [self.row_name(k) for k in range(len(self.rows))],
            "classes": list(self.classes),
            "steps": [step.to_dict() for step in self.steps],
            "gradients": gradients,
            "inputs": self.inputs,
            "parameters": self.parameters,
            "references": [{"value": one.value, "name": one.name} for one in self.references],
            "diagnostics": list(self.problem.warnings),
            "torch": self._torch(),
        }

    def _torch(self) -> str | None:
        try:
            return self.to_torch()
        except UsageError:
            return None

    def to_json(self) -> str:
        """The data as JSON text."""
        from losscli.render import json

        return json.render(self)

    def to_torch(self) -> str:
        """PyTorch code that computes the same; UsageError where that cannot be written."""
        from losscli import pytorch

        return pytorch.code(
            self.problem, self.wrt, self.grad_output, parts=self.parts, classes=self.classes
        )

    def to_text(self, digits: int = 4, width: int = 100, ascii: bool = False) -> str:
        """The worked calculation as plain text; with `ascii`, of signs that a keyboard has."""
        from losscli.render import text

        return text.render(self, digits=digits, width=width, ascii=ascii)

    def to_markdown(self, digits: int = 4) -> str:
        """The worked calculation as Markdown, with mathematics between dollar signs."""
        from losscli.render import markdown

        return markdown.render(self, digits=digits)

    def to_latex(self, digits: int = 4) -> str:
        """The worked calculation as a LaTeX document."""
        from losscli.render import latex

        return latex.render(self, digits=digits)

    def to_svg(self, digits: int = 4, width: int = 100) -> str:
        """The page as a picture, in one file that needs nothing else."""
        from losscli.render import svg

        return svg.render(self, digits=digits, width=width)

    def to_html(self, digits: int = 4) -> str:
        """The worked calculation as one HTML page that needs nothing else."""
        from losscli.render import html

        return html.render(self, digits=digits)

    __repr__ = to_text

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from losscli.render import terminal

        yield terminal.rich_text(self, digits=4, width=options.max_width)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.to_text())

    def _repr_html_(self) -> str:
        from losscli.render import html

        return html.fragment(self)


def explain(
    problem: Problem,
    *,
    rows: Sequence[int | tuple[int, ...]] | None = None,
    top: int | None = None,
    gradient: bool = True,
    wrt: Sequence[str] | None = None,
    grad_output: Any = None,
    names: Mapping[str, Any] | None = None,
    pictures: bool = True,
) -> Explanation:
    """The worked calculation of a problem, with or without pictures.

    `rows` are the rows to show (an index, or a tuple of them where rows have several axes), `top` shows
    those with the largest loss instead; by default the first three. `names` may hold "origins" and
    "columns" by tensor, "classes" or their "alphabet", "ids" of the rows, and the name of the "case".
    """
    given = names or {}
    ids = _texts(problem, "ids", given.get("ids", ()))
    classes = _texts(problem, "classes", given.get("classes", ()))
    if ids and len(ids) != math.prod(problem.rows[:1]):
        raise UsageError(
            f"{problem.loss.name}: there {'is' if len(ids) == 1 else 'are'} {count_of(len(ids), 'id')}, "
            f"but {count_of(math.prod(problem.rows[:1]), problem.loss.rows.row)}."
        )
    shown = choose_rows(problem, rows, top)
    value = problem.value()
    wanted = problem.wrt(wrt) if gradient else ()
    recorder = Recorder(names_of(problem, shown), len(shown))
    steps: list[Worked] = []
    shares: tuple[float | None, ...] = ()
    with np.errstate(all="ignore"):
        if shown:
            terms = problem.run(problem.take(shown), recorder)
            shares = row_shares(problem, terms)
        steps += [worked(step, shown) for step in recorder.steps]
        ledger = ledger_of(problem, terms.counts if shown else None)
        steps.append(reduction_step(problem, ledger, value, shown, terms if shown else None))
        if shown and wanted:
            recorder.part = "gradient"
            done = len(recorder.steps)
            found = terms.gradient(show_share(problem, recorder, terms, shown, grad_output))
            for name in wanted:
                found[name]()
            steps += [worked(step, shown) for step in recorder.steps[done:]]
    explanation = Explanation(
        problem,
        value,
        ledger,
        tuple(steps),
        tuple(shown),
        shares,
        given.get("origins", {}),
        given.get("columns", {}),
        classes or tuple(given.get("alphabet", "")),
        ids,
        given.get("case", ""),
        references=references(problem, value),
        wrt=wanted,
        grad_output=grad_output,
        parts=given.get("parts", {}),
    )
    return replace(explanation, pictures=illustrate(explanation)) if pictures else explanation


def _texts(problem: Problem, option: str, value: Any) -> tuple[str, ...]:
    """The names in a list; KindError where it is none."""
    if not isinstance(value, Iterable):
        raise KindError(
            f"{problem.loss.name}: {option} is {brief(value)}; expected a list of names."
        )
    return tuple(map(str, value))


def choose_rows(
    problem: Problem, rows: Sequence[int | tuple[int, ...]] | None, top: int | None
) -> list[tuple[int, ...]]:
    """The indices of the rows that are shown."""
    if rows is not None and top is not None:
        raise UsageError(f"{problem.loss.name}: give rows or top, not both.")
    if isinstance(rows, np.ndarray):
        rows = rows.tolist()
    if rows is not None and not isinstance(rows, Iterable):
        raise KindError(f"{problem.loss.name}: rows is {brief(rows)}; expected a list of rows.")
    most = None if top is None else positive(problem.loss, "top", top)
    if not problem.count:
        return []
    if not problem.rows:
        return _once(problem, rows or [()])
    if most is not None:
        return problem.largest(most)
    if rows is None:
        first = range(min(ROWS_SHOWN, problem.count))
        return [tuple(map(int, np.unravel_index(i, problem.rows))) for i in first]
    return _once(problem, rows)


def _once(problem: Problem, rows: Sequence[int | tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The indices of rows that were asked for, each of them once."""
    return list(dict.fromkeys(_row(problem, row) for row in rows))


def _row(problem: Problem, row: int | tuple[int, ...]) -> tuple[int, ...]:
    word = problem.loss.rows.row
    places = tuple(row) if isinstance(row, Iterable) else (row,)
    if not all(map(is_whole, places)):
        raise KindError(
            f"{problem.loss.name}: rows has {row!r}; expected {word}s counted from 0, like 2, or (2, 0) "
            "where they have several axes."
        )
    index = tuple(map(int, places))
    if not problem.rows and index == (0,):
        return ()
    if len(index) != len(problem.rows):
        if len(index) == 1 and 0 <= index[0] < problem.count:  # counted through
            return tuple(map(int, np.unravel_index(index[0], problem.rows)))
        if len(index) > 1:
            raise UsageError(
                f"{problem.loss.name}: {word} {list(index)} has {len(index)} indices, but "
                f"{word}s have {len(problem.rows)} {'axis' if len(problem.rows) == 1 else 'axes'}."
            )
    if len(index) != len(problem.rows) or not all(
        0 <= i < n for i, n in zip(index, problem.rows, strict=True)
    ):
        raise UsageError(
            f"{problem.loss.name}: there is no {word} {':'.join(map(str, index))}; "
            f"there {'is' if problem.count == 1 else 'are'} {problem.count}, counted from 0."
        )
    return index
