"""What a process takes of memory for itself: not the pages of files, which the kernel can drop."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest

MIB = 1 << 20
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def peak(*arguments: str, cwd: Path, stdin: BinaryIO | None = None) -> int:
    """The most that `losscli` with these arguments held at a time, in bytes; it must succeed."""
    command = [sys.executable, "-m", "losscli", *arguments]
    with subprocess.Popen(command, cwd=cwd, stdin=stdin, stdout=subprocess.DEVNULL) as process:
        most = 0
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            lines = dict(line.split(":", 1) for line in status.splitlines())
            kinds = ("RssAnon", "RssShmem")
            most = max(most, sum(int(lines.get(kind, "0 kB").split()[0]) for kind in kinds) * 1024)
            time.sleep(0.002)
    assert process.returncode == 0
    return most
