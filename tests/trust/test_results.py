"""What a killed run left, damaged: gone on from where it is whole, and read anew where not."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from affekt.output.csv import CsvWriter
from affekt.output.earlier import Earlier
from affekt.output.json import JsonWriter, encode
from affekt.output.parquet import ParquetWriter
from affekt.output.table import Labels
from affekt.results import Emotion, Face, Frame, Person
from fakes.feeding import MANY, write_then
from fakes.mutations import mutate_bytes, mutate_values

LABELS = Labels(("anger", "fear"), ("Peace", "Pain"))
BOX = (1.0, 2.0, 30.5, 40.0)
FEELING = Emotion({"anger": 0.25, "fear": 0.75}, {"Peace": 0.5, "Pain": 0.1}, ("Peace",), 5.0)
FRAME = Frame(
    "a.jpg",
    64,
    48,
    people=(
        Person(BOX, 0.9, Face(BOX, 0.9, ((2.0, 3.0),) * 5), FEELING),
        Person(BOX, 0.5, None, Emotion(None, {"Peace": 0.5, "Pain": 0.1}, ())),
    ),
).to_dict()


class Kept:
    """A sink in memory."""

    shown = False

    def __init__(self) -> None:
        self.stream = io.BytesIO()

    def write(self, content: bytes, tail: bytes = b"") -> None:
        self.stream.write(content)

    def tell(self) -> int:
        return self.stream.tell()

    def finish(self) -> None:
        """Nothing is missing."""


def lines() -> Iterator[bytes]:
    """Working files of one line, torn, altered or of strange values."""
    whole = encode(FRAME) + b"\n"
    yield from mutate_bytes(whole, MANY)
    for changed in mutate_values(FRAME, MANY):
        try:
            yield encode(changed) + b"\n"
        except ValueError:  # no JSON holds that
            continue


@pytest.mark.parametrize("make", [JsonWriter, CsvWriter, ParquetWriter])
def test_results_that_a_run_goes_on_from(make: Any, tmp_path: Path) -> None:
    writer, found = make(Kept(), LABELS), []

    def read(path: Path) -> None:
        earlier = Earlier([path], LABELS)
        for name in ("a.jpg", "", "0", "../a.jpg"):
            place = earlier.find(name)
            if place is not None:
                record = earlier.read(place)
                assert record["source"] == name
                writer.write(record)
                found.append(record)
        earlier.close()

    feed = write_then(tmp_path / "left.jsonl", read)
    for content in chain([encode(FRAME) + b"\n"], lines()):
        feed(content)
    writer.finish()
    assert found[0] == FRAME and len(found) < MANY
