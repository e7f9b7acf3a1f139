"""Numbers in decimal notation, a block of text at once: much faster than one by one, and as exact.

The digits of all numbers are read eight at a time, as one 64-bit word each. That gives for every
number a whole number w of up to 19 digits and a power q of ten. w * 10**q is then rounded to the
nearest float64: in one step where both are small enough to be floats themselves, else in twice the
precision, with a test that tells where even that leaves doubt. What is in doubt (in a table of
measurements, nothing) and what is out of range goes to Python's `float`, one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_BEFORE = 32  # characters put before the text, so that a word may begin before it
_WORDS = 3  # of eight digits each
_LARGEST = 1843  # what the third word may be: 1843 * 10**16 + 10**16 < 2**64
_NOWHERE = 99  # where the point stands in a number that has none: behind all of its digits
# powers of ten whose products, and their errors, are far from overflow and underflow
_FARTHEST = 270
_EXACT = 22  # the largest power of ten that is a float64
_DOUBT = 2.0**-98  # a bound of the relative error in twice the precision, which is below 2**-102
_HALVING = 2.0**27 + 1


def _last(byte: int) -> Array:
    """For each count from 0 to 8, a word with `byte` in that many of its last characters."""
    bits = [sum(byte << 8 * (7 - i) for i in range(count)) for count in range(9)]
    return np.array(bits, np.uint64)


_ALL, _DIGITS = _last(0xFF), _last(0x0F)
_FOURS = np.uint64(0x000000FF000000FF)


class _Text(NamedTuple):
    """Where to find the digits of numbers."""

    words: Array  # the eight characters that begin at each place
    characters: Array
    end: Array  # of each number: where its last eight characters begin
    point: Array  # how many digits stand behind the point
    digits: Array  # how many there are in all

    def of(self, some: Array) -> _Text:
        """Some of the numbers."""
        return self._replace(end=self.end[some], point=self.point[some], digits=self.digits[some])


class Tokens(NamedTuple):
    """How numbers are written, each the part before its exponent."""

    head: Array  # the first character behind the sign
    plus: Array
    minus: Array
    integer: Array  # whether it has neither point nor exponent
    dotted: Array
    before: Array  # how many digits stand before the point
    behind: Array


def numbers(
    data: bytes, separator: bytes, width: int, allows: Callable[[Tokens], bool] | None = None
) -> Array | None:
    """The numbers of whole lines of text, as rows of `width`; None where it is not plain decimals.

    int64 where all of them are integers, else float64, correctly rounded. `data` ends with a line
    break. None also where lines are of another width, where an integer has more than 18 digits, and
    where `allows` says so of the way in which they are written.
    """
    padded = bytes(_BEFORE) + data
    characters = np.frombuffer(padded, np.uint8)
    shown = characters[_BEFORE:]
    signs = (shown == ord("-")) | (shown == ord("+"))
    marks = np.flatnonzero((shown - np.uint8(ord("0")) > 9) & ~signs)
    kinds = shown[marks]
    points = kinds == ord(".")
    ends = np.flatnonzero(~points)  # every mark but a point ends a token
    end, kind = marks[ends], kinds[ends]
    raised = (kind | 0x20) == ord("e")  # an exponent follows
    has_exponents = bool(raised.any())
    if not _is_table(kind[~raised] if has_exponents else kind, separator, width):
        return None

    start = np.zeros_like(end)
    np.add(end[:-1], 1, out=start[1:])
    first = shown[start]
    negative = first == ord("-")
    signed = negative | (first == ord("+"))
    before = ends - 1  # the mark before the one that ends a token; of the first, the last of all
    dotted = points[before]
    digits = end - start
    digits -= signed
    digits -= dotted
    if (
        digits.min() < 1
        or np.count_nonzero(signed) != np.count_nonzero(signs)
        or np.count_nonzero(dotted) != np.count_nonzero(points)
    ):
        return None
    point = end - marks[before]
    point -= 1
    point[~dotted] = _NOWHERE
    power = np.zeros_like(raised)  # whether a token is an exponent
    power[1:] = raised[:-1]
    if has_exponents and (power & (raised | dotted)).any():
        return None
    if allows is not None:
        behind = point * dotted
        integer = ~(dotted | raised)
        made = (
            shown[start + signed],
            first == ord("+"),
            negative,
            integer,
            dotted,
            digits - behind,
            behind,
        )
        if not allows(Tokens(*(one[~power] for one in made))):
            return None

    words = np.ndarray(len(padded) - 7, "<u8", padded, strides=1)
    text = _Text(words, characters, end + (_BEFORE - 8), point, digits)
    if not has_exponents:
        if not dotted.any():
            return _integers(text, negative, width)
        found = _floats(text, 0, negative, data, start, end)
        return found.reshape(-1, width)

    field, last = np.flatnonzero(~power), np.flatnonzero(~raised)
    exponent = np.zeros(len(field), np.int64)
    exponent[raised[field]] = _exponents(text.of(power), negative[power])
    found = _floats(text.of(field), exponent, negative[field], data, start[field], end[last])
    return found.reshape(-1, width)


def ends_of_fields(data: bytes, separator: bytes, width: int) -> Array | None:
    """Where the fields of lines end; None where there are lines of another width."""
    characters = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((characters == ord(separator)) | (characters == ord("\n")))
    return ends if _is_table(characters[ends], separator, width) else None


def _is_table(kind: Array, separator: bytes, width: int) -> bool:
    """Whether the marks between fields are those of lines of `width` fields."""
    if kind.size % width:
        return False
    rows = kind.reshape(-1, width)
    return bool((rows[:, -1] == ord("\n")).all() and (rows[:, :-1] == ord(separator)).all())


def _whole(text: _Text) -> tuple[Array, Array | None]:
    """The digits of each number as a whole number, and which have too many of them."""
    most = int(text.digits.max())
    found = _eight(text, 0)
    if most > 8:
        found += _eight(text, 1) * np.uint64(10**8)
    if most <= 16:
        return found, None
    head = _eight(text, 2)
    found += head * np.uint64(10**16)
    return found, (text.digits > 8 * _WORDS) | (head > _LARGEST)


def _eight(text: _Text, word: int) -> Array:
    """The number that eight digits of each number make, counted in words from its end.

    What stands before the point is read one place farther left, so that the two parts meet.
    """
    end = text.end - 8 * word if word else text.end
    found: Array = text.words[end]
    point = text.point - 8 * word
    if point.min() < 8:
        left = found << np.uint64(8)
        left |= text.characters[end - 1]
        found ^= left
        found &= _ALL.take(point, mode="clip")
        found ^= left
    found &= _DIGITS.take(text.digits - 8 * word, mode="clip")
    # Neighbouring digits are joined, then neighbouring pairs, then fours.
    pairs = found * np.uint64(10)
    found >>= np.uint64(8)
    found += pairs
    np.right_shift(found, np.uint64(16), out=pairs)
    pairs &= _FOURS
    pairs *= np.uint64(1 + (10_000 << 32))
    found &= _FOURS
    found *= np.uint64(100 + (1_000_000 << 32))
    found += pairs
    found >>= np.uint64(32)
    return found


def _integers(text: _Text, negative: Array, width: int) -> Array | None:
    """Integers; as floats where there is a zero with a sign, which is no integer."""
    if text.digits.max() > 18:
        return None
    found = _whole(text)[0].view(np.int64)
    if (negative & (found == 0)).any():
        found = found.astype(np.float64)
    found *= 1 - 2 * negative.view(np.int8)
    return found.reshape(-1, width)


def _exponents(text: _Text, negative: Array) -> Array:
    """Exponents; those of more than eight digits are as good as any that is too far away."""
    found = _eight(text, 0).view(np.int64)
    found[text.digits > 8] = 2 * _FARTHEST
    found *= 1 - 2 * negative.view(np.int8)
    return found


def _floats(
    text: _Text, exponent: Any, negative: Array, data: bytes, start: Array, end: Array
) -> Array:
    """The numbers with their exponents and signs; what is in doubt is read again from `data`."""
    whole, doubtful = _whole(text)
    power = exponent - text.point * (text.point < _NOWHERE)
    least, most = power.min(), power.max()
    if least >= -_EXACT and most <= _EXACT and whole.max() < 2**53:
        found = _in_one_step(whole, power, least, most)
    else:
        found, more = _in_twice_the_precision(whole, power, least, most)
        doubtful = more if doubtful is None else doubtful | more
    found *= 1 - 2 * negative.view(np.int8)
    for index in () if doubtful is None else np.flatnonzero(doubtful):
        found[index] = float(data[start[index] : end[index]])
    return found


def _in_one_step(whole: Array, power: Array, least: int, most: int) -> Array:
    """Both are exact as floats, so the one product or quotient is rounded once."""
    exact = _powers()[0][_FARTHEST : _FARTHEST + _EXACT + 1]
    found = whole.view(np.int64).astype(np.float64)
    if most > 0:
        found *= exact[power.clip(min=0)]
    if least < 0:
        found /= exact[-least] if least == most else exact[(-power).clip(min=0)]
    return found


def _in_twice_the_precision(
    whole: Array, power: Array, least: int, most: int
) -> tuple[Array, Array]:
    """The nearest floats, and where an error of the size of `_DOUBT` could make them others."""
    far = least < -_FARTHEST or most > _FARTHEST
    place = (power.clip(-_FARTHEST, _FARTHEST) if far else power) + _FARTHEST
    high, low, head, tail = (table[place] for table in _powers())
    near = whole.astype(np.float64)
    rest = (whole - near.astype(np.uint64)).view(np.int64)
    near_head, near_tail = _halves(near)
    product = near * high
    error = near_head * head
    error -= product
    error += near_head * tail
    error += near_tail * head
    error += near_tail * tail  # product + error is near * high without any loss (Dekker)
    low *= near
    high *= rest
    error += low + high
    found = product + error
    product -= found
    error += product
    margin = found * _DOUBT
    doubtful: Array = found + (error + margin) != found
    doubtful |= found + (error - margin) != found
    if far:
        doubtful |= np.abs(power) > _FARTHEST
    return found, doubtful


@cache
def _powers() -> tuple[Array, Array, Array, Array]:
    """10**q from -_FARTHEST on: the nearest floats, what they lack, and the halves of the former."""
    high, low = [], []
    for q in range(-_FARTHEST, _FARTHEST + 1):
        numerator, denominator = 10 ** max(q, 0), 10 ** max(-q, 0)
        near = numerator / denominator
        above, below = near.as_integer_ratio()
        high.append(near)
        low.append((numerator * below - above * denominator) / (denominator * below))
    table = np.array(high)
    return table, np.array(low), *_halves(table)


def _halves(values: Array) -> tuple[Array, Array]:
    """Each value as the sum of two of half its digits (Veltkamp)."""
    scaled = values * _HALVING
    head = scaled - values
    np.subtract(scaled, head, out=head)
    return head, values - head
