"""Patterns of names with ``*``, ``?``, ``[…]`` and ``**``, matched while a folder is walked."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from affekt.media.walking import Listing

ANY_DEPTH = "**"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as a machine: a state is how many of its parts are matched.

    Attributes:
        base: the folder that the pattern starts in, empty for the working folder.
        parts: one regular expression per name, None for ``**``.
    """

    base: str
    parts: tuple[re.Pattern[str] | None, ...]

    @property
    def start(self) -> frozenset[int]:
        """The states before any name."""
        return self._with_skips({0})

    def after(self, states: Iterable[int], name: str) -> frozenset[int]:
        """The states that another name leads to; none when nothing below it can match.

        >>> pattern = parse("**/*.jpg")
        >>> sorted(pattern.after(pattern.start, "a.jpg")), sorted(pattern.after({1}, "b"))
        ([0, 1, 2], [])
        """
        found = set[int]()
        for state in states:
            part = self.parts[state] if state < len(self.parts) else _NEVER
            if part is None:
                found |= set() if name.startswith(".") else {state}
            elif part.match(name):
                found.add(state + 1)
        return self._with_skips(found)

    def matches(self, states: Iterable[int], name: str) -> bool:
        """Whether a file of that name, in a folder of those states, matches the whole pattern."""
        if self.parts[-1] is None:  # which stands for all below a folder
            return len(self.parts) - 1 in states and not name.startswith(".")
        return len(self.parts) in self.after(states, name)

    @property
    def deep(self) -> bool:
        """Whether it reaches folders of any depth."""
        return None in self.parts

    def _with_skips(self, states: set[int]) -> frozenset[int]:
        for state in range(len(self.parts)):
            if state in states and self.parts[state] is None:
                states.add(state + 1)
        return frozenset(states)


_NEVER = re.compile(r"(?!)")


def parse(pattern: str) -> Pattern:
    """A pattern of the command line; ``**`` stands for folders of any depth, hidden ones left out.

    >>> parse("photos/2024/*.jpg").base
    'photos/2024'
    """
    names = Path(pattern).parts
    plain = next((i for i, name in enumerate(names) if glob.has_magic(name)), len(names))
    base = str(Path(*names[:plain])) if plain else ""
    return Pattern(base, tuple(_part(name) for name in names[plain:]))


def _part(name: str) -> re.Pattern[str] | None:
    if name == ANY_DEPTH:
        return None
    shown = "" if name.startswith(".") else r"(?!\.)"
    return re.compile(shown + fnmatch.translate(name), re.IGNORECASE if os.name == "nt" else 0)


def matching(pattern: Pattern, listings: Iterable[Listing]) -> Iterator[Listing]:
    """A walk from the pattern's base, each folder with its matching names alone.

    Folders below which nothing can match are not entered.
    """
    states = {pattern.base: pattern.start}
    for listing in listings:
        own = states.pop(listing.path)
        listing.files = [name for name in listing.files if pattern.matches(own, name)]
        listing.others = [name for name in listing.others if pattern.matches(own, name)]
        yield listing
        inner = {name: pattern.after(own, name) for name in listing.folders}
        listing.folders = [name for name in listing.folders if inner[name] - {len(pattern.parts)}]
        for name in listing.folders:
            states[os.path.join(listing.path, name)] = inner[name]  # noqa: PTH118
