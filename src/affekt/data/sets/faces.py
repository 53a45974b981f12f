"""Face sets into manifests: FER+ in its official layout, and one folder of pictures per label."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affekt.data.manifests.manifest import write_manifest
from affekt.data.manifests.parquet import manifest_file
from affekt.data.manifests.row import Row
from affekt.data.sets.ferplus import CSV_NAME, FerPlusFace, read_ferplus
from affekt.data.sets.folders import EXACTLY_LABELS, read_folders, with_drawn_splits
from affekt.data.sets.framing import Detect, Framing, find_face, measure_framing
from affekt.data.sets.naming import FolderNames, written
from affekt.data.sets.packing import PACKED_SIDE, encode, face_cutout
from affekt.data.sets.splits import LEAK, Entry, conflicting, copies_of, digest_of, leaking
from affekt.errors import DataError, MediaError, UsageError
from affekt.heads import PRIMARY_HEAD
from affekt.labels import CONTEMPT, PRIMARY, PRIMARY_AND_CONTEMPT
from affekt.media import ImageRgb, read_picture
from affekt.results import Face

Progress = Callable[[int, int], None]
"""Called with the pictures done and their total."""

FRAMING_SAMPLE = 200
UNREADABLE = "unreadable picture"
MISSING = "missing picture"
NO_FACE = "no face found"
NO_LABEL = "no label has the most votes"


@dataclass(frozen=True, slots=True)
class PrepareSummary:
    """What a preparation did.

    Attributes:
        manifest: the file written.
        labels: the labels that shares are given for.
        counts: split to label to the number of faces in use; `NO_LABEL` for those without one.
        excluded: reason to the number of rows kept in the file and left out of use.
        notes: sentences about framing, copies and what was passed over.
    """

    manifest: Path
    labels: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    excluded: dict[str, int]
    notes: tuple[str, ...]

    @property
    def used(self) -> int:
        """The number of faces in use."""
        return sum(sum(labels.values()) for labels in self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "manifest": str(self.manifest),
            "labels": list(self.labels),
            "used": self.used,
            "counts": self.counts,
            "excluded": self.excluded,
            "notes": list(self.notes),
        }


def prepare_ferplus(
    folder: str | Path, out: str | Path, *, detect: Detect, progress: Progress | None = None
) -> PrepareSummary:
    """FER+ in the layout of its official generator, into a manifest with packed pictures.

    The soft label is each emotion's share of the votes for any of the eight. The hard label is
    the emotion with the most votes, None when there are several such; a face for which most say
    "unknown" or "not a face" is excluded. ``majority`` states whether the official rule gives the
    label as well. FER+ holds exact copies of pictures in several splits: those in train and val
    are excluded, the test stays whole.

    Args:
        folder: with ``fer2013new.csv`` and ``data/FER2013*``, or just above or below that one.
        out: the manifest's file or folder.
        detect: finds faces, to measure the set's framing.
        progress: called as rows are made.

    Raises:
        DataError: not this layout, or no picture at all.
        OutputError: the manifest cannot be written.
    """
    faces, unnamed = read_ferplus(Path(folder))
    present = [face for face in faces if face.file.is_file()]
    if not present:
        missing = f", such as {faces[0].file}" if faces else ""
        raise DataError(f"{CSV_NAME} in {folder} names no picture that is there{missing}")
    entries = [Entry(f.file, f.votes.label, f.split, digest_of(f.file)) for f in present]
    framing = measure_framing(_sample([face.file for face in present]), detect)
    notes = [f"framing: {framing.describe()}", *_copy_notes(entries)]
    if unnamed:
        notes.append(f"{unnamed} lines of {CSV_NAME} name no picture")
    leaks = leaking(entries)
    rows = (_ferplus_row(face, framing, leaks.get(face.file)) for face in faces)
    writer = _Writer("ferplus", PRIMARY_AND_CONTEMPT, tuple(notes))
    return writer.write(out, _watched(rows, len(faces), progress))


def prepare_folders(
    folder: str | Path,
    out: str | Path,
    *,
    detect: Detect,
    faces: str = "whole",
    val: float = 0.1,
    test: float = 0.0,
    seed: int = 0,
    source: str | None = None,
    pack: bool | None = None,
    names: FolderNames = EXACTLY_LABELS,
    progress: Progress | None = None,
) -> PrepareSummary:
    """One folder of pictures per label, perhaps inside one folder per split, into a manifest.

    Exact copies always share a split; copies under different labels are excluded, and so are
    copies of a picture that the set's own folders put into a later split.

    Args:
        folder: holds the label folders (`affekt.labels.SYNONYMS` are understood), or folders
            named train, val and test that hold them.
        out: the manifest's file or folder.
        detect: finds faces: in every picture, or in a sample to measure the set's framing.
        faces: ``whole``: each picture is a face crop, cut as the set's framing says.
            ``detect``: find the face in each picture.
        val: share of each label drawn for validation, where no folder gives that split.
        test: share of each label drawn for the test, likewise.
        seed: of the draw; the same set and seed give the same split.
        source: name of the set, by default the folder's.
        pack: put pictures into the manifest (with ``detect``: a generous crop of the face).
            By default all detected faces and pictures up to 256 pixels.
        names: what folders' names mean beside labels and splits, such as a set's numbers.
        progress: called as rows are made.

    Raises:
        UsageError: an unknown value of ``faces``, or shares that do not fit.
        DataError: no such folder, an unknown label folder, or no picture.
        OutputError: the manifest cannot be written.
    """
    _check_options(faces, val, test)
    root = Path(folder).resolve()
    found, notes = read_folders(root, names)
    notes += _copy_notes(found)
    reasons = {**leaking(found), **conflicting(found)}
    entries = with_drawn_splits(found, val, test, seed)
    framing = None
    if faces == "whole":
        by_digest = sorted(entries, key=lambda entry: entry.digest)
        framing = measure_framing(_sample([entry.path for entry in by_digest]), detect)
        notes.append(f"framing: {framing.describe()}")
    name = source or written(root.name)
    rows = (
        _seen(_folder_row(entry, root, name, reasons), entry.path, framing, detect, pack)
        for entry in entries
    )
    contempt = any(entry.label == CONTEMPT for entry in entries)
    labels = PRIMARY_AND_CONTEMPT if contempt else PRIMARY
    writer = _Writer(name, labels, tuple(notes), str(root))
    return writer.write(out, _watched(rows, len(entries), progress))


def _check_options(faces: str, val: float, test: float) -> None:
    if faces not in ("whole", "detect"):
        raise UsageError(f"unknown faces {faces!r}: whole or detect")
    if not (0 <= val <= 1 and 0 <= test <= 1 and val + test <= 1):
        raise UsageError(
            f"val {val} and test {test} are shares of the pictures: each from 0 to 1, "
            "together at most 1"
        )


def _copy_notes(entries: Sequence[Entry]) -> list[str]:
    copies = copies_of(entries)
    files = sum(len(group) for group in copies)
    leaks = len(leaking(entries))
    notes = [f"{files} files are exact copies of {len(copies)} pictures"] if copies else []
    return notes + ([f"{leaks} of them excluded: {LEAK}"] if leaks else [])


def _sample(files: Sequence[Path]) -> Iterator[ImageRgb]:
    step = max(1, len(files) // FRAMING_SAMPLE)
    for file in files[::step][:FRAMING_SAMPLE]:
        try:
            yield read_picture(file)
        except MediaError:
            continue  # the picture's own row says so


def _ferplus_row(face: FerPlusFace, framing: Framing, leak: str | None) -> Row:
    row = Row(
        id=face.id,
        source="ferplus",
        split=face.split,
        width=0,
        height=0,
        shares=face.votes.soft,
        label=face.votes.label,
        medium=f"data/{face.file.parent.name}/{face.file.name}",
        majority=face.votes.majority,
        exclude=face.votes.exclude or leak,
    )
    if not face.file.is_file():
        return replace(row, exclude=MISSING)
    return _framed(row, face.file, framing, pack=True)


def _folder_row(entry: Entry, root: Path, source: str, reasons: dict[Path, str]) -> Row:
    inside = entry.path.relative_to(root).as_posix()
    name = written(inside)
    return Row(
        id=name,
        source=source,
        split=entry.split or "train",
        width=0,
        height=0,
        shares={entry.label: 1.0} if entry.label else {},
        label=entry.label,
        medium=inside if name == inside else None,
        exclude=reasons.get(entry.path),
    )


def _seen(row: Row, file: Path, framing: Framing | None, detect: Detect, pack: bool | None) -> Row:
    if row.medium is None:
        pack = True  # a name that is no UTF-8 cannot stand in a manifest: the picture does
    if framing is None:
        return _detected(row, file, detect, pack is not False)
    return _framed(row, file, framing, pack)


def _framed(row: Row, file: Path, framing: Framing, pack: bool | None) -> Row:
    try:
        height, width = read_picture(file).shape[:2]
    except MediaError:
        return replace(row, exclude=UNREADABLE)
    small = max(width, height) <= PACKED_SIDE
    content = file.read_bytes() if pack or (pack is None and small) else None
    face = Face(framing.box_xyxy(width, height), 1.0)
    return replace(row, width=width, height=height, face=face, content=content)


def _detected(row: Row, file: Path, detect: Detect, pack: bool) -> Row:
    try:
        image = read_picture(file)
    except MediaError:
        return replace(row, exclude=UNREADABLE)
    face = find_face(image, detect)
    if face is None:
        height, width = image.shape[:2]
        return replace(row, width=width, height=height, exclude=row.exclude or NO_FACE)
    picture, face = face_cutout(image, face) if pack else (image, face)
    height, width = picture.shape[:2]
    content = encode(picture) if pack else None
    return replace(row, width=width, height=height, face=face, content=content)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes rows and counts them on the way."""

    source: str
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    root: str = ""

    def write(self, out: str | Path, rows: Iterable[Row]) -> PrepareSummary:
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        excluded = Counter[str]()
        note = {"source": self.source, "remarks": "\n".join(self.notes)}
        counted = _counted(rows, counts, excluded)
        labels = {PRIMARY_HEAD: self.labels}
        write_manifest(out, counted, labels=labels, root=self.root, note=note)
        ordered = {split: dict(sorted(counts[split].items())) for split in sorted(counts)}
        return PrepareSummary(manifest_file(out), self.labels, ordered, dict(excluded), self.notes)


def _counted(
    rows: Iterable[Row], counts: defaultdict[str, Counter[str]], excluded: Counter[str]
) -> Iterator[Row]:
    for row in rows:
        if row.exclude is None:
            counts[row.split][row.label or NO_LABEL] += 1
        else:
            excluded[row.exclude] += 1
        yield row


def _watched(rows: Iterable[Row], total: int, progress: Progress | None) -> Iterator[Row]:
    for done, row in enumerate(rows, start=1):
        yield row
        if progress is not None:
            progress(done, total)
