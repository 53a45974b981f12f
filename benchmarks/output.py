"""How the benchmarks write what they measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [head, *rows]
    text = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([text[0], f"|{'---|' * len(head)}", *text[1:]])


def write(name: str, figures: dict[str, Any], page: str) -> None:
    """Writes ``<name>.json`` and ``<name>.md`` into `FOLDER`, and prints the page."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (FOLDER / f"{name}.md").write_text(page + "\n", encoding="utf-8")
    print(page)
    print(f"written: {FOLDER / name}.json and .md", file=sys.stderr)


def insert(path: Path, name: str, page: str) -> None:
    """Puts a page between ``<!-- name -->`` and ``<!-- end of name -->`` of a Markdown file."""
    before, start, rest = path.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not (start and end):
        raise ValueError(f"{path}: no place for {name}")
    path.write_text(f"{before}{start}\n{page}\n\n{end}{after}", encoding="utf-8")
