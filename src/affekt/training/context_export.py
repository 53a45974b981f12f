"""A trained context network made into a bundle: ONNX, checked on real people, calibrated."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from affekt.arrays import BoolArray, FloatArray32, logit
from affekt.bundle import (
    CARD_FILE,
    FROM_BUNDLE,
    MODEL_FILE,
    Bundle,
    BundleInfo,
    Dimensional,
    InputSpec,
    MultiLabel,
    NumbersSpec,
    write_bundle,
)
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import Sample, collate
from affekt.errors import BundleError, UsageError, nearest
from affekt.geometry import GEOMETRY_FEATURES
from affekt.heads import CATEGORIES_HEAD, PRIMARY_HEAD, VAD_HEAD
from affekt.inference.read.model import Model, ModelInputs
from affekt.inference.read.views import People
from affekt.labels import VAD, VAD_RANGE
from affekt.models.context import ContextNetwork, load_context
from affekt.models.encoder import Encoder
from affekt.models.fusion import GEOMETRY
from affekt.training.card import context_card
from affekt.training.context_calibration import Calibration, calibrate, probabilities
from affekt.training.context_config import FACE_BUNDLE
from affekt.training.export import PRECISIONS
from affekt.training.features.external import face_encoder
from affekt.training.onnx_graph import to_onnx
from affekt.training.tasks.samples import PEOPLE_HEADS, inputs_of, known_of

CROP, FEATURES = "crop", "features"
OUTPUTS = (CATEGORIES_HEAD, VAD_HEAD)
HAS_FACE = "has_face"

RANGE_PEOPLE = 256
"""People whose crops give int8 its ranges."""

BATCH_PICTURES = 16
MAX_DIFFERENCE = {"fp32": 1e-4, "fp16": 5e-3, "int8": 0.05}
"""How far the probabilities may lie from torch's in the mean, for each precision."""


@dataclass(frozen=True, slots=True)
class ContextExportOptions:
    """What to make of a trained context network.

    Attributes:
        name: of the bundle.
        precision: of the encoders, one of `affekt.training.export.PRECISIONS`.
        head_precision: of the head, ``fp32`` or ``fp16``.
        licence: of the weights.
        metrics: figures to put into the description and the card, by the name of their data.
    """

    name: str
    precision: str = "fp16"
    head_precision: str = "fp32"
    licence: str = "not stated"
    metrics: Mapping[str, Any] | None = None


def export_context(
    checkpoint: str | Path,
    out: str | Path,
    manifests: Sequence[Manifest],
    options: ContextExportOptions,
) -> Bundle:
    """Writes a bundle from ``best.safetensors`` of a context model.

    The bundle's model is run as any user would run it on people of the validation splits, and
    compared with torch. A network of folds brings its own calibration and thresholds; those of
    any other are fitted on these people, the leaked ones left out.

    Args:
        checkpoint: what ``affekt train`` wrote.
        out: the bundle's folder.
        manifests: of people; int8 ranges are taken from their training splits.
        options: see `ContextExportOptions`.

    Raises:
        BundleError: the exported model does not agree with torch, or a face bundle is missing.
        UsageError: an unknown precision.
    """
    _check_precisions(options)
    network = _open(Path(checkpoint))
    files = _files(network, manifests, options)
    info = _description(network, options)
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:  # beside it: face bundles are
        draft = write_bundle(Path(folder) / out.name, info, {**files, CARD_FILE: b""})
        info = _measured(info, network, _read(draft, network, manifests), options)
    return write_bundle(out, info, {**files, CARD_FILE: context_card(info).encode()})


class _Said(NamedTuple):
    """Logits by the bundle and by torch of the same n people, (n, labels), and their truth.

    ``vad_difference`` is the largest over the dimensions, shape (n,).
    """

    found: FloatArray32
    expected: FloatArray32
    vad_difference: FloatArray32
    truth: BoolArray


class _Head(nn.Module):
    """The head with tensors by position, as ONNX wants them."""

    def __init__(self, network: ContextNetwork) -> None:
        super().__init__()
        self.head = network.head
        self.names = _inputs(network)

    def forward(self, *given: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and VAD."""
        values = dict(zip(self.names, given, strict=True))
        everybody = torch.ones_like(given[0][:, 0]) > 0
        has_face = values.pop(HAS_FACE)[:, 0] > 0.5 if HAS_FACE in values else everybody
        geometry = values.pop(GEOMETRY, given[0])
        logits, vad = self.head(values, has_face, everybody, geometry)
        return logits, vad


def _inputs(network: ContextNetwork) -> dict[str, tuple[int, ...]]:
    """The head's inputs and their shapes without the batch."""
    spec = network.spec
    inputs: dict[str, tuple[int, ...]] = {
        name: (spec.encoders[str(stream.encoder)].width,) for name, stream in spec.streams.items()
    }
    if any(stream.needs_face for stream in spec.streams.values()):
        inputs[HAS_FACE] = (1,)
    if spec.geometry or spec.prior:
        inputs[GEOMETRY] = (len(GEOMETRY_FEATURES),)
    return inputs


def _check_precisions(options: ContextExportOptions) -> None:
    for name, known in (
        (options.precision, list(PRECISIONS)),
        (options.head_precision, ["fp32", "fp16"]),
    ):
        if name not in known:
            raise UsageError(f"unknown precision {name!r}: {nearest(name, known)}")


def _open(checkpoint: Path) -> ContextNetwork:
    """The network with the face bundles that it was trained with."""
    network = load_context(checkpoint)
    for name, sha256 in network.spec.needs.items():
        outside = face_encoder(name)
        if outside.sha256 != sha256:
            raise BundleError(
                f"{checkpoint}: was trained with another face bundle {name!r} than the one that "
                "is installed; train it anew, or install that one"
            )
        network.external[f"{FROM_BUNDLE}{name}"] = outside.encode
    return network


def _files(
    network: ContextNetwork, manifests: Sequence[Manifest], options: ContextExportOptions
) -> dict[str, bytes]:
    """The head and every encoder of the network's own, as ONNX."""
    head = to_onnx(_Head(network).eval(), _inputs(network), OUTPUTS)
    files = {MODEL_FILE: PRECISIONS[options.head_precision].convert(head, np.empty(0, np.float32))}
    for name, encoder in network.encoders.items():
        streams = [n for n, s in network.spec.streams.items() if s.encoder == name]
        size = network.spec.streams[streams[0]].size
        model = to_onnx(cast(Encoder, encoder).eval(), {CROP: (3, size, size)}, [FEATURES])
        crops = np.empty((0, 3, size, size), np.float32)
        if options.precision == "int8":
            crops = _range_crops(network, streams, manifests)
        files[_file_of(name)] = PRECISIONS[options.precision].convert(model, crops)
    return files


def _file_of(encoder: str) -> str:
    return f"{encoder}.onnx"


def _range_crops(
    network: ContextNetwork, streams: list[str], manifests: Sequence[Manifest]
) -> FloatArray32:
    """Normalised crops of all streams of one encoder, from the training splits."""
    specs = {name: network.spec.streams[name] for name in streams}
    dataset = RowDataset(manifests, ("train",), specs, PEOPLE_HEADS)
    sample = collate([dataset[i] for i in _spread(dataset, RANGE_PEOPLE)])
    shown = torch.cat([sample.images()[name][sample.present["scene"]] for name in streams])
    mean, std = network.get_buffer(f"{streams[0]}_mean"), network.get_buffer(f"{streams[0]}_std")
    return np.asarray(((shown.float() / 255 - mean) / std).numpy(), np.float32)


def _spread(dataset: RowDataset, people: int) -> list[int]:
    """Pictures with about so many people, evenly spread over the data set."""
    pictures = max(1, round(min(1.0, people / dataset.subjects) * len(dataset)))
    return [int(i) for i in np.linspace(0, len(dataset) - 1, pictures)]


def _description(network: ContextNetwork, options: ContextExportOptions) -> BundleInfo:
    spec = network.spec
    starts = {name: asdict(encoder) for name, encoder in spec.encoders.items()}
    export = {"precision": options.precision, "head_precision": options.head_precision}
    return BundleInfo(
        name=options.name,
        inputs={name: _input(name, network) for name in _inputs(network)},
        outputs={
            CATEGORIES_HEAD: MultiLabel(spec.labels),
            VAD_HEAD: Dimensional(VAD, VAD_RANGE),
        },
        licence=options.licence,
        borrowed={PRIMARY_HEAD: next(iter(spec.needs), FACE_BUNDLE.removeprefix(FROM_BUNDLE))},
        needs=dict(spec.needs),
        training={"encoders": starts, "heads": spec.heads, **spec.history, "export": export},
        metrics=dict(options.metrics or {}),
    )


def _input(name: str, network: ContextNetwork) -> InputSpec:
    if name not in network.spec.streams:
        return NumbersSpec(name)
    stream = network.spec.streams[name]
    encoder = str(stream.encoder)
    return replace(stream, encoder=_file_of(encoder) if encoder in network.encoders else encoder)


def _read(draft: Bundle, network: ContextNetwork, manifests: Sequence[Manifest]) -> _Said:
    """Runs the draft on whole pictures, and torch on the data set's crops of the same people."""
    dataset = RowDataset(
        manifests, ("val",), inputs_of(network.spec.streams), PEOPLE_HEADS, tuning=True
    )
    model, said = Model(draft), []
    pictured = [i for i, item in enumerate(dataset.items) if dataset.present["scene"][item.first]]
    if not pictured:
        raise BundleError("nobody with a picture in the validation splits to check the model on")
    for start in range(0, len(pictured), BATCH_PICTURES):
        items = pictured[start : start + BATCH_PICTURES]
        output = model.run([_crops(model, dataset, item) for item in items])
        sample = collate([dataset[item] for item in items])
        logits, vad = _torch(network, sample)
        difference = np.abs(output.values[VAD_HEAD] - vad.clip(*VAD_RANGE)).max(axis=1)
        truth = sample.targets[CATEGORIES_HEAD].numpy() > 0.5
        said.append((logit(output.values[CATEGORIES_HEAD]), logits, difference, truth))
    return _Said(*(np.concatenate(parts) for parts in zip(*said, strict=True)))


def _crops(model: Model, dataset: RowDataset, item: int) -> ModelInputs:
    picture = dataset.items[item]
    rows = dataset.rows[picture.first : picture.last]
    image = read_row_picture(picture.manifest, rows[0])
    boxes, faces = [row.person_xyxy for row in rows], [row.face for row in rows]
    return model.take(People(image, boxes, faces, rows[0].people))


@torch.inference_mode()
def _torch(network: ContextNetwork, sample: Sample) -> tuple[FloatArray32, FloatArray32]:
    known = known_of(sample)
    logits, vad = network(network.encode(sample.images(), *known[:2]), *known)
    return logits.numpy(), vad.numpy()


def _measured(
    info: BundleInfo, network: ContextNetwork, said: _Said, options: ContextExportOptions
) -> BundleInfo:
    """Adds the agreement with torch, calibration and thresholds."""
    given = network.spec.history.get("calibration")
    labels = network.spec.labels
    fitted = calibrate(said.found, said.truth, labels) if given is None else Calibration(**given)
    found, expected = (probabilities(z, fitted.platt, labels) for z in said[:2])
    difference = float(np.abs(found - expected).mean())
    if difference > MAX_DIFFERENCE[options.precision]:
        raise BundleError(
            f"the {options.precision} model's probabilities lie {difference:.4f} from torch's, "
            f"more than {MAX_DIFFERENCE[options.precision]}; nothing was written"
        )
    agreement = {
        "people": len(found),
        "mean_probability_difference": round(difference, 6),
        "max_vad_difference": round(float(said.vad_difference.max()), 5),
    }
    on = "the folds' held-out people" if given is not None else "validation people"
    export = {
        **info.training["export"],
        "torch_agreement": agreement,
        "calibrated_on": {on: fitted.people},
    }
    training = {k: v for k, v in info.training.items() if k != "calibration"}
    platt = {k: (float(scale), float(shift)) for k, (scale, shift) in fitted.platt.items()}
    head = MultiLabel(labels, platt, fitted.thresholds)
    return replace(
        info,
        outputs=info.outputs | {CATEGORIES_HEAD: head},
        training={**training, "export": export},
    )
