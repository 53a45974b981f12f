"""What the words of a command line mean: files, folders, patterns and standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from affekt.errors import MediaError, path_advice
from affekt.media.copies import MARK
from affekt.media.formats import ACCEPTED, NOT_REGULAR, is_picture_name, kind_of_name
from affekt.media.patterns import matching, parse
from affekt.media.pictures import Picture
from affekt.media.streams import read_all
from affekt.media.walking import Listing, walk

STDIN = "-"
SAID_KINDS = 8
"""Kinds of files passed over that are named one by one."""


@dataclass(frozen=True, slots=True)
class Source:
    """One picture to read.

    Attributes:
        name: what results and error lines call it.
        picture: the file, an encoded picture, or a decoded one.
    """

    name: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Sources:
    """What the words of a command line mean.

    Attributes:
        items: for each picture its source; an error stands in the place of each folder or
            pattern without a picture and of each folder that cannot be read, so that the others
            go on.
        passed_over: what folders and patterns hold beside pictures, each kind with its number.
    """

    items: tuple[Source | MediaError, ...]
    passed_over: Mapping[str, int]

    def note(self) -> str | None:
        """What was passed over, in one line; None where that is nothing.

        >>> Sources((), {".heic": 3, "folder of annotated copies": 1}).note()
        'passed over what is not read: 3 .heic, 1 folder of annotated copies'
        """
        if not self.passed_over:
            return None
        kinds = sorted(self.passed_over.items(), key=lambda kind: (-kind[1], kind[0]))
        said = [f"{count} {kind}" for kind, count in kinds[:SAID_KINDS]]
        rest = sum(count for _, count in kinds[SAID_KINDS:])
        return f"passed over what is not read: {', '.join(said + [f'{rest} others'] * (rest > 0))}"


def expand_sources(words: Sequence[str]) -> Sources:
    """The pictures that the words of a command line mean, in a stable order.

    A folder means every picture in it and below, by suffix and in sorted order: links are
    followed, each real folder is entered once, hidden names are left out, and so are folders of
    annotated copies (see `affekt.media.copies`). A pattern with ``*``, ``?`` or ``[…]`` (``**``
    for any depth) means the pictures that it matches, ``-`` the picture on standard input,
    anything else a file, whatever its suffix. Only regular files are read unless a word names
    one of another kind, such as a pipe.
    """
    passed = Counter[str]()
    items = [found for word in words for found in _expand(word, passed)]
    return Sources(tuple(items), passed)


def _expand(word: str, passed: Counter[str]) -> Iterator[Source | MediaError]:
    if word == STDIN:
        yield _standard_input()
    elif Path(word).is_dir():
        what = f"{word}: the folder holds no picture; {ACCEPTED}"
        yield from _pictures(_visible(word, passed), passed, what)
    elif glob.has_magic(word) and not path_advice(word) and not os.path.lexists(word):
        pattern = parse(word)
        what = f"{word}: the pattern matches no picture; {ACCEPTED}"
        listings = _unmarked(pattern.base, walk(pattern.base, once=pattern.deep), passed)
        yield from _pictures(matching(pattern, listings), passed, what)
    else:
        yield Source(word, word)


def _standard_input() -> Source | MediaError:
    if sys.stdin is None:
        return MediaError("-: standard input is closed")
    try:
        return Source(STDIN, read_all(sys.stdin.buffer, STDIN))
    except MediaError as error:
        return error


def _visible(folder: str, passed: Counter[str]) -> Iterator[Listing]:
    for listing in _unmarked(folder, walk(folder), passed):
        listing.folders = [name for name in listing.folders if not name.startswith(".")]
        yield listing


def _unmarked(root: str, listings: Iterator[Listing], passed: Counter[str]) -> Iterator[Listing]:
    """Without the folders of annotated copies, unless it is the root itself that is one."""
    for listing in listings:
        if MARK in listing.files and listing.path != root:
            passed["folder of annotated copies"] += 1
            listing.folders.clear()
        else:
            yield listing


def _pictures(
    listings: Iterator[Listing], passed: Counter[str], nothing: str
) -> Iterator[Source | MediaError]:
    """The pictures, then the folders that cannot be read, or an error that there is neither."""
    failed: list[OSError] = []
    found = False
    for listing in listings:
        failed += [listing.error] if listing.error is not None else []
        passed.update([NOT_REGULAR] * len(listing.others))
        for name in listing.files:
            if is_picture_name(name):
                path = str(Path(listing.path, name))
                found = True
                yield Source(path, path)
            elif not name.startswith("."):
                passed[kind_of_name(name)] += 1
    for error in failed:
        yield MediaError(f"{error.filename}: the folder cannot be read ({error.strerror})")
    if not (found or failed):
        yield MediaError(nothing)
