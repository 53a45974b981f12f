"""The formats of results, and which one is meant."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from affekt.errors import MissingExtraError, UsageError, nearest
from affekt.output.csv import CsvWriter
from affekt.output.json import JsonLinesWriter, JsonWriter
from affekt.output.making import Writer
from affekt.output.parquet import ParquetWriter
from affekt.output.sink import STDOUT

WRITERS: dict[str, Callable[..., Writer]] = {
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
    "csv": CsvWriter,
    "parquet": ParquetWriter,
}

TABLES = frozenset({"csv", "parquet"})
"""Formats without a place for a picture with nobody in it: their files are made of a journal."""


def choose_format(asked: str | None, output: str) -> str:
    """The format asked for, else the one of the output's suffix, else JSON.

    Raises:
        UsageError: an unknown format or suffix.
        MissingExtraError: Parquet without the ``data`` extra.

    >>> choose_format(None, "-"), choose_format(None, "a/b.CSV"), choose_format("jsonl", "x.txt")
    ('json', 'csv', 'jsonl')
    """
    suffix = Path(output).suffix.lower().removeprefix(".")
    name = asked or ("json" if output == STDOUT or not suffix else suffix)
    if name not in WRITERS:
        asked_by = f"--format {name}" if asked else f"--output {output}: format {name!r}"
        remedy = "" if asked else "; or give --format"
        raise UsageError(f"{asked_by} is unknown, {nearest(name, WRITERS)}{remedy}")
    if name == "parquet":
        _check_parquet(output)
    return name


def _check_parquet(output: str) -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec("pyarrow") is None:
        raise MissingExtraError("Parquet output", "data")
    if output == STDOUT and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("Parquet is not text: name a file with --output, or pipe it on")
