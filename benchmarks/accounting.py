"""Where every file of a run of `affekt predict` has gone: a result, an error line, or nowhere."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from io import StringIO
from pathlib import Path

from affekt.media.formats import kind_of_name
from affekt.output.csv import unmark_formula
from affekt.output.text import printable

ERROR, NOTE, PASSED = "affekt: error: ", "affekt: ", "affekt: passed over what is not read: "


def kind_of_line(line: str) -> str:
    """What a line of standard error is.

    >>> kind_of_line("affekt: error: a.jpg: damaged"), kind_of_line("ZIPDecode: error")
    ('error', 'foreign')
    """
    if line.startswith("Traceback (most recent"):
        return "traceback"
    if line.startswith(f"{ERROR}unexpected "):
        return "unexpected"
    if line.startswith(ERROR):
        return "error"
    return "note" if line.startswith(NOTE) else "foreign"


def named(lines: Iterable[str], files: Collection[str]) -> Iterator[str]:
    """The files that error lines name.

    >>> list(named(["affekt: error: a: b.jpg: damaged (x: y)"], ["a: b.jpg", "c.jpg"]))
    ['a: b.jpg']
    """
    shown = {printable(name): name for name in files}
    for line in lines:
        if not line.startswith(ERROR):
            continue
        text = line.removeprefix(ERROR)
        ends = (found.start() for found in re.finditer(": ", text))
        yield from {shown[text[:end]] for end in ends if text[:end] in shown}


def lost(unseen: Iterable[str], lines: Iterable[str]) -> list[str]:
    """Of files without result and error line, those of a kind that no line says is passed over.

    >>> lost(["a.tga", "b.tga", "c.jpg"], ["affekt: passed over what is not read: 2 .tga"])
    ['c.jpg']
    """
    said = Counter[str]()
    for line in lines:
        if line.startswith(PASSED):
            parts = (part.split(" ", 1) for part in line.removeprefix(PASSED).split(", "))
            said = Counter({kind: int(count) for count, kind in parts})
    unseen = list(unseen)
    counts = Counter(map(kind_of_name, unseen))
    return sorted(name for name in unseen if counts[kind_of_name(name)] != said[kind_of_name(name)])


def people(path: Path) -> list[tuple[str, int]]:
    """Every result of a file of JSON, JSON Lines or CSV: the picture and how many people.

    CSV holds only pictures with somebody.
    """
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    if path.suffix == ".csv":
        rows = csv.DictReader(StringIO(text, newline=""), strict=True)  # names hold ends of line
        return list(Counter(unmark_formula(row["source"]) for row in rows).items())
    records = json.loads(text) if path.suffix == ".json" else map(json.loads, text.split("\n")[:-1])
    return [(record["source"], len(record["people"])) for record in records]


def sources_so_far(path: Path) -> Iterator[str]:
    """The pictures in a working file of JSON Lines or JSON that is not finished."""
    for line in path.read_bytes().split(b"\n"):
        try:
            yield json.loads(line.strip(b"[],"))["source"]
        except (ValueError, KeyError, TypeError):
            continue
