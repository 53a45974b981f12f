"""A context model on the people of a manifest: a multi-label head and a dimensional one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from affekt.arrays import BoolArray, FloatArray
from affekt.bundle import Bundle, MultiLabel, OutputSpec
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.manifests.row import Row
from affekt.errors import BundleError, UsageError
from affekt.evaluation.floors import FEWEST_ROWS, Training
from affekt.evaluation.predictions import Output, Predictions
from affekt.evaluation.reading.rows import (
    ALL,
    Progress,
    finish,
    groups_of,
    nothing_scored,
    units_of,
)
from affekt.geometry import person_geometry
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD, Kind
from affekt.inference.read.model import Model, Reading
from affekt.inference.read.views import People
from affekt.labels import VAD

PROTOCOL = (
    "a person's categories are those that any annotator gave, valence, arousal and dominance "
    "the combined ones; persons without a picture are skipped"
)

BATCH = 32
"""Persons cropped before the model runs: what bounds the memory."""


class PersonModel(Protocol):
    """What is measured: `affekt.inference.read.model.Model`, or anything that answers alike."""

    @property
    def heads(self) -> Mapping[str, OutputSpec]:
        """What it says, by head."""

    def take(self, people: People) -> Any:
        """What the model needs of each person of a picture."""

    def run(self, batch: Sequence[Any]) -> Reading:
        """What it says of all persons."""


def predict_with_bundle(
    bundle: Bundle,
    manifest: Manifest,
    split: str,
    *,
    protocol: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """What a context bundle or an ensemble says; see `predict_people`.

    Raises:
        UsageError: a protocol, which faces have and people have not.
        BundleError: a model that says nothing of what is true of people, or cannot be run.
    """
    if protocol is not None:
        raise UsageError(
            f"protocol {protocol!r}: protocols are for faces, and {manifest.path} holds people"
        )
    if not {*TRUTHS} & {*bundle.info.outputs}:
        raise BundleError(
            f"{bundle.folder}: says {', '.join(bundle.info.outputs)}; the people of "
            f"{manifest.path} have {' and '.join(TRUTHS)}"
        )
    return predict_people(Model(bundle, threads), manifest, split, progress=progress)


def predict_people(
    model: PersonModel,
    manifest: Manifest,
    split: str,
    *,
    progress: Progress | None = None,
) -> Predictions:
    """What a model says of every person of a split, reading a few pictures at a time.

    Persons of whom there are labels only, and those the manifest excludes, are counted as
    skipped.

    Raises:
        DataError: an unknown split, a picture that is missing, or no person that can be scored.
    """
    part = None if split == ALL else split
    said, skipped = _Said(), Counter[str]()
    total = manifest.count(part)
    for batch in _batches(manifest, part, skipped):
        crops = [
            model.take(
                People(
                    read_row_picture(manifest, rows[0]),
                    [row.person_xyxy for row in rows],
                    [row.face for row in rows],
                    rows[0].people,
                )
            )
            for rows in batch
        ]
        said.add([row for rows in batch for row in rows], model.run(crops))
        if progress:
            progress(len(said.rows), total)
    finish(progress, total)
    if not said.rows:
        raise nothing_scored(manifest, split, "person", skipped)
    return said.predictions(manifest, split, model, dict(skipped))


def training_people(manifest: Manifest, labels: Mapping[str, tuple[str, ...]]) -> Training | None:
    """The training persons whose VAD is known, for the floors; None where they are too few.

    Args:
        manifest: of people.
        labels: of each head that floors are wanted for, by its name.
    """
    rows = [row for row in manifest.rows("train") if row.vad and row.box_xyxy]
    if len(rows) < FEWEST_ROWS:
        return None
    targets = {n: TRUTHS[n](rows, own).astype(np.float64) for n, own in labels.items()}
    return Training(geometry_of(rows), targets)


def geometry_of(rows: Sequence[Row]) -> FloatArray:
    """Shape (n, 13), see `affekt.geometry.GEOMETRY_FEATURES`."""
    found = [person_geometry([r.person_xyxy], r.width, r.height, r.people)[0] for r in rows]
    return np.reshape(np.asarray(found, dtype=np.float64), (len(rows), -1))


def categories_of(rows: Sequence[Row], labels: tuple[str, ...]) -> BoolArray:
    """Whether each person has each category, shape (n, k)."""
    marked = [row.categories or () for row in rows]
    return np.array([[name in own for name in labels] for own in marked], dtype=bool)


def vad_of(rows: Sequence[Row], labels: tuple[str, ...] = VAD) -> FloatArray:
    """Shape (n, number of labels), 1 to 10, NaN where unknown."""
    unknown = (np.nan,) * len(VAD)
    known = np.array([row.vad or unknown for row in rows], dtype=np.float64)
    return known[:, [VAD.index(label) for label in labels]]


TRUTHS: dict[str, Callable[[Sequence[Row], tuple[str, ...]], BoolArray | FloatArray]] = {
    CATEGORIES_HEAD: categories_of,
    VAD_HEAD: vad_of,
}
"""What is true of people by head, whose labels are given: shape (n, number of labels)."""

TITLES = {VAD_HEAD: "VAD"}
"""What tables call a head whose labels do not say it."""


@dataclass(slots=True)
class _Said:
    """What was said so far: rows without their pictures, and a few numbers per person."""

    rows: list[Row] = field(default_factory=list)
    values: dict[str, list[FloatArray]] = field(default_factory=dict)
    spread: list[FloatArray] = field(default_factory=list)

    def add(self, rows: list[Row], reading: Reading) -> None:
        self.rows += [replace(row, content=None) for row in rows]
        for name, values in reading.values.items():
            self.values.setdefault(name, []).append(values.astype(np.float64))
        if reading.spread is not None:
            self.spread.append(reading.spread.astype(np.float64))

    def predictions(
        self, manifest: Manifest, split: str, model: PersonModel, skipped: dict[str, int]
    ) -> Predictions:
        unit, units = units_of(self.rows, manifest.unit)
        return Predictions(
            split=split,
            ids=tuple(row.id for row in self.rows),
            sources=tuple(row.source for row in self.rows),
            outputs={n: self._output(n, h) for n, h in model.heads.items() if n in TRUTHS},
            unit=unit,
            units=units,
            noun="persons",
            protocol=PROTOCOL,
            groups=groups_of(self.rows),
            geometry=geometry_of(self.rows),
            spread=np.concatenate(self.spread) if self.spread else None,
            has_face=np.array([row.face is not None for row in self.rows]),
            leaked=np.array([row.leak is not None for row in self.rows]),
            skipped=skipped,
        )

    def _output(self, name: str, head: OutputSpec) -> Output:
        truth, said = TRUTHS[name](self.rows, head.labels), np.concatenate(self.values[name])
        more = _MORE[head.kind](head)
        title = TITLES.get(name, "")
        return Output(Kind(head.kind), head.labels, truth, said, title=title, **more)


def _thresholds(head: MultiLabel) -> dict[str, Any]:
    limits = [head.thresholds[label] for label in head.labels] if head.thresholds else None
    return {"thresholds": None if limits is None else np.array(limits)}


_MORE: dict[str, Callable[[Any], dict[str, Any]]] = {
    Kind.SINGLE_LABEL: lambda head: {},
    Kind.MULTI_LABEL: _thresholds,
    Kind.DIMENSIONAL: lambda head: {"range": head.range},
}
"""What an `Output` of each kind takes beside labels and numbers."""


def _batches(
    manifest: Manifest, split: str | None, skipped: Counter[str]
) -> Iterator[list[list[Row]]]:
    """Pictures with their persons, as many as hold `BATCH` persons."""
    batch: list[list[Row]] = []
    for group in manifest.pictures(split, include_excluded=True):
        reasons = [_reason_to_skip(row) for row in group]
        skipped.update(reason for reason in reasons if reason)
        rows = [row for row, reason in zip(group, reasons, strict=True) if not reason]
        if rows:
            batch.append(rows)
        if sum(map(len, batch)) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _reason_to_skip(row: Row) -> str | None:
    if row.exclude is not None:
        return f"excluded: {row.exclude}"
    if row.box_xyxy is None or row.categories is None:
        return "no box or no categories of the person"
    return None if row.pictured else "labels without a picture"
