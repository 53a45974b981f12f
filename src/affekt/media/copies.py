"""Folders of annotated copies: marked, so that a later run does not read the copies as photos."""

from __future__ import annotations

from pathlib import Path

from affekt.files import write_atomically
from affekt.media.formats import is_picture_name
from affekt.media.walking import walk

MARK = ".affekt-annotated"
"""The file that says so. It stands in the folder itself and moves with it."""

_TEXT = """Affekt wrote annotated copies here. affekt predict passes this folder over when it lies
below a folder given: name it to read it all the same, or remove this file.
"""


def mark_copies(folder: Path) -> bool:
    """Marks a folder, unless it holds pictures of its own, which must not be passed over.

    Returns:
        Whether the folder is marked.

    Raises:
        OSError: it cannot be read or written.
    """
    mark = folder / MARK
    if not mark.is_file():
        if any(is_picture_name(name) for listing in walk(folder) for name in listing.files):
            return False
        write_atomically(mark, _TEXT.encode())
    return True
