"""Candidates for an ensemble: what they say in one reading of the pictures, and what each adds.

Whatever is chosen or fitted on persons looks better on them than on others, so the report says
what was fitted on whom, and gives beside it a figure that selection cannot have made too good.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from affekt.arrays import BoolArray, FloatArray
from affekt.bundle import Bundle, BundleInfo
from affekt.data.people import PersonManifest
from affekt.errors import DataError, UsageError
from affekt.evaluation.ensemble_report import EnsembleReport, MemberFigures, StepFigures
from affekt.evaluation.fitting.selection import (
    Selection,
    held_out_score,
    mean_of_members,
    scores_alone,
    scores_without,
    select_members,
)
from affekt.evaluation.metrics.dimensional import mean_absolute_error
from affekt.evaluation.metrics.multi_label import average_precision
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.people import Progress, predict_people
from affekt.inference.context import ContextModel, ContextOutput, MembersOutput, PersonCrops
from affekt.labels import CATEGORIES, VAD_RANGE
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face

MIRRORED = "-mirrored"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A context model that may become a member.

    Attributes:
        name: unlike the others'; fit for a folder.
        bundle: of kind ``context``; of a mirrored one the streams say so, its files do not differ.
        mirrored: whether it sees the picture mirrored left to right.
    """

    name: str
    bundle: Bundle
    mirrored: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CandidatesSaid:
    """What m candidates say of n people.

    Attributes:
        split: of the manifest.
        probabilities: shape (m, n, 26), calibrated by each candidate.
        vad: shape (m, n, 3), 1 to 10.
        truth: shape (n, 26).
        vad_truth: shape (n, 3), NaN where unknown.
        pictures: of each person, the picture they are in.
        leaked: persons left out because training has seen them, as the manifest says.
        skipped: why others were left out, and how many for each reason.
    """

    split: str
    probabilities: FloatArray
    vad: FloatArray
    truth: BoolArray
    vad_truth: FloatArray
    pictures: tuple[str, ...]
    leaked: int
    skipped: dict[str, int]


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
    manifest: PersonManifest,
    split: str = "val",
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CandidatesSaid:
    """What every candidate says of the people of a split who may be tuned on.

    Each picture is decoded once, and what candidates see and encode alike is encoded once.

    Raises:
        BundleError: a candidate that cannot be run.
        DataError: nobody can be scored, or only people whom training has seen.
    """
    info = BundleInfo("candidates", "ensemble", CATEGORIES, {}, temperature=1.0, licence="")
    draft = Bundle(candidates[0].bundle.folder, info)
    parts = [(candidate.bundle, 1.0) for candidate in candidates]
    recorder = _Recorder(ContextModel(draft, threads, parts))
    leaked = {row.id for row in manifest.rows(split) if row.leak is not None}
    everybody = predict_people(recorder, manifest, split, progress=progress)
    kept = np.array([person not in leaked for person in everybody.ids])
    if not kept.any():
        raise DataError(
            f"{manifest.path}: training has seen all {len(kept)} persons of split {split!r}; "
            "an ensemble needs others to be chosen on"
        )
    vad = np.concatenate([said.vad for said in recorder.said], axis=1, dtype=np.float64)
    probabilities = np.concatenate([said.probabilities for said in recorder.said], axis=1)
    return CandidatesSaid(
        split=split,
        probabilities=probabilities[:, kept].astype(np.float64),
        vad=np.clip(vad[:, kept], *VAD_RANGE),
        truth=everybody.truth[kept],
        vad_truth=everybody.vad_truth[kept],
        pictures=tuple(np.array(everybody.pictures, dtype=object)[kept]),
        leaked=int((~kept).sum()),
        skipped=everybody.skipped,
    )


def judge_candidates(
    candidates: Sequence[Candidate], said: CandidatesSaid, *, name: str, data: str, select: bool
) -> EnsembleReport:
    """Chooses the weights, and says what each candidate adds.

    Args:
        candidates: in the order of ``said``.
        said: from `ask_candidates`.
        name: of the ensemble, for the report.
        data: name of the data, for the report.
        select: by `select_members`; else all weigh the same.

    Raises:
        DataError: nobody has any category.
    """
    p, y = said.probabilities, said.truth
    equal = (1 / len(candidates),) * len(candidates)
    chosen = select_members(p, y, mean_ap) if select else Selection(equal, ())
    return EnsembleReport(
        model=name,
        data=data,
        split=said.split,
        n=len(y),
        pictures=len(set(said.pictures)),
        categories=int(y.any(axis=0).sum()),
        leaked=said.leaked,
        skipped=said.skipped,
        selected=select,
        map=mean_ap(y, mean_of_members(p, chosen.weights)),
        map_equal=mean_ap(y, mean_of_members(p, equal)),
        map_held_out=held_out_score(p, y, mean_ap, said.pictures) if select else None,
        vad_mae=_vad_error(said, mean_of_members(said.vad, chosen.weights)),
        members=_members(candidates, said, chosen),
        steps=tuple(StepFigures(candidates[s.candidate].name, s.score) for s in chosen.steps),
        learned=tuple(c.name for c in candidates if learned_from(c.bundle, said.split)),
    )


def mean_ap(truth: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """MAP over the categories that somebody has, by scikit-learn's definition.

    >>> mean_ap([[1, 0], [0, 0]], [[0.9, 0.5], [0.1, 0.5]])
    1.0
    """
    return float(mean_over_labels(average_precision(truth, scores)))


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


def _members(
    candidates: Sequence[Candidate], said: CandidatesSaid, chosen: Selection
) -> tuple[MemberFigures, ...]:
    alone = scores_alone(said.probabilities, said.truth, mean_ap)
    without = scores_without(said.probabilities, said.truth, mean_ap, chosen.weights)
    return tuple(
        MemberFigures(
            name=candidate.name,
            folder=str(candidate.bundle.folder),
            mirrored=candidate.mirrored,
            weight=chosen.weights[place],
            map_alone=alone[place],
            map_without=without[place],
            vad_mae=_vad_error(said, said.vad[place]),
        )
        for place, candidate in enumerate(candidates)
    )


def _vad_error(said: CandidatesSaid, vad: FloatArray) -> float:
    return float(mean_over_labels(mean_absolute_error(said.vad_truth, vad)))
