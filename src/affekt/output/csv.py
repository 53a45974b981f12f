"""Results as CSV, which a spreadsheet may open and a program reads back exactly."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from affekt.output.sink import Sink
from affekt.output.table import TEXTS, Labels, columns_for
from affekt.results import table_rows

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""What a spreadsheet takes for the beginning of a formula, and the mark itself."""


class CsvWriter:
    """One row per person; the columns are fixed by what the model may say."""

    def __init__(self, sink: Sink, labels: Labels) -> None:
        self._sink = sink
        self._columns = columns_for(labels)
        self._primary = labels.primary
        self._sink.write(self._encode([dict(zip(self._columns, self._columns, strict=True))]))

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes one frame's people."""
        rows = [_marked(row) for row in table_rows(record, self._primary)]
        if rows:
            self._sink.write(self._encode(rows))

    def finish(self) -> None:
        """Nothing is missing."""

    def _encode(self, rows: Iterable[Mapping[str, Any]]) -> bytes:
        return b"".join(map(self._line, rows))

    def _line(self, row: Mapping[str, Any]) -> bytes:
        text = io.StringIO(newline="")  # its end of line is what makes csv put quotes around a \r
        csv.DictWriter(text, self._columns, lineterminator="\r\n").writerow(row)
        line = text.getvalue().removesuffix("\r\n") + "\n"
        return line.encode("utf-8", "surrogateescape")


def mark_formula(text: str) -> str:
    """A cell of text that a spreadsheet takes for text; `unmark_formula` takes it back.

    >>> mark_formula("=1+1.jpg"), mark_formula("'tis.jpg"), mark_formula("a=1.jpg")
    ("'=1+1.jpg", "''tis.jpg", 'a=1.jpg')
    """
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def unmark_formula(cell: str) -> str:
    """The text of a cell of text.

    >>> unmark_formula("'=1+1.jpg"), unmark_formula("a=1.jpg")
    ('=1+1.jpg', 'a=1.jpg')
    """
    return cell.removeprefix("'")


def _marked(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: mark_formula(row[name]) for name in TEXTS if row[name] is not None}
    return {**row, **texts}
