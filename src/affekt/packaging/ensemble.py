"""Several models made into one bundle: weighed, calibrated, documented. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from affekt.arrays import BoolArray, FloatArray, IntArray, logit
from affekt.bundle import (
    CARD_FILE,
    INFO_FILE,
    MODEL_FILE,
    Bundle,
    BundleInfo,
    Dimensional,
    MultiLabel,
    OutputSpec,
    SingleLabel,
    StreamSpec,
    describe,
    read_bundle,
    write_bundle,
)
from affekt.data.manifests.manifest import Manifest
from affekt.errors import BundleError, UsageError
from affekt.evaluation.ensembles.candidates import (
    Candidate,
    ask_candidates,
    name_candidates,
    uncalibrated,
    unseen,
)
from affekt.evaluation.ensembles.judging import judge_candidates
from affekt.evaluation.ensembles.report import EnsembleReport
from affekt.evaluation.fitting.selection import mean_of_members
from affekt.evaluation.fitting.temperature import fit_temperature, source_weights
from affekt.evaluation.predictions import Predictions
from affekt.evaluation.reading.rows import Progress
from affekt.heads import Kind
from affekt.inference.read.model import Model
from affekt.inference.read.outputs import SMALLEST
from affekt.packaging.card import USES, limits_of
from affekt.report.markdown import to_markdown
from affekt.training.calibration import calibrate

MEMBERS, ENCODERS = "members", "encoders"
"""Folders of the bundle: one folder per member, and the encoders of all."""


@dataclass(frozen=True, slots=True)
class EnsembleOptions:
    """How to make an ensemble.

    Attributes:
        name: of the bundle; that of its folder by default.
        select: whether weights are chosen; else all models weigh the same.
        mirrored: whether each model is also a candidate on mirrored pictures.
        split: whom weights, calibration and thresholds are fitted on.
        threads: for the networks; all cores by default.
    """

    name: str | None = None
    select: bool = False
    mirrored: bool = False
    split: str = "val"
    threads: int | None = None


def make_ensemble(
    bundles: Sequence[Bundle],
    out: str | Path,
    manifest: Manifest,
    options: EnsembleOptions,
    progress: Progress | None = None,
) -> tuple[Bundle, EnsembleReport]:
    """Writes the weighted mean of models as a bundle, and says what each of them adds.

    Nothing is written before all of them have been run; the bundle is opened in the end as any
    user would.

    Args:
        bundles: that say the same heads and labels, none an ensemble.
        out: the ensemble's folder, none of theirs.
        manifest: of faces or people with pictures, whichever they read.
        options: see `EnsembleOptions`.
        progress: called with the number of rows done and of all.

    Raises:
        UsageError: bundles that cannot be members, or an ``out`` that is one of them.
        BundleError: one that cannot be run, or two that need different face bundles.
        DataError: nobody in the split to fit it on.
    """
    out = Path(out)
    if out.resolve() in [bundle.folder.resolve() for bundle in bundles]:
        raise UsageError(f"{out}: is one of the models; give the ensemble a folder of its own")
    name = options.name or out.resolve().name
    candidates = name_candidates(bundles, mirrored=options.mirrored)
    said = ask_candidates(
        candidates, manifest, options.split, threads=options.threads, progress=progress
    )
    report = judge_candidates(
        candidates, said, name=name, data=str(manifest.path), select=options.select
    )
    members = {c.name: c for c in candidates if c.name in report.weights}
    info = _description(members, said, report)
    write_ensemble(out, info, members, ensemble_card(info, report))
    bundle = read_bundle(out)
    Model(bundle, options.threads)
    return bundle, report


def write_ensemble(
    out: str | Path, info: BundleInfo, members: dict[str, Candidate], card: str
) -> Bundle:
    """Writes an ensemble's bundle, in which every encoder is stored once, whoever uses it.

    Args:
        out: its folder.
        info: its ``members`` are the weights by name, and become those by folder.
        members: by name.
        card: Markdown.
    """
    files: dict[str, bytes] = {CARD_FILE: card.encode()}
    for name, member in members.items():
        files |= _member_files(f"{MEMBERS}/{name}", member.bundle)
    weights = {f"{MEMBERS}/{name}": weight for name, weight in info.members.items()}
    return write_bundle(out, replace(info, members=weights), files)


def ensemble_card(info: BundleInfo, report: EnsembleReport) -> str:
    """The card of an ensemble as Markdown; those of its members lie in their folders."""
    needs = "".join(f" Needs the face bundle {name!r}." for name in info.needs)
    return "\n".join(
        [
            f"# {info.name}\n",
            "Apparent emotion of the people in a picture: the weighted mean of "
            f"{len(info.members)} models, each with a card of its own in {MEMBERS}/, calibrated "
            f"again.{needs}\n",
            f"Licence of the weights: {info.licence}\n",
            f"{USES}\n{limits_of(info)}",
            "## How it was made\n",
            to_markdown(report),
            "",
        ]
    )


def _member_files(folder: str, bundle: Bundle) -> dict[str, bytes]:
    """The member's own files in its folder, its encoders in that of all."""
    own = {name: (bundle.folder / name).read_bytes() for name in (MODEL_FILE, CARD_FILE)}
    streams = {name: _shared(spec, bundle) for name, spec in bundle.info.streams.items()}
    inputs = bundle.info.inputs | streams
    checksums = {name: bundle.info.files[name] for name in own}
    own[INFO_FILE] = describe(replace(bundle.info, inputs=inputs, files=checksums))
    encoders = {
        str(streams[name].encoder): (bundle.folder / str(spec.encoder)).read_bytes()
        for name, spec in bundle.info.streams.items()
        if spec.encoder in bundle.info.files
    }
    return {f"{folder}/{name}": content for name, content in own.items()} | encoders


def _shared(spec: StreamSpec, bundle: Bundle) -> StreamSpec:
    """The stream with its encoder's place in the ensemble: files that are alike have one name."""
    checksum = bundle.info.files.get(str(spec.encoder))
    if checksum is None:
        return spec
    return replace(spec, encoder=f"{ENCODERS}/{checksum[:16]}.onnx")


def _description(
    members: dict[str, Candidate], said: Sequence[Predictions], report: EnsembleReport
) -> BundleInfo:
    """What the bundle says of itself, with the calibration of the mean."""
    weights = [member.weight for member in report.members]
    kept = unseen(said)
    first = next(iter(members.values())).bundle.info
    licences = dict.fromkeys(member.bundle.info.licence for member in members.values())
    return BundleInfo(
        name=report.model,
        inputs={},
        outputs={name: _fitted(name, head, kept, weights) for name, head in first.outputs.items()},
        licence="; ".join(licences),
        borrowed=first.borrowed,
        needs=_needs(members),
        members=report.weights,
        training={"ensemble": report.to_dict()},
    )


def _fitted(
    name: str, head: OutputSpec, said: Sequence[Predictions], weights: Sequence[float]
) -> OutputSpec:
    """A head calibrated on what the members say together; as it is where nothing is true of it."""
    if name not in said[0].outputs:
        return uncalibrated(head)
    outputs = [own.outputs[name] for own in said]
    mean = mean_of_members([output.predicted for output in outputs], weights)
    known = outputs[0].known
    sources = np.array(said[0].sources)[known]
    return _FITTERS[head.kind](head, mean[known], outputs[0].truth[known], sources)


def _fit_single(head: SingleLabel, mean: FloatArray, truth: IntArray, sources: Any) -> SingleLabel:
    logits = np.log(np.maximum(mean, SMALLEST))
    temperature = fit_temperature(logits, truth, weights=source_weights(sources))
    return SingleLabel(head.labels, round(temperature, 4))


def _fit_multi(head: MultiLabel, mean: FloatArray, truth: BoolArray, sources: Any) -> MultiLabel:
    fitted = calibrate(logit(mean), truth, head.labels)
    return MultiLabel(head.labels, fitted.platt, fitted.thresholds)


def _fit_nothing(head: Dimensional, mean: FloatArray, truth: Any, sources: Any) -> Dimensional:
    return head


_FITTERS: dict[str, Callable[..., OutputSpec]] = {
    Kind.SINGLE_LABEL: _fit_single,
    Kind.MULTI_LABEL: _fit_multi,
    Kind.DIMENSIONAL: _fit_nothing,
}
"""By kind of head: from it, the mean, what is true and each row's source to the calibrated head."""


def _needs(members: dict[str, Candidate]) -> dict[str, str]:
    """All that the members need."""
    needs: dict[str, str] = {}
    for member in members.values():
        for name, checksum in member.bundle.info.needs.items():
            if needs.setdefault(name, checksum) != checksum:
                raise BundleError(
                    f"{member.bundle.folder}: needs another bundle {name!r} than the other "
                    "members; an ensemble can have one of that name only"
                )
    return needs
