"""What a draft of a bundle and torch say of the same subjects, compared and fitted by head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from affekt.arrays import FloatArray32, IntArray, logit, softmax
from affekt.bundle import Bundle, Dimensional, MultiLabel, OutputSpec, SingleLabel
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.manifests.targets import hard_labels
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import collate
from affekt.errors import BundleError
from affekt.evaluation.fitting.temperature import fit_temperature, source_weights
from affekt.heads import Kind
from affekt.inference.read.model import Model, ModelInputs
from affekt.inference.read.views import People
from affekt.models.network import Network
from affekt.models.spec import HeadSpec
from affekt.training.calibration import Calibration, calibrate, probabilities

BATCH_PICTURES = 16
NEAR_TIE = 0.02
"""Labels whose probabilities differ by less in torch count as the same label."""

SAME_LABEL = {"fp32": 0.999, "fp16": 0.99, "int8": 0.9}
"""The least share of subjects whose label must stay torch's, for each precision."""

MAX_DIFFERENCE = {"fp32": 1e-4, "fp16": 5e-3, "int8": 0.05}
"""How far the probabilities of labels may lie from torch's in the mean."""

SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Compared:
    """What both say of n subjects.

    Attributes:
        found: by head, what the bundle says: probabilities or values, shape (n, k).
        expected: by head, torch's logits or values.
        targets: by head, what is true; NaN where it is not known.
        hard: by single-label head, the position of the hard label, -1 where there is none.
        source_of: the source of each, shape (n,).
        sources: their names.
    """

    found: Mapping[str, FloatArray32]
    expected: Mapping[str, FloatArray32]
    targets: Mapping[str, FloatArray32]
    hard: Mapping[str, IntArray]
    source_of: IntArray
    sources: Sequence[str]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head as it goes into the bundle.

    Attributes:
        output: with what was fitted.
        agreement: with torch.
        on: how many subjects it was fitted on, by what they are called.
    """

    output: OutputSpec
    agreement: dict[str, float]
    on: dict[str, int]


def compare(draft: Bundle, network: Network, manifests: Sequence[Manifest]) -> Compared:
    """Runs the draft on whole pictures as any user would, and torch on the data set's crops.

    Raises:
        BundleError: nobody with a picture is in the validation splits.
    """
    inputs: dict[str, Any] = {**network.spec.streams, **dict.fromkeys(network.spec.all_numbers)}
    labels = {name: head.labels for name, head in network.spec.heads.items()}
    dataset = RowDataset(manifests, ("val",), inputs, labels, tuning=True)
    items = [i for i, item in enumerate(dataset.items) if dataset.rows[item.first].pictured]
    if not items:
        raise BundleError("nobody with a picture in the validation splits to check the model on")
    model, found, expected = Model(draft), [], []
    for start in range(0, len(items), BATCH_PICTURES):
        batch = items[start : start + BATCH_PICTURES]
        found.append(model.run([_taken(model, dataset, item) for item in batch]).values)
        expected.append(_torch(network, dataset, batch))
    rows = np.concatenate([np.arange(dataset.items[i].first, dataset.items[i].last) for i in items])
    hard = {
        name: hard_labels(dataset.rows, name, head.labels)[rows]
        for name, head in network.spec.heads.items()
        if head.kind == Kind.SINGLE_LABEL
    }
    return Compared(
        {name: np.concatenate([said[name] for said in found]) for name in labels},
        {name: np.concatenate([said[name] for said in expected]) for name in labels},
        {name: truth[rows] for name, truth in dataset.targets.items()},
        hard,
        dataset.source_of[rows],
        dataset.sources,
    )


def fit_head(
    name: str, head: HeadSpec, said: Compared, precision: str, history: Mapping[str, Any]
) -> Fitted:
    """Fits a head on validation subjects, or takes what its training has fitted.

    Raises:
        BundleError: the bundle does not agree with torch.
    """
    return _FITTERS[Kind(head.kind)](name, head, said, precision, history)


def output_of(head: HeadSpec) -> OutputSpec:
    """A head before anything was fitted."""
    return _OUTPUTS[Kind(head.kind)](head)


def _taken(model: Model, dataset: RowDataset, item: int) -> ModelInputs:
    picture = dataset.items[item]
    rows = dataset.rows[picture.first : picture.last]
    image = read_row_picture(picture.manifest, rows[0])
    whole = (0.0, 0.0, float(rows[0].width), float(rows[0].height))
    boxes, faces = [row.box_xyxy or whole for row in rows], [row.face for row in rows]
    return model.take(People(image, boxes, faces, rows[0].people))


@torch.inference_mode()
def _torch(network: Network, dataset: RowDataset, items: list[int]) -> dict[str, FloatArray32]:
    sample = collate([dataset[item] for item in items])
    return {k: v.numpy() for k, v in network(sample.inputs, sample.present).items()}


def _fit_single(
    name: str, head: HeadSpec, said: Compared, precision: str, history: Mapping[str, Any]
) -> Fitted:
    logits = np.log(np.maximum(said.found[name], SMALLEST))
    expected = softmax(said.expected[name])
    given = expected[np.arange(len(logits)), logits.argmax(axis=1)]
    same = float((given >= expected.max(axis=1) - NEAR_TIE).mean())
    if same < SAME_LABEL[precision]:
        raise BundleError(
            f"the {precision} model gives torch's label of {name} for {same:.1%} of "
            f"{len(logits)} subjects, less than {SAME_LABEL[precision]:.1%}; nothing was written"
        )
    difference = float(np.abs(np.log(np.maximum(expected, SMALLEST)) - logits).max())
    named = said.hard[name] >= 0
    sources, hard = said.source_of[named], said.hard[name][named]
    temperature = fit_temperature(logits[named], hard, weights=source_weights(sources))
    counts = {source: int((sources == i).sum()) for i, source in enumerate(said.sources)}
    agreement = {"same_label": same, "max_logit_difference": round(difference, 5)}
    return Fitted(SingleLabel(head.labels, round(temperature, 4)), agreement, counts)


def _fit_multi(
    name: str, head: HeadSpec, said: Compared, precision: str, history: Mapping[str, Any]
) -> Fitted:
    found, known = logit(said.found[name]), np.isfinite(said.targets[name]).all(axis=1)
    given = history.get("calibration")
    fitted = (
        calibrate(found[known], said.targets[name][known] > 0.5, head.labels)
        if given is None
        else Calibration(**given)
    )
    both = [probabilities(z, fitted.platt, head.labels) for z in (found, said.expected[name])]
    difference = float(np.abs(both[0] - both[1]).mean())
    if difference > MAX_DIFFERENCE[precision]:
        raise BundleError(
            f"the {precision} model's probabilities of {name} lie {difference:.4f} from torch's, "
            f"more than {MAX_DIFFERENCE[precision]}; nothing was written"
        )
    platt = {k: (float(scale), float(shift)) for k, (scale, shift) in fitted.platt.items()}
    on = "the folds' held-out people" if given is not None else "validation people"
    return Fitted(
        MultiLabel(head.labels, platt, fitted.thresholds),
        {"mean_probability_difference": round(difference, 6)},
        {on: fitted.people},
    )


def _fit_dimensional(
    name: str, head: HeadSpec, said: Compared, precision: str, history: Mapping[str, Any]
) -> Fitted:
    low, high = head.range or (-np.inf, np.inf)
    difference = np.abs(said.found[name] - said.expected[name].clip(low, high)).max()
    return Fitted(output_of(head), {"max_difference": round(float(difference), 5)}, {})


_FITTERS: dict[Kind, Callable[..., Fitted]] = {
    Kind.SINGLE_LABEL: _fit_single,
    Kind.MULTI_LABEL: _fit_multi,
    Kind.DIMENSIONAL: _fit_dimensional,
}
_OUTPUTS: dict[Kind, Callable[[HeadSpec], OutputSpec]] = {
    Kind.SINGLE_LABEL: lambda head: SingleLabel(head.labels),
    Kind.MULTI_LABEL: lambda head: MultiLabel(head.labels),
    Kind.DIMENSIONAL: lambda head: Dimensional(head.labels, head.range or (0.0, 1.0)),
}
