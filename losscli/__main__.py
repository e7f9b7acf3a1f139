"""`python -m losscli`, and the entry point of the `losscli` script."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress

from losscli import __version__


def main() -> None:
    """Run the command line and leave with its exit code."""
    if sys.argv[1:] == ["--version"]:  # what the command line would print, without its start
        with suppress(OSError):  # it will say what is wrong
            print(f"losscli {__version__}", flush=True)
            return
    # what a start makes is no garbage; looking for some takes a tenth of it
    gc.set_threshold(100_000)
    try:
        from losscli import cli
    except KeyboardInterrupt:  # a start takes a tenth of a second
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
