"""Candidates for an ensemble of context models: what they say in one reading of the pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from affekt.arrays import FloatArray
from affekt.bundle import Bundle, BundleInfo
from affekt.data.manifests.manifest import Manifest
from affekt.errors import DataError, UsageError
from affekt.evaluation.predictions import Predictions
from affekt.evaluation.reading.people import predict_people
from affekt.evaluation.reading.rows import Progress
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.inference.context import ContextModel, ContextOutput, MembersOutput, PersonCrops
from affekt.labels import VAD_RANGE
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face

MIRRORED = "-mirrored"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may become a member.

    Attributes:
        name: unlike the others'; fit for a folder.
        bundle: of a mirrored one the streams say so, its files do not differ.
        mirrored: whether it sees the picture mirrored left to right.
    """

    name: str
    bundle: Bundle
    mirrored: bool = False


def name_candidates(bundles: Sequence[Bundle], *, mirrored: bool = False) -> tuple[Candidate, ...]:
    """The bundles as candidates, each under a name of its own.

    Args:
        bundles: of kind ``context``.
        mirrored: whether each that sees pixels is also a candidate mirrored, as test-time
            augmentation.

    Raises:
        UsageError: none given, one given twice, or one of another kind.
    """
    _check_kinds(bundles)
    names = _names([bundle.info.name for bundle in bundles])
    found = [Candidate(*pair) for pair in zip(names, bundles, strict=True)]
    if mirrored:
        seeing = [one for one in found if one.bundle.info.streams]
        found += [Candidate(one.name + MIRRORED, mirror(one.bundle), True) for one in seeing]
    return tuple(found)


def mirror(bundle: Bundle) -> Bundle:
    """The same model, seeing mirrored crops; nothing is written."""
    streams = {
        name: replace(spec, flip=not spec.flip) for name, spec in bundle.info.streams.items()
    }
    return Bundle(bundle.folder, replace(bundle.info, streams=streams))


def ask_candidates(
    candidates: Sequence[Candidate],
    manifest: Manifest,
    split: str = "val",
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Predictions]:
    """What every candidate says of the people of a split, all in the same order.

    Each picture is decoded once, and what candidates see and encode alike is encoded once.

    Args:
        candidates: of context models with the same labels.
        manifest: of people with pictures.
        split: of the manifest.
        threads: for the networks; all cores by default.
        progress: called after every batch.

    Raises:
        BundleError: a candidate that cannot be run.
        DataError: nobody can be scored.
    """
    first = candidates[0].bundle
    info = BundleInfo("candidates", "ensemble", first.info.labels, {}, temperature=1.0, licence="")
    parts = [(candidate.bundle, 1.0) for candidate in candidates]
    recorder = _Recorder(ContextModel(Bundle(first.folder, info), threads, parts))
    everybody = predict_people(recorder, manifest, split, progress=progress)
    probabilities = np.concatenate([said.probabilities for said in recorder.said], axis=1)
    values = np.concatenate([said.vad for said in recorder.said], axis=1, dtype=np.float64)
    return [
        _said_by(
            everybody, {CATEGORIES_HEAD: own.astype(np.float64), VAD_HEAD: np.clip(vad, *VAD_RANGE)}
        )
        for own, vad in zip(probabilities, values, strict=True)
    ]


def unseen(said: Sequence[Predictions]) -> list[Predictions]:
    """The rows that something may be tuned on: those that training has not seen.

    Raises:
        DataError: it has seen all.
    """
    leaked = said[0].leaked
    if leaked is None or not leaked.any():
        return list(said)
    if leaked.all():
        raise DataError(
            f"training has seen all {len(leaked)} {said[0].noun} of split {said[0].split!r}; "
            "an ensemble needs others to be chosen on"
        )
    return [own.part(~leaked) for own in said]


def _said_by(everybody: Predictions, predicted: Mapping[str, FloatArray]) -> Predictions:
    outputs = {
        head: replace(output, predicted=predicted[head], thresholds=None)
        for head, output in everybody.outputs.items()
    }
    return replace(everybody, outputs=outputs, spread=None)


def learned_from(bundle: Bundle, split: str) -> bool:
    """Whether the model was trained on that split of its data, as the bundle says.

    One of folds has learned from the validation split as well.
    """
    data = bundle.info.training.get("config", {}).get("data", {})
    folds = data.get("folds", 0) if isinstance(data, dict) else 0
    return split == "train" or (split == "val" and folds > 0)


@dataclass(slots=True)
class _Recorder:
    """A model whose members' answers are kept."""

    model: ContextModel
    said: list[MembersOutput] = field(default_factory=list)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.model.labels

    @property
    def thresholds(self) -> dict[str, float]:
        return self.model.thresholds

    def crop(
        self,
        image_rgb: ImageRgb,
        boxes_xyxy: Sequence[BoxXyxy],
        faces: Sequence[Face | None],
        people: int | None = None,
    ) -> PersonCrops:
        return self.model.crop(image_rgb, boxes_xyxy, faces, people)

    def run(self, batch: Sequence[PersonCrops]) -> ContextOutput:
        self.said.append(self.model.run_members(batch))
        return self.model.combine(self.said[-1])


def _check_kinds(bundles: Sequence[Bundle]) -> None:
    if not bundles:
        raise UsageError("an ensemble of nothing: give one context model at least")
    for bundle in bundles:
        if bundle.info.kind != "context":
            raise UsageError(
                f"{bundle.folder}: a {bundle.info.kind!r} model; the members of an ensemble are "
                "context models" + _instead(bundle)
            )
    folders = [bundle.folder.resolve() for bundle in bundles]
    for bundle in bundles:
        if folders.count(bundle.folder.resolve()) > 1:
            raise UsageError(f"{bundle.folder}: given more than once; give each model once")


def _instead(bundle: Bundle) -> str:
    return "; give those that it was made from" if bundle.info.kind == "ensemble" else ""


def _names(given: Sequence[str]) -> list[str]:
    """Names as folders, numbered where several are alike.

    >>> _names(["a", "b c", "a", ".."])
    ['a-1', 'b-c', 'a-2', 'model']
    """
    plain = [re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-") or "model" for name in given]
    return [
        f"{name}-{plain[: place + 1].count(name)}" if plain.count(name) > 1 else name
        for place, name in enumerate(plain)
    ]
