"""Which layout of EMOTIC a folder holds, and where its pictures lie, however deep they are nested.

The release unpacks to ``Annotations/Annotations.mat`` and ``emotic/mscoco/images``, often inside
one more folder of the same name; other copies have CSV files, see `affekt.data.sets.emotic.csv`.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from affekt.data.sets.emotic.annotations import SOURCES, AnnotatedPicture, merge_pictures
from affekt.data.sets.emotic.csv import ARRAY_FILES, TANDON_FILES, read_arrays, read_tandon
from affekt.data.sets.emotic.mat import MAT_NAME, read_mat
from affekt.data.sets.splits import digest_of
from affekt.errors import DataError
from affekt.media.walking import walk

OFFICIAL, TANDON, ARRAYS = "official", "csv", "arrays"
EXPECTED = (
    "expected Annotations/Annotations.mat beside emotic/mscoco/images and so on, or train.csv, "
    "val.csv and test.csv, or annots_arrs/annot_arrs_train.csv and so on beside img_arrs; see "
    "docs/data.md"
)
PICTURE_FOLDER, ARRAY_FOLDER = "images", "img_arrs"
MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture's file: its path relative to the set's root, bytes and time of change in ns."""

    path: str
    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Layout:
    """One copy of EMOTIC on disk.

    Attributes:
        name: `OFFICIAL`, `TANDON` or `ARRAYS`.
        root: the folder given.
        annotations: the annotation files, each with its split, empty where it holds them all.
        folders: source (`affekt.data.sets.emotic.annotations.SOURCES`) to file name to picture.
    """

    name: str
    root: Path
    annotations: dict[Path, str]
    folders: dict[str, dict[str, PictureFile]]

    def pictures(self) -> Iterator[AnnotatedPicture]:
        """What the annotation files state, each picture once per split; train, val, test.

        Raises:
            DataError: a damaged file, or one that is not EMOTIC's.
        """
        if self.name == OFFICIAL:
            yield from merge_pictures(read_mat(next(iter(self.annotations))))
        elif self.name == TANDON:
            yield from read_tandon(self.annotations)
        else:
            yield from read_arrays(self.annotations)

    def find(self, picture: AnnotatedPicture) -> PictureFile | None:
        """The file of a picture, None where it is missing."""
        if picture.array is not None:
            return self.folders.get(ARRAY_FOLDER, {}).get(PurePosixPath(picture.array).name)
        return self.folders.get(picture.source, {}).get(picture.filename)

    def fingerprint(self, options: Iterable[str]) -> str:
        """SHA-256 over the annotations' content, the listing of all pictures, and options."""
        digest = hashlib.sha256()
        for line in (*options, self.name, *(digest_of(file) for file in self.annotations)):
            digest.update(f"{line}\n".encode())
        for source in sorted(self.folders):
            for name, file in sorted(self.folders[source].items()):
                line = f"{source} {name} {file.path} {file.size} {file.changed_ns}\n"
                digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def find_layout(folder: Path, *, labels_only: bool = False) -> Layout:
    """The layout that a folder holds; the official one where there are several.

    Args:
        folder: the set, at any of its outer levels.
        labels_only: whether to do without pictures.

    Raises:
        DataError: no such folder, no annotation file in it, or no picture.
    """
    files, folders = _walk(folder)
    found = {OFFICIAL: _official(files), TANDON: _tandon(files), ARRAYS: _arrays(files)}
    name = next((name for name, stated in found.items() if stated), None)
    if name is None:
        raise DataError(f"no annotations of EMOTIC in {folder}: {EXPECTED}")
    layout = Layout(name, folder, found[name], {} if labels_only else _listing(folder, folders))
    if not labels_only:
        _check_folders(layout)
    return layout


def _walk(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files named like annotations, and folders that may hold pictures, shallow ones first."""
    if not folder.is_dir():
        raise DataError(f"no folder {folder}: {EXPECTED}")
    names = {MAT_NAME, *TANDON_FILES.values(), *ARRAY_FILES}
    files: list[Path] = []
    folders: list[Path] = []
    for listing in walk(folder):
        path = Path(listing.path)
        files += [path / name for name in listing.files if name in names]
        skipped = (PICTURE_FOLDER, ARRAY_FOLDER)
        folders += [path / name for name in listing.folders if name in skipped]
        deep = len(path.relative_to(folder).parts) >= MAX_DEPTH
        inner = [name for name in listing.folders if name not in skipped and not deep]
        listing.folders = inner
    return sorted(files, key=_depth), sorted(folders, key=_depth)


def _depth(path: Path) -> tuple[int, str]:
    return len(path.parts), str(path)


def _official(files: list[Path]) -> dict[Path, str]:
    found = [file for file in files if file.name == MAT_NAME]
    return {found[0]: ""} if found else {}


def _tandon(files: list[Path]) -> dict[Path, str]:
    for parent in dict.fromkeys(file.parent for file in files):
        found = {parent / name: split for split, name in TANDON_FILES.items()}
        if all(file in files for file in found):
            return found
    return {}


def _arrays(files: list[Path]) -> dict[Path, str]:
    for parent in dict.fromkeys(file.parent for file in files):
        found = {parent / name: split for name, split in ARRAY_FILES.items()}
        present = {file: split for file, split in found.items() if file in files}
        if set(present.values()) == set(ARRAY_FILES.values()):
            return present
    return {}


def _listing(root: Path, folders: list[Path]) -> dict[str, dict[str, PictureFile]]:
    listed: defaultdict[str, dict[str, PictureFile]] = defaultdict(dict)
    for folder in folders:
        inside = folder.relative_to(root)
        own = listed[_source_of(folder, inside)]
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file() and entry.name not in own:
                    stat = entry.stat()
                    path = (inside / entry.name).as_posix()
                    own[entry.name] = PictureFile(path, stat.st_size, stat.st_mtime_ns)
    return dict(listed)


def _source_of(folder: Path, inside: Path) -> str:
    """The part of EMOTIC that a folder of pictures belongs to: the nearest such name above it."""
    if folder.name == ARRAY_FOLDER:
        return ARRAY_FOLDER
    above = [part for part in reversed(inside.parts) if part in SOURCES]
    return above[0] if above else folder.parent.name


def _check_folders(layout: Layout) -> None:
    needed = (ARRAY_FOLDER,) if layout.name == ARRAYS else SOURCES
    if not any(layout.folders.get(name) for name in needed):
        raise DataError(
            f"{layout.root} holds annotations but no picture: {EXPECTED}; or prepare the labels "
            "alone with --labels-only"
        )
