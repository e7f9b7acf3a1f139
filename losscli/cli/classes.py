"""Class labels that are words, turned into class indices by the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from losscli.errors import KindError, UsageError, place

if TYPE_CHECKING:
    from numpy.typing import NDArray


def named_classes(text: str | None) -> tuple[str, ...]:
    """`cat,dog,bird` as names; UsageError when one is empty or stands there twice."""
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError(f"--classes {text} has an empty name; give names like cat,dog,bird.")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"--classes {text} names {twice[0]!r} twice.")
    return names


def indices(label: str, words: NDArray[Any], names: Sequence[str]) -> NDArray[Any]:
    """The index of every word among the class names, in the shape of `words`."""
    import numpy as np

    if not names:
        word = words.flat[0]
        raise KindError(
            f"{label} holds words ({str(word)!r}), and nothing says which class is which; "
            "--classes NAME,NAME,... gives their order."
        )
    index = {name: number for number, name in enumerate(names)}
    found = np.empty(words.shape, dtype=np.int64)
    for position, word in np.ndenumerate(words):
        number = index.get(str(word).strip())
        if number is None:
            raise KindError(
                f"{place(label, position)} is {str(word)!r}, which is no class; "
                f"the classes are {', '.join(names)}."
            )
        found[position] = number
    return found
