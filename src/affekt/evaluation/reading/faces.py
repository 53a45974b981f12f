"""A face model on the faces of a manifest: one single-label head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from affekt.arrays import FloatArray
from affekt.bundle import Bundle
from affekt.data.manifests.manifest import FaceRow, Manifest, read_face_picture
from affekt.errors import UsageError, nearest
from affekt.evaluation.predictions import PICTURE, ROW, SUBJECT, Output, Predictions
from affekt.evaluation.reading.rows import ALL, GROUPS, Progress, finish, nothing_scored
from affekt.geometry import face_crop_matrix
from affekt.heads import Kind
from affekt.inference.runtime import FaceModel
from affekt.media import ImageRgb, warp

HEAD = "primary"

PROTOCOLS = {
    "plurality": "the true label is the one with the most votes; faces without one are skipped",
    "majority": (
        "the true label is the one with more than half of the votes by the data set's official "
        "rule; faces without one are skipped"
    ),
}

BATCH = 64
"""Faces read before the model runs: what bounds the memory."""


def predict_with_bundle(
    bundle: Bundle,
    manifest: Manifest,
    split: str,
    *,
    protocol: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """What a face bundle says; see `predict_faces`.

    Raises:
        UsageError: an unknown protocol.
        BundleError: not a face model, or one that cannot be run.
    """
    protocol = protocol or "plurality"
    if protocol not in PROTOCOLS:
        raise UsageError(f"unknown protocol {protocol!r}: {nearest(protocol, PROTOCOLS)}")
    model = FaceModel(bundle, threads)
    return predict_faces(model, manifest, split, protocol=protocol, progress=progress)


def predict_faces(
    model: FaceModel,
    manifest: Manifest,
    split: str,
    *,
    protocol: str = "plurality",
    progress: Progress | None = None,
) -> Predictions:
    """What a model says of every face of a split that has a true label among the model's.

    Raises:
        DataError: an unknown split, a picture that is missing, or no face that can be scored.
    """
    said, skipped = _Said(), Counter[str]()
    part = None if split == ALL else split
    scored = _scored(manifest.rows(part, include_excluded=True), model.labels, protocol, skipped)
    total = manifest.count(part)
    while batch := list(islice(scored, BATCH)):
        crops = np.stack([_crop(manifest, row, model.size) for row in batch])
        said.add(batch, model.labels, model.probabilities(crops).astype(np.float64))
        if progress:
            progress(len(said.ids), total)
    finish(progress, total)
    if not said.ids:
        raise nothing_scored(manifest, split, "face", skipped)
    return said.predictions(split, model.labels, protocol, dict(skipped))


@dataclass(slots=True)
class _Said:
    """What was said so far: a few words and numbers of each face, and never its picture."""

    ids: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    units: list[str | None] = field(default_factory=list)
    subjects: int = 0
    groups: list[tuple[str | None, ...]] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)
    probabilities: list[FloatArray] = field(default_factory=list)

    def add(self, rows: list[FaceRow], labels: tuple[str, ...], said: FloatArray) -> None:
        self.ids += [row.id for row in rows]
        self.sources += [row.source for row in rows]
        self.units += [row.subject or row.path for row in rows]
        self.subjects += sum(row.subject is not None for row in rows)
        self.groups += [tuple(getattr(row, name) for name in GROUPS) for row in rows]
        self.truth += [labels.index(str(row.label)) for row in rows]
        self.probabilities.append(said)

    def predictions(
        self, split: str, labels: tuple[str, ...], protocol: str, skipped: dict[str, int]
    ) -> Predictions:
        unit, units = self._drawn()
        return Predictions(
            split=split,
            ids=tuple(self.ids),
            sources=tuple(self.sources),
            outputs={HEAD: self._output(labels)},
            unit=unit,
            units=units,
            noun="faces",
            protocol=f"{protocol}: {PROTOCOLS[protocol]}; {len(labels)} classes "
            f"({', '.join(labels)}), faces of any other are skipped",
            groups=dict(zip(GROUPS, zip(*self.groups, strict=True), strict=True)),
            skipped=skipped,
        )

    def _output(self, labels: tuple[str, ...]) -> Output:
        said = np.concatenate(self.probabilities)
        return Output(Kind.SINGLE_LABEL, labels, np.array(self.truth, dtype=np.int64), said)

    def _drawn(self) -> tuple[str, tuple[str, ...] | None]:
        """Subjects where they are known, else pictures that hold several faces, else faces."""
        pairs = zip(self.sources, self.units, strict=True)
        units = tuple(
            f"{source}/{unit}" if unit else f"row {place}"
            for place, (source, unit) in enumerate(pairs)
        )
        if self.subjects:
            return SUBJECT, units
        return (PICTURE, units) if len(set(units)) < len(units) else (ROW, None)


def _scored(
    rows: Iterator[FaceRow], labels: tuple[str, ...], protocol: str, skipped: Counter[str]
) -> Iterator[FaceRow]:
    for row in rows:
        reason = _reason_to_skip(row, labels, protocol)
        if reason is None:
            yield row
        else:
            skipped[reason] += 1


def _reason_to_skip(row: FaceRow, labels: tuple[str, ...], protocol: str) -> str | None:
    if row.exclude is not None:
        return f"excluded: {row.exclude}"
    if row.label is None:
        return "no label with the most votes"
    if protocol == "majority" and row.majority is not True:
        return "no votes" if row.majority is None else "no majority"
    return None if row.label in labels else f"the model has no {row.label}"


def _crop(manifest: Manifest, row: FaceRow, size: int) -> ImageRgb:
    matrix = face_crop_matrix(row.box_xyxy, size, row.roll)
    return warp(read_face_picture(manifest, row), matrix, size)
