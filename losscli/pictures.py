"""Pictures of a worked calculation, as data: bars, a curve with a point on it, a lattice.

What they look like, in blocks and braille or as vector graphics, is the renderers' affair.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bars:
    """Amounts side by side: the probabilities of a row's classes, the rows' shares in the total."""

    title: str
    labels: tuple[str, ...]
    amounts: tuple[float, ...]  # 0 to 1
    marked: frozenset[int] = frozenset()  # those to look at: the target's class


@dataclass(frozen=True)
class Curve:
    """The loss of an element and its slope as one of its numbers moves, and where the number is."""

    title: str
    name: str  # what moves
    at: tuple[float, ...]
    loss: tuple[float, ...]
    slope: tuple[float, ...]
    point: tuple[float, float, float]  # the number, the loss there, the slope there


@dataclass(frozen=True)
class Lattice:
    """A grid of frames by places, with the share of all alignments that goes through each cell."""

    title: str
    places: tuple[str, ...]  # names of the places of the extended target, from the top
    frames: tuple[int, ...]
    heat: tuple[tuple[float, ...], ...]  # by place, then by frame; 0 to 1
    best: tuple[int, ...]  # the place of the best alignment at each frame
    skips: frozenset[int]  # the places that may be reached by skipping the blank before them
    shortest: int  # so many frames at least could hold the target


Picture = Bars | Curve | Lattice
