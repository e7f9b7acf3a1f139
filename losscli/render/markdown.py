"""The explanation as Markdown, with mathematics between dollar signs, as GitHub and Jupyter show it.

Both read Markdown, but GitHub reads the mathematics as Markdown too before it sets it; `MarkdownTex` and the
one line that every formula stands on are for its sake. There is no HTML.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from losscli.render.lines import Entry, Number, aside
from losscli.render.numbers import text_of
from losscli.render.sheet import Part, Sheet, Table, sheet
from losscli.render.tex import RELATIONS, MarkdownTex, number
from losscli.render.typeset import name

if TYPE_CHECKING:
    from losscli.explanation import Explanation

_BAR = r"\|"
_BREAKS = ("Cc", "Cs", "Zl", "Zp")  # kinds of sign that would end a line, or are none
_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # would turn what follows around
WIDE = 520.0  # a formula wider than so many points goes on below


def render(explanation: Explanation, digits: int = 4) -> str:
    """The page."""
    return "\n\n".join(_Page(sheet(explanation, digits)).blocks()) + "\n"


def escaped(text: str, cell: bool = False) -> str:
    """Words as Markdown takes them, whatever signs are in them, in the `cell` of a table or not.

    Words with a dollar sign are code: not everybody heeds a backslash before one.
    """
    text = "".join(
        " " if sign in _TURNS or unicodedata.category(sign) in _BREAKS else sign for sign in text
    ).strip()
    if "$" in text:
        fence = "`" * (1 + max(map(len, re.findall("`*", text))))
        pad = " " if "`" in (text[0], text[-1]) else ""
        return f"{fence}{pad}{text.replace('|', _BAR) if cell else text}{pad}{fence}"
    text = re.sub(r"[\\`*\[\]<>|~&#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\\g<0>", text)
    text = re.sub(r":(?=[\w+-]+:)", r"\\:", text)  # or it is the name of a little picture
    text = re.sub(r"^[-+=]", r"\\\g<0>", text)
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", text)


class _Page:
    def __init__(self, shown: Sheet) -> None:
        self.sheet = shown
        self.tex = MarkdownTex()

    def blocks(self) -> Iterator[str]:
        """Paragraphs, headings, formulas and tables."""
        yield f"# {escaped(self.sheet.loss)}"
        yield " · ".join(map(escaped, self.sheet.facts))
        yield from map(escaped, self.sheet.remarks)
        for warning in self.sheet.warnings:
            yield f"> **Warning:** {escaped(warning)}"
        section = ""
        for part in self.sheet.parts:
            if part.part != section:
                section = part.part
                yield f"## {escaped(section.capitalize())}"
            yield from self._part(part)
        yield from self._result()

    def _part(self, part: Part) -> Iterator[str]:
        # a step of no other name is called after what it works out
        yield f"### {part.number}. {escaped(part.note or name(part.formula.name))}"
        yield f"$$\n{self.tex.equation(part.indexed, WIDE)}\n$$"
        if part.entries:
            yield self._entries(part)
        for table in part.tables:
            yield self._table(table)
        if part.remarks:
            yield "\n".join(f"- {escaped(remark)}" for remark in part.remarks)

    def _entries(self, part: Part) -> str:
        """The lines of a step, as a table without the columns that it does not need."""
        last = "" if any(entry.terms for entry in part.entries) else "share"
        head = ["", "with the numbers", "", f"${self.tex.name(part.formula.name)}$", last]
        rows = [self._entry(entry) for entry in part.entries]
        keep = [j for j in range(5) if any(row[j] for row in rows)]
        return _table(
            [head[j] for j in keep],
            "".join("llcrr"[j] for j in keep),
            [[row[j] for j in keep] for row in rows],
        )

    def _entry(self, entry: Entry) -> list[str]:
        since = f"${self.tex.conditions(entry.conditions)}$" if entry.conditions else ""
        text = ""
        if entry.arithmetic is not None:
            text = f"${self.tex.line(entry.arithmetic)}$"
            text = f"{since}: {text}" if since else text
        elif since:
            text = f"since {since}"
        sign = f"${RELATIONS[entry.relation]}$"
        return [_label(entry.label), text, sign, f"${number(entry.result)}$", aside(entry)]

    def _table(self, table: Table) -> str:
        """A table of numbers, with dots where indices are left out."""
        head, form = [escaped(table.caption, cell=True)], "l"
        body = [[_label(label)] for label in table.labels]
        for j, title in enumerate(table.names):
            if j and table.columns[j] != table.columns[j - 1] + 1:
                head.append("⋯")
                form += "c"
                for line in body:
                    line.append("")
            head.append(escaped(title, cell=True))
            form += "r"
            for line, row in zip(body, table.body, strict=True):
                line.append(_cell(row[j]))
        return _table(head, form, body)

    def _result(self) -> Iterator[str]:
        value = self.sheet.value
        yield "## Result"
        if value is None:
            yield f"$L$ is not reduced: {self.sheet.size} in all"
            return
        full = self.sheet.full
        sign = RELATIONS[self.sheet.relation]
        more = "" if full is None else f" ({_cell(full)})"
        yield f"$L {sign} {number(value)}${more}"
        if self.sheet.references:
            listed = [[_cell(v), escaped(words, cell=True)] for v, words in self.sheet.references]
            yield _table(["loss", "for comparison"], "rl", listed)


def _table(head: Sequence[str], form: str, body: Sequence[Sequence[str]]) -> str:
    rules = [{"l": ":--", "c": ":-:", "r": "--:"}[letter] for letter in form]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rules, *body))


def _label(text: str) -> str:
    """The name of a line; what stands apart in it is set apart by a comma."""
    return escaped(re.sub(" {2,}", ", ", text), cell=True)


def _cell(value: Number | None) -> str:
    """A number in a table; mathematics only where it has a power of ten."""
    text = "" if value is None else text_of(value)
    return f"${number(value)}$" if "e" in text else text
