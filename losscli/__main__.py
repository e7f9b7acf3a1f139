"""`python -m losscli`, and the entry point of the `losscli` script."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from losscli import cli
    except KeyboardInterrupt:  # a start takes a tenth of a second
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
