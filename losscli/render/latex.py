r"""The explanation as a LaTeX document of its own, for pdflatex and lualatex, on A4.

Nothing is needed that a small TeX has not: amsmath, array, color, geometry. The page is the one that
text has, name, formula, numbers and result each in its own column, and arithmetic that is too long for
its column goes on below.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from losscli.render.lines import Entry, aside
from losscli.render.page import fitting, left_out
from losscli.render.sheet import Part, Sheet, Table, sheet
from losscli.render.tex import RELATIONS, Tex, measure, number

if TYPE_CHECKING:
    from losscli.explanation import Explanation

PAGE = 483.0  # the width of the text, in points: A4 with margins of 20 mm
INDENT = 20.0  # of everything but a step's number
NAMES = (84.0, 132.0)  # the width of the column of names, at least and at most
GAP = 12.0
SIGN = 20.0  # for = or ≈
TITLE = 76.0  # the width of the name of a column, at most
DOTS = 16.0  # for dots between columns
ROWS = 32  # a table of more lines is cut into several

PREAMBLE = (
    r"""\documentclass[10pt,a4paper]{article}
\usepackage[hmargin=20mm,vmargin=24mm]{geometry}
\usepackage{amsmath,array,color}
\ifdefined\directlua\else % lualatex has such fonts by itself
  \usepackage[utf8]{inputenc}
  \IfFileExists{lmodern.sty}{\usepackage[T1]{fontenc}\usepackage{lmodern}}{}
\fi
\definecolor{quiet}{gray}{0.4}
\definecolor{ink}{rgb}{0.05,0.25,0.5}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0pt}
\setlength{\tabcolsep}{5pt}
\raggedbottom
\lineskiplimit=-0.5pt
\lineskip=5pt
\newlength{\names}   % the width of the column of names
\newlength{\numbers} % of the column of numbers that are put in, with their results
\newlength{\results} % of the results in it
\newlength{\heads}   % of what stands before the point in the results of a step
\newcommand{\quiet}[1]{{\small\color{quiet}#1}}
\newcommand{\titled}[1]{\parbox[b]{76pt}{\centering #1\strut}}
% A letter that not every font has: it, or its number in Unicode.
\newcommand{\letter}[2]{\ifdefined\directlua
  \iffontchar\font"#2 #1\else\unknown{#2}\fi
  \else\ifcsname u8:\detokenize{#1}\endcsname #1\else\unknown{#2}\fi\fi}
\newcommand{\unknown}[1]{{\small U+#1}\allowbreak{}}
% \heading{title}
\newif\ifheaded
\newcommand{\heading}[1]{\filbreak\headedtrue\addvspace{20pt}{\large\bfseries #1}\quad
  {\color{quiet}\leaders\hrule height 3pt depth -2.6pt\hfill}\par\nopagebreak\vspace{2pt}}
% \step{number}{what it is}{formula}
\newcommand{\step}[3]{\ifheaded\headedfalse\else\filbreak\fi\addvspace{14pt}%
  \makebox[INDENTpt][l]{\color{quiet}#1}%
  \parbox[t]{\names}{\raggedright\bfseries #2\strut}\hspace{GAPpt}%
  \setbox0\hbox{$\displaystyle #3$}%
  \parbox[t]{\numbers}{\raggedright\ifdim\wd0>\numbers\small\fi
    \leavevmode\color{ink}$\displaystyle #3$\strut}\par\nopagebreak\vspace{4pt}}
% \worked{name}{numbers put in}{= or \approx}{result up to the point}{from the point on}{share}
% the result stands at the right, on a line of its own where it must
\newcommand{\worked}[6]{\par\hspace*{INDENTpt}%
  \parbox[t]{\names}{\raggedright\small #1\strut}\hspace{GAPpt}%
  \parbox[t]{\numbers}{\rightskip=0pt plus 1fil \parfillskip=0pt
    \leavevmode\hbox{}#2\nobreak\hfill\penalty50\hbox{}\nobreak\hfill\hbox to \results{%
    \makebox[SIGNpt][c]{$#3$}\makebox[\heads][r]{$#4$}$#5$\hfil\quiet{#6}}\strut}\par\vspace{1pt}}
\newcommand{\since}[1]{{\color{quiet}$#1$:} }
\newcommand{\remark}[1]{\par\nopagebreak\hspace*{INDENTpt}\hspace*{\names}\hspace{GAPpt}%
  \parbox[t]{\numbers}{\raggedright\quiet{#1}\strut}\par}
\newcommand{\numberstable}[1]{\par\vspace{3pt}\hspace*{INDENTpt}{\small #1}\par}
\newcolumntype{N}{>{$}r<{$}@{}>{$}l<{$}} % numbers with their points below one another
\newcommand{\across}[1]{\multicolumn{2}{c}{\color{quiet}#1}}
""".replace("INDENT", f"{INDENT:g}")
    .replace("GAP", f"{GAP:g}")
    .replace("SIGN", f"{SIGN:g}")
)

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_\allowbreak{}",
    "/": r"/\allowbreak{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$\vert$",
    '"': r"\symbol{34}",
    "`": r"\textasciigrave{}",
    "'": r"'{}",
    "-": r"-{}",
    ",": r",{}",
    "?": r"?{}",
    "!": r"!{}",
    "−": "$-$",
    "∞": r"$\infty$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
    "⋯": r"$\cdots$",
}


def render(explanation: Explanation, digits: int = 4) -> str:
    """The document."""
    return "\n".join(_Document(sheet(explanation, digits)).lines()) + "\n"


def escaped(text: str, longest: int = 20) -> str:
    """Words as LaTeX takes them, whatever signs and letters are in them."""
    found = []
    for word in re.split(r"([ /_-])", unicodedata.normalize("NFC", text)):
        # a word that is longer, and so wider than a column, may be broken anywhere
        step = longest // 2 if len(word) > longest else len(word) + 1
        pieces = [word[i : i + step] for i in range(0, len(word), step)]
        found.append(r"\allowbreak{}".join("".join(map(_escaped, p)) for p in pieces))
    return "".join(found).replace("  ", r"\quad ")


def _escaped(sign: str) -> str:
    if sign in _SPECIAL:
        return _SPECIAL[sign]
    if unicodedata.category(sign)[0] == "C" or sign in "\u2028\u2029":
        return rf"\unknown{{{ord(sign):04X}}}" if sign != "\t" else " "
    if ord(sign) < 0x7F or (0xC0 <= ord(sign) <= 0xFF and sign not in "÷ÐÞðþ"):
        return sign
    return rf"\letter{{{sign}}}{{{ord(sign):04X}}}"


def prose(text: str) -> str:
    """A sentence of ours, in which 1e−6 is a number."""
    pieces = re.split(r"((?<![\w.])−?[\d.]+e−?\d+(?!\w))", text)
    return "".join(f"${number(p)}$" if i % 2 else escaped(p) for i, p in enumerate(pieces))


class _Document:
    def __init__(self, shown: Sheet) -> None:
        self.sheet = shown
        entries = [entry for part in shown.parts for entry in part.entries]
        widest = max([_wide(entry.label) for entry in entries], default=0.0)
        low, high = NAMES
        self.names = min(high, max([low, widest, *(1.1 * _wide(p.note) for p in shown.parts)]))
        self.numbers = PAGE - INDENT - self.names - GAP
        results = max(
            (_spread([number(e.result) for e in part.entries]) for part in shown.parts), default=0.0
        )
        beside = max((_wide(aside(entry)) for entry in entries), default=0.0)
        self.results = SIGN + results + 8 + (beside + 4 if beside else 0)
        self.tex = Tex(wide=max(150.0, self.numbers - self.results - 10))

    def lines(self) -> Iterator[str]:
        yield PREAMBLE + rf"\setlength{{\names}}{{{self.names:.0f}pt}}"
        yield rf"\setlength{{\numbers}}{{{self.numbers:.0f}pt}}"
        yield rf"\setlength{{\results}}{{{self.results:.0f}pt}}"
        yield r"\begin{document}"
        yield r"\thispagestyle{empty}"
        yield from self._top()
        section = "value"
        for part in self.sheet.parts:
            if part.part != section:
                section = part.part
                yield rf"\heading{{{escaped(section)}}}"
            yield from self._part(part)
        yield from self._result()
        yield r"\end{document}"

    def _top(self) -> Iterator[str]:
        yield rf"{{\LARGE\bfseries {escaped(self.sheet.loss)}}}\par\vspace{{6pt}}"
        facts = "\\quad\n".join(_together(fact) for fact in self.sheet.facts)
        yield rf"{{\raggedright\small\color{{quiet}}{facts}\par}}"
        for remark in self.sheet.remarks:
            yield rf"{{\raggedright\small\color{{quiet}}{prose(remark)}\par}}"
        for warning in self.sheet.warnings:
            yield rf"{{\raggedright\textbf{{Warning:}} {prose(warning)}\par}}"
        yield r"\vspace{4pt}"

    # ---- steps

    def _part(self, part: Part) -> Iterator[str]:
        formula = self.tex.equation(part.indexed, self.numbers)
        yield ""
        yield rf"\step{{{part.number}}}{{{prose(part.note)}}}{{{formula}}}"
        split = [_split(number(entry.result)) for entry in part.entries]
        if split:
            widest = max((head for head, _ in split), key=measure)
            yield rf"\settowidth{{\heads}}{{${widest}$}}"
        for entry, (head, tail) in zip(part.entries, split, strict=True):
            yield self._worked(entry, head, tail)
        for table in part.tables:
            for lines in _chunks(len(table.body)):
                yield from self._table(table, lines)
        for remark in part.remarks:
            yield rf"\remark{{{prose(remark)}}}"

    def _worked(self, entry: Entry, head: str, tail: str) -> str:
        since = self.tex.conditions(entry.conditions)
        text = ""
        if entry.arithmetic is not None:
            text = rf"$\displaystyle {self.tex.line(entry.arithmetic)}$"
            text = rf"\since{{{since}}}{text}" if since else text
        elif since:
            text = rf"since ${since}$"
        sign = RELATIONS[entry.relation]
        pieces = [escaped(entry.label), text, sign, head, tail, escaped(aside(entry))]
        return r"\worked" + "".join(f"{{{piece}}}" for piece in pieces)

    def _table(self, table: Table, lines: range) -> Iterator[str]:
        """A table of numbers, in as many columns as fit, with dots where indices are left out."""
        body = [["" if v is None else number(v) for v in table.body[i]] for i in lines]
        widths = [_column([row[j] for row in body], name) for j, name in enumerate(table.names)]
        room = PAGE - INDENT - self.names - GAP
        keep = fitting(widths, room, table.wanted)
        if dots := len(left_out(table.columns, keep)):
            keep = fitting(widths, room - DOTS * dots, table.wanted)
        gaps = left_out(table.columns, keep)
        form, head = "", escaped(table.caption)
        for j in keep:
            form += "@{ }c@{ }N" if j in gaps else "N"
            head += r" & $\cdots$" if j in gaps else ""
            head += rf" & \across{{{_title(table.names[j])}}}"
        first = rf"@{{}}>{{\raggedright\arraybackslash}}p{{{self.names + GAP - 10:.0f}pt}}"
        yield rf"\numberstable{{\begin{{tabular}}{{{first}{form}@{{}}}}"
        yield rf"{head} \\"
        for i, row in zip(lines, body, strict=True):
            line = escaped(table.labels[i])
            for j in keep:
                line += (" & & " if j in gaps else " & ") + " & ".join(_split(row[j]))
            yield rf"{line} \\"
        yield r"\end{tabular}}"

    def _result(self) -> Iterator[str]:
        value = self.sheet.value
        yield r"\par\addvspace{22pt}{\color{quiet}\hrule}\vspace{8pt}"
        if value is None:
            yield rf"{{\large $L$}}\quad not reduced, {self.sheet.size} in all\par"
            return
        full = self.sheet.full
        sign = RELATIONS[self.sheet.relation]
        more = "" if full is None else rf"\quad\quiet{{${number(full)}$}}"
        yield rf"{{\Large $L {sign} {number(value)}$}}{more}\par"
        if self.sheet.references:
            yield r"\vspace{6pt}{\small\raggedright for comparison:\quad"
            listed = [rf"{{${number(v)}$ {prose(name)}}}" for v, name in self.sheet.references]
            yield "\\quad\n".join(listed) + r"\par}"


def _spread(texts: Sequence[str]) -> float:
    """How wide numbers are with their points below one another."""
    split = [_split(text) for text in texts]
    heads = max((measure(head) for head, _ in split), default=0.0)
    tails = max((measure(tail) for _, tail in split), default=0.0)
    return heads + tails


def _column(texts: Sequence[str], name: str) -> float:
    """How wide a column of numbers is."""
    return max(_spread(texts), min(_wide(name), TITLE)) + 10


def _title(name: str) -> str:
    """The name of a column; a long one in several lines."""
    return escaped(name) if _wide(name) <= TITLE else rf"\titled{{{escaped(name, 13)}}}"


def _split(text: str) -> tuple[str, str]:
    r"""A number up to its point, and the rest of it."""
    head, point, tail = text.partition(".")
    if point:
        return head, point + tail
    head, times, tail = text.partition(r" \times")
    return head, rf"{{}}\times{tail}" if times else ""


def _together(fact: str) -> str:
    """A fact that no line ends in, unless it is long."""
    return rf"\mbox{{{prose(fact)}}}" if len(fact) < 60 else rf"{{{prose(fact)}}}"


def _wide(text: str) -> float:
    """About how wide words are, in points."""
    return sum(10.0 if ord(sign) > 0x2E80 else 5.2 for sign in text)


def _chunks(count: int) -> list[range]:
    return [range(i, min(i + ROWS, count)) for i in range(0, count, ROWS)]
