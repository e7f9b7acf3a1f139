"""What all kinds of drawing need: round numbers along an axis, and how the parts of a picture are named."""

from __future__ import annotations

import math
from collections.abc import Sequence

from losscli.formula import parse
from losscli.pictures import Bars, Curve, Lattice
from losscli.render.lines import percent
from losscli.render.numbers import short, text_of
from losscli.render.typeset import readable


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many round numbers from `low` to `high`: multiples of 1, 2 or 5 of some power of ten."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return []
    power = math.floor(math.log10(span / max(most, 1))) if span > 1e-300 else -300
    for k in range(power, power + 3):
        for step in (1, 2, 5):
            unit = step * 10.0**k
            first, last = math.ceil(low / unit), math.floor(high / unit)
            if last - first < most:
                places = max(0, -k)
                return [round(i * unit, places) + 0.0 for i in range(first, last + 1)]
    return []


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest that is drawn; around a constant there is room down to 0, and up."""
    low, high = min(values), max(values)
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    return (min(0.0, 2 * low), max(0.0, 2 * low)) if low else (-1.0, 1.0)


def rungs(low: float, high: float) -> list[float]:
    """Three or four round numbers, equally far apart, that have everything between them; lowest first."""
    span = high - low
    power = math.floor(math.log10(span)) if span > 1e-290 else -290
    best: list[float] = []
    for k in (power - 1, power):
        for step in (1, 2, 2.5, 4, 5, 8):
            unit = step * 10.0**k
            first = math.floor(low / unit * (1 + 1e-12) + 1e-9)
            for many in (3, 4):
                found = [round(i * unit, max(0, 1 - k)) + 0.0 for i in range(first, first + many)]
                tight = not best or found[-1] - found[0] < best[-1] - best[0]
                if tight and found[0] <= low + 1e-6 * span and found[-1] >= high - 1e-6 * span:
                    best = found
    return best or [low, (low + high) / 2, high]


def read(x: float, digits: int = 3) -> str:
    """A number on an axis or beside a bar."""
    return text_of(short(x, digits))


def amounts(bars: Bars, digits: int) -> list[str]:
    """What stands beside the bars."""
    return [percent(a) if bars.percent else read(a, digits) for a in bars.amounts]


def mover(curve: Curve) -> str:
    """What moves along a curve, as a formula is read."""
    return readable(parse(f"x = {curve.name}").tree)


def points(curve: Curve) -> str:
    """Where the rows stand on a curve, and what the other numbers are."""
    told = ", ".join(f"{point.name} at {read(point.at, 4)}" for point in curve.points)
    fixed = ", ".join(f"{name} {read(value, 4)}" for name, value in curve.fixed)
    return f"{told}, with {fixed}" if fixed else told


def gaps(indices: Sequence[int]) -> list[bool]:
    """Before which of the indices others are left out."""
    return [i > 0 and indices[i] != indices[i - 1] + 1 for i in range(len(indices))]


def alignment(lattice: Lattice) -> str:
    """The best alignment in words, label by label where all of it is shown."""
    known = [lattice.labels[s] for s in lattice.best if s is not None]
    told = f": {' '.join(known)}" if len(known) == lattice.length <= 16 else ""
    return f"best alignment, {percent(lattice.share)} of all{told}"


def least(lattice: Lattice) -> str:
    """How many frames are needed, and why."""
    need, n, r = lattice.shortest, lattice.symbols, lattice.repeats
    text = (
        f"needs {need} frame{'' if need == 1 else 's'} at least: {n} label{'' if n == 1 else 's'}"
    )
    if r:
        text += f" and {r} blank{'' if r == 1 else 's'} between repeats"
    return f"{text}; there are {lattice.length}" if lattice.length != 1 else f"{text}; there is 1"


def printable(text: str) -> str:
    """Text as XML can hold it, without control characters."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
