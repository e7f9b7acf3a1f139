"""All benchmarks side by side with their rivals; rewrites the tables in README.md.

    python tests/bench/run.py                        # everything: half an hour
    python tests/bench/run.py losses huber mse       # one section, some losses; nothing is rewritten
    python tests/bench/run.py starts                 # one section, rewritten

Each figure is the median of several turns that alternate between the two, so that a machine whose speed
drifts does not favour either. A ratio above 1 says that losscli is faster.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
SECTIONS = ("losses", "starts", "sizes", "text")


def main(words: list[str]) -> None:
    """Measure and write the tables."""
    for name in words[:1] or SECTIONS:
        section: Callable[..., list[str]] = import_module(name).section
        lines = section(words[1:]) if name == "losses" else section()
        if not words[1:]:
            rewrite(name, [machine(), "", *lines])


def rewrite(name: str, lines: list[str]) -> None:
    """Put the lines where the page has the section."""
    page = HERE / "README.md"
    old = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.S)
    text, found = old.subn(lambda m: m[1] + "\n".join(lines) + "\n" + m[2], page.read_text("utf-8"))
    assert found == 1, f"README.md has no section {name}"
    page.write_text(text, "utf-8")


def machine() -> str:
    """Where it was measured, and with what."""
    about = Path("/proc/cpuinfo").read_text()
    model = re.findall(r"model name\s*: (.*)", about)
    parts = [f"{platform.machine()}, {model[0] if model else 'unknown'}, {len(model)} cores"]
    parts.append(f"Python {platform.python_version()}")
    for package in ("numpy", "torch", "pandas", "polars"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts) + "."


if __name__ == "__main__":
    main(sys.argv[1:])
