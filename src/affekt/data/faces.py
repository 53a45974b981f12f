"""Face sets into manifests: FER+ in its official layout, and one folder of pictures per label."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from affekt.data.framing import (
    Detect,
    Framing,
    find_face,
    measure_framing,
    roll_of,
)
from affekt.data.manifest import FaceRow, manifest_file, write_manifest
from affekt.data.splits import (
    SPLIT_FOLDERS,
    Entry,
    copies_of,
    digest_of,
    draw_splits,
    excluded_copies,
)
from affekt.errors import DataError, MediaError, UsageError
from affekt.labels import CONTEMPT, PRIMARY, PRIMARY_AND_CONTEMPT, parse_emotion
from affekt.media import ImageRgb, read_picture
from affekt.results import BoxXyxy, Face

Progress = Callable[[int, int], None]
"""Called with the pictures done and their total."""

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"}
)
FRAMING_SAMPLE = 200
PACKED_SIDE = 256
"""Pictures up to this many pixels are packed into the manifest; face crops are cut to it."""
PACKED_SCALE = 1.6
"""Side of a packed face crop, as a multiple of the face's: room for rotation and translation."""

FERPLUS_CSV = "fer2013new.csv"
FERPLUS_USAGE = {
    "Training": ("train", "FER2013Train"),
    "PublicTest": ("val", "FER2013Valid"),
    "PrivateTest": ("test", "FER2013Test"),
}
FERPLUS_REASONS = {"unknown": "unknown emotion", "NF": "not a face"}
FERPLUS_COLUMNS = (*PRIMARY_AND_CONTEMPT, *FERPLUS_REASONS)

UNREADABLE = "unreadable picture"
MISSING = "missing picture"
NO_FACE = "no face found"
BAD_VOTES = "votes are not usable"
NO_VOTES = "no votes for an emotion"
NO_MAJORITY = "no majority"


@dataclass(frozen=True, slots=True)
class PrepareSummary:
    """What a preparation did.

    Attributes:
        manifest: the file written.
        labels: the labels that shares are given for.
        counts: split to label to the number of faces in use; `NO_MAJORITY` for those without one.
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

    The soft label is the share of each of the eight emotions in the votes for any of them. The
    hard label is the emotion with the most votes, None when there are several such; a row whose
    most votes say "unknown" or "not a face" is excluded. ``majority`` states whether the official
    rule gives a label as well, see `official_majority`.

    Args:
        folder: holds ``fer2013new.csv`` and ``data/FER2013{Train,Valid,Test}``, or lies just
            above or below the folder that does.
        out: the manifest's file or folder.
        detect: finds faces, to measure the set's framing.
        progress: called as rows are made.

    Raises:
        DataError: not this layout, or no picture at all.
        OutputError: the manifest cannot be written.
    """
    root = _ferplus_root(Path(folder))
    records = _ferplus_records(root / FERPLUS_CSV)
    named = [record for record in records if record["Image name"]]
    files = [_ferplus_file(root, record) for record in named]
    present = [file for file in files if file.is_file()]
    if not present:
        raise DataError(f"{root} has {FERPLUS_CSV} but no picture, expected {files[0]} and others")
    framing = measure_framing(_sample(present), detect)
    notes = [f"framing: {framing.describe()}"]
    if len(named) < len(records):
        notes.append(f"{len(records) - len(named)} lines of {FERPLUS_CSV} name no picture")
    rows = (_ferplus_row(record, file, framing) for record, file in zip(named, files, strict=True))
    return _write(out, _watched(rows, len(named), progress), "ferplus", PRIMARY_AND_CONTEMPT, notes)


def official_majority(votes: Mapping[str, float]) -> str | None:
    """The label by the rule of the official FER+ code, or None where that code drops the face.

    Single votes are taken out as outliers; the winner needs more than half of the votes that are
    left, those for "unknown" and "not a face" included, and must be an emotion.

    >>> official_majority({"fear": 5, "anger": 3, "sadness": 1, "unknown": 1})
    'fear'
    >>> official_majority({"fear": 4, "anger": 4})
    """
    kept = {name: count for name, count in votes.items() if count > 1}
    winner = max(kept, key=kept.__getitem__, default="unknown")
    if winner in FERPLUS_REASONS or 2 * kept[winner] <= sum(kept.values()):
        return None
    return winner


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
    progress: Progress | None = None,
) -> PrepareSummary:
    """One folder of pictures per label, perhaps inside one folder per split, into a manifest.

    Args:
        folder: holds the label folders (`affekt.labels.SYNONYMS` are understood), or folders
            named train, val and test that hold them.
        out: the manifest's file or folder.
        detect: finds faces: in every picture, or in a sample to measure the set's framing.
        faces: ``whole``: each picture is a face crop, cut as the set's framing says.
            ``detect``: find the face in each picture.
        val: share of each label drawn for validation, where no folder gives that split.
        test: share of each label drawn for the test, likewise.
        seed: of the draw; the same content and seed give the same split.
        source: name of the set, by default the folder's.
        pack: put pictures into the manifest (with ``detect``: a generous crop of the face).
            By default all detected faces and pictures up to 256 pixels.
        progress: called as rows are made.

    Raises:
        UsageError: an unknown value of ``faces``, or shares that do not fit.
        DataError: no such folder, an unknown label folder, or no picture.
        OutputError: the manifest cannot be written.
    """
    _check_options(faces, val, test)
    root = Path(folder)
    entries, notes = _entries(root)
    splits = _drawn(entries, val, test, seed)
    reasons = excluded_copies(entries)
    notes += _copy_notes(entries)
    framing = None
    if faces == "whole":
        framing = measure_framing(_sample(_shuffled(entries)), detect)
        notes.append(f"framing: {framing.describe()}")
    contempt = any(entry.label == CONTEMPT for entry in entries)
    labels = PRIMARY_AND_CONTEMPT if contempt else PRIMARY

    def rows() -> Iterator[FaceRow]:
        for entry in entries:
            row = FaceRow(
                id=entry.path.relative_to(root).as_posix(),
                source=name,
                split=entry.split or splits[entry.digest],
                width=0,
                height=0,
                box_xyxy=(0.0, 0.0, 0.0, 0.0),
                soft={entry.label: 1.0},
                label=entry.label,
                path=entry.path.relative_to(root).as_posix(),
                exclude=reasons.get(entry.path),
            )
            yield _seen(row, entry.path, framing, detect, pack)

    name = source or root.resolve().name
    watched = _watched(rows(), len(entries), progress)
    return _write(out, watched, name, labels, notes, root=str(root.resolve()))


# FER+


def _ferplus_root(folder: Path) -> Path:
    for root in (folder, folder / "ferplus", folder / "FERPlus", folder.parent):
        if (root / FERPLUS_CSV).is_file():
            return root
    raise DataError(
        f"no {FERPLUS_CSV} in {folder}: give the folder that holds it and "
        f"data/{', data/'.join(name for _, name in FERPLUS_USAGE.values())}"
    )


def _ferplus_records(file: Path) -> list[dict[str, str]]:
    needed = ("Usage", "Image name", *FERPLUS_COLUMNS)
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            lacking = [name for name in needed if name not in (reader.fieldnames or ())]
            records = [{name: row[name] or "" for name in needed} for row in reader if not lacking]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {file}: {error}") from error
    if lacking:
        raise DataError(f"{file} lacks the column {lacking[0]!r}, expected {', '.join(needed)}")
    for number, record in enumerate(records, start=2):
        if record["Usage"] not in FERPLUS_USAGE:
            known = ", ".join(FERPLUS_USAGE)
            raise DataError(f"{file} line {number}: unknown Usage {record['Usage']!r} ({known})")
    return records


def _ferplus_file(root: Path, record: dict[str, str]) -> Path:
    return root / "data" / FERPLUS_USAGE[record["Usage"]][1] / record["Image name"]


def _ferplus_row(record: dict[str, str], file: Path, framing: Framing) -> FaceRow:
    split, parent = FERPLUS_USAGE[record["Usage"]]
    soft, label, majority, reason = _ferplus_label(record)
    row = FaceRow(
        id=Path(record["Image name"]).stem,
        source="ferplus",
        split=split,
        width=0,
        height=0,
        box_xyxy=(0.0, 0.0, 0.0, 0.0),
        soft=soft,
        label=label,
        path=f"data/{parent}/{record['Image name']}",
        majority=majority,
        exclude=reason,
    )
    if not file.is_file():
        return replace(row, exclude=MISSING)
    return _with_framing(row, file, framing, pack=True)


def _ferplus_label(
    record: dict[str, str],
) -> tuple[dict[str, float], str | None, bool | None, str | None]:
    """Soft label, hard label, whether the official rule gives it too, reason to exclude."""
    try:
        votes = {name: float(record[name]) for name in FERPLUS_COLUMNS}
    except ValueError:
        votes = {"NF": math.nan}
    if not all(math.isfinite(count) and count >= 0 for count in votes.values()):
        return {}, None, None, BAD_VOTES
    total = sum(votes[label] for label in PRIMARY_AND_CONTEMPT)
    soft = {label: votes[label] / total for label in PRIMARY_AND_CONTEMPT} if total else {}
    most = max(votes.values())
    winners = [name for name, count in votes.items() if count == most]
    if total == 0 or winners[0] in FERPLUS_REASONS:  # emotions come first in FERPLUS_COLUMNS
        reason = FERPLUS_REASONS[winners[0]] if most and len(winners) == 1 else NO_VOTES
        return soft, None, None, reason
    label = winners[0] if len(winners) == 1 else None
    return soft, label, label is not None and official_majority(votes) == label, None


# One folder per label


def _check_options(faces: str, val: float, test: float) -> None:
    if faces not in ("whole", "detect"):
        raise UsageError(f"unknown faces {faces!r}: whole or detect")
    if not (0 <= val <= 1 and 0 <= test <= 1 and val + test <= 1):
        raise UsageError(
            f"val {val} and test {test} are shares of the pictures: each from 0 to 1, "
            "together at most 1"
        )


def _entries(root: Path) -> tuple[list[Entry], list[str]]:
    """Every picture of the set in a fixed order, and notes on what was passed over."""
    entries: list[Entry] = []
    passed = Counter[str]()
    for split, label, folder in _label_folders(root):
        for path in _files(folder):
            if path.suffix.lower() in PICTURE_SUFFIXES:
                entries.append(Entry(path, label, split, digest_of(path)))
            else:
                passed[path.suffix or path.name] += 1
    if not entries:
        raise DataError(f"no picture in the label folders of {root}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(passed.items()))
    return entries, [f"passed over files that are no pictures: {kinds}"] if kinds else []


def _label_folders(root: Path) -> list[tuple[str | None, str, Path]]:
    tops = _folders(root)
    if not all(top.name.lower() in SPLIT_FOLDERS for top in tops):
        return [(None, _label_of(top), top) for top in tops]
    return [
        (SPLIT_FOLDERS[top.name.lower()], _label_of(inner), inner)
        for top in tops
        for inner in _folders(top)
    ]


def _folders(parent: Path) -> list[Path]:
    try:
        found = sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError as error:
        raise DataError(f"cannot read the folder {parent}: {error.strerror}") from error
    visible = [path for path in found if not path.name.startswith((".", "__"))]
    if not visible:
        raise DataError(f"no folder in {parent}: expected one per label ({', '.join(PRIMARY)})")
    return visible


def _label_of(folder: Path) -> str:
    try:
        return parse_emotion(folder.name)
    except DataError as error:
        raise DataError(f"folder {folder}: {error}") from error


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith("."))


def _drawn(entries: Sequence[Entry], val: float, test: float, seed: int) -> dict[str, str]:
    """Digest to split for the pictures that may be drawn from: those no folder gives a split."""
    digests: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.split is None:
            digests[entry.label].append(entry.digest)
    return draw_splits(digests, val, test, seed)


def _copy_notes(entries: Sequence[Entry]) -> list[str]:
    copies = copies_of(entries)
    files = sum(len(group) for group in copies.values())
    return [f"{files} files are exact copies of {len(copies)} pictures"] if copies else []


def _shuffled(entries: Sequence[Entry]) -> list[Path]:
    return [entry.path for entry in sorted(entries, key=lambda entry: entry.digest)]


# Pictures


def _sample(files: Sequence[Path]) -> Iterator[ImageRgb]:
    step = max(1, len(files) // FRAMING_SAMPLE)
    for file in files[::step][:FRAMING_SAMPLE]:
        try:
            yield read_picture(file)
        except MediaError:
            continue  # its row says so


def _seen(
    row: FaceRow, file: Path, framing: Framing | None, detect: Detect, pack: bool | None
) -> FaceRow:
    if framing is None:
        return _with_detected(row, file, detect, pack is not False)
    return _with_framing(row, file, framing, pack)


def _with_framing(row: FaceRow, file: Path, framing: Framing, pack: bool | None) -> FaceRow:
    try:
        image = read_picture(file)
    except MediaError:
        return replace(row, exclude=UNREADABLE)
    height, width = image.shape[:2]
    small = max(width, height) <= PACKED_SIDE
    content = file.read_bytes() if pack or (pack is None and small) else None
    box = framing.box_xyxy(width, height)
    return replace(row, width=width, height=height, box_xyxy=box, content=content)


def _with_detected(row: FaceRow, file: Path, detect: Detect, pack: bool) -> FaceRow:
    try:
        image = read_picture(file)
    except MediaError:
        return replace(row, exclude=UNREADABLE)
    height, width = image.shape[:2]
    row = replace(row, width=width, height=height)
    face = find_face(image, detect)
    if face is None:
        return replace(row, exclude=row.exclude or NO_FACE)
    row = replace(row, box_xyxy=face.box_xyxy, roll=roll_of(face))
    return _packed(row, image, face) if pack else row


def _packed(row: FaceRow, image: ImageRgb, face: Face) -> FaceRow:
    crop, box = face_cutout(image, face.box_xyxy)
    height, width = crop.shape[:2]
    return replace(row, width=width, height=height, box_xyxy=box, content=_jpeg(crop))


def face_cutout(image_rgb: ImageRgb, box_xyxy: BoxXyxy) -> tuple[ImageRgb, BoxXyxy]:
    """The part of a picture around a face, at most `PACKED_SIDE` pixels, and the box in it."""
    height, width = image_rgb.shape[:2]
    x1, y1, x2, y2 = box_xyxy
    reach = PACKED_SCALE * max(x2 - x1, y2 - y1) / 2
    left, right = _span((x1 + x2) / 2, reach, width)
    top, bottom = _span((y1 + y2) / 2, reach, height)
    part = Image.fromarray(image_rgb[top:bottom, left:right])
    scale = min(1.0, PACKED_SIDE / max(part.size))
    size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
    sx, sy = size[0] / part.width, size[1] / part.height
    box = ((x1 - left) * sx, (y1 - top) * sy, (x2 - left) * sx, (y2 - top) * sy)
    if scale < 1:
        part = part.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(part), box


def _span(centre: float, reach: float, limit: int) -> tuple[int, int]:
    low = min(max(0, math.floor(centre - reach)), limit - 1)
    return low, max(low + 1, min(limit, math.ceil(centre + reach)))


def _jpeg(image_rgb: ImageRgb) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image_rgb).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


# The manifest


def _write(
    out: str | Path,
    rows: Iterable[FaceRow],
    source: str,
    labels: tuple[str, ...],
    notes: Sequence[str],
    root: str = "",
) -> PrepareSummary:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    excluded = Counter[str]()

    def counted() -> Iterator[FaceRow]:
        for row in rows:
            if row.exclude is None:
                counts[row.split][row.label or NO_MAJORITY] += 1
            else:
                excluded[row.exclude] += 1
            yield row

    note = {"source": source, "remarks": "\n".join(notes)}
    write_manifest(out, counted(), labels=labels, root=root, note=note)
    sorted_counts = {split: dict(sorted(counts[split].items())) for split in sorted(counts)}
    return PrepareSummary(manifest_file(out), labels, sorted_counts, dict(excluded), tuple(notes))


def _watched(rows: Iterable[FaceRow], total: int, progress: Progress | None) -> Iterator[FaceRow]:
    for done, row in enumerate(rows, start=1):
        yield row
        if progress is not None:
            progress(done, total)
