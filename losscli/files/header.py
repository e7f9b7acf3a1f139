"""Whether the first line of a CSV is a header. A header is recognised by not being numeric."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from losscli.errors import SourceError
from losscli.files.grammar import is_missing_marker, number, quoted

# Names that columns of class labels go by.
_LABEL_NAMES = {"target", "targets", "label", "labels", "class", "classes", "y", "y_true"}


def is_header(first: Sequence[str], second: Sequence[str] | None, origin: str) -> bool:
    """Whether `first` is a header, `second` being the line below.

    All numbers: no. All words: yes. Numbers among words are settled by what is sure: a header has
    no "-0.5" and no "n/a" in it, and a word over a number is a name. What remains is refused rather
    than guessed, since a wrong guess would silently drop or add a row.
    """
    numeric = [number(field) is not None for field in first]
    words = [i for i, field in enumerate(first) if field.strip() and not numeric[i]]
    if not words:
        return _is_row_of_indices(first)
    if any(is_missing_marker(first[i]) for i in words):
        return False
    if not any(numeric):
        return True
    if any(is_number and not first[i].strip().isdigit() for i, is_number in enumerate(numeric)):
        return False
    if second and any(i < len(second) and number(second[i]) is not None for i in words):
        return True
    a_number = next(first[i] for i, is_number in enumerate(numeric) if is_number)
    raise SourceError(
        f"{origin}, line 1 has a number ({quoted(a_number.strip())}) and a word "
        f"({quoted(first[words[0]].strip())}), so it may be a header or data; "
        f"put a header of names above the data."
    )


def is_header_of_words(word: str, below: Callable[[], Iterable[str]]) -> bool:
    """Whether the first word of a column of words is its name.

    A name of class labels ("target", "label", "class") is; a word that occurs again below is not;
    else it is when the words below repeat themselves, as class labels do.
    """
    if word.lower() in _LABEL_NAMES:
        return True
    words = list(below())
    return word not in words and len(set(words)) < len(words)


def _is_row_of_indices(first: Sequence[str]) -> bool:
    """`,0,1,2`: what pandas writes above an index and columns without names."""
    return len(first) > 1 and list(map(str.strip, first)) == ["", *map(str, range(len(first) - 1))]
