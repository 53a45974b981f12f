"""A face model on the faces of a manifest: one single-label head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from affekt.arrays import FloatArray
from affekt.bundle import Bundle
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_face_crop
from affekt.data.manifests.row import Row
from affekt.errors import UsageError, nearest
from affekt.evaluation.predictions import Output, Predictions
from affekt.evaluation.reading.rows import (
    ALL,
    Progress,
    finish,
    groups_of,
    nothing_scored,
    units_of,
)
from affekt.heads import PRIMARY_HEAD, Kind
from affekt.inference.read.crop_model import CropModel

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
    model = CropModel(bundle, threads)
    return predict_faces(model, manifest, split, protocol=protocol, progress=progress)


def predict_faces(
    model: CropModel,
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
        crops = np.stack([read_face_crop(manifest, row, model.size) for row in batch])
        said.add(batch, model.probabilities(crops).astype(np.float64))
        if progress:
            progress(len(said.rows), total)
    finish(progress, total)
    if not said.rows:
        raise nothing_scored(manifest, split, "face", skipped)
    return said.predictions(manifest, split, model.labels, protocol, dict(skipped))


@dataclass(slots=True)
class _Said:
    """What was said so far: rows without their pictures, and a few numbers per face."""

    rows: list[Row] = field(default_factory=list)
    probabilities: list[FloatArray] = field(default_factory=list)

    def add(self, rows: list[Row], probabilities: FloatArray) -> None:
        self.rows += [replace(row, content=None) for row in rows]
        self.probabilities.append(probabilities)

    def predictions(
        self,
        manifest: Manifest,
        split: str,
        labels: tuple[str, ...],
        protocol: str,
        skipped: dict[str, int],
    ) -> Predictions:
        truth = np.array([labels.index(str(row.label)) for row in self.rows], dtype=np.int64)
        said = np.concatenate(self.probabilities)
        unit, units = units_of(self.rows, manifest.unit)
        return Predictions(
            split=split,
            ids=tuple(row.id for row in self.rows),
            sources=tuple(row.source for row in self.rows),
            outputs={PRIMARY_HEAD: Output(Kind.SINGLE_LABEL, labels, truth, said)},
            unit=unit,
            units=units,
            noun="faces",
            protocol=f"{protocol}: {PROTOCOLS[protocol]}; {len(labels)} classes "
            f"({', '.join(labels)}), faces of any other are skipped",
            groups=groups_of(self.rows),
            skipped=skipped,
        )


def _scored(
    rows: Iterator[Row], labels: tuple[str, ...], protocol: str, skipped: Counter[str]
) -> Iterator[Row]:
    for row in rows:
        reason = _reason_to_skip(row, labels, protocol)
        if reason is not None:
            skipped[reason] += 1
        else:
            yield row


def _reason_to_skip(row: Row, labels: tuple[str, ...], protocol: str) -> str | None:
    if row.exclude is not None:
        return f"excluded: {row.exclude}"
    if row.face is None:
        return "no face found"
    if row.label is None:
        return "no label with the most votes"
    if protocol == "majority" and row.majority is not True:
        return "no votes" if row.majority is None else "no majority"
    return None if row.label in labels else f"the model has no {row.label}"
