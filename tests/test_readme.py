"""The README is true: its sessions print what it says they print, its commands and links exist.

`python tests/test_readme.py` writes the output of every session anew. A last line `...` says that the
rest of an output is left out.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")  # the last digit may hang on the processor
PICTURE = ROOT / "samples" / "worked.svg"
SESSION = re.compile(r"^```console\n(.*?)^```\n", re.S | re.M)


def run(command: str) -> str:
    """What a person sees who types the command: both streams, and an exit code that is not 0."""
    words = shlex.split(command)
    feed = None
    if "|" in words:
        first = words[: words.index("|")]
        assert first[0] == "printf"
        feed = first[1].encode().decode("unicode_escape").encode()
        words = words[words.index("|") + 1 :]
    assert words[0] == "losscli", command
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        input=feed,
        stdin=None if feed is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
    )
    code = f"(exit code {done.returncode})\n" if done.returncode else ""
    return done.stdout.decode("utf-8") + code


def told(text: str) -> str:
    """A README with what its sessions really print."""

    def session(found: re.Match[str]) -> str:
        lines = ""
        for command, then in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", found[1], re.M):
            now = run(command)
            if then.endswith("\n...\n"):
                kept = now.splitlines(keepends=True)[: then.count("\n") - 1]
                now = "".join([*kept, "...\n"])
            lines += f"$ {command}\n{now}"
        return f"```console\n{lines}```\n"

    return SESSION.sub(session, text)


def test_the_sessions_print_what_the_readme_says() -> None:
    text = README.read_text("utf-8")
    assert len(SESSION.findall(text)) >= 5
    hint = "python tests/test_readme.py writes the README's sessions anew"
    for now, then in zip(told(text).splitlines(), text.splitlines(), strict=True):
        assert NUMBER.sub("#", now) == NUMBER.sub("#", then), hint
        numbers = zip(NUMBER.findall(now), NUMBER.findall(then), strict=True)
        assert all(math.isclose(float(a), float(b), rel_tol=1e-12) for a, b in numbers), hint


def picture() -> str:
    """The picture that the README shows, made with the command that it names."""
    (command,) = re.findall(
        r"^`(losscli explain .*) --output worked.svg`$", README.read_text("utf-8"), re.M
    )
    return run(f"{command} --format svg")


def test_the_picture_is_what_the_tool_draws() -> None:
    now, then = picture(), PICTURE.read_text("utf-8")
    assert NUMBER.sub("#", now) == NUMBER.sub("#", then), (
        "python tests/test_readme.py draws it anew"
    )
    assert "](samples/worked.svg)" in README.read_text("utf-8")


def test_the_quick_start_is_two_commands() -> None:
    section = README.read_text("utf-8").split("## Quick start")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.S | re.M)
    assert len(blocks) == 2
    assert all(block.startswith("python -m pip install ") for block in blocks)


def test_every_link_leads_somewhere() -> None:
    for page in (README, ROOT / "samples" / "README.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


if __name__ == "__main__":
    README.write_text(told(README.read_text("utf-8")), "utf-8")
    PICTURE.write_text(picture(), "utf-8")
