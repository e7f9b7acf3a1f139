"""Pictures drawn with characters: bars of blocks, curves of braille, lattices of shades.

`gallery` sets pictures side by side where they fit, `sketch` draws one. Colour only underlines: what is
marked has a sign of its own. With `ascii` everything is drawn with ASCII.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from losscli.pictures import Bars, Curve, Lattice, Picture
from losscli.render.scale import (
    alignment,
    amounts,
    gaps,
    least,
    mover,
    points,
    read,
    rungs,
    spread,
    ticks,
)
from losscli.render.typeset import NO_BREAK, wrapped

Piece = tuple[str, str]  # text and style, as on a page
Line = list[Piece]

APART = 3  # columns between pictures
EIGHTHS = " ▏▎▍▌▋▊▉█"
SHADES = " ░▒▓█"
LABEL = 20  # the longest label beside a bar
BAR = (10, 28)  # the length of a whole bar, at least and at most
PANEL = (20, 44)  # the width of a plot with its axis, at least and at most
ROWS = 7  # the height of a plot: three or four numbers stand equally far apart in it
CELL = 4  # the width of a lattice's cell
FAINT = 0.005  # below this a cell has only a dot
ASCII = str.maketrans("−·…⋯●▸", "-*~~O>")


def gallery(pictures: Sequence[Picture], width: int, *, ascii: bool = False) -> Iterator[Line]:
    """Pictures from left to right, as many as fit beside each other, and what their signs mean."""
    drawn = [_drawn(picture, ascii) for picture in pictures]
    words = dict.fromkeys(text for one in drawn for text in one.words())
    keys = dict.fromkeys(text for one in drawn for text in one.signs())
    while drawn:
        n = 1
        while n < len(drawn) and sum(d.narrow + APART for d in drawn[: n + 1]) - APART <= width:
            n += 1
        yield from _side_by_side(drawn[:n], width)
        drawn = drawn[n:]
        if drawn:
            yield []
    for text in [*words, "   ".join(key.replace(" ", NO_BREAK) for key in keys)]:
        for piece in wrapped(text, width, 2) if text else ():
            yield [(_plain(piece) if ascii else piece, "note")]


def sketch(picture: Picture, width: int, ascii: bool = False) -> list[Line]:
    """One picture in lines of at most `width`."""
    return list(gallery([picture], width, ascii=ascii))


def _side_by_side(drawn: Sequence[_Drawn], width: int) -> Iterator[Line]:
    spare = width - sum(d.narrow + APART for d in drawn) + APART
    more = max(0, spare // len(drawn))  # as much for each, so that bars beside each other compare
    blocks = [one.lines(min(one.narrow + more, one.wide, width)) for one in drawn]
    widths = [max(_length(line) for line in block) for block in blocks]
    for i in range(max(map(len, blocks))):
        whole: Line = []
        for block, wide in zip(blocks, widths, strict=True):
            line = block[i] if i < len(block) else []
            whole += [*line, (" " * (wide + APART - _length(line)), "")]
        yield whole[:-1]


def _length(line: Line) -> int:
    return sum(len(text) for text, _ in line)


def _plain(text: str) -> str:
    return text.translate(ASCII)


class _Drawn:
    """A picture that knows how narrow and how wide it may be."""

    narrow: int
    wide: int

    def __init__(self, ascii: bool) -> None:
        self.ascii = ascii

    def lines(self, width: int) -> list[Line]:
        raise NotImplementedError

    def words(self) -> list[str]:
        """What is to be said of it."""
        return []

    def signs(self) -> list[str]:
        """What its signs mean."""
        return []


def _drawn(picture: Picture, ascii: bool) -> _Drawn:
    match picture:
        case Bars():
            return _Bars(picture, ascii)
        case Curve():
            return _Curve(picture, ascii)
        case Lattice():
            return _Lattice(picture, ascii)


class _Bars(_Drawn):
    def __init__(self, bars: Bars, ascii: bool) -> None:
        super().__init__(ascii)
        self.bars = bars
        self.labels = [
            label if len(label) <= LABEL else label[: LABEL - 1] + "…" for label in bars.labels
        ]
        self.texts = amounts(bars, 4)
        self.label = max(map(len, self.labels))
        self.sign = 2 if bars.marked else 0
        self.rest = self.sign + self.label + 2 + 1 + max(map(len, self.texts))
        self.narrow, self.wide = (self.rest + length for length in BAR)

    def lines(self, width: int) -> list[Line]:
        room = width - self.rest
        return [[(self.bars.title[:width], "label")], *self._bars(room)]

    def _bars(self, room: int) -> Iterator[Line]:
        for i, (label, amount) in enumerate(zip(self.labels, self.bars.amounts, strict=True)):
            marked = i in self.bars.marked
            style = "mark" if marked else "bar"
            sign = ("▸ " if marked else "  ")[: self.sign]
            text = f"{sign}{label:<{self.label}}  "
            line: Line = [(_plain(text) if self.ascii else text, "mark" if marked else "label")]
            bar = self._bar(amount, room)
            number = f" {self.texts[i]}"
            line += [(bar, style), (_plain(number) if self.ascii else number, "note")]
            yield line

    def _bar(self, amount: float, room: int) -> str:
        if self.ascii:
            return "#" * max(round(amount * room), amount > 0)
        eighths = max(round(amount * room * 8), int(amount > 0))
        return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()

    def signs(self) -> list[str]:
        return [f"▸ {self.bars.mark}"] if self.bars.mark else []


class _Curve(_Drawn):
    def __init__(self, curve: Curve, ascii: bool) -> None:
        super().__init__(ascii)
        self.curve = curve
        self.narrow, self.wide = (2 * panel + 2 for panel in PANEL)

    def lines(self, width: int) -> list[Line]:
        """Loss and slope beside each other; the loss alone where there is no room for both."""
        c = self.curve
        spots = [(p.at, p.loss) for p in c.points]
        if width < self.narrow:
            return self._panel("loss", c.loss, spots, min(width, PANEL[1]), "curve")
        half = min((width - 2) // 2, PANEL[1])
        left = self._panel("loss", c.loss, spots, half, "curve")
        right = self._panel("slope", c.slope, [(p.at, p.slope) for p in c.points], half, "slope")
        return [
            [*a, (" " * (half + 2 - _length(a)), ""), *b] for a, b in zip(left, right, strict=True)
        ]

    def words(self) -> list[str]:
        return [f"across: {mover(self.curve)}; ● {points(self.curve)}"]

    def _panel(
        self,
        name: str,
        values: Sequence[float],
        spots: Sequence[tuple[float, float]],
        width: int,
        style: str,
    ) -> list[Line]:
        """A plot: its name, the curve with its points, an axis below, round numbers on both."""
        at = self.curve.at
        marks = rungs(*spread(values))
        low, high = marks[0], marks[-1]
        names = {_row(value, low, high): read(value) for value in marks}
        margin = max(map(len, names.values()), default=0) + 2
        columns = width - margin
        cells = (_characters if self.ascii else _braille)(at, values, low, high, columns)
        over = {self._cell(x, y, low, high, columns) for x, y in spots}
        corner, side, tick = ("+", "|", "+") if self.ascii else ("└", "│", "┤")
        head = f"{' ' * margin}{name}"[:width]
        lines: list[Line] = [[(_plain(head) if self.ascii else head, "label")]]
        for row in range(ROWS):
            left = f"{names.get(row, ''):>{margin - 2}} {tick if row in names else side}"
            line: Line = [(_plain(left) if self.ascii else left, "note")]
            for column in range(columns):
                spot = (row, column) in over
                text = ("O" if self.ascii else "●") if spot else cells[row][column]
                line = _joined(line, text, "mark" if spot else style)
            lines.append(line)
        below, numbers = self._axis(columns)
        lines.append([(" " * (margin - 1) + corner + below, "note")])
        lines.append([(" " * margin + numbers, "note")])
        return [_stripped(line) for line in lines]

    def _axis(self, columns: int) -> tuple[str, str]:
        """The axis with its ticks, and the numbers below it."""
        low, high = self.curve.at[0], self.curve.at[-1]
        line, mark = ("-", "+") if self.ascii else ("─", "┬")
        axis, below = [line] * columns, ""
        for x in ticks(low, high, max(2, columns // 7)):
            column = min(columns - 1, int((x - low) / (high - low) * columns))
            text = read(x)
            start = max(0, column - len(text) // 2)
            if start >= len(below) + 2 * bool(below) and start + len(text) <= columns:
                axis[column] = mark
                below = f"{below:<{start}}{text}"
        return "".join(axis), _plain(below) if self.ascii else below

    def _cell(self, x: float, y: float, low: float, high: float, columns: int) -> tuple[int, int]:
        """The cell of a point."""
        first, last = self.curve.at[0], self.curve.at[-1]
        column = min(columns - 1, max(0, int((x - first) / (last - first) * columns)))
        return _row(y, low, high), column


def _row(y: float, low: float, high: float) -> int:
    """The row of a value; the lowest and the highest are in the middle of theirs."""
    return min(ROWS - 1, max(0, round((high - y) / (high - low) * (ROWS - 1))))


def _joined(line: Line, text: str, style: str) -> Line:
    """The line with one more character, in one piece with its like."""
    if line and line[-1][1] == style:
        line[-1] = (line[-1][0] + text, style)
    else:
        line.append((text, style))
    return line


def _stripped(line: Line) -> Line:
    """The line without what is blank at its end."""
    while line and not line[-1][0].strip():
        line = line[:-1]
    return line


def _dots(
    at: Sequence[float], values: Sequence[float], low: float, high: float, across: int, down: int
) -> set[tuple[int, int]]:
    """The dots, (column, row), that a curve touches on a grid of so many."""
    columns = np.linspace(at[0], at[-1], across)
    inset = (down // ROWS - 1) / 2
    fall = (high - np.interp(columns, at, values)) / (high - low)
    rows = np.clip(np.rint(inset + fall * (down - 1 - 2 * inset)), 0, down - 1)
    found = set()
    for x, y in enumerate(map(int, rows)):
        before = int(rows[x - 1]) if x else y
        middle = (before + y) // 2  # of a steep piece one half belongs to the column before
        found |= {(x - 1, row) for row in _between(before, middle)} if x else set()
        found |= {(x, y), *((x, row) for row in _between(y, middle))}
    return found


def _between(start: int, stop: int) -> range:
    """From one row to another, whichever is higher, both included; nothing where they touch."""
    if abs(start - stop) <= 1:
        return range(start, start + 1)
    return range(min(start, stop), max(start, stop) + 1)


def _braille(
    at: Sequence[float], values: Sequence[float], low: float, high: float, columns: int
) -> list[str]:
    """A curve as rows of braille, two dots by four a character."""
    bits = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
    cells = [[0] * columns for _ in range(ROWS)]
    for x, y in _dots(at, values, low, high, 2 * columns, 4 * ROWS):
        cells[y // 4][x // 2] |= bits[x % 2][y % 4]
    return ["".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in cells]


def _characters(
    at: Sequence[float], values: Sequence[float], low: float, high: float, columns: int
) -> list[str]:
    """A curve as rows of asterisks."""
    dots = _dots(at, values, low, high, columns, ROWS)
    return ["".join("*" if (x, y) in dots else " " for x in range(columns)) for y in range(ROWS)]


class _Lattice(_Drawn):
    def __init__(self, lattice: Lattice, ascii: bool) -> None:
        super().__init__(ascii)
        self.lattice = lattice
        names = [label[:LABEL] for label in lattice.labels]
        skip = "^" if ascii else "↷"
        number = max(len(str(s)) for s in lattice.places)
        self.labels = [
            f"{s:>{number}} {name:<{max(map(len, names))}} {skip if i in lattice.skips else ' '} "
            for i, (s, name) in enumerate(zip(lattice.places, names, strict=True))
        ]
        self.wide = len(self.labels[0]) + (CELL + 3) * len(lattice.frames)
        self.narrow = min(self.wide, len(self.labels[0]) + (CELL + 3) * 5)

    def lines(self, width: int) -> list[Line]:
        """A line for each place, a cell for each frame: [▓▓▓▓]↘ where the best alignment is, and goes."""
        lattice = self.lattice
        fit = (width - len(self.labels[0])) // (CELL + 3)
        kept = list(range(len(lattice.frames)))
        if fit < len(kept):
            kept = [*kept[: math.ceil(fit / 2)], *kept[len(kept) - fit // 2 :]]
        apart = gaps([lattice.frames[j] for j in kept])
        head = " " * len(self.labels[0])
        more = "~" if self.ascii else "⋯"
        numbers = "".join(
            f"{more if gap else ' '}{lattice.frames[j]:^{CELL}}  "
            for gap, j in zip(apart, kept, strict=True)
        )
        title = lattice.title[: len(head) - 1]
        lines: list[Line] = [[(f"{title:<{len(head)}}", "label"), (numbers.rstrip(), "note")]]
        for i, gap in enumerate(gaps(lattice.places)):
            if gap:
                lines.append([(" " * (len(head) - 3) + more, "note")])
            lines.append(self._place(i, kept, apart))
        return lines

    def _place(self, i: int, kept: Sequence[int], apart: Sequence[bool]) -> Line:
        lattice = self.lattice
        line: Line = [(self.labels[i], "label")]
        for n, j in enumerate(kept):
            best = lattice.best[j] == i
            shade = self._shade(lattice.heat[i][j])
            left, right = "[]" if best else "  "
            onward = n + 1 < len(kept) and not apart[n + 1] and best
            way = self._way(i, lattice.best[j + 1]) if onward else " "
            line += [(left, "mark"), (shade, "bar"), (f"{right}{way}", "mark")]
        return _stripped(line)

    def _shade(self, heat: float) -> str:
        """A cell from nothing to everything: in quarters, or in ASCII in tenths."""
        if heat < FAINT:
            return f"{('.' if self.ascii else '·') if heat > 0 else '':^{CELL}}"
        if self.ascii:
            return str(min(9, int(heat * 10))) * CELL
        return SHADES[math.ceil(min(heat, 1) * 4)] * CELL

    def _way(self, place: int, onward: int | None) -> str:
        """Where the best alignment goes from a place."""
        if onward is None:
            return " "
        if self.ascii:
            return ">" if onward == place else "\\"
        return "→" if onward == place else "↘"

    def words(self) -> list[str]:
        title = self.lattice.title
        return [f"{title}: {text}" for text in (alignment(self.lattice), least(self.lattice))]

    def signs(self) -> list[str]:
        shades = "0 to 9 tenths" if self.ascii else "░ ▒ ▓ █ quarters"
        skip = "^" if self.ascii else "↷"
        found = [f"{shades} of all alignments go here", "[ ] the best one"]
        return [*found, f"{skip} may skip the blank before"] if self.lattice.skips else found
