"""The kinds of manifests that can be measured on, one entry each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.bundle import Bundle
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.parquet import FACES, PEOPLE
from affekt.data.manifests.people import PersonManifest, manifest_kind
from affekt.evaluation.floors import Training
from affekt.evaluation.predictions import Predictions
from affekt.evaluation.reading import faces, people
from affekt.evaluation.reading.rows import ALL, Progress
from affekt.heads import Kind

AnyManifest = Manifest | PersonManifest


@dataclass(frozen=True, slots=True)
class SetKind:
    """How a kind of manifest is measured on.

    Attributes:
        noun: what its rows are.
        model: the bundle measured where none is named.
        heads: what its rows have the truth of.
        manifest: the class that opens it.
        predict: from a bundle, a manifest, a split and options to predictions.
        training: from a manifest and the predictions to what floors learn from.
    """

    noun: str
    model: str
    heads: tuple[Kind, ...]
    manifest: type[Any]
    predict: Callable[..., Predictions]
    training: Callable[[Any, Predictions], Training | None]


def _people_training(manifest: PersonManifest, said: Predictions) -> Training | None:
    return people.training_people(manifest, said.outputs[people.HEAD].labels)


SETS = {
    FACES: SetKind(
        noun="faces",
        model="face",
        heads=(Kind.SINGLE_LABEL,),
        manifest=Manifest,
        predict=faces.predict_with_bundle,
        training=lambda manifest, said: None,
    ),
    PEOPLE: SetKind(
        noun="persons",
        model="context",
        heads=(Kind.MULTI_LABEL, Kind.DIMENSIONAL),
        manifest=PersonManifest,
        predict=people.predict_with_bundle,
        training=_people_training,
    ),
}


def open_set(path: str | Path) -> AnyManifest:
    """Opens a manifest of any kind, given its file or folder.

    Raises:
        DataError: no such file, or not a manifest.
    """
    opened: AnyManifest = SETS[manifest_kind(path)].manifest.open(path)
    return opened


def kind_of(manifest: AnyManifest) -> SetKind:
    """How an open manifest is measured on."""
    return next(kind for kind in SETS.values() if isinstance(manifest, kind.manifest))


def predict(
    bundle: Bundle,
    manifest: AnyManifest,
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


def read_training(manifest: AnyManifest, split: str, said: Predictions) -> Training | None:
    """What floors learn from; None for a split that holds the training rows itself."""
    return None if split in ("train", ALL) else kind_of(manifest).training(manifest, said)
