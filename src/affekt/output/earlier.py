"""What runs that were killed had done: their whole results, by picture."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from affekt.output.json import decode_line
from affekt.results import Frame

KEYS = Frame("", 0, 0).to_dict().keys()


class Earlier:
    """Results in working files, found by the picture's name; only their places are in memory.

    Args:
        files: of runs with the same settings, as JSON or JSON Lines; lines that are torn are
            left out.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._stack = ExitStack()
        self._streams = [self._stack.enter_context(path.open("rb")) for path in files]
        self._times = [os.fstat(stream.fileno()).st_mtime_ns for stream in self._streams]
        self._places: defaultdict[str, deque[tuple[int, int]]] = defaultdict(deque)
        for number, stream in enumerate(self._streams):
            for place, record in _records(stream):
                self._places[record["source"]].append((number, place))

    def find(self, name: str) -> tuple[int, int] | None:
        """The place of a picture's result, each of which is given once.

        None where there is none, or where the picture was changed after it.
        """
        places = self._places.get(name)
        if not places:
            return None
        number, place = places.popleft()
        return (number, place) if _changed_ns(name) <= self._times[number] else None

    def read(self, found: tuple[int, int]) -> dict[str, Any]:
        """The result at a place that `find` gave."""
        stream = self._streams[found[0]]
        stream.seek(found[1])
        record: dict[str, Any] = decode_line(stream.readline())
        return record

    def close(self) -> None:
        """Closes the files."""
        self._stack.close()


def _records(stream: BinaryIO) -> Iterator[tuple[int, Mapping[str, Any]]]:
    place = 0
    for line in stream:
        record = decode_line(line)
        if line.endswith(b"\n") and isinstance(record, dict) and record.keys() == KEYS:
            yield place, record
        place += len(line)


def _changed_ns(name: str) -> int:
    """When the picture, or its name, was last changed; 0 where nothing is there."""
    try:
        known = os.stat(name)  # noqa: PTH116 (one call)
    except OSError:
        return 0
    return max(known.st_mtime_ns, known.st_ctime_ns)
