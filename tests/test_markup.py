"""LaTeX and Markdown: that they are read without complaint, say what is true, and bear any name.

KaTeX reads all the mathematics, and pdflatex and lualatex compile whole documents, where they are
installed; LOSSCLI_REQUIRE_KATEX=1 and LOSSCLI_REQUIRE_TEX=1 make a missing one a failure.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from strategies import cases
from test_read_back import check, printed
from tex_reader import arguments, of_latex, of_markdown, plain

import losscli
from losscli.cli import run
from losscli.explanation import Explanation
from losscli.files.case import read_case
from losscli.losses import NAMES
from losscli.references import Reference

ROOT = Path(__file__).parent.parent
HOSTILE = (
    r"100% & more_of #1 $x$ {a} ~b ^c \d <e> |f| `g` *h* [i](j) !k ?l 'm' \"n\"",
    "_under_ **bold** <b>tag</b> &amp; :smile: --- $ $$",
    "猫 кот γάτα café naïve Łódź 😀 e\u0301 \u202e ½ ∞ −1 ÷ ¿ ¬ ﬁ",
    "\n tab\there \x00 \x7f \u2028 \\\\ \\end{document} %",
    "a" * 70,
    "- 1. # | `",
)
KATEX = """
const katex = require('katex'), fs = require('fs');
for (const [text, display] of JSON.parse(fs.readFileSync(0, 'utf8'))) {
  try { katex.renderToString(text, {displayMode: display, throwOnError: true, strict: 'error'}); }
  catch (error) { console.log(text + '\\n    ' + error.message); }
}
"""
EXAMPLES = settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate])
FEW = settings(EXAMPLES, max_examples=2)


@cache
def sample(name: str) -> Explanation:
    """The explanation of a loss's sample."""
    return losscli.explain(name, **read_case(str(ROOT / "samples" / f"{name}.yaml")).values)


@cache
def hostile() -> Explanation:
    """An explanation full of names that mean something in LaTeX or in Markdown."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6, 6)).round(3)
    explanation = losscli.explain("cross-entropy", input=scores, target=range(6), rows=range(6))
    references = (Reference(0.0, HOSTILE[0]), Reference(1.5e-7, HOSTILE[2]))
    origins = {"input": HOSTILE[0], "target": HOSTILE[2]}
    return replace(
        explanation, classes=HOSTILE, case=HOSTILE[1], origins=origins, references=references
    )


@cache
def wide() -> tuple[Explanation, ...]:
    """Explanations of many classes, of many digits, of numbers far from 1, of nan."""
    scores = np.random.default_rng(1).normal(size=(40, 60)) * 10.0 ** np.arange(-30, 30)
    return (
        losscli.explain("cross-entropy", input=scores, target=[59, *range(39)], top=3),
        losscli.explain("mse", input=scores[:8, :2], target=scores[8:16, :2], rows=range(16)),
        losscli.explain("triplet-margin", anchor=scores, positive=-scores, negative=scores + 1),
        losscli.explain("cross-entropy", input=[[float("inf"), 0.0]], target=[0]),
        losscli.explain("huber", input=[], target=[]),
        losscli.explain("huber", input=[1.0], target=[0.0], reduction="none"),
        losscli.explain("l1", input=[1 + 2j, 3 - 4j], target=[0, 0j]),
        losscli.explain("mse", input=scores[:, 10], target=scores[:, 11], rows=range(40)),
    )


def mathematics(explanation: Explanation, digits: int) -> set[tuple[str, bool]]:
    """All formulas and arithmetic of both formats, and whether each stands on a line of its own."""
    body = explanation.to_latex(digits).partition(r"\begin{document}")[2]
    found = {(formula, True) for _, _, formula in arguments(body, r"\step", 3)}
    for _, numbers, sign, head, tail, _ in arguments(body, r"\worked", 6):
        found |= {(text, False) for text in re.findall(r"\$([^$]*)\$", numbers)}
        found |= {(since, False) for (since,) in arguments(numbers, r"\since", 1)}
        found |= {(sign, False), (head + tail, False)}
    page = explanation.to_markdown(digits)
    found |= {(text, True) for text in re.findall(r"^\$\$\n(.*)\n\$\$$", page, re.M)}
    found |= {(text, False) for text in inline(page)}
    return found


def inline(page: str) -> list[str]:
    """What stands between single dollar signs."""
    return re.findall(r"(?<!\$)\$([^$\n]+)\$(?!\$)", without_code(page))


def without_code(page: str) -> str:
    """A page without what stands between backticks."""
    return re.sub(r"(?<![\\`])(`+)(?!`).+?(?<!`)\1(?!`)", "", page)


# ---- what is said is true


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("kind", ["ordinary", "ties", "large"])
def test_every_line_of_latex_and_markdown_is_true(loss: str, kind: str) -> None:
    @EXAMPLES
    @given(cases(loss, kind), st.integers(2, 8))
    def all_of_it(case: Any, digits: int) -> None:
        explanation = case.explain()
        for lines in (
            of_latex(explanation.to_latex(digits)),
            of_markdown(explanation.to_markdown(digits)),
        ):
            for line in lines:
                try:
                    check(*line, digits)
                except (AssertionError, SyntaxError, ValueError) as error:
                    raise AssertionError(f"{line}\nof {case!r} at {digits} digits") from error

    all_of_it()


@pytest.mark.parametrize("name", NAMES)
def test_both_show_every_line_that_text_shows(name: str) -> None:
    explanation = sample(name)
    shown = [line for line in explanation.to_text().splitlines() if re.search(r"  [=≈] ", line)]
    assert len(list(of_latex(explanation.to_latex()))) == len(shown)
    assert len(list(of_markdown(explanation.to_markdown()))) == len(shown)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (r"\frac{0.5 + 2}{3}", "((0.5 + 2) / (3))"),
        (r"4 + \ln(e^{4 - 4} + e^{1 - 4})", "4 + ln(e^(4 - 4) + e^(1 - 4))"),
        (r"\sqrt{(1 \times 10^{-6})^{2}}", "√((1e-6)^(2))"),
        (r"\left(\dfrac{1}{2} \right)", "(((1) / (2)))"),
        (r"3 \bmod 2 \ne 0 \text{ and } {-1 = -1}", "3 mod 2 ≠ 0 and -1 = -1"),
        (r"\lvert -2 \rvert \cdot 1", "| -2| · 1"),
    ],
)
def test_the_reader_reads(text: str, meant: str) -> None:
    assert re.sub(r"\s+", "", plain(text)) == re.sub(r"\s+", "", meant)


def test_a_false_line_is_found() -> None:
    document = sample("huber").to_latex()
    page = sample("huber").to_markdown()
    assert "{6}{.833}" in document and "$6.833$" in page
    for lines in (
        of_latex(document.replace("{6}{.833}", "{6}{.933}")),
        of_markdown(page.replace("$6.833$", "$6.933$")),
    ):
        with pytest.raises(AssertionError):
            for line in lines:
                check(*line)


# ---- it can be read


def test_katex_reads_all_mathematics() -> None:
    probe = ["node", "-e", "require('katex')"]
    if not shutil.which("node") or subprocess.run(probe, capture_output=True).returncode:
        assert not os.environ.get("LOSSCLI_REQUIRE_KATEX"), "node with katex is required"
        pytest.skip("needs node with katex")
    found: set[tuple[str, bool]] = set()
    for explanation in (*map(sample, NAMES), hostile(), *wide()):
        found |= mathematics(explanation, 4) | mathematics(explanation, 8)
    for loss in NAMES:

        @FEW
        @given(cases(loss, "ordinary"))
        def some(case: Any) -> None:
            found.update(mathematics(case.explain(), 3))

        some()
    assert len(found) > 1500
    done = subprocess.run(
        ["node", "-e", KATEX],
        input=json.dumps(sorted(found)),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def compiled(document: str, folder: Path, engine: str = "pdflatex") -> str:
    """What the engine says of a document; any error or warning, and any line too wide, fails."""
    if not shutil.which(engine):
        assert not os.environ.get("LOSSCLI_REQUIRE_TEX"), f"{engine} is required"
        pytest.skip(f"needs {engine}")
    (folder / "page.tex").write_text(document, "utf-8")
    done = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"],
        cwd=folder,
        capture_output=True,
        env={**os.environ, "max_print_line": "1000"},
    )
    said = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, said[-3000:]
    assert not re.findall(r"^.*Warning.*$|^!.*$", said, re.M)
    lines = document.splitlines()
    for more, at in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\).*?lines? (\d+)", said):
        shown = "\n".join(lines[max(0, int(at) - 20) : int(at)])
        assert float(more) <= 5, f"{more}pt too wide: {shown}"
    return said


def joined(documents: list[str]) -> str:
    """Documents as one, which differ in nothing but the widths that they set."""
    first = documents[0].partition(r"\setlength{\names}")[0]
    bodies = []
    for document in documents:
        head, _, body = document.partition(r"\begin{document}")
        assert head.startswith(first)
        bodies.append(head.removeprefix(first) + body.removesuffix("\\end{document}\n"))
    start = first + "\\begin{document}\n"
    return start + "\n\\clearpage\n".join(bodies) + "\\end{document}\n"


@pytest.mark.parametrize("digits", [4, 8])
def test_pdflatex_compiles_every_loss(digits: int, tmp_path: Path) -> None:
    compiled(joined([sample(name).to_latex(digits) for name in NAMES]), tmp_path)


def test_pdflatex_compiles_what_is_wide_or_strange(tmp_path: Path) -> None:
    pages = [explanation.to_latex(digits) for explanation in wide() for digits in (4, 17)]
    for loss in NAMES:

        @FEW
        @given(cases(loss, "large"), st.integers(2, 10))
        def some(case: Any, digits: int) -> None:
            pages.append(case.explain().to_latex(digits))

        some()
    assert len(pages) > 40
    compiled(joined(pages), tmp_path)


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_any_name_compiles(engine: str, tmp_path: Path) -> None:
    compiled(hostile().to_latex(), tmp_path, engine)


# ---- Markdown


@pytest.mark.parametrize("explanation", [*map(sample, NAMES), hostile(), *wide()])
def test_markdown_leaves_mathematics_alone(explanation: Explanation) -> None:
    """As on GitHub, which reads all of a page as Markdown before it sets its mathematics."""
    page = explanation.to_markdown()
    assert not re.search(r"<[a-z/!]", re.sub(r"\\<", "", without_code(page))), "no HTML"
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    assert not [token for token in tokens if token.type in ("html_block", "code_block", "fence")]
    formulas, pieces = set(), []
    for token in tokens:
        if token.type == "inline":
            children = token.children or []
            kinds = {child.type for child in children}
            allowed = {"text", "text_special", "softbreak", "code_inline"}
            assert kinds <= allowed | {"strong_open", "strong_close"}
            for child in children:
                assert child.type != "text_special" or child.content != "$", "taken for mathematics"
            text = "".join("\n" if c.type == "softbreak" else c.content for c in children)
            if text.startswith("$$\n"):
                formulas.add(text)
            else:
                pieces.append(text)
    assert formulas == set(re.findall(r"^\$\$\n.*\n\$\$$", page, re.M))
    whole = "\n".join(pieces)
    for text in inline(page):
        assert f"${text}$" in whole


def test_any_name_stands_in_a_table_of_markdown() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(hostile().to_markdown())
    texts = {"".join(c.content for c in t.children or []) for t in tokens if t.type == "inline"}
    for i, name in enumerate(HOSTILE):
        words = "".join(" " if sign in "\n\t\0\x7f\u2028\u202e" else sign for sign in name)
        assert words.strip() in texts, "at the head of a column"
        assert f"row {i}, y = {i} {words}".strip() in texts, "beside a line"
    lengths: list[int] = []
    for token in tokens:
        if token.type == "tr_open":
            lengths.append(0)
        elif token.type in ("td_open", "th_open"):
            lengths[-1] += 1
    assert set(lengths) <= {3, 4, 5, 7, 2}


# ---- ASCII


def signs(text: str) -> str:
    """ASCII with our signs again."""
    for words, sign in [(" * ", " · "), ("<=", "≤"), (">=", "≥"), ("!=", "≠"), ("~=", "≈")]:
        text = text.replace(words, sign)
    return text.replace("...", "⋯").replace("inf", "∞")


@pytest.mark.parametrize("loss", NAMES)
def test_ascii_is_ascii_and_as_true(loss: str) -> None:
    @EXAMPLES
    @given(cases(loss, "large"), st.integers(2, 8), st.sampled_from([60, 100]))
    def all_of_it(case: Any, digits: int, width: int) -> None:
        explanation = case.explain()
        assert explanation.to_text(digits=digits, width=width, ascii=True).isascii()
        for line in printed(explanation, digits, width, ascii=True):
            check(*map(signs, line), digits)

    all_of_it()


@pytest.mark.parametrize("name", NAMES)
def test_ascii_says_what_the_signs_say(name: str) -> None:
    spelled = [("−", "-"), ("·", "*"), ("≤", "<="), ("≥", ">="), ("≠", "!="), ("≈", "~=")]
    spelled += [("²", "^2"), ("³", "^3"), ("Σ", "sum"), ("∂", "d"), ("α", "alpha"), ("β", "beta")]
    spelled += [("∞", "inf"), ("⋯", "...")]
    explanation = replace(sample(name), pictures=(), references=())  # drawn with other signs
    text = explanation.to_text(width=200)
    text = re.sub(r"√([\w.]+)(?!\()", r"sqrt(\1)", text).replace("√", "sqrt")
    for sign, words in spelled:
        text = text.replace(sign, words)
    ascii = explanation.to_text(width=200, ascii=True)
    assert ascii.split() == text.split()


# ---- at the prompt


@pytest.mark.parametrize(
    ("ending", "first"),
    [(".tex", r"\documentclass"), (".md", "# huber"), (".markdown", "# huber")],
)
def test_the_ending_picks_the_format(ending: str, first: str, tmp_path: Path) -> None:
    out = tmp_path / f"worked{ending}"
    arguments = ["explain", "huber", str(ROOT / "samples" / "huber.yaml"), "--digits", "6"]
    assert run([*arguments, "--output", str(out)]) == 0
    text = out.read_text("utf-8")
    assert text.startswith(first) and "0.333333" in text.replace("}{", "")


def test_ascii_is_for_text(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["explain", "huber", "-i", "4,7", "-t", "5", "--ascii"]
    assert run(arguments) == 0
    said = capsys.readouterr().out
    assert said.isascii() and "-1" in said
    assert run([*arguments, "--format", "latex"]) == 2
    assert "--ascii is for terminal and text" in capsys.readouterr().err


@pytest.mark.parametrize(("encoding", "ascii"), [("utf-8", False), ("latin-1", True)])
def test_a_terminal_that_is_not_utf8_gets_ascii(
    encoding: str, ascii: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", Terminal(raw, encoding=encoding))
    assert run(["explain", "huber", "-i", "4,7", "-t", "5", "--no-color"]) == 0
    assert raw.getvalue().isascii() == ascii
    assert b"?" not in raw.getvalue()
