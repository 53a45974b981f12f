"""Results as Parquet: typed columns; needs the ``data`` extra."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from affekt.output.sink import Sink
from affekt.output.table import TEXTS, WHOLE_NUMBERS, Labels, columns_for
from affekt.results import table_rows

ROWS_PER_GROUP = 4096
SCHEME = "file:"


class ParquetWriter:
    """One row per person in typed columns."""

    def __init__(self, sink: Sink, labels: Labels) -> None:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        kinds = dict.fromkeys(TEXTS, pa.string()) | dict.fromkeys(WHOLE_NUMBERS, pa.int32())
        names = columns_for(labels)
        self._primary = labels.primary
        self._schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in names])
        self._table = pa.Table.from_pylist
        self._rows: list[dict[str, Any]] = []
        self._writer = pq.ParquetWriter(_SinkFile(sink), self._schema)

    def write(self, record: Mapping[str, Any]) -> None:
        """Keeps one frame's people until there are enough for a row group."""
        for row in table_rows(record, self._primary):
            self._rows.append({**row, "source": to_unicode(row["source"])})
        if len(self._rows) >= ROWS_PER_GROUP:
            self._flush()

    def finish(self) -> None:
        """Writes the last row group and the file's footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        self._writer.write_table(self._table(rows, schema=self._schema))


def to_unicode(name: str) -> str:
    r"""A file's name in Unicode, as Parquet wants it; `from_unicode` takes it back.

    A name that is no Unicode becomes ``file:`` and its bytes, percent-encoded.

    >>> to_unicode("é.jpg"), to_unicode("caf\udce9.jpg")
    ('é.jpg', 'file:caf%E9.jpg')
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return SCHEME + quote_from_bytes(os.fsencode(name))
    return SCHEME + quote_from_bytes(name.encode()) if name.startswith(SCHEME) else name


def from_unicode(text: str) -> str:
    r"""The file's name behind a ``source`` of Parquet.

    >>> from_unicode("é.jpg"), from_unicode("file:caf%E9.jpg")
    ('é.jpg', 'caf\udce9.jpg')
    """
    if not text.startswith(SCHEME):
        return text
    return os.fsdecode(unquote_to_bytes(text.removeprefix(SCHEME)))


class _SinkFile(io.RawIOBase):
    """A sink as the file object that pyarrow writes to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._sink.write(bytes(content))
        return len(content)

    def tell(self) -> int:
        return self._sink.tell()
