"""Results as JSON: a list, or one object per line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from affekt.output.sink import Sink
from affekt.output.table import Labels
from affekt.typed import MisfitError, parse_json

_CONTROLS = re.compile("[\x7f-\x9f]")


class JsonWriter:
    """A list with one object per picture, one picture per line.

    The comma stands before the next one, so that every line is whole as soon as it is written: on
    a terminal, and in a log of both streams, an error line begins at the left.
    """

    def __init__(self, sink: Sink, labels: Labels | None = None) -> None:
        self._sink = sink
        self._lead = b"[\n"
        sink.write(b"", tail=b"[]\n")

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes one frame."""
        self._sink.write(self._lead + encode(record) + b"\n", tail=b"]\n")
        self._lead = b","

    def finish(self) -> None:
        """The sink's tail closes the list."""


class JsonLinesWriter:
    """One object per picture and line."""

    def __init__(self, sink: Sink, labels: Labels | None = None) -> None:
        self._sink = sink

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes one frame."""
        self._sink.write(encode(record) + b"\n")

    def finish(self) -> None:
        """Nothing is missing."""


def encode(value: Any) -> bytes:
    r"""A value as JSON in UTF-8; control characters and names that are no Unicode are escaped.

    >>> encode({"source": "é"}).decode()
    '{"source": "é"}'
    >>> encode("caf\udce9\x9d").decode()
    '"caf\\udce9\\u009d"'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False).encode().replace(b"\x7f", b"\\u007f")


def decode_line(line: bytes) -> Any:
    r"""The value on a line that either writer wrote; None for any other line.

    >>> decode_line(b',{"a": 1}\n'), decode_line(b'{"a": 1}\n'), decode_line(b'{"a"')
    ({'a': 1}, {'a': 1}, None)
    """
    try:
        return parse_json(line.strip(b",\n"))
    except MisfitError:
        return None
