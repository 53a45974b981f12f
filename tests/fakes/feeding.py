"""Damaged files put before a reader, which must give a right answer or one clear line.

``AFFEKT_MUTATIONS=5000 pytest tests/trust`` digs deeper than the suite has time for, and
``AFFEKT_SEED=7`` elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from affekt.errors import AffektError

MANY = int(os.environ.get("AFFEKT_MUTATIONS", "500"))
"""Variants for a reader."""

SEED = int(os.environ.get("AFFEKT_SEED", "0"))

Feed = Callable[[bytes], object]
"""Reads what it is given as the file would be read, and checks what comes out."""


def feed_all(
    variants: Iterable[bytes], feed: Feed, *refusals: type[AffektError], names: bool = False
) -> None:
    """Puts all variants before a reader.

    Args:
        variants: contents of a file.
        feed: the reader.
        refusals: the errors that it may raise; anything else is a fault, as is a message of
            several lines, or one that nobody can read.
        names: whether a variant may name a file, whose name an error keeps as it is.
    """
    refused = 0
    for number, content in enumerate(variants):
        try:
            feed(content)
        except refusals as error:
            refused += 1
            said = str(error)
            assert names or (said.isprintable() and len(said) < 1000), (number, said[:3000])
        except BaseException as error:
            error.add_note(f"variant {number}: {content[:300]!r}")
            raise
    assert refused, "every variant was taken for a right one"


def write_then(path: Path, read: Callable[[Path], object]) -> Feed:
    """A reader of a file that each variant is written to."""

    def feed(content: bytes) -> object:
        path.unlink(missing_ok=True)  # some systems wait for the disk where a file is overwritten
        path.write_bytes(content)
        return read(path)

    return feed
