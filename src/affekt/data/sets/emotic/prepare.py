"""EMOTIC into a manifest of people: every annotated person a row, every exclusion with a reason."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.parquet import manifest_file
from affekt.data.manifests.pictures import read_array
from affekt.data.manifests.row import SPLITS, Row
from affekt.data.sets.emotic.annotations import AnnotatedPicture
from affekt.data.sets.emotic.layouts import Layout, PictureFile, find_layout
from affekt.data.sets.emotic.rows import (
    MISSING,
    UNREADABLE,
    Seen,
    person_rows,
    restored_size,
    train_boxes,
)
from affekt.errors import DataError, MediaError
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.labels import CATEGORIES, VAD
from affekt.media import ImageRgb, read_picture, resize
from affekt.results import Face

Detect = Callable[[ImageRgb], list[Face]]
Progress = Callable[[int, int], None]
"""Called with the pictures done and their total."""

THREADS = 4
WINDOW = 4 * THREADS
"""Pictures under way at a time; bounds the memory, whatever the size of the set."""

LARGE = 8_000_000
"""Pictures of more pixels are decoded one at a time: EMOTIC's largest takes 400 MB meanwhile."""

LABELS = {CATEGORIES_HEAD: CATEGORIES, VAD_HEAD: VAD}

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class EmoticSummary:
    """What a preparation did.

    Attributes:
        manifest: the file.
        reused: whether it was already there, made from the same inputs.
        used: split to the number of people in use.
        excluded: reason to the number of rows kept in the file and left out of use.
        leaks: reason to the number of rows in use that nothing should be tuned on.
        notes: sentences about what was read and put right.
    """

    manifest: Path
    reused: bool
    used: dict[str, int]
    excluded: dict[str, int]
    leaks: dict[str, int]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "manifest": str(self.manifest),
            "reused": self.reused,
            "used": self.used,
            "excluded": self.excluded,
            "leaks": self.leaks,
            "notes": list(self.notes),
        }


def prepare_emotic(
    folder: str | Path,
    out: str | Path,
    *,
    detect: Detect | None,
    labels_only: bool = False,
    detector: str = "",
    progress: Progress | None = None,
) -> EmoticSummary:
    """Read EMOTIC in any of its layouts into a manifest of people.

    Each picture is decoded once: its size, its faces and whether it is whole come from that.
    Memory does not grow with the number of pictures. Where the manifest was made from the same
    annotations, pictures, options and version, it is left as it is.

    Args:
        folder: the set, see docs/data.md.
        out: the manifest's file or folder.
        detect: finds faces, which are matched to the people; None leaves faces out.
        labels_only: whether to do without pictures; sizes are then those stated.
        detector: tells one ``detect`` from another, so that a change is noticed.
        progress: called as pictures are done.

    Raises:
        DataError: no such layout, a damaged annotation file, or no picture.
        OutputError: the manifest cannot be written.
    """
    root = Path(folder).resolve()
    layout = find_layout(root, labels_only=labels_only)
    faces = detect is not None and not labels_only
    chosen = (f"faces {faces} {detector}", f"labels only {labels_only}")
    options = (version("affekt"), str(root), *chosen)
    fingerprint = layout.fingerprint(options)
    known = _same(out, fingerprint)
    if known is not None:
        return _summary(known, reused=True)
    _Preparation(layout, detect, labels_only, fingerprint, progress).write(out)
    return _summary(Manifest.open(out), reused=False)


def _same(out: str | Path, fingerprint: str) -> Manifest | None:
    """The manifest that is already there, if it was made from the same inputs."""
    if not manifest_file(out).is_file():
        return None
    try:
        manifest = Manifest.open(out)
    except DataError:  # another version's or a damaged one: it is made anew
        return None
    return manifest if manifest.note.get("fingerprint") == fingerprint else None


def _summary(manifest: Manifest, *, reused: bool) -> EmoticSummary:
    used, excluded, leaks = Counter[str](), Counter[str](), Counter[str]()
    for row in manifest.rows(include_excluded=True):
        if row.exclude is not None:
            excluded[row.exclude] += 1
            continue
        used[row.split] += 1
        if row.leak is not None:
            leaks[row.leak] += 1
    notes = tuple(manifest.note.get("remarks", "").splitlines())
    return EmoticSummary(
        manifest.path,
        reused,
        {split: used[split] for split in SPLITS},
        dict(excluded.most_common()),
        dict(leaks.most_common()),
        notes,
    )


class _Preparation:
    """One run: reads, looks at pictures on a few threads, counts, and writes as it goes."""

    def __init__(
        self,
        layout: Layout,
        detect: Detect | None,
        labels_only: bool,
        fingerprint: str,
        progress: Progress | None,
    ) -> None:
        self.layout = layout
        self.detect = None if labels_only else detect
        self.labels_only = labels_only
        self.fingerprint = fingerprint
        self.progress = progress
        self.tally = Counter[str]()
        self.one_large = Lock()

    def write(self, out: str | Path) -> None:
        """Writes the manifest, whole or not at all."""
        root, note = str(self.layout.root), self._note
        write_manifest(out, self._rows(), labels=LABELS, root=root, note=note)

    def _rows(self) -> Iterator[Row]:
        pictures = list(self.layout.pictures())
        train = train_boxes(pictures)
        with ThreadPoolExecutor(_threads()) as pool:
            for done, (picture, seen) in enumerate(_ordered(pool, self._look, pictures), start=1):
                rows, counts = person_rows(picture, seen, train)
                self.tally.update(counts)
                yield from rows
                if self.progress is not None:
                    self.progress(done, len(pictures))

    def _look(self, picture: AnnotatedPicture) -> tuple[AnnotatedPicture, Seen]:
        if self.labels_only:
            return picture, Seen(None, picture.width, picture.height)
        file = self.layout.find(picture)
        if file is None:
            expected = f"{picture.folder}/{picture.filename}".lstrip("/")
            return picture, Seen(picture.array or expected, 0, 0, problem=MISSING)
        return picture, self._read(file, picture)

    def _read(self, file: PictureFile, picture: AnnotatedPicture) -> Seen:
        if picture.width * picture.height > LARGE:
            with self.one_large:
                return self._decode(file, picture)
        return self._decode(file, picture)

    def _decode(self, file: PictureFile, picture: AnnotatedPicture) -> Seen:
        path = self.layout.root / file.path
        try:
            image = _read_array(path, picture) if picture.array else read_picture(path)
        except MediaError:
            return Seen(file.path, 0, 0, problem=UNREADABLE)
        height, width = image.shape[:2]
        faces = () if self.detect is None else tuple(self.detect(image))
        return Seen(file.path, width, height, faces)

    def _note(self) -> dict[str, str]:
        return {
            "source": "EMOTIC",
            "layout": self.layout.name,
            "fingerprint": self.fingerprint,
            "affekt": version("affekt"),
            "counts": json.dumps(dict(sorted(self.tally.items()))),
            "remarks": "\n".join(self._remarks()),
        }

    def _remarks(self) -> list[str]:
        remarks = [f"read from the {self.layout.name} layout"]
        return remarks + [f"{what}: {count}" for what, count in sorted(self.tally.items())]


def _read_array(path: Path, picture: AnnotatedPicture) -> ImageRgb:
    """A picture stored as an array, in the picture's shape."""
    image = read_array(path)
    height, width = image.shape[:2]
    return resize(image, *restored_size(width, height, picture))


def _threads() -> int:
    return max(1, min(THREADS, os.cpu_count() or 1))


def _ordered(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T]
) -> Iterator[R]:
    """The function's results in the items' order, at most `WINDOW` of them under way."""
    waiting = iter(items)
    running: deque[Future[R]] = deque(
        pool.submit(function, item) for item in islice(waiting, WINDOW)
    )
    try:
        while running:
            result = running.popleft().result()
            running.extend(pool.submit(function, item) for item in islice(waiting, 1))
            yield result
    finally:
        for future in running:
            future.cancel()
