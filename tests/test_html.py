"""The HTML page: valid, true on every line, laid out in a real browser, and harmless in a notebook."""

from __future__ import annotations

import ast
import html as escaping
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from strategies import cases
from test_read_back import check, read
from test_rendered import EXAMPLE, ROOT

import losscli
from losscli.cli import run
from losscli.formula import evaluate
from losscli.losses import NAMES
from losscli.render import html, mathml, style
from losscli.render.sheet import sheet
from losscli.render.typeset import NO_BREAK, readable

NAMESPACE = re.compile(r"\{[^}]*\}")
CHILDREN = {"mfrac": 2, "msup": 2, "msub": 2, "munder": 2, "msubsup": 3}  # exactly so many
MATHML = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msqrt", "mtable", "mtr", "mtd"}
HOSTILE = '<script>alert("&amp;")</script>'


# ---- reading a page back


def parsed(page: str) -> Element:
    """The page as a tree, by a parser that forgives nothing."""
    root: Element = html5lib.HTMLParser(strict=True).parse(page)
    return root


def tag(element: Element) -> str:
    """An element's name, whatever its namespace."""
    return NAMESPACE.sub("", str(element.tag))


def found(root: Element, name: str, kind: str = "") -> Iterator[Element]:
    """The elements of a name, and of a class."""
    for element in root.iter():
        if tag(element) == name and (not kind or kind in element.get("class", "").split()):
            yield element


def text(element: Element) -> str:
    """All text in an element."""
    return "".join(element.itertext()).replace(NO_BREAK, " ")


def told(element: Element) -> str:
    """What MathML says, in the spelling that test_read_back reads."""
    children = list(element)
    match tag(element):
        case "mo":
            sign = {"⋅": "·"}.get(text(element), text(element))
            between = element.get("form") == "infix" and sign != ","
            return f" {sign} " if between else sign
        case "mi" | "mn" | "mtext":
            return text(element)
        case "mfrac":
            return f"(({told(children[0])}) / ({told(children[1])}))"
        case "msqrt":
            return f"√({told_row(children)})"
        case "msup":
            base, power = map(told, children)
            return f"e^({power})" if base == "e" else f"({base})^({power})"
        case "msub":
            return f"{told(children[0])}[{told(children[1])}]"
        case "msubsup":
            return f"{told(children[0])}[{told(children[1])}]^{told(children[2])}"
        case "munder":
            return f"{told(children[0])}_{told(children[1])}"
        case "mtable":
            return "; ".join(" ".join(map(told, row)) for row in children)
    return told_row(children)


def told_row(children: list[Element]) -> str:
    """Elements in a row; a number with its power of ten is one number."""
    row = ""
    for before, child in zip([None, *children], children, strict=False):
        if tag(child) == "mo" and text(child) == "×":
            continue
        if before is not None and text(before) == "×":
            row += f"e{text(list(child)[1])}"
            continue
        row += told(child)
    return row


def arithmetic(cell: Element) -> str:
    """What stands in the cell of a worked line: `conditions: arithmetic`."""
    since = "".join(told(m) for one in found(cell, "span", "since") for m in found(one, "math"))
    every = "".join(told(m) for m in found(cell, "math"))
    assert every.startswith(since)
    rest = every.removeprefix(since)
    return f"{since}: {rest}" if since and rest else f"since {since}" if since else rest


def worked(page: str) -> Iterator[tuple[str, str, str]]:
    """Every arithmetic, sign and result on a page."""
    for table in found(parsed(page), "table", "worked"):
        for cell, result in zip(
            found(table, "td", "arithmetic"), found(table, "td", "result"), strict=True
        ):
            sign, number = text(result).split(" ")
            yield arithmetic(cell), sign, re.sub(r"\s*×\s*10", "e", number)


@pytest.mark.parametrize("loss", NAMES)
@pytest.mark.parametrize("kind", ["ordinary", "large"])
def test_every_line_is_true_and_says_what_the_text_says(loss: str, kind: str) -> None:
    @settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate])
    @given(cases(loss, kind), st.integers(2, 8))
    def all_of_it(case: Any, digits: int) -> None:
        explanation = case.explain()
        entries = [e for part in sheet(explanation, digits).parts for e in part.entries]
        lines = list(worked(explanation.to_html(digits)))
        for (line, sign, result), entry in zip(lines, entries, strict=True):
            try:
                check(line, sign, result, digits)
            except AssertionError as error:
                raise AssertionError(f"{line} {sign} {result}\nof {case!r} at {digits}") from error
            plain = (
                ""
                if entry.arithmetic is None
                else readable(entry.arithmetic).replace(NO_BREAK, " ")
            )
            if plain and not re.search(r"[⋯\[]|nan", plain):
                shown = line.rpartition(": ")[2]
                assert ast.dump(read(shown)) == ast.dump(read(plain)), f"{shown}\n{plain}"

    all_of_it()


def trees() -> st.SearchStrategy[ast.expr]:
    """Arithmetic of any build."""
    numbers = st.sampled_from([1, 2, 3, 0.5, -2, -0.25, 1e-7, -3e9, 12345678.5])

    def more(inner: st.SearchStrategy[ast.expr]) -> st.SearchStrategy[ast.expr]:
        operators = st.sampled_from([ast.Add(), ast.Sub(), ast.Mult(), ast.Div()])
        functions = st.sampled_from(["abs", "exp", "log", "sqrt", "log1p", "expm1"])
        lists = st.sampled_from(["max", "min", "sum"])
        squares = st.builds(ast.BinOp, inner, st.just(ast.Pow()), st.just(ast.Constant(2)))
        return st.one_of(
            st.builds(ast.BinOp, inner, operators, inner),
            squares,
            st.builds(lambda x: ast.UnaryOp(ast.USub(), x), inner),
            st.builds(lambda f, x: ast.Call(ast.Name(f), [x], []), functions, inner),
            st.builds(
                lambda f, x: ast.Call(ast.Name(f), x, []),
                lists,
                st.lists(inner, min_size=2, max_size=3),
            ),
        )

    return st.recursive(st.builds(ast.Constant, numbers), more, max_leaves=7)


@settings(max_examples=250, deadline=None)
@given(trees())
def test_parentheses_stand_wherever_they_are_needed(tree: ast.expr) -> None:
    page = f"<!doctype html><title>x</title>{mathml.arithmetic(tree)}"
    line = "".join(told(m) for m in found(parsed(page), "math"))
    if line.count("|") > 2:
        return  # |…| in |…|, which the reader cannot tell apart
    wanted, got = float(evaluate(tree)), float(evaluate(read(line)))
    assert got == pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True), line


@pytest.mark.parametrize(
    ("loss", "step", "says"),
    [
        ("cross-entropy", "m", "m = max_cinput[c]"),
        ("cross-entropy", "lse", "lse = m + ln∑_ce^(input[c] − m)"),
        ("cross-entropy", "logp", "lnp = input[target] − lse"),
        ("cross-entropy", "p", "p[c] = e^(input[c] − lse)"),
        ("cross-entropy", "q", "q[c] = {1 if c = target; 0 otherwise"),
        ("cross-entropy", "L", "L = ((∑_iℓ[i]) / (∑_iw[i]))"),
        ("cross-entropy", "d_input", "((∂L) / (∂input[c])) = share · w · (p[c] − q[c])"),
        ("huber", "l", "ℓ = {0.5 · (r)^(2) if |r| ≤ δ; δ · (|r| − 0.5 · δ) otherwise"),
        ("cosine-embedding", "norm1", "norm[1] = √(∑_dinput[1,d]^2 + ε)"),
        ("cosine-embedding", "cos", "cos = ((dot) / (norm[1] · norm[2]))"),
        ("multi-margin", "l", "ℓ = ((∑_cw · t[c]) / (C))"),
        ("multi-margin", "d_input", "((∂L) / (∂input[c])) = ((share · w) / (C)) · "
         "{−∑_c′u[c′] if c = target; u[c] otherwise"),
        ("multi-label-margin", "h", "h[k,c] = 1 − input[y[k]] + input[c]"),
        ("ctc", "z", "z[s] = {blank if s mod 2 = 0; targets[(s − 1) / 2] otherwise"),
        ("ctc", "likelihood", "likelihood = α[last,end] + α[last,end − 1]"),
        ("ctc", "occupancy", "occupancy[t,c] = ∑_s{o[t,s] if z[s] = c; 0 otherwise"),
        ("triplet-margin", "dist_ap", "dist[ap] = √(∑_dz[ap,d]^2)"),
    ],
)  # fmt: skip
def test_formulas_say_what_they_mean(loss: str, step: str, says: str) -> None:
    shown = sheet(of_sample(loss))
    (part,) = [part for part in shown.parts if part.formula.name == step]
    page = f"<!doctype html><title>x</title>{mathml.equation(part.indexed, '')}"
    assert "".join(told(m) for m in found(parsed(page), "math")) == says


def of_sample(loss: str) -> Any:
    """The explanation of a loss's sample."""
    import yaml

    case = yaml.safe_load((ROOT / f"samples/{loss}.yaml").read_text("utf-8"))
    del case["loss"], case["expect"]
    return losscli.explain(loss, **case)


# ---- a page as such


def test_every_sample_is_a_valid_page(samples: dict[str, str]) -> None:
    for page in samples.values():
        root = parsed(page)
        for element in root.iter():
            name = tag(element)
            if "MathML" in str(element.tag):
                assert name in MATHML or len(element) == CHILDREN[name], name
        levels = [int(tag(e)[1]) for e in root.iter() if re.fullmatch(r"h\d", tag(e))]
        assert levels[0] == 1 and set(levels[1:]) <= {2, 3}
        assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))
        for head in found(root, "th"):
            assert head.get("scope") in ("row", "col")
        assert all(step.get("open") is not None for step in found(root, "details"))
        addresses = re.findall(r"(?:src|href|url|@import)\b", page)
        assert not addresses and "<script" not in page and "http" not in page


def test_the_validator_has_nothing_to_say(tmp_path: Path, samples: dict[str, str]) -> None:
    """The Nu HTML Checker; LOSSCLI_VNU says where its vnu.jar is."""
    jar, java = os.environ.get("LOSSCLI_VNU"), shutil.which("java")
    if not jar or not java:
        assert os.environ.get("LOSSCLI_REQUIRE_BROWSER") != "1", "LOSSCLI_VNU or java is missing"
        pytest.skip("no Nu HTML Checker here")
    for name, page in samples.items():
        (tmp_path / f"{name}.html").write_text(page, "utf-8")
    command = [java, "-jar", jar, *map(str, sorted(tmp_path.glob("*.html")))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[:3000]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page of every loss's sample, as the command line writes it; and a large one."""
    folder = tmp_path_factory.mktemp("samples")
    found = {}
    for name in NAMES:
        out = folder / f"{name}.html"
        assert (
            run(
                [
                    "explain",
                    name,
                    str(ROOT / f"samples/{name}.yaml"),
                    "--quiet",
                    "--output",
                    str(out),
                ]
            )
            == 0
        )
        found[name] = out.read_text("utf-8")
    found["large"] = large().to_html(digits=3)
    return found


def large() -> Any:
    """Three hundred classes, in a table that is wide however it is turned."""
    return losscli.explain(
        "cross-entropy",
        input=[[(i * j) % 17 / 7 for j in range(300)] for i in range(9)],
        target=[(37 * i) % 300 for i in range(9)],
        rows=range(9),
    )


def test_endings_and_formats_pick_html(tmp_path: Path, capsysbinary: Any) -> None:
    words = ["explain", "huber", "-i", "1", "-t", "0"]
    for ending in ("html", "htm", "HTML"):
        out = tmp_path / f"page.{ending}"
        assert run([*words, "--output", str(out)]) == 0
        assert out.read_text("utf-8").startswith("<!doctype html>")
    assert run([*words, "--format", "html"]) == 0
    assert capsysbinary.readouterr().out.decode() == (tmp_path / "page.html").read_text("utf-8")


def test_nothing_of_the_users_is_markup(tmp_path: Path) -> None:
    table, out = tmp_path / "a<b>&c.csv", tmp_path / "page.html"
    table.write_text(f'"{HOSTILE.replace(chr(34), chr(34) * 2)}",b&b,label\n1,2,b&b\n')
    words = ["-i", f"{table.name}#0,1", "-t", f"{table.name}#label", "--output", str(out)]
    with chdir(tmp_path):
        assert run(["explain", "cross-entropy", *words]) == 0
    page = out.read_text("utf-8")
    root = parsed(page)
    assert not list(found(root, "script"))
    assert not any("csv" in text(bold) for bold in found(root, "b"))
    seen = text(root)
    assert HOSTILE in seen and "b&b" in seen and "a<b>&c.csv" in seen


def test_warnings_references_and_pictures_have_their_place() -> None:
    from dataclasses import replace

    from losscli.pictures import Bars
    from losscli.references import Reference

    explanation = replace(
        losscli.explain("cross-entropy", **EXAMPLE),
        references=(Reference(0.0, "perfect"), Reference(1.0986122886681098, "ln 3 <uniform>")),
        pictures=(("p", Bars("softmax", ("a",), (1.0,))),),
    )
    explanation.problem.warnings.append(f"look here {HOSTILE}")
    root = parsed(html.render(explanation))
    (warning,) = found(root, "p", "warning")
    assert HOSTILE in text(warning)
    (references,) = found(root, "ul", "references")
    assert [text(item) for item in references] == ["0 perfect", "1.099 ln 3 <uniform>"]
    (figure,) = found(root, "figure")
    assert [tag(child) for child in figure] == ["svg"] and "softmax" in text(figure)


def test_a_notebook_gets_a_fragment_that_styles_only_itself() -> None:
    fragment = losscli.explain("cross-entropy", **EXAMPLE)._repr_html_()
    html5lib.HTMLParser(strict=True).parseFragment(fragment)
    assert fragment.startswith('<div class="losscli">') and "<html" not in fragment
    rules = re.sub(r"@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)\s*\}", r"\1", style.FRAGMENT)
    selectors = [one for rule in re.findall(r"([^{}]+)\{", rules) for one in rule.split(",")]
    assert len(selectors) > 60
    assert all(one.strip().startswith(".losscli") for one in selectors)


def test_not_finite_complex_empty_and_unreduced_are_pages_too() -> None:
    inf = float("inf")
    for explanation in (
        losscli.explain("cross-entropy", input=[[inf, 0.0]], target=[0]),
        losscli.explain("l1", input=[1 + 2j, 3 - 4j], target=[0, 0j]),
        losscli.explain("huber", input=[], target=[]),
        losscli.explain("huber", input=[1.0, 2.0], target=[0.0, 5.0], reduction="none"),
    ):
        parsed(explanation.to_html(2))


def luminance(colour: str) -> float:
    """The relative luminance of #rrggbb, as WCAG has it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_every_text_has_contrast_enough() -> None:
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", part)) for part in style.PAGE.split("@media")[:2]
    ]
    for scheme in schemes:
        for ink in ("ink", "losscli-rubric", "losscli-muted"):
            for ground in ("paper", *["losscli-mark"] * (ink == "ink")):
                dark, light = sorted(luminance(scheme[name]) for name in (ink, ground))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


# ---- in a browser

LOOKS = [("light", 360), ("light", 1200), ("dark", 360)]
SCHEMES = {"light": "rgb(253, 252, 248)", "dark": "rgb(23, 24, 26)"}
MEASURE = """
window.onload = () => {
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, root = page.documentElement;
    const flat = [...page.querySelectorAll("math")].filter(math => {
      const box = math.getBoundingClientRect();
      return !(box.height > 0 && box.width > 0);
    });
    const tall = [...page.querySelectorAll("math:has(mfrac)")].filter(
      math => math.getBoundingClientRect().height < 1.5 * parseFloat(getComputedStyle(math).fontSize));
    const spilt = [...page.querySelectorAll(".numbers > *, .tables > *, header > *")].filter(
      one => one.getBoundingClientRect().right > one.parentNode.getBoundingClientRect().right + 1);
    const cut = [...page.querySelectorAll("td:not(.arithmetic)")].filter(
      one => one.scrollWidth > one.clientWidth + 1);
    found.push({
      name: frame.name, width: frame.contentWindow.innerWidth, scroll: root.scrollWidth,
      height: root.scrollHeight, maths: page.querySelectorAll("math").length, flat: flat.length,
      unset: tall.length, spilt: spilt.map(one => one.textContent),
      cut: cut.map(one => one.textContent), paper: getComputedStyle(root).backgroundColor,
    });
    frame.style.height = root.scrollHeight + "px";
  }
  document.getElementById("found").textContent = JSON.stringify(found);
};
"""


def browser() -> str:
    """Chromium, which LOSSCLI_REQUIRE_BROWSER=1 makes a must."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    assert os.environ.get("LOSSCLI_REQUIRE_BROWSER") != "1", "there is no browser"
    pytest.skip("no Chromium here")


def visit(page: Path, folder: Path, *options: str) -> str:
    """What Chromium prints about a page."""
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={folder / 'profile'}", *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_browser_lays_it_out(tmp_path: Path, samples: dict[str, str]) -> None:
    frames = [
        f'<iframe name="{name}-{width}-{scheme}" srcdoc="{escaping.escape(page)}" '
        f'style="width:{width}px;height:600px;border:0;color-scheme:{scheme}"></iframe>'
        for scheme, width in LOOKS
        for name, page in samples.items()
    ]
    wrapper = tmp_path / "all.html"
    wrapper.write_text(
        f'<!doctype html><meta charset="utf-8"><title>all</title><script>{MEASURE}</script>'
        f'<pre id="found"></pre><div style="width:100000px">{"".join(frames)}</div>',
        "utf-8",
    )
    dumped = visit(wrapper, tmp_path, "--dump-dom", "--virtual-time-budget=20000")
    (told,) = re.findall(r'<pre id="found">(.*?)</pre>', dumped, re.S)
    measured = json.loads(escaping.unescape(told))
    assert len(measured) == len(frames)
    for one in measured:
        assert one["scroll"] <= one["width"], one
        assert not one["spilt"] and not one["cut"], one
        assert one["maths"] > 5 and one["flat"] == one["unset"] == 0 and one["height"] > 600, one
        width, scheme = one["name"].split("-")[-2:]
        assert (one["width"], one["paper"]) == (int(width), SCHEMES[scheme]), one
    for width in (360, 1200):
        shot = tmp_path / f"cross-entropy-{width}.png"
        page = tmp_path / "cross-entropy.html"
        page.write_text(samples["cross-entropy"], "utf-8")
        visit(page, tmp_path, f"--screenshot={shot}", f"--window-size={width},2400")
        assert shot.stat().st_size > 20_000
