"""Which reduction is meant, PyTorch's two deprecated flags included."""

from __future__ import annotations

from typing import Any

from losscli.cli.talk import Talk
from losscli.errors import KindError


def chosen_reduction(given: str | None, size_average: Any, reduce: Any, talk: Talk) -> str | None:
    """The reduction asked for, or None; `size_average` and `reduce` win over it, as in PyTorch."""
    flags = {"size_average": size_average, "reduce": reduce}
    used = [name for name, value in flags.items() if value is not None]
    if not used:
        return given
    for name in used:
        if not isinstance(flags[name], bool):
            raise KindError(f"{name} is {flags[name]!r}; expected true or false.")
    meant = legacy_reduction(size_average, reduce)
    over = f", and win over reduction {given}" if given not in (None, meant) else ""
    names, are = " and ".join(used), "are" if len(used) > 1 else "is"
    if over and len(used) == 1:
        over = over.replace("win", "wins")
    talk.warn(f"{names} {are} deprecated{over}; --reduction {meant} says the same.")
    return meant


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """What the two flags mean together, where one that is not given counts as true."""
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"
