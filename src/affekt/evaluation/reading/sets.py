"""What can be measured on, one entry for each head that leads a manifest's rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from affekt.bundle import Bundle
from affekt.data.manifests.manifest import Manifest
from affekt.errors import DataError
from affekt.evaluation.floors import Training
from affekt.evaluation.predictions import Predictions
from affekt.evaluation.reading import faces, people
from affekt.evaluation.reading.rows import ALL, Progress
from affekt.heads import CATEGORIES_HEAD, PRIMARY_HEAD, Kind


@dataclass(frozen=True, slots=True)
class SetKind:
    """How a kind of manifest is measured on.

    Attributes:
        noun: what its rows are.
        model: the bundle measured where none is named.
        heads: what its rows have the truth of.
        predict: from a bundle, a manifest, a split and options to predictions.
        training: from a manifest and the predictions to what floors learn from.
    """

    noun: str
    model: str
    heads: tuple[Kind, ...]
    predict: Callable[..., Predictions]
    training: Callable[[Manifest, Predictions], Training | None]


def _people_training(manifest: Manifest, said: Predictions) -> Training | None:
    return people.training_people(manifest, {n: own.labels for n, own in said.outputs.items()})


SETS = {
    PRIMARY_HEAD: SetKind(
        noun="faces",
        model="face",
        heads=(Kind.SINGLE_LABEL,),
        predict=faces.predict_with_bundle,
        training=lambda manifest, said: None,
    ),
    CATEGORIES_HEAD: SetKind(
        noun="persons",
        model="context",
        heads=(Kind.MULTI_LABEL, Kind.DIMENSIONAL),
        predict=people.predict_with_bundle,
        training=_people_training,
    ),
}


def kind_of(manifest: Manifest) -> SetKind:
    """How an open manifest is measured on: by the first of its heads that stands in `SETS`.

    Raises:
        DataError: it has no such head.
    """
    for head, kind in SETS.items():
        if head in manifest.labels:
            return kind
    heads = ", ".join(manifest.labels)
    raise DataError(f"{manifest.path}: labels of {heads} only, expected {' or '.join(SETS)}")


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
        bundle: of a kind that fits the manifest.
        manifest: as ``affekt prepare`` writes it.
        split: ``train``, ``val``, ``test``, or ``all`` for every row of the manifest.
        protocol: of faces, see `affekt.evaluation.reading.faces.PROTOCOLS`.
        threads: for the model; all cores by default.
        progress: called after every batch.

    Raises:
        UsageError: an unknown protocol.
        DataError: an unknown split, a picture that is missing, or no row that can be scored.
        BundleError: a model that does not fit, or cannot be run.
    """
    return kind_of(manifest).predict(
        bundle, manifest, split, protocol=protocol, threads=threads, progress=progress
    )


def read_training(manifest: Manifest, split: str, said: Predictions) -> Training | None:
    """What floors learn from; None for a split that holds the training rows itself."""
    return None if split in ("train", ALL) else kind_of(manifest).training(manifest, said)
