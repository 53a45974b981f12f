"""What a model says of the rows of a manifest, a few pictures at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from affekt.arrays import FloatArray
from affekt.bundle import Bundle, MultiLabel, OutputSpec
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.manifests.row import Row
from affekt.errors import BundleError, UsageError, nearest
from affekt.evaluation.floors import Training
from affekt.evaluation.predictions import Output, Predictions
from affekt.evaluation.reading.kind import SetKind
from affekt.evaluation.reading.rows import (
    ALL,
    Progress,
    finish,
    groups_of,
    nothing_scored,
    units_of,
)
from affekt.evaluation.reading.sets import kind_of
from affekt.evaluation.reading.truths import geometry_of, training_rows, truth_of
from affekt.heads import VAD_HEAD, Kind
from affekt.inference.read.model import Model, Reading
from affekt.inference.read.views import People

BATCH = 32
"""Rows cropped before the model runs: what bounds the memory."""

TITLES = {VAD_HEAD: "VAD"}
"""What tables call a head whose labels do not say it."""


class RowModel(Protocol):
    """What is measured: `affekt.inference.read.model.Model`, or anything that answers alike."""

    @property
    def heads(self) -> Mapping[str, OutputSpec]:
        """What it says, by head."""

    def take(self, people: People) -> Any:
        """What the model needs of each person of a picture."""

    def run(self, batch: Sequence[Any]) -> Reading:
        """What it says of all persons."""


def predict(
    bundle: Bundle,
    manifest: Manifest,
    split: str = "test",
    *,
    protocol: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """What a model says of every row of a split that can be scored.

    Args:
        bundle: that says some of what the manifest has labels of.
        manifest: as ``affekt prepare`` writes it.
        split: ``train``, ``val``, ``test``, or ``all`` for every row of the manifest.
        protocol: one of those of its rows, see `affekt.evaluation.reading.faces.PROTOCOLS`.
        threads: for the model; all cores by default.
        progress: called after every batch.

    Raises:
        UsageError: an unknown protocol.
        DataError: an unknown split, a picture that is missing, or no row that can be scored.
        BundleError: a model that does not fit, or cannot be run.
    """
    kind = kind_of(manifest)
    check_protocol(kind, manifest, protocol)
    check_heads(bundle, manifest)
    model = Model(bundle, threads)
    return predict_rows(model, manifest, split, protocol=protocol, progress=progress)


def predict_rows(
    model: RowModel,
    manifest: Manifest,
    split: str,
    *,
    protocol: str | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """As `predict`, of an opened model. Rows that are not scored are counted with the reason."""
    kind, part = kind_of(manifest), None if split == ALL else split
    said = _Said({n: head for n, head in model.heads.items() if n in manifest.labels})
    chosen = check_protocol(kind, manifest, protocol)
    skipped, total = Counter[str](), manifest.count(part)

    def reason(row: Row) -> str | None:
        return kind.reason_to_skip(row, said.labels, chosen)

    for batch in _batches(manifest, part, reason, skipped):
        taken = [model.take(_people(manifest, rows)) for rows in batch]
        said.add([row for rows in batch for row in rows], model.run(taken))
        if progress:
            progress(len(said.rows), total)
    finish(progress, total)
    if not said.rows:
        raise nothing_scored(manifest, split, kind.noun.removesuffix("s"), skipped)
    found = said.predictions(kind, split, manifest.unit)
    return replace(found, protocol=kind.says(chosen, said.labels), skipped=dict(skipped))


def read_training(manifest: Manifest, split: str, said: Predictions) -> Training | None:
    """What floors learn from; None for a split that holds the training rows itself."""
    if split in ("train", ALL) or not kind_of(manifest).boxed:
        return None
    return training_rows(manifest, {name: own.labels for name, own in said.outputs.items()})


def check_heads(bundle: Bundle, manifest: Manifest) -> None:
    """Refuses a model that says nothing of what a manifest has labels of.

    Raises:
        BundleError: it names both.
    """
    if not {*manifest.labels} & {*bundle.info.outputs}:
        raise BundleError(
            f"{bundle.folder}: says {', '.join(bundle.info.outputs)}; the {kind_of(manifest).noun} "
            f"of {manifest.path} have {' and '.join(manifest.labels)}"
        )


def check_protocol(kind: SetKind, manifest: Manifest, protocol: str | None) -> str:
    """The protocol that is used, empty where rows of the kind have none.

    Raises:
        UsageError: there is no such protocol.
    """
    if protocol is None:
        return next(iter(kind.protocols), "")
    if not kind.protocols:
        raise UsageError(
            f"protocol {protocol!r}: protocols are for single-label heads, and {manifest.path} "
            f"holds {kind.noun}"
        )
    if protocol not in kind.protocols:
        raise UsageError(f"unknown protocol {protocol!r}: {nearest(protocol, kind.protocols)}")
    return protocol


@dataclass(slots=True)
class _Said:
    """What was said so far: rows without their pictures, and a few numbers per row."""

    heads: Mapping[str, OutputSpec]
    rows: list[Row] = field(default_factory=list)
    values: dict[str, list[FloatArray]] = field(default_factory=dict)
    spread: list[FloatArray] = field(default_factory=list)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        return {name: head.labels for name, head in self.heads.items()}

    def add(self, rows: list[Row], reading: Reading) -> None:
        self.rows += [replace(row, content=None) for row in rows]
        for name, values in reading.values.items():
            self.values.setdefault(name, []).append(values.astype(np.float64))
        if reading.spread is not None:
            self.spread.append(reading.spread.astype(np.float64))

    def predictions(self, kind: SetKind, split: str, unit_of: str) -> Predictions:
        unit, units = units_of(self.rows, unit_of)
        faces = np.array([row.face is not None for row in self.rows])
        return Predictions(
            split=split,
            ids=tuple(row.id for row in self.rows),
            sources=tuple(row.source for row in self.rows),
            outputs={name: self._output(name, head) for name, head in self.heads.items()},
            unit=unit,
            units=units,
            noun=kind.noun,
            groups=groups_of(self.rows),
            geometry=geometry_of(self.rows) if kind.boxed else None,
            spread=np.concatenate(self.spread) if self.spread else None,
            has_face=faces if kind.boxed else None,
            leaked=np.array([row.leak is not None for row in self.rows]),
        )

    def _output(self, name: str, head: OutputSpec) -> Output:
        truth, said = truth_of(self.rows, name, head.labels), np.concatenate(self.values[name])
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


def _people(manifest: Manifest, rows: Sequence[Row]) -> People:
    """The subjects of a picture; where only the face is known, the picture is their extent."""
    whole = (0.0, 0.0, float(rows[0].width), float(rows[0].height))
    boxes, faces = [row.box_xyxy or whole for row in rows], [row.face for row in rows]
    return People(read_row_picture(manifest, rows[0]), boxes, faces, rows[0].people)


def _batches(
    manifest: Manifest,
    split: str | None,
    reason_to_skip: Callable[[Row], str | None],
    skipped: Counter[str],
) -> Iterator[list[list[Row]]]:
    """Pictures with their subjects, as many as hold `BATCH` of these."""
    batch: list[list[Row]] = []
    for group in manifest.pictures(split, include_excluded=True):
        reasons = [reason_to_skip(row) for row in group]
        skipped.update(reason for reason in reasons if reason)
        rows = [row for row, reason in zip(group, reasons, strict=True) if not reason]
        if rows:
            batch.append(rows)
        if sum(map(len, batch)) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
