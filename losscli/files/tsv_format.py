"""TSV: CSV with tabs."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from losscli.files import csv_format
from losscli.files.loaded import Loaded
from losscli.files.raw import Raw


def read(raw: Raw, selector: str | None, *, words: bool) -> Loaded:
    """As CSV, with tabs between fields."""
    return csv_format.read(raw, selector, words=words, separator="\t")


def read_case(raw: Raw, numbers: Container[str]) -> dict[str, Any]:
    """As CSV, with tabs between fields."""
    return csv_format.read_case(raw, numbers, separator="\t")


def texts(raw: Raw, column: str) -> list[str]:
    """As CSV, with tabs between fields."""
    return csv_format.texts(raw, column, separator="\t")
