"""A trained network made into a bundle: ONNX, checked on real faces, calibrated, documented."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affekt.arrays import FloatArray32, IntArray, softmax
from affekt.bundle import (
    CARD_FILE,
    MODEL_FILE,
    Bundle,
    BundleInfo,
    SingleLabel,
    StreamSpec,
    write_bundle,
)
from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import collate
from affekt.data.torch.targets import hard_labels
from affekt.errors import BundleError, UsageError, nearest
from affekt.evaluation.fitting.temperature import fit_temperature, source_weights
from affekt.heads import PRIMARY_HEAD
from affekt.inference.read.crop_model import CropModel
from affekt.labels import PRIMARY
from affekt.media import ImageRgb
from affekt.models.build import FaceNetwork, Mirrored, load_network
from affekt.training.card import face_card
from affekt.training.onnx_graph import INPUT, OUTPUT, quantize, store_half, trace
from affekt.training.tasks.face_data import FACE, face_dataset, source_priors

CALIBRATION_FACES = 512
CHECK_FACES = 256
NEAR_TIE = 0.02
"""Labels whose probabilities differ by less in torch count as the same label."""


@dataclass(frozen=True, slots=True)
class _Precision:
    convert: Callable[[bytes, FloatArray32], bytes]
    min_agreement: float


PRECISIONS: dict[str, _Precision] = {
    "fp32": _Precision(lambda model, faces: model, 0.999),
    "fp16": _Precision(lambda model, faces: store_half(model), 0.99),
    "int8": _Precision(quantize, 0.9),
}
"""How the weights are stored, and the least share of faces whose label must stay torch's."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to make of a trained network.

    Attributes:
        name: of the bundle.
        precision: one of `PRECISIONS`.
        labels: outputs to keep, a part of the network's; where none are given, `PRIMARY` if it has
            them all, else its own.
        prior: strength with which the label prior of ``prior_manifest`` is put into the logits;
            0 leaves them as for equally frequent labels.
        prior_manifest: whose training split gives that prior.
        licence: of the weights.
        metrics: figures to put into the description and the card, by the name of their data.
        mirror: the model looks at every face as it is and mirrored, and takes the mean: a little
            more accurate, and half as fast.
    """

    name: str
    precision: str = "fp16"
    labels: tuple[str, ...] | None = None
    prior: float = 0.0
    prior_manifest: Manifest | None = None
    licence: str = "not stated"
    metrics: Mapping[str, Any] | None = None
    mirror: bool = False


def export_bundle(
    checkpoint: str | Path, out: str | Path, manifests: Sequence[Manifest], options: ExportOptions
) -> Bundle:
    """Writes a bundle from ``best.safetensors``.

    The model is compared with torch on real validation faces, and its temperature is fitted on
    the validation splits, each manifest counting alike.

    Args:
        checkpoint: what ``affekt train`` wrote.
        out: the bundle's folder.
        manifests: their validation splits check and calibrate the model; int8 ranges are taken
            from their training splits.
        options: see `ExportOptions`.

    Raises:
        BundleError: the exported model does not agree with torch.
        UsageError: an unknown precision or a label that the network was not trained for.
    """
    if options.precision not in PRECISIONS:
        raise UsageError(
            f"unknown precision {options.precision!r}: {nearest(options.precision, PRECISIONS)}"
        )
    network = load_network(Path(checkpoint))
    network = _with_labels(network, options.labels or default_labels(network.spec.labels))
    _add_prior(network, options)
    if options.mirror:
        network = FaceNetwork(Mirrored(network.backbone), network.spec).eval()
    faces = face_dataset(manifests, "train", network.spec.labels, network.spec.size)
    model = PRECISIONS[options.precision].convert(
        trace(network, network.spec.size),
        _normalised(network, _crops(faces, _spread(faces.subjects, CALIBRATION_FACES))),
    )
    info = _calibrated(_description(network, options), model, network, manifests, options)
    files = {MODEL_FILE: model, CARD_FILE: face_card(info).encode()}
    return write_bundle(out, info, files)


def default_labels(trained: tuple[str, ...]) -> tuple[str, ...]:
    """What is exported of a network's labels where none are named: contempt is an extra.

    >>> default_labels(("happiness", "sadness")), len(default_labels((*PRIMARY, "contempt")))
    (('happiness', 'sadness'), 7)
    """
    return PRIMARY if set(PRIMARY) <= set(trained) else trained


def _description(network: FaceNetwork, options: ExportOptions) -> BundleInfo:
    spec = network.spec
    export = {
        "precision": options.precision,
        "prior": options.prior,
        "prior_manifest": _prior_name(options),
        "mirror": options.mirror,
    }
    return BundleInfo(
        name=options.name,
        inputs={INPUT: StreamSpec(spec.size, spec.mean, spec.std, kind="face")},
        outputs={PRIMARY_HEAD: SingleLabel(spec.labels, node=OUTPUT)},
        licence=options.licence,
        training={"start": spec.weights, **spec.history, "export": export},
        metrics=dict(options.metrics or {}),
    )


def _calibrated(
    info: BundleInfo,
    model: bytes,
    network: FaceNetwork,
    manifests: Sequence[Manifest],
    options: ExportOptions,
) -> BundleInfo:
    """Adds the agreement with torch and the temperature, both measured on validation faces."""
    dataset = face_dataset(manifests, "val", network.spec.labels, network.spec.size)
    hard = hard_labels(dataset.rows, network.spec.labels)
    named = np.flatnonzero(hard >= 0)
    crops = _crops(dataset, named)
    with tempfile.TemporaryDirectory() as folder:
        draft = write_bundle(folder, info, {MODEL_FILE: model, CARD_FILE: b""})
        logits = CropModel(draft).logits(crops)
    chosen = _spread(len(crops), CHECK_FACES)
    agreement = _compare(network, crops[chosen], logits[chosen])
    _refuse_disagreement(agreement, options.precision)
    sources = dataset.source_of[named]
    temperature = fit_temperature(logits, hard[named], weights=source_weights(sources))
    counts = {name: int((sources == i).sum()) for i, name in enumerate(dataset.sources)}
    measured = {"torch_agreement": agreement, "calibrated_on": counts}
    export = {**info.training["export"], **measured}
    head = SingleLabel(network.spec.labels, round(temperature, 4), node=OUTPUT)
    training = {**info.training, "export": export}
    return replace(info, outputs={PRIMARY_HEAD: head}, training=training)


def _refuse_disagreement(agreement: Mapping[str, float], precision: str) -> None:
    needed = PRECISIONS[precision].min_agreement
    if agreement["same_label"] < needed:
        raise BundleError(
            f"the {precision} model gives torch's label for {agreement['same_label']:.1%} of "
            f"{agreement['faces']} faces, less than {needed:.1%}; nothing was written"
        )


def _with_labels(network: FaceNetwork, labels: tuple[str, ...]) -> FaceNetwork:
    """The same network with only these outputs, whose softmax is the one over all, given these."""
    missing = [label for label in labels if label not in network.spec.labels]
    if missing:
        raise UsageError(f"label {missing[0]!r}: {nearest(missing[0], network.spec.labels)}")
    head = _classifier(network)
    rows = torch.tensor([network.spec.labels.index(label) for label in labels])
    head.weight.data, head.bias.data = head.weight.data[rows], head.bias.data[rows]
    head.out_features = len(labels)
    return FaceNetwork(network.backbone, replace(network.spec, labels=labels)).eval()


def _classifier(network: FaceNetwork) -> torch.nn.Linear:
    head = network.backbone.get_classifier()  # type: ignore[operator]
    if not isinstance(head, torch.nn.Linear):
        raise UsageError(f"{network.spec.backbone}: its classifier is not one linear layer")
    return head


def _add_prior(network: FaceNetwork, options: ExportOptions) -> None:
    if not options.prior:
        return
    if options.prior_manifest is None:
        raise UsageError("a prior strength needs the manifest whose prior it is")
    dataset = face_dataset(
        [options.prior_manifest], "train", network.spec.labels, network.spec.size
    )
    prior = np.clip(source_priors(dataset)[0], 1e-4, None)
    _classifier(network).bias.data += torch.from_numpy(options.prior * np.log(prior)).float()


def _prior_name(options: ExportOptions) -> str | None:
    if not options.prior or options.prior_manifest is None:
        return None
    return next(options.prior_manifest.rows("train")).source


def _spread(count: int, most: int) -> IntArray:
    return np.linspace(0, count - 1, min(most, count)).astype(int)


def _crops(dataset: RowDataset, places: IntArray) -> ImageRgb:
    """The crops of the faces at some rising positions, shape (n, size, size, 3)."""
    sample = collate([dataset[int(item)] for item in np.unique(dataset.item_of[places])])
    chosen = sample.images()[FACE][np.isin(sample.place, places)]
    return np.ascontiguousarray(chosen.numpy().transpose(0, 2, 3, 1))


def _normalised(network: FaceNetwork, crops: ImageRgb) -> FloatArray32:
    planes = crops.transpose(0, 3, 1, 2).astype(np.float32) / 255
    return np.asarray((planes - network.mean.numpy()) / network.std.numpy(), dtype=np.float32)


@torch.inference_mode()
def _compare(network: FaceNetwork, crops: ImageRgb, logits: FloatArray32) -> dict[str, float]:
    inputs = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)))
    expected = network(inputs).numpy()
    probabilities = softmax(expected)
    given = probabilities[np.arange(len(crops)), logits.argmax(axis=1)]
    return {
        "faces": len(crops),
        "same_label": float((given >= probabilities.max(axis=1) - NEAR_TIE).mean()),
        "max_logit_difference": round(float(np.abs(expected - logits).max()), 5),
    }
