"""Hostile picture files and folders, made from tiny valid ones; the same seed gives the same."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fakes.hostile.bombs import bombs
from fakes.hostile.damage import DAMAGES, with_right_sums
from fakes.hostile.folders import NAMES, write_links, write_tree
from fakes.hostile.seeds import Seed, seeds

WRONG_SUFFIX, ODD_NAME, RIGHT_SUMS, TWICE = 0.05, 0.1, 0.5, 0.25
"""How often a file has another format's suffix, an odd name, a PNG's sums agree all the same,
and how often a file is damaged twice."""

FILES_OF_A_FOLDER = 500


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file: what it is or what was done to it, a suffix, the bytes."""

    kind: str
    suffix: str
    content: bytes


def hostile_files(count: int, seed: int, *, large: bool = False) -> Iterator[Hostile]:
    """That many files: what was made by hand once, valid pictures once, then damaged ones.

    Where ``count`` is less than that, what was made by hand and valid pictures are half of it.

    Args:
        count: of files.
        seed: of the dice.
        large: with bombs that take most programs minutes or gigabytes.
    """
    dice = Random(seed)
    whole = [Hostile("valid", seed.suffix, seed.content) for seed in seeds()]
    made = [Hostile("made", suffix, content) for _, suffix, content in bombs(large)] + whole
    if len(made) > count // 2:
        made = dice.sample(made, count // 2)
    yield from made
    for number in range(count - len(made)):
        yield _damaged(seeds()[number % len(seeds())], dice)


def _damaged(seed: Seed, dice: Random) -> Hostile:
    names = dice.sample(sorted(DAMAGES), 2 if dice.random() < TWICE else 1)
    content = seed.content
    for name in names:
        content = DAMAGES[name](content or b"\0", dice.choice(seeds()).content, dice)
    if dice.random() < RIGHT_SUMS:
        content = with_right_sums(content)
    suffix = dice.choice(seeds()).suffix if dice.random() < WRONG_SUFFIX else seed.suffix
    return Hostile(" and ".join(names), suffix, content)


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was written.

    Attributes:
        files: every regular file that has a path, in the form of `os.fsdecode`.
        kinds: how many of each kind.
        size: bytes of all together.
    """

    files: tuple[str, ...]
    kinds: dict[str, int]
    size: int


def write_corpus(folder: Path, count: int, seed: int, *, large: bool = False) -> Corpus:
    """Writes hostile files with hostile names into hostile folders below ``folder``.

    Args:
        folder: a new one.
        count: of files; links, pipes and folders come on top.
        seed: of the dice.
        large: with bombs that take most programs minutes or gigabytes, and folders deeper than
            a path may be long; else all is read in seconds.
    """
    dice, kinds, size = Random(seed), Counter[str](), 0
    paths = list[str]()
    for number, file in enumerate(hostile_files(count, seed, large=large)):
        inner = folder / f"{number // FILES_OF_A_FOLDER:02}"
        inner.mkdir(parents=True, exist_ok=True)
        paths.append(_write(inner, number, file, dice))
        kinds[file.kind] += 1
        size += len(file.content)
    write_links(folder)
    whole = seeds()[0]
    paths += write_tree(folder / "deep", whole.suffix, whole.content, large=large)
    return Corpus(tuple(paths), dict(kinds), size)


def _write(folder: Path, number: int, file: Hostile, dice: Random) -> str:
    name = os.fsencode(f"{number:05}{file.suffix}")
    if dice.random() < ODD_NAME:
        odd = dice.choice(NAMES) % number
        name = odd[: 250 - len(file.suffix)] + os.fsencode(file.suffix)
    path = os.fsencode(folder) + b"/" + name
    with open(path, "xb") as stream:  # noqa: PTH123 (a name of bytes)
        stream.write(file.content)
    return os.fsdecode(path)
