"""Candidates for an ensemble: what each of them says, in one reading of the pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from affekt.bundle import Bundle, MultiLabel, OutputSpec, SingleLabel
from affekt.data.manifests.manifest import Manifest
from affekt.errors import DataError, UsageError
from affekt.evaluation.predictions import Predictions
from affekt.evaluation.reading.predict import check_heads, predict_rows
from affekt.evaluation.reading.rows import Progress
from affekt.inference.read.model import MembersReading, Model, ModelInputs, Reading
from affekt.inference.read.outputs import combine_heads
from affekt.inference.read.views import People

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
        bundles: that say the same heads and labels, none an ensemble.
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
    inputs = {n: replace(spec, flip=not spec.flip) for n, spec in bundle.info.inputs.items()}
    return Bundle(bundle.folder, replace(bundle.info, inputs=inputs))


def ask_candidates(
    candidates: Sequence[Candidate],
    manifest: Manifest,
    split: str = "val",
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Predictions]:
    """What every candidate says of the rows of a split, all in the same order.

    Each picture is decoded once, and what candidates see and encode alike is encoded once.

    Args:
        candidates: that say the same heads and labels.
        manifest: that has labels of some of these heads.
        split: of the manifest.
        threads: for the networks; all cores by default.
        progress: called after every batch.

    Raises:
        BundleError: a candidate that cannot be run, or says nothing of what is true of the rows.
        DataError: nobody can be scored.
    """
    first = candidates[0].bundle
    check_heads(first, manifest)
    outputs = {name: uncalibrated(head) for name, head in first.info.outputs.items()}
    info = replace(first.info, inputs={}, outputs=outputs, files={}, members={"all": 1.0})
    parts = [(candidate.bundle, 1.0) for candidate in candidates]
    recorder = _Recorder(Model(Bundle(first.folder, info), threads, parts))
    everybody = predict_rows(recorder, manifest, split, progress=progress)
    return [_said_by(everybody, recorder, place) for place in range(len(parts))]


def uncalibrated(head: OutputSpec) -> OutputSpec:
    """The same head of an ensemble whose mean stays as it is."""
    if isinstance(head, MultiLabel):
        return replace(head, platt={}, thresholds={})
    return replace(head, temperature=1.0) if isinstance(head, SingleLabel) else head


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


def _said_by(everybody: Predictions, recorder: _Recorder, place: int) -> Predictions:
    """What the member in that place said."""
    outputs = {}
    for name, output in everybody.outputs.items():
        parts = [said.members[place][name] for said in recorder.said]
        own = combine_heads(recorder.heads[name], [np.concatenate(parts)], [1.0], ensemble=False)
        outputs[name] = replace(output, predicted=own.astype(np.float64), thresholds=None)
    return replace(everybody, outputs=outputs, spread=None)


def learned_from(bundle: Bundle, split: str) -> bool:
    """Whether the model was trained on that split of its data, as the bundle says.

    One of folds has learned from the validation split as well.
    """
    folds = "cross_validated" in bundle.info.training
    return split == "train" or (split == "val" and folds)


@dataclass(slots=True)
class _Recorder:
    """A model whose members' answers are kept."""

    model: Model
    said: list[MembersReading] = field(default_factory=list)

    @property
    def heads(self) -> dict[str, OutputSpec]:
        return self.model.heads

    def take(self, people: People) -> ModelInputs:
        return self.model.take(people)

    def run(self, batch: Sequence[ModelInputs]) -> Reading:
        self.said.append(self.model.run_members(batch))
        return self.model.combine(self.said[-1])


def _check_kinds(bundles: Sequence[Bundle]) -> None:
    if not bundles:
        raise UsageError("an ensemble of nothing: give one model at least")
    first = bundles[0]
    for bundle in bundles:
        if bundle.info.members:
            raise UsageError(
                f"{bundle.folder}: an ensemble itself; give the models that it was made from"
            )
        if _says(bundle) != _says(first):
            raise UsageError(
                f"{bundle.folder}: says {_in_words(bundle)}; the members of an ensemble say the "
                f"same, and {first.folder} says {_in_words(first)}"
            )
    folders = [bundle.folder.resolve() for bundle in bundles]
    for bundle in bundles:
        if folders.count(bundle.folder.resolve()) > 1:
            raise UsageError(f"{bundle.folder}: given more than once; give each model once")


def _says(bundle: Bundle) -> dict[str, tuple[str, frozenset[str]]]:
    heads = bundle.info.outputs.items()
    return {name: (head.kind, frozenset(head.labels)) for name, head in heads}


def _in_words(bundle: Bundle) -> str:
    heads = bundle.info.outputs.items()
    return ", ".join(f"{name} ({head.kind}, {len(head.labels)} labels)" for name, head in heads)


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
