"""The lines of a step as they are printed: to how many digits, with `=` or `≈`, and what stands beside them.

A line shows its numbers rounded, and must be true as it stands: where numbers cancel, digits are added
until it is, and where no number of digits helps, only its result is shown.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from losscli.formula import Arithmetic, Rest, evaluate, number, replaced
from losscli.render.numbers import (
    agrees,
    digits_for,
    holds,
    is_whole,
    relation,
    rounded,
    short,
    text_of,
)
from losscli.render.typeset import readable

Number = Decimal | float  # a decimal as it is printed; nan and infinities as they are

MORE = 4  # digits that all lines of a step have more for the sake of one; it alone, where it needs more


@dataclass(frozen=True)
class Entry:
    """A line of a step: `label   condition: arithmetic = result   share`."""

    label: str
    conditions: tuple[ast.expr, ...]  # of the branch that was taken
    arithmetic: ast.expr | None  # None where there is nothing but the result
    relation: str  # = or ≈
    result: Number
    share: float | None = None  # of the row in the total
    terms: int | None = None  # how many there are, where not all are written


@dataclass(frozen=True)
class Stage:
    """A line of a step before its numbers are rounded, or a long sum in it."""

    label: str
    arithmetic: Arithmetic
    value: float
    picked: ast.expr | None = None  # what to show of a number that is taken as it is
    share: float | None = None


def stages(stage: Stage) -> Iterator[Stage]:
    """A line; before it its long sums, each worked out by itself."""
    whole, label = stage.arithmetic, stage.label
    values = {}
    for node in _long_sums(whole.tree):
        if node is not whole.tree:
            values[node] = float(evaluate(node))
            yield Stage(label, Arithmetic(node), values[node])
            label = ""
    tree = replaced(whole.tree, {node: number(value) for node, value in values.items()})
    yield Stage(label, Arithmetic(tree, whole.conditions), stage.value, stage.picked, stage.share)


def entries(lines: Sequence[Stage], digits: int, eps: float) -> list[Entry]:
    """Lines, all with as many digits as they need, `digits` at least, but for those that need far more."""
    needed = [_digits_for([line], digits, eps) for line in lines]
    near = [line for line, n in zip(lines, needed, strict=True) if n <= digits + MORE]
    alike = _digits_for(near, digits, eps)
    return [
        entry(line, alike, eps) if n <= digits + MORE else entry(line, n, eps, digits)
        for line, n in zip(lines, needed, strict=True)
    ]


def entry(stage: Stage, digits: int, eps: float, of_result: int | None = None) -> Entry:
    """A line with its numbers to so many digits, and its result to fewer if it is true with these, too."""
    arithmetic, value = stage.arithmetic, stage.value
    fewer = short(value, digits if of_result is None else of_result, eps)
    if not holds(arithmetic, value, digits, eps):
        # what floating point makes of it cannot be worked out on paper
        return Entry(stage.label, (), None, "≈", fewer)
    tree = rounded(arithmetic.tree, digits, eps)
    result = fewer if agrees(tree, value, fewer, eps) else short(value, digits, eps)
    sign = relation(tree, result)
    shown: ast.expr | None = tree
    if readable(tree) == text_of(result):
        shown = stage.picked
        sign = "=" if is_whole(value, result, eps) else "≈"
    conditions = tuple(rounded(c, digits, eps) for c in arithmetic.conditions)
    few = conditions if len(conditions) <= 2 else ()
    count = next((n.count for n in ast.walk(arithmetic.tree) if isinstance(n, Rest)), None)
    return Entry(stage.label, few, shown, sign, result, stage.share, count)


def aside(entry: Entry) -> str:
    """What stands beside a line: its share in the total, or how many terms it has."""
    if entry.terms is not None:
        return f"{entry.terms} terms"
    return "" if entry.share is None else percent(entry.share)


def percent(share: float) -> str:
    """A share of the total: 46 %, 0.3 %; of what is near nothing or all, the side that it is on."""
    if share < 0:
        return f"−{percent(-share)}" if share <= -0.00005 else "> −0.01 %"
    if 0 < share < 0.00005:
        return "< 0.01 %"
    if 0.99995 <= share < 1:
        return "> 99.99 %"
    plain = share == 0 or share >= 1 or 0.01 <= share < 0.995
    digits = 0 if plain else 1 if 0.001 <= share < 0.9995 else 2
    return f"{abs(share):.{digits}%}".replace("%", " %")


def _digits_for(lines: Sequence[Stage], digits: int, eps: float) -> int:
    return digits_for([(line.arithmetic, line.value) for line in lines], digits, eps)


def _long_sums(tree: ast.expr) -> Iterator[ast.expr]:
    """The sums in a tree of which terms are left out."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="sum"), args=args) if any(
                isinstance(arg, Rest) for arg in args
            ):
                yield node
