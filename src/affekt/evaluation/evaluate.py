"""A bundle measured on the faces of a manifest: every figure with its interval and its floor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from affekt.arrays import FloatArray, IntArray
from affekt.bundle import Bundle
from affekt.data.manifest import FaceRow, Manifest, read_face_picture
from affekt.data.parquet import SPLITS
from affekt.errors import DataError, UsageError, nearest
from affekt.evaluation.bootstrap import N_RESAMPLES, percentile_interval, resample
from affekt.evaluation.metrics import single_label as metrics
from affekt.evaluation.report import Estimate, Evaluation, Predictions, skipped_line
from affekt.geometry import face_crop_matrix
from affekt.inference.runtime import FaceModel
from affekt.media import ImageRgb, warp

Progress = Callable[[int, int], None]
"""Called with the number of faces done and of all."""

PROTOCOLS = {
    "plurality": "the true label is the one with the most votes; faces without one are skipped",
    "majority": (
        "the true label is the one with more than half of the votes by the data set's official "
        "rule; faces without one are skipped"
    ),
}
ALL = "all"
"""In place of a split: every face."""

BATCH = 64
"""Faces read before the model runs: what bounds the memory."""


def evaluate(
    bundle: Bundle,
    manifest: Manifest,
    split: str = "test",
    *,
    protocol: str = "plurality",
    threads: int | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Measures a face model on one split of a manifest, reading a batch of faces at a time.

    Args:
        bundle: of kind ``face``.
        manifest: as ``affekt prepare`` writes it.
        split: ``train``, ``val``, ``test``, or ``all`` for every face of the manifest.
        protocol: ``plurality`` or ``majority``, see `PROTOCOLS`.
        threads: for the model; all cores by default.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
        progress: called after every batch.

    Raises:
        UsageError: an unknown protocol.
        DataError: an unknown split, a picture that is missing, or no face that can be scored.
        BundleError: not a face model, or one that cannot be run.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"unknown protocol {protocol!r}: {nearest(protocol, PROTOCOLS)}")
    model = FaceModel(bundle, threads)
    predictions = predict_faces(model, manifest, split, protocol=protocol, progress=progress)
    return score(
        predictions,
        model=bundle.info.name,
        data=str(manifest.path),
        protocol=f"{protocol}: {PROTOCOLS[protocol]}; {len(model.labels)} classes "
        f"({', '.join(model.labels)}), faces of any other are skipped",
        n_resamples=n_resamples,
        seed=seed,
    )


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
    skipped: Counter[str] = Counter()
    part = None if split == ALL else split
    scored = _scored(manifest.rows(part, include_excluded=True), model.labels, protocol, skipped)
    total = manifest.count(part)
    ids, sources, truth, parts = list[str](), list[str](), list[int](), list[FloatArray]()
    while batch := list(islice(scored, BATCH)):
        crops = np.stack([_crop(manifest, row, model.size) for row in batch])
        parts.append(model.probabilities(crops).astype(np.float64))
        ids += [row.id for row in batch]
        sources += [row.source for row in batch]
        truth += [model.labels.index(str(row.label)) for row in batch]
        if progress:
            progress(len(ids), total)
    if progress:  # faces that were skipped are done as well
        progress(total, total)
    if not ids:
        reasons = skipped_line(skipped) if skipped else _counts(manifest)
        raise DataError(f"{manifest.path}: no face of split {split!r} can be scored. {reasons}")
    return Predictions(
        split=split,
        labels=model.labels,
        ids=tuple(ids),
        sources=tuple(sources),
        truth=np.array(truth, dtype=np.int64),
        probabilities=np.concatenate(parts),
        skipped=dict(skipped),
    )


def _counts(manifest: Manifest) -> str:
    counts = ", ".join(f"{name} has {manifest.count(name)}" for name in SPLITS)
    return f"Of its faces {counts}; split {ALL!r} scores them all."


def score(
    predictions: Predictions,
    *,
    model: str,
    data: str,
    protocol: str,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """The figures of predictions, with their intervals.

    Args:
        predictions: at least one face.
        model: name of the model, for the report.
        data: name of the data, for the report.
        protocol: in words, for the report.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        DataError: probabilities that are not numbers or do not sum to 1.
    """
    p, y = predictions.probabilities, predictions.truth
    confusion = metrics.confusion_matrix(p, y)
    draws = resample(p, y, n_resamples=n_resamples, seed=seed)
    ece = metrics.expected_calibration_error(p, y)
    nll = metrics.negative_log_likelihood(p, y)
    figures = {
        "accuracy": _estimate(metrics.accuracy(confusion), metrics.accuracy(draws.confusion)),
        "balanced_accuracy": _estimate(
            metrics.balanced_accuracy(confusion), metrics.balanced_accuracy(draws.confusion)
        ),
        "ece": _estimate(ece, draws.ece),
        "nll": _estimate(nll, draws.nll),
    }
    return Evaluation(
        model=model,
        data=data,
        protocol=protocol,
        figures=figures,
        per_class=_per_class(predictions.labels, confusion, draws.confusion),
        confusion=confusion.astype(np.int64),
        floors=_floors(confusion),
        bootstrap={"n_resamples": n_resamples, "seed": seed},
        predictions=predictions,
    )


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


def _estimate(value: float | FloatArray, samples: FloatArray) -> Estimate:
    low, high = percentile_interval(samples).tolist()
    return Estimate(float(value), low, high)


def _per_class(
    labels: tuple[str, ...], confusion: FloatArray, draws: IntArray
) -> dict[str, dict[str, Estimate]]:
    values, samples = metrics.per_class(confusion), metrics.per_class(draws)
    return {
        label: {
            name: _estimate(getattr(values, name)[i], getattr(samples, name)[:, i])
            for name in ("recall", "precision", "f1")
        }
        for i, label in enumerate(labels)
    }


def _floors(confusion: FloatArray) -> dict[str, float]:
    support = confusion.sum(axis=1)
    return {
        "accuracy": float(support.max() / support.sum()),
        "balanced_accuracy": 1 / int((support > 0).sum()),
    }
