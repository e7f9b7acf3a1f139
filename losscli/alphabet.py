"""Targets of ctc as words: an alphabet of one character for each class, `-abc`, spells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from losscli.errors import KindError, RangeError, ShapeError, UsageError, brief, count_of, place
from losscli.given import as_array

TARGETS = "targets"


def checked(alphabet: str) -> str:
    """The alphabet, if no character stands in it twice."""
    if not isinstance(alphabet, str):
        raise KindError(
            f"ctc: alphabet is {brief(alphabet)}; expected a character for each class, like '-abc'."
        )
    twice = [letter for letter in alphabet if alphabet.count(letter) > 1]
    if not alphabet or twice:
        what = f"has {twice[0]!r} twice" if twice else "is empty"
        raise UsageError(f"the alphabet {what}; give each class a character of its own, like -abc.")
    return alphabet


def spelled(
    tensors: Mapping[str, Any],
    alphabet: str,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
) -> dict[str, Any]:
    """The tensors with words as padded class indices, and the lengths that follow from them.

    Targets that are numbers stay as they are. Lengths of inputs that are not given are all the frames.
    Raises UsageError, KindError, RangeError and ShapeError.
    """
    checked(alphabet)
    log_probs = as_array("ctc", "log_probs", tensors.get("log_probs", np.zeros((0, 0))))
    classes = log_probs.shape[-1] if log_probs.ndim else 0
    if "log_probs" in tensors and len(alphabet) != classes:
        raise UsageError(
            f"ctc: the alphabet {alphabet!r} has {count_of(len(alphabet), 'character')}, but log_probs has "
            f"{count_of(classes, 'class')}; give one for each class, the blank's too."
        )
    words = as_array("ctc", TARGETS, tensors.get(TARGETS))
    if words.dtype.kind != "U":
        return dict(tensors)
    if words.ndim > 1:
        raise ShapeError(
            f"ctc: targets has {words.ndim} axes of words; expected one word a sample."
        )
    lengths = np.vectorize(len, [np.int64])(words) if words.size else np.zeros(words.shape, int)
    indices = np.zeros((*words.shape, int(lengths.max(initial=0))), np.int64)
    for at, word in np.ndenumerate(words):
        found = [_index(word, letter, at, alphabet, blank) for letter in str(word)]
        indices[(*at, slice(0, len(found)))] = found
    frames = np.full(words.shape, len(log_probs), np.int64)
    derived = {"input_lengths": frames, **tensors, TARGETS: indices, "target_lengths": lengths}
    given = tensors.get("target_lengths")
    if given is not None and not np.array_equal(given, lengths):
        raise UsageError(
            "ctc: target_lengths are not those of the words in targets; leave them out."
        )
    if not zero_infinity:
        _refuse_too_long(words, derived["input_lengths"])
    return derived


def refuse_words(words: Any) -> KindError:
    """The error of words without an alphabet."""
    return KindError(
        f"targets holds words ({str(words.flat[0])!r}), and nothing says which class is which letter; "
        "--alphabet -abc names the classes, the blank's character too."
    )


def _index(word: Any, letter: str, at: tuple[int, ...], alphabet: str, blank: int) -> int:
    """The class of a letter."""
    index = alphabet.find(letter)
    if index < 0:
        raise RangeError(
            f"ctc: {place(TARGETS, at)} is {str(word)!r}, whose {letter!r} is not in the alphabet "
            f"{alphabet!r}."
        )
    if index == blank:
        raise RangeError(
            f"ctc: {place(TARGETS, at)} is {str(word)!r}, whose {letter!r} is the blank, class {blank}; "
            "blank says which class that is."
        )
    return index


def _refuse_too_long(words: Any, frames: Any) -> None:
    """RangeError for a word that no alignment fits: each letter takes a frame, and so does each repeat."""
    if np.shape(frames) != words.shape:
        return  # which is refused elsewhere
    for at, word in np.ndenumerate(words):
        text = str(word)
        needed = len(text) + sum(a == b for a, b in zip(text, text[1:], strict=False))
        if needed > np.asarray(frames)[at]:
            raise RangeError(
                f"ctc: {place(TARGETS, at)} is {text!r}, which needs {count_of(needed, 'frame')}, but has "
                f"{np.asarray(frames)[at]}; zero_infinity would count it as 0."
            )
