"""Pictures drawn as vector graphics: fragments of SVG for a page of HTML.

A fragment needs nothing from the page: text is in the page's own colour, the rest in `--picture`,
`--picture-mark` and `--picture-slope` where the page sets them, else in colours that are seen on light and
on dark. It is as wide as there is room, down to 320 px, and has a title and a description.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from losscli.pictures import Bars, Curve, Lattice, Picture
from losscli.render.scale import (
    alignment,
    amounts,
    gaps,
    least,
    mover,
    points,
    printable,
    read,
    spread,
    ticks,
)

BASE = "var(--picture,#3b82c4)"
MARK = "var(--picture-mark,#c2408f)"
SLOPE = "var(--picture-slope,#2f9e5b)"
WIDE = 360  # most pictures, in units that are pixels at this width
FONT = "ui-sans-serif,system-ui,sans-serif"
LETTER = 6.6  # a letter's width at 12 px, about
LINE = 24  # from bar to bar
PLOT = 110  # the height of a plot

Parts = Iterator[str]


def svg(picture: Picture) -> str:
    """The picture as an inline <svg>."""
    match picture:
        case Bars():
            return _bars(picture)
        case Curve():
            return _curve(picture)
        case Lattice():
            return _lattice(picture)


# ---- bars


def _bars(bars: Bars) -> str:
    texts = amounts(bars, 4)
    labels = [label if len(label) <= 18 else f"{label[:17]}…" for label in bars.labels]
    left = 12 + LETTER * max(map(len, labels)) + 8
    room = WIDE - left - 6 - LETTER * max(map(len, texts))
    parts = [_words(0, 14, bars.title, weight=600)]
    for i, (label, amount, text) in enumerate(zip(labels, bars.amounts, texts, strict=True)):
        y = 24 + i * LINE
        marked = i in bars.marked
        colour, weight = (MARK, 600) if marked else (BASE, 400)
        parts.append(_words(left - 8, y + 13, label, anchor="end", weight=weight))
        if marked:
            parts.append(f'<path d="M0 {y + 4}l8 5l-8 5z" fill="{MARK}"/>')
        length = max(amount * room, 1.0 if amount > 0 else 0.0)
        parts.append(_rect(left, y, length, 18, f'rx="2" fill="{colour}"'))
        parts.append(_words(left + length + 6, y + 13, text, faint=True))
    high = 24 + len(labels) * LINE
    told = [
        f"{label} {text}{f' ({bars.mark})' if i in bars.marked else ''}"
        for i, (label, text) in enumerate(zip(bars.labels, texts, strict=True))
    ]
    if bars.mark:
        high += 14
        parts.append(f'<path d="M0 {high - 12}l8 5l-8 5z" fill="{MARK}"/>')
        parts.append(_words(12, high - 3, bars.mark, faint=True, size=11))
    return _whole(WIDE, high, bars.title, "; ".join(told), parts)


# ---- curves


def _curve(curve: Curve) -> str:
    """The loss above, its slope below, over the same axis; at each point the tangent."""
    slopes = [(p.at, p.slope) for p in curve.points]
    losses = [(p.at, p.loss) for p in curve.points]
    above = _Plot(curve.at, curve.loss, 22)
    below = _Plot(curve.at, curve.slope, 22 + PLOT + 36)
    parts = [*above.ground("loss"), *below.ground("slope")]
    for p in curve.points:
        x = above.x(p.at)
        line = f"M{x:.1f} {above.y(p.loss):.1f}V{below.y(p.slope):.1f}"
        parts.append(f'<path d="{line}" stroke="{MARK}" stroke-dasharray="2 4" opacity=".6"/>')
    parts += [above.line(curve.loss, BASE), below.line(curve.slope, SLOPE)]
    parts += [above.tangent(p.at, p.loss, p.slope) for p in curve.points]
    parts += [above.spot(*spot) for spot in losses] + [below.spot(*spot) for spot in slopes]
    base = below.top + PLOT
    parts += below.axis()
    parts.append(_words(WIDE, base + 34, mover(curve), anchor="end", faint=True))
    told = points(curve)
    lines = list(_wrapped(told, 52))
    for i, text in enumerate(lines):
        y = base + 54 + 16 * i
        if not i:
            parts.append(f'<circle cx="4" cy="{y - 4}" r="4" fill="{MARK}"/>')
        parts.append(_words(14, y, text, faint=True))
    title = f"loss and slope across {mover(curve)}"
    about = "; ".join(
        f"{p.name}: loss {read(p.loss, 4)}, slope {read(p.slope, 4)} at {read(p.at, 4)}"
        for p in curve.points
    )
    return _whole(WIDE, base + 44 + 16 * len(lines), title, about, parts)


class _Plot:
    """A curve's place on the paper."""

    left = 48.0

    def __init__(self, at: Sequence[float], values: Sequence[float], top: float) -> None:
        self.at, self.top = at, top
        self.low, self.high = spread(values)

    def x(self, at: float) -> float:
        """Where a number lies."""
        low, high = self.at[0], self.at[-1]
        return self.left + (at - low) / (high - low) * (WIDE - self.left - 6)

    def y(self, value: float) -> float:
        """How high a value lies."""
        return self.top + (self.high - value) / (self.high - self.low) * PLOT

    def ground(self, name: str) -> Parts:
        """What lies below the curve: its name, and a line for each round number."""
        yield _words(self.left, self.top - 9, name, weight=600)
        for value in ticks(self.low, self.high, 4):
            y = self.y(value)
            yield _stroke(f"M{self.left:g} {y:.1f}H{WIDE}", ".35" if value == 0 else ".12")
            yield _words(self.left - 6, y + 4, read(value), anchor="end", faint=True)

    def axis(self) -> Parts:
        """The axis below, with round numbers."""
        base = self.top + PLOT
        yield _stroke(f"M{self.left:g} {base:g}H{WIDE}", ".5")
        for value in ticks(self.at[0], self.at[-1], 6):
            x = self.x(value)
            yield _stroke(f"M{x:.1f} {base:g}v5", ".5")
            anchor = "middle" if x < WIDE - 8 else "end"
            yield _words(x, base + 18, read(value), anchor=anchor, faint=True)

    def line(self, values: Sequence[float], colour: str) -> str:
        """The curve."""
        places = zip(self.at, values, strict=True)
        path = "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in places)
        return f'<path d="M{path}" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'

    def tangent(self, at: float, value: float, slope: float) -> str:
        """A piece of the tangent at a point, of some length on the paper."""
        across = (WIDE - self.left - 6) / (self.at[-1] - self.at[0])
        fall = -slope * PLOT / (self.high - self.low) / across
        x, y = self.x(at), self.y(value)
        ends = []
        for side in (-1, 1):
            dx = side * 30 / (1 + fall * fall) ** 0.5
            dx = min(max(dx, self.left - x), WIDE - x)
            dy = min(max(fall * dx, self.top - y), self.top + PLOT - y)  # within the plot
            dx = dy / fall if fall else dx
            ends.append(f"{x + dx:.1f} {y + dy:.1f}")
        path = f"M{ends[0]}L{ends[1]}"
        return f'<path d="{path}" stroke="{MARK}" stroke-width="1.5"/>'

    def spot(self, at: float, value: float) -> str:
        """A point on the curve."""
        x, y = self.x(at), self.y(value)
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{MARK}"/>'


# ---- lattices


def _lattice(lattice: Lattice) -> str:
    """Frames across, places down; the best alignment outlined, the ways that are open as thin lines."""
    names = [label if len(label) <= 10 else f"{label[:9]}…" for label in lattice.labels]
    left = LETTER * max(map(len, names)) + 30
    across, down = gaps(lattice.frames), gaps(lattice.places)
    pitch = max(22.0, min(76.0, (WIDE - left) / len(across)))
    roomy = pitch >= 52
    cell, high, line, gap = (40.0 if roomy else pitch - 4), 24.0, 32.0, 20.0
    wide = max(WIDE, left + len(across) * pitch + sum(across) * gap)
    top = 44.0
    xs = [
        left + (j + 0.5) * pitch - cell / 2 + sum(across[: j + 1]) * gap for j in range(len(across))
    ]
    ys = [top + i * line + sum(down[: i + 1]) * gap for i in range(len(names))]
    parts = [_words(0, 14, lattice.title, weight=600)]
    every = 1 if pitch >= 8 + LETTER * len(str(lattice.frames[-1])) else 2
    for j, frame in enumerate(lattice.frames):
        if across[j]:
            parts.append(_words(xs[j] - (pitch - cell + gap) / 2, top - 8, "⋯", anchor="middle"))
        if j % every == 0:
            text = str(frame)
            parts.append(_words(xs[j] + cell / 2, top - 8, text, anchor="middle", faint=True))
    parts.append(_words(left - 8, top - 8, "frame", anchor="end", faint=True))
    for i, name in enumerate(names):
        parts.append(_words(left - 8, ys[i] + 16, name, anchor="end"))
        if down[i]:
            parts.append(_words(left - 14, ys[i] - 10, "⋮", anchor="end"))
        if i in lattice.skips and not roomy and True not in down[i - 1 : i + 1]:
            path = f"M{left - 5:.1f} {ys[i] + 12 - 2 * line:.1f}q9 {line:g} 0 {2 * line:g}"
            parts.append(_stroke(path, ".7"))
    if roomy:
        parts += _open_ways(lattice, [x + cell / 2 for x in xs], [y + high / 2 for y in ys], cell)
    for i, row in enumerate(lattice.heat):
        for j, heat in enumerate(row):
            look = f'rx="3" fill="{BASE}" fill-opacity="{0.85 * heat:.3f}" '
            parts.append(
                _rect(xs[j], ys[i], cell, high, look + 'stroke="currentColor" stroke-opacity=".2"')
            )
            if heat >= 0.005 and roomy:
                text = f"{heat:.0%}".replace("%", " %")
                parts.append(_words(xs[j] + cell / 2, ys[i] + 16, text, anchor="middle", size=11))
    for j, place in enumerate(lattice.best):
        if place is not None:
            look = f'rx="3" fill="none" stroke="{MARK}" stroke-width="2.5"'
            parts.append(_rect(xs[j], ys[place], cell, high, look))
    for j, (here, there) in enumerate(pairwise(lattice.best)):
        if here is not None and there is not None and not across[j + 1]:
            start = (xs[j] + cell, ys[here] + high / 2)
            parts.append(_arrow(*start, xs[j + 1], ys[there] + high / 2, roomy=roomy))
    base = ys[-1] + line + 10
    sentences = [alignment(lattice), least(lattice)]
    if lattice.skips and not roomy:
        sentences.append("arcs: the blank between may be skipped")
    lines = [text for one in sentences for text in _wrapped(one, int(wide / 6.6))]
    look = f'rx="2" fill="none" stroke="{MARK}" stroke-width="2"'
    parts.append(_rect(1, base - 9, 11, 9, look))
    parts += [_words(18, base + 16 * n, text, faint=True) for n, text in enumerate(lines)]
    title = f"{lattice.title}: alignments of the target to the frames"
    return _whole(wide, base + 16 * len(lines) - 8, title, "; ".join(sentences), parts)


def _open_ways(lattice: Lattice, xs: Sequence[float], ys: Sequence[float], cell: float) -> Parts:
    """Thin lines from frame to frame: stay, step, and skip where that is allowed."""
    heat, across, down = lattice.heat, gaps(lattice.frames), gaps(lattice.places)
    for j in range(len(xs) - 1):
        for i in range(len(ys)):
            for far in (0, 1, 2) if i + 2 in lattice.skips else (0, 1):
                broken = across[j + 1] or any(down[i + 1 : i + far + 1])
                if i + far < len(ys) and not broken and heat[i][j] > 0 and heat[i + far][j + 1] > 0:
                    start, stop = xs[j] + cell / 2, xs[j + 1] - cell / 2
                    yield _stroke(f"M{start:.1f} {ys[i]:.1f}L{stop:.1f} {ys[i + far]:.1f}", ".3")


def _arrow(x0: float, y0: float, x1: float, y1: float, *, roomy: bool) -> str:
    """Where the best alignment goes next."""
    line = f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"
    path = f'<path d="{line}" stroke="{MARK}" stroke-width="2"/>'
    if not roomy:
        return path
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    left = f"{x1 - 7 * dx - 4 * dy:.1f} {y1 - 7 * dy + 4 * dx:.1f}"
    right = f"{x1 - 7 * dx + 4 * dy:.1f} {y1 - 7 * dy - 4 * dx:.1f}"
    return f'{path}<path d="M{x1:.1f} {y1:.1f}L{left}L{right}z" fill="{MARK}"/>'


# ---- the parts of every picture


def _whole(wide: float, high: float, title: str, about: str, parts: Sequence[str]) -> str:
    """The picture around its parts."""
    return (
        f'<svg class="picture" viewBox="-2 -2 {wide + 4:g} {high + 4:g}" '
        f'role="img" aria-label={quoteattr(printable(title))} fill="none" '
        f'style="width:100%;max-width:{(wide + 4) / 16:.4g}rem;height:auto">'
        f"<title>{escape(printable(title))}</title><desc>{escape(printable(about))}</desc>"
        f'<g font-family="{FONT}" font-size="12">{"".join(parts)}</g></svg>'
    )


def _words(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "",
    weight: int = 400,
    size: int = 12,
    faint: bool = False,
) -> str:
    """Text in the colour of the page."""
    look = ' fill="currentColor"'
    look += f' text-anchor="{anchor}"' if anchor else ""
    look += f' font-weight="{weight}"' if weight != 400 else ""
    look += f' font-size="{size}"' if size != 12 else ""
    look += ' fill-opacity=".75"' if faint else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{look}>{escape(printable(text))}</text>'


def _rect(x: float, y: float, wide: float, high: float, look: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:g}" {look}/>'


def _stroke(path: str, opacity: str) -> str:
    """A line in the colour of the page."""
    return f'<path d="{path}" stroke="currentColor" stroke-opacity="{opacity}"/>'


def _wrapped(text: str, width: int) -> list[str]:
    """Text in lines of about so many letters."""
    return textwrap.wrap(text, max(width, 20), break_long_words=False)
