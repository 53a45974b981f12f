"""What runs that were killed had done: their whole results, by picture."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from affekt.output.json import decode_line
from affekt.output.table import Labels
from affekt.results import Emotion, Frame
from affekt.typed import build

LARGEST = 2**31 - 1
"""Of the whole numbers of a table."""


class Earlier:
    """Results in working files, found by the picture's name; only their places are in memory.

    Args:
        files: of runs with the same settings, as JSON or JSON Lines; lines that are torn, or
            hold anything but a result of the model, are left out.
        labels: of the model.
    """

    def __init__(self, files: Sequence[Path], labels: Labels) -> None:
        self._stack = ExitStack()
        self._streams = [self._stack.enter_context(path.open("rb")) for path in files]
        self._times = [os.fstat(stream.fileno()).st_mtime_ns for stream in self._streams]
        self._places: defaultdict[str, deque[tuple[int, int]]] = defaultdict(deque)
        for number, stream in enumerate(self._streams):
            for place, record in _records(stream, labels):
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


def _records(stream: BinaryIO, labels: Labels) -> Iterator[tuple[int, Mapping[str, Any]]]:
    place = 0
    for line in stream:
        record = decode_line(line)
        if line.endswith(b"\n") and _is_result(record, labels):
            yield place, record
        place += len(line)


def _is_result(record: Any, labels: Labels) -> bool:
    """Whether a record is what `Frame.to_dict` gives for a model with these labels."""
    try:
        plain = _undecided(record)
        frame = build(Frame, plain)
        numbers = [frame.width, frame.height, frame.index]
        numbers += [person.track_id or 0 for person in frame.people]
        return (
            _undecided(frame.to_dict()) == plain
            and all(0 <= number <= LARGEST for number in numbers)
            and all(
                _fits(person.emotion, given["emotion"]["primary_label"], labels)
                for person, given in zip(frame.people, record["people"], strict=True)
            )
        )
    except (AttributeError, LookupError, TypeError, ValueError):
        return False


def _undecided(record: Any) -> dict[str, Any]:
    """A record without the most probable emotions, which follow from the probabilities."""
    people = [
        {**person, "emotion": {k: v for k, v in person["emotion"].items() if k != "primary_label"}}
        for person in record["people"]
    ]
    return {**record, "people": people}


def _fits(emotion: Emotion, chosen: Any, labels: Labels) -> bool:
    """Whether a model with these labels can say so, and the chosen one is the most probable."""
    primary, categories = emotion.primary or {}, emotion.categories or {}
    return (
        {*primary} in (set(), {*labels.primary})
        and {*categories} in (set(), {*labels.categories})
        and {head: {*said} for head, said in emotion.others.items()}
        == {head: {*own} for head, own in labels.others.items()}
        and {*(emotion.category_labels or ())} <= {*categories}
        and all(0 <= p <= 1 for p in (*primary.values(), *categories.values()))
        and (primary[chosen] == max(primary.values()) if primary else chosen is None)
    )


def _changed_ns(name: str) -> int:
    """When the picture, or its name, was last changed; 0 where nothing is there."""
    try:
        known = os.stat(name)  # noqa: PTH116 (one call)
    except OSError:
        return 0
    return max(known.st_mtime_ns, known.st_ctime_ns)
