"""What can go wrong that is the user's to fix, as one tree:

    LosscliError
    ├── UsageError            options that do not fit together, a name that does not exist
    │   └── UnknownLoss       no such loss; says which ones are near
    ├── SourceError           a file or a text that cannot be read as numbers
    │   └── MissingSource     there is no such file
    ├── ShapeError            tensors whose shapes do not fit each other
    ├── KindError             a value of another kind: words for numbers, numbers for indices
    ├── RangeError            a value outside the range that makes sense
    ├── OutputError           a result that cannot be written
    └── MissingExtra          an optional package is not installed

Every message is one sentence or two: who, what was found and where, what was expected, what to do.
Anything else that reaches the user is a bug of ours.
"""

from __future__ import annotations

from collections.abc import Callable


class LosscliError(Exception):
    """The base of everything that is the user's to fix."""


class UsageError(LosscliError):
    """Options that do not fit together, or a name that does not exist."""


class UnknownLoss(UsageError):
    """No loss has this name."""


class SourceError(LosscliError):
    """A file or a text that cannot be read as numbers; names file, line and column."""


class MissingSource(SourceError):
    """There is no such file, or it may not be read."""


class ShapeError(LosscliError):
    """Tensors whose shapes do not fit each other."""


class KindError(LosscliError):
    """A value of another kind than is wanted: words or booleans for numbers, fractions for indices."""


class RangeError(LosscliError):
    """A value outside the range that makes sense.

    Raised by a loss on a block of a tensor, it carries the position within that block; the engine,
    which knows where the block lies, raises it again with the position in the whole tensor.
    """

    def __init__(
        self,
        message: str | Callable[[str], str],
        tensor: str = "",
        position: tuple[int, ...] = (),
    ) -> None:
        self.message = message
        self.tensor = tensor
        self.position = position
        super().__init__(message if isinstance(message, str) else message(place(tensor, position)))

    def at(self, position: tuple[int, ...]) -> RangeError:
        """The same error at another position of its tensor."""
        return type(self)(self.message, self.tensor, position)


class OutputError(LosscliError):
    """A result that cannot be written where it was asked for."""


class MissingExtra(LosscliError):
    """An optional package that this input or output needs is not installed."""


def brief(value: object) -> str:
    """A value for a message; of a long text the beginning, of all else that is long the type."""
    text = repr(f"{value[:37]}..." if isinstance(value, str) and len(value) > 40 else value)
    return text if len(text) <= 60 and text.isprintable() else f"of type {type(value).__name__}"


def place(tensor: str, position: tuple[int, ...]) -> str:
    """`target[2, 0]`, or `target` for a single number."""
    return f"{tensor}[{', '.join(map(str, position))}]" if position else tensor


def count_of(number: int, what: str) -> str:
    """`1 row`, `2 rows`, `1 class`, `3 classes`."""
    ending = "" if number == 1 else "es" if what.endswith("s") else "s"
    return f"{number} {what}{ending}"
