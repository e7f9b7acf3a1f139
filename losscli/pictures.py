"""Pictures of a worked calculation, as data: bars, a curve with points on it, a lattice.

What they look like, in blocks and braille or as vector graphics, is the renderers' affair.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bars:
    """Parts of a whole side by side: the probabilities of a row's classes, the rows' shares in the total."""

    title: str
    labels: tuple[str, ...]
    amounts: tuple[float, ...]  # 0 to 1
    marked: frozenset[int] = frozenset()  # those to look at
    mark: str = ""  # what these are: target
    percent: bool = False  # whether the amounts are read as percentages


@dataclass(frozen=True)
class Point:
    """Where a row stands on a curve."""

    name: str  # of the row
    at: float
    loss: float
    slope: float


@dataclass(frozen=True)
class Curve:
    """The loss of an element and its slope as one number moves, and where the shown elements stand."""

    name: str  # what moves, as a formula
    fixed: tuple[tuple[str, float], ...]  # the other numbers that the loss hangs on
    at: tuple[float, ...]
    loss: tuple[float, ...]
    slope: tuple[float, ...]
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Lattice:
    """A grid of frames by places, with the share of all alignments that goes through each cell.

    Of a large grid the first and the last frames and places are kept.
    """

    title: str
    labels: tuple[str, ...]  # of the places that are kept
    places: tuple[int, ...]  # their indices in the extended target
    frames: tuple[int, ...]  # the indices of the frames that are kept
    heat: tuple[tuple[float, ...], ...]  # by place, then by frame; 0 to 1
    best: tuple[int | None, ...]  # by frame, which of the kept places the best alignment is at
    share: float  # of the best alignment among all
    skips: frozenset[
        int
    ]  # which of the kept places may be reached by skipping the blank before them
    symbols: int  # in the target
    repeats: int  # of the label before
    length: int  # how many frames there are

    @property
    def shortest(self) -> int:
        """So many frames at least could hold the target: each repeat needs a blank before it."""
        return self.symbols + self.repeats


Picture = Bars | Curve | Lattice
