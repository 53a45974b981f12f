"""A context model measured on the people of a manifest: figures, intervals, floors, groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from affekt.arrays import FloatArray
from affekt.bundle import Bundle
from affekt.data.parquet import SPLITS
from affekt.data.people import PersonManifest, PersonRow, picture_of, read_person_picture
from affekt.errors import DataError
from affekt.evaluation.bootstrap import N_RESAMPLES
from affekt.evaluation.evaluate import ALL
from affekt.evaluation.floors import (
    PersonTable,
    floor_predictions,
    person_table,
    train_table,
)
from affekt.evaluation.groups import gaps, group_figures
from affekt.evaluation.metrics.dimensional import mean_absolute_error
from affekt.evaluation.metrics.multi_label import chance_average_precision, prevalence
from affekt.evaluation.people_bootstrap import estimate, sample_figures
from affekt.evaluation.people_figures import RANGES, ScoredPeople, all_figures
from affekt.evaluation.people_report import (
    ContextEvaluation,
    ContextPredictions,
    Figures,
    Floors,
)
from affekt.evaluation.report import Estimate, skipped_line
from affekt.inference.context import ContextModel
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face

Progress = Callable[[int, int], None]
"""Called with the number of persons done and of all."""

BATCH = 32
"""Persons cropped before the model runs: what bounds the memory."""

GROUPS = ("gender", "age", "source")
"""Figures are also given by each of these."""


class PersonModel(Protocol):
    """What is measured: `affekt.inference.context.ContextModel`, or anything that answers alike."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The categories, in the order of the probabilities."""

    def crop(
        self,
        image_rgb: ImageRgb,
        boxes_xyxy: Sequence[BoxXyxy],
        faces: Sequence[Face | None],
        people: int | None = None,
    ) -> Any:
        """What the model needs of each person of a picture."""

    def run(self, batch: Sequence[Any]) -> Any:
        """``probabilities`` (n, k), ``vad`` (n, 3) and ``spread`` (n,) or None, of all persons."""


def evaluate_people(
    bundle: Bundle,
    manifest: PersonManifest,
    split: str = "test",
    *,
    threads: int | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> ContextEvaluation:
    """Measures a context model on one split of a manifest, a few pictures at a time.

    Args:
        bundle: of kind ``context`` or ``ensemble``.
        manifest: as ``affekt prepare emotic`` writes it. Its training persons are what the
            floors learn from, so there are none for the splits ``train`` and ``all``.
        split: ``train``, ``val``, ``test``, or ``all`` for every person of the manifest.
        threads: for the model; all cores by default.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
        progress: called after every batch.

    Raises:
        DataError: an unknown split, a picture that is missing, or no person that can be scored.
        BundleError: not a context model, or one that cannot be run.
    """
    model = ContextModel(bundle, threads)
    predictions = predict_people(model, manifest, split, progress=progress)
    unseen = split not in ("train", ALL)
    return score_people(
        predictions,
        model=bundle.info.name,
        data=str(manifest.path),
        thresholds=model_thresholds(model),
        train=train_table(manifest, model.labels) if unseen else None,
        n_resamples=n_resamples,
        seed=seed,
    )


def model_thresholds(model: ContextModel) -> FloatArray | None:
    """A model's thresholds in its labels' order, or None where it has none."""
    known = model.thresholds
    return np.array([known[label] for label in model.labels]) if known else None


def predict_people(
    model: PersonModel,
    manifest: PersonManifest,
    split: str,
    *,
    progress: Progress | None = None,
) -> ContextPredictions:
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
            model.crop(
                read_person_picture(manifest, rows[0]),
                [row.box_xyxy for row in rows],
                [row.face for row in rows],
                rows[0].people,
            )
            for rows in batch
        ]
        said.add([row for rows in batch for row in rows], model.run(crops))
        if progress:
            progress(len(said.rows), total)
    if progress:  # persons that were skipped are done as well
        progress(total, total)
    if not said.rows:
        reasons = skipped_line(skipped) if skipped else _counts(manifest)
        raise DataError(f"{manifest.path}: no person of split {split!r} can be scored. {reasons}")
    return said.predictions(split, model.labels, dict(skipped))


def score_people(
    predictions: ContextPredictions,
    *,
    model: str,
    data: str,
    thresholds: FloatArray | None = None,
    train: PersonTable | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> ContextEvaluation:
    """The figures of predictions, with their intervals and floors.

    Args:
        predictions: at least one person.
        model: name of the model, for the report.
        data: name of the data, for the report.
        thresholds: shape (k,); without them there are no label sets to score.
        train: persons to fit the floors on; without them only chance is given.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    people = predictions.people(thresholds)
    draws = {"n_resamples": n_resamples, "seed": seed}
    groups = group_figures(people, predictions.groups, predictions.pictures, **draws)
    return ContextEvaluation(
        model=model,
        data=data,
        figures=figures_of(people, predictions.pictures, **draws),
        floors=_floors(predictions, train, draws),
        groups=groups,
        gaps=gaps(groups),
        thresholds=thresholds,
        bootstrap=draws,
        predictions=predictions,
    )


def figures_of(
    people: ScoredPeople,
    pictures: Sequence[str],
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Figures:
    """Every figure of the persons with its interval."""
    own, samples = sample_figures(
        partial(all_figures, people), pictures, n_resamples=n_resamples, seed=seed
    )

    def several(name: str) -> tuple[Estimate, ...]:
        pairs = zip(own[name], samples[name].T, strict=True)
        return tuple(estimate(value, drawn, RANGES[name]) for value, drawn in pairs)

    single = ("map", "map_official", "jaccard", "f1", "ece", "ece_mean")
    categories = {"ap": "ap", "ap_official": "ap_official"}
    categories |= {"f1": "f1_per_category", "ece": "ece_per_category"}
    return Figures(
        single={name: estimate(own[name], samples[name], RANGES[name]) for name in single},
        per_category={name: several(key) for name, key in categories.items()},
        vad={"mae": several("vad_mae"), "ccc": several("vad_ccc")},
    )


@dataclass(slots=True)
class _Said:
    """What was said so far: rows without their votes, and a few numbers per person."""

    rows: list[PersonRow] = field(default_factory=list)
    probabilities: list[FloatArray] = field(default_factory=list)
    vad: list[FloatArray] = field(default_factory=list)
    spread: list[FloatArray] = field(default_factory=list)

    def add(self, rows: list[PersonRow], output: Any) -> None:
        self.rows += rows
        self.probabilities.append(np.asarray(output.probabilities, dtype=np.float64))
        self.vad.append(np.asarray(output.vad, dtype=np.float64))
        if output.spread is not None:
            self.spread.append(np.asarray(output.spread, dtype=np.float64))

    def predictions(
        self, split: str, labels: tuple[str, ...], skipped: dict[str, int]
    ) -> ContextPredictions:
        table = person_table(self.rows, labels)
        return ContextPredictions(
            split=split,
            labels=labels,
            ids=tuple(row.id for row in self.rows),
            pictures=tuple(picture_of(row) for row in self.rows),
            truth=table.truth,
            probabilities=np.concatenate(self.probabilities),
            vad_truth=table.vad,
            vad=np.concatenate(self.vad),
            geometry=table.geometry,
            groups={name: tuple(getattr(row, name) for row in self.rows) for name in GROUPS},
            spread=np.concatenate(self.spread) if self.spread else None,
            faces=sum(row.face is not None for row in self.rows),
            leaked=sum(row.leak is not None for row in self.rows),
            skipped=skipped,
        )


def _batches(
    manifest: PersonManifest, split: str | None, skipped: Counter[str]
) -> Iterator[list[list[PersonRow]]]:
    """Pictures with their persons, as many as hold `BATCH` persons."""
    batch: list[list[PersonRow]] = []
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


def _reason_to_skip(row: PersonRow) -> str | None:
    if row.exclude is not None:
        return f"excluded: {row.exclude}"
    return "labels without a picture" if row.picture is None else None


def _counts(manifest: PersonManifest) -> str:
    counts = ", ".join(f"{name} has {manifest.count(name)}" for name in SPLITS)
    return f"Of its persons {counts}; split {ALL!r} scores them all."


def _floors(
    predictions: ContextPredictions, train: PersonTable | None, draws: dict[str, int]
) -> Floors:
    share = prevalence(predictions.truth)
    chance = chance_average_precision(predictions.truth)
    if train is None:
        return Floors(share, chance, None, None)
    said = floor_predictions(train, predictions.geometry)
    people = ScoredPeople(
        predictions.truth, said.geometry, predictions.vad_truth, said.geometry_vad
    )
    constant = np.broadcast_to(said.constant_vad, predictions.vad_truth.shape)
    return Floors(
        prevalence=share,
        chance=chance,
        geometry=figures_of(people, predictions.pictures, **draws),
        constant_vad=mean_absolute_error(predictions.vad_truth, constant),
    )
