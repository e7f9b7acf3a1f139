"""The house keeps its rules: who knows whom, what is imported when, what stands where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from losscli import errors
from losscli.losses import FAMILIES, NAMES, load, summary
from losscli.parameters import first_sentence

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "losscli"
# Whom the modules of each part may know, below `losscli`; what is not named may know all of these.
KNOWS = {
    "errors": set(),
    "parameters": {"errors"},
    "writer": set(),
    "formula": {"writer"},
    "work": {"formula"},
    "numerics": {"parameters"},
    "slopes": {"parameters", "numerics", "products"},
    "softmax": {"parameters", "numerics"},
    "stored": {"errors"},
    "blocks": {"errors"},
    "given": {"checks", "errors", "parameters", "stored"},
    "gradient": {"numerics", "parameters", "slopes", "work"},
    "layout": {"errors", "parameters", "stored"},
    "guesses": {"parameters"},
    "checks": {"errors", "parameters"},
    "products": set(),
    "reduction": {"errors", "products"},
    "record": {"errors", "reduction"},
    "triplets": {"parameters", "work", "numerics", "slopes", "layout", "guesses"},
    "distances": {"errors", "parameters", "work", "numerics", "layout", "triplets"},
    "lattice": {"parameters", "work", "lattice"},
    "losses": {
        "errors",
        "parameters",
        "work",
        "numerics",
        "products",
        "slopes",
        "softmax",
        "layout",
        "checks",
        "guesses",
        "triplets",
        "distances",
        "lattice",
        "losses",
    },
    "files": {"errors", "files", "stored"},
    "pictures": set(),
    "illustration": {"engine", "parameters", "pictures", "softmax", "work"},
    "render": {"writer", "formula", "files", "pictures", "render"},
}
HEADINGS = ["Formula", "Shapes", "Range", "Gradient", "Pitfalls", "Errors", "Source"]


def imports(path: Path, *, everywhere: bool = True) -> set[str]:
    """The modules that a file imports when it runs; at its top only, unless `everywhere`."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = list(ast.walk(tree)) if everywhere else list(tree.body)
    for node in ast.walk(tree):  # what only a type checker sees does not count
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            hidden = {id(inner) for body in node.body for inner in ast.walk(body)}
            nodes = [one for one in nodes if id(one) not in hidden]
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules(part: str) -> list[Path]:
    """The files of a part of the house."""
    whole = PACKAGE / part
    return sorted(whole.rglob("*.py")) if whole.is_dir() else [whole.with_suffix(".py")]


@pytest.mark.parametrize("part", KNOWS)
def test_who_knows_whom(part: str) -> None:
    for path in modules(part):
        for name in imports(path):
            if name.startswith("losscli."):
                assert name.split(".")[1] in KNOWS[part], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", modules("losses"), ids=lambda path: path.stem)
def test_a_loss_file_knows_no_terminal_and_no_file(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"typer", "rich", "yaml", "click"}


@pytest.mark.parametrize("path", modules("cli"), ids=lambda path: path.stem)
def test_the_command_line_imports_nothing_heavy_at_its_top(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path, everywhere=False)}
    assert not roots & {"numpy", "yaml", "rich", "click"}


def test_the_top_level_holds_what_the_design_says() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    folders = {line.split("/")[0] for line in listed.stdout.splitlines() if "/" in line}
    assert {f for f in folders if not f.startswith(".")} <= {"losscli", "tests", "samples"}


def test_importing_losscli_imports_nothing_heavy() -> None:
    code = "import losscli, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "typer", "rich", "yaml"} & set(done.stdout.split())


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    drawn = re.findall(r"[├└]── (\w+)|^    (LosscliError)$", errors.__doc__ or "", re.M)
    names = {first or second for first, second in drawn}
    made = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert names == made - {"Callable"}


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_has_a_whole_card(name: str) -> None:
    card = load(name).card
    assert re.findall(r"^([A-Z]\w+)$", card, re.M) == HEADINGS
    assert summary(name) == first_sentence(card)
    assert len(summary(name)) <= 105
    paragraphs = card.split("\n\n")
    assert paragraphs[1].strip() and not paragraphs[1].startswith("Formula"), "when to use it"


@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_and_option_is_described(name: str) -> None:
    loss = load(name)
    assert loss.predicted, "the gradient by default is that of the predictions"
    for parameter in loss.tensors.values():
        assert parameter.tensor.help and parameter.tensor.shape.startswith("(")
    for option in loss.options.values():
        assert option.option.help
        option.check(name, option.default)


def test_every_loss_stands_in_the_index_once() -> None:
    files = {path.stem.replace("_", "-") for path in modules("losses")} - {"--init--"}
    listed = [name for names in FAMILIES.values() for name in names]
    assert len(listed) == len({*listed})
    assert not files ^ {*listed}, (
        "FAMILIES in losscli/losses/__init__.py is to name every file there"
    )


def test_no_tool_of_ours_and_no_path_of_a_machine_is_named() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        text = (ROOT / line).read_bytes()
        assert b"/work" + b"/main" not in text and b"farm" + b"-" not in text, line
