r"""Reads LaTeX mathematics back as the plain text that `test_read_back.check` works out.

`\frac{1}{7}` becomes `((1) / (7))`, `e^{4 - 4.066}` becomes `e^(4 - 4.066)`. What it does not know is an
error, so that a page cannot say more than is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SIGNS = {
    r"\cdot": " · ",
    r"\times": "×",
    r"\bmod": " mod ",
    r"\le": " ≤ ",
    r"\ge": " ≥ ",
    r"\ne": " ≠ ",
    r"\lt": " < ",
    r"\gt": " > ",
    r"\infty": "∞",
    r"\cdots": "⋯",
    r"\ln": "ln",
    r"\max": "max",
    r"\min": "min",
    r"\lvert": "|",
    r"\rvert": "|",
    r"\left": "",
    r"\right": "",
    r"\biggl": "",
    r"\biggr": "",
    r"\allowbreak": "",
}
SPACED = {"+": " + ", "-": " - ", "=": " = ", "<": " < ", ">": " > ", "/": " / "}
WITH = "with the numbers"
TOKEN = re.compile(r"\s+|\\[A-Za-z]+|\d+(?:\.\d+)?|.")


class Reader:
    """One piece of mathematics."""

    def __init__(self, text: str) -> None:
        self.tokens = [t for t in TOKEN.findall(text) if not t.isspace()]

    def all(self) -> str:
        """The whole of it as plain text."""
        return self.upto(None)

    def upto(self, end: str | None) -> str:
        found = ""
        while self.tokens and self.tokens[0] != end:
            found += self.one()
        if end is not None:
            assert self.tokens.pop(0) == end
        return re.sub(r"(\d)×10\^\((-?) ?(-?)(\d+)\)", r"\1e\2\3\4", found)

    def group(self) -> str:
        assert self.tokens.pop(0) == "{"
        return self.upto("}").strip()

    def one(self) -> str:
        token = self.tokens.pop(0)
        match token:
            case r"\frac" | r"\dfrac":
                above, below = self.group(), self.group()
                return f"(({above}) / ({below}))"
            case r"\sqrt":
                return f"√({self.group()})"
            case r"\text":
                words = self.group()
                assert words in ("and", "nan")
                return f" {words} " if words == "and" else words
            case r"\mathrm":
                return self.group()
            case "{":
                return self.upto("}")
            case "^":
                power = self.group()
                return f"^({power.replace('- ', '-') if power.startswith('-') else power})"
            case "_":
                return f"[{self.group()}]"
        if token in SIGNS:
            return SIGNS[token]
        if token in SPACED:
            return SPACED[token]
        assert re.fullmatch(r"[\d.]+|[e(),]|[a-z]", token), f"{token} is not known"
        return ", " if token == "," else token


def plain(text: str) -> str:
    """LaTeX mathematics as plain text."""
    return re.sub(" {2,}", " ", Reader(text).all()).strip()


def arguments(text: str, command: str, count: int) -> Iterator[list[str]]:
    """What stands in braces behind each `command` in a document."""
    for found in re.finditer(re.escape(command) + r"(?=\{)", text):
        at, given = found.end(), []
        for _ in range(count):
            assert text[at] == "{"
            depth, start = 0, at + 1
            while True:
                step = 2 if text[at] == "\\" else 1
                depth += {"{": 1, "}": -1}.get(text[at], 0)
                at += step
                if depth == 0:
                    break
            given.append(text[start : at - 1])
        yield given


def of_latex(document: str) -> Iterator[tuple[str, str, str]]:
    """Every arithmetic, sign and result of a LaTeX document, as plain text."""
    body = document.partition(r"\begin{document}")[2]
    for _, numbers, sign, head, tail, _ in arguments(body, r"\worked", 6):
        since = next(arguments(numbers, r"\since", 1), [""])[0]
        rest = numbers.removeprefix(rf"\since{{{since}}}") if since else numbers
        yield _line(rest, since), _sign(sign), plain(head + tail)


def of_markdown(page: str) -> Iterator[tuple[str, str, str]]:
    """Every arithmetic, sign and result of a Markdown page, as plain text."""
    columns: list[str] | None = None  # of the table that is being read
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            columns = None
        elif columns is None:
            columns = cells
        elif any(name.startswith("$") for name in columns) and not set(line) <= set("|:- "):
            # the name of a step stands above its results
            numbers = cells[columns.index(WITH)] if WITH in columns else ""
            sign = next(i for i, cell in enumerate(cells) if cell in ("$=$", r"$\approx$"))
            since, colon, rest = numbers.partition(": ")
            since, rest = (since.strip("$"), rest) if colon else ("", numbers)
            yield (
                _line(rest, since),
                _sign(cells[sign].strip("$")),
                plain(cells[sign + 1].strip("$")),
            )


def _line(text: str, since: str) -> str:
    text = text.strip().replace(r"\displaystyle ", "")
    if text.startswith("since "):
        return f"since {plain(text.removeprefix('since ').strip('$'))}"
    arithmetic = plain(text.strip("$"))
    return f"{plain(since)}: {arithmetic}" if since else arithmetic


def _sign(text: str) -> str:
    return {"=": "=", r"\approx": "≈"}[text]
