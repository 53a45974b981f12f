"""Bundles measured on a manifest: one alone, or two against each other."""

from __future__ import annotations

from affekt.bundle import Bundle
from affekt.data.manifests.manifest import Manifest
from affekt.errors import UsageError
from affekt.evaluation.comparison import Comparison, compare_predictions
from affekt.evaluation.evaluation import Evaluation
from affekt.evaluation.figures import Use, entries
from affekt.evaluation.floors import Training, measure_floors
from affekt.evaluation.groups import find_gaps, measure_groups
from affekt.evaluation.measuring import measure_figures
from affekt.evaluation.predictions import Predictions
from affekt.evaluation.reading.predict import predict, read_training
from affekt.evaluation.reading.rows import Progress
from affekt.evaluation.resampling import Bootstrap


def evaluate(
    bundle: Bundle,
    manifest: Manifest,
    split: str = "test",
    *,
    protocol: str | None = None,
    threads: int | None = None,
    bootstrap: Bootstrap | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measures a model on one split of a manifest, a few rows at a time.

    Args:
        bundle: of a kind that fits the manifest.
        manifest: as ``affekt prepare`` writes it. Floors learn from its training rows, so there
            are none of those for the splits ``train`` and ``all``.
        split: ``train``, ``val``, ``test``, or ``all`` for every row of the manifest.
        protocol: of faces, see `affekt.evaluation.reading.faces.PROTOCOLS`.
        threads: for the model; all cores by default.
        bootstrap: of the intervals.
        progress: called after every batch.

    Raises:
        UsageError: an unknown protocol.
        DataError: an unknown split, a picture that is missing, or no row that can be scored.
        BundleError: a model that does not fit, or cannot be run.
    """
    said = predict(bundle, manifest, split, protocol=protocol, threads=threads, progress=progress)
    return judge(
        said,
        model=bundle.info.name,
        data=str(manifest.path),
        train=read_training(manifest, split, said),
        bootstrap=bootstrap,
    )


def judge(
    predictions: Predictions,
    *,
    model: str,
    data: str,
    train: Training | None = None,
    bootstrap: Bootstrap | None = None,
) -> Evaluation:
    """The figures of predictions, with their intervals, floors and groups.

    Args:
        predictions: at least one row.
        model: name of the model, for the report.
        data: name of the data, for the report.
        train: rows to fit floors on.
        bootstrap: of the intervals.

    Raises:
        DataError: probabilities of a single-label head that do not sum to 1.
    """
    draws, outputs = bootstrap or Bootstrap(), predictions.outputs
    groups = measure_groups(predictions, draws)
    return Evaluation(
        model=model,
        data=data,
        measured=measure_figures(
            outputs, entries(outputs, Use.EVALUATION), predictions.unit_of, draws
        ),
        floors=measure_floors(predictions, train, draws),
        groups=groups,
        gaps=find_gaps(groups, outputs),
        bootstrap=draws,
        predictions=predictions,
    )


def compare(
    a: Bundle,
    b: Bundle,
    manifest: Manifest,
    split: str = "test",
    *,
    protocol: str | None = None,
    threads: int | None = None,
    bootstrap: Bootstrap | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Two models measured on the same rows; arguments as in `evaluate`.

    Raises:
        UsageError: both are the same bundle.
        DataError: see `evaluate`; or their labels differ.
        BundleError: see `evaluate`.
    """
    if a.info.files == b.info.files:
        raise UsageError(f"{a.folder} and {b.folder} are the same model: give two that differ")
    first, second = (
        predict(bundle, manifest, split, protocol=protocol, threads=threads, progress=progress)
        for bundle in (a, b)
    )
    return compare_predictions(
        first,
        second,
        models=(a.info.name, b.info.name),
        data=str(manifest.path),
        bootstrap=bootstrap,
    )
