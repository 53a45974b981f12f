"""The ONNX files of a network: one that takes crops, or encoders and the heads over them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from affekt.arrays import FloatArray32
from affekt.bundle import MODEL_FILE
from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import collate
from affekt.models.encoder import Encoder
from affekt.models.fusion import NONE
from affekt.models.network import Network
from affekt.packaging.precision import convert
from affekt.packaging.trace import to_onnx

CROP, FEATURES, HAS_FACE = "crop", "features", "has_face"
RANGE_SUBJECTS = 512
"""Subjects whose crops give int8 its ranges."""


def is_direct(network: Network) -> bool:
    """Whether one graph takes the crops of the only stream as they are."""
    return network.spec.fusion.kind == NONE and bool(network.encoders)


def graphs_of(
    network: Network,
    manifests: Sequence[Manifest],
    *,
    precision: str,
    head_precision: str,
    mirror: bool,
) -> dict[str, bytes]:
    """The files of a network by their names in the bundle.

    Args:
        network: to be stored.
        manifests: whose training splits give int8 its ranges.
        precision: of whatever takes crops.
        head_precision: of what comes after encoders.
        mirror: whether every crop is also seen mirrored, see `Direct`.
    """
    if is_direct(network):
        ((name, stream),) = network.spec.streams.items()
        shape = (3, stream.size, stream.size)
        outputs = [*network.spec.heads, FEATURES]
        model = to_onnx(Direct(network, mirror=mirror).eval(), {name: shape}, outputs)
        crops = partial(_normal_crops, network, [name], manifests)
        return {MODEL_FILE: convert(model, precision, crops)}
    heads = to_onnx(OverFeatures(network).eval(), head_inputs(network), [*network.spec.heads])
    files = {MODEL_FILE: convert(heads, head_precision, lambda: np.empty(0, np.float32))}
    for name, encoder in network.encoders.items():
        streams = [n for n, s in network.spec.streams.items() if s.encoder == name]
        size = network.spec.streams[streams[0]].size
        model = to_onnx(cast(Encoder, encoder).eval(), {CROP: (3, size, size)}, [FEATURES])
        crops = partial(_normal_crops, network, streams, manifests)
        files[file_of(name)] = convert(model, precision, crops)
    return files


def file_of(encoder: str) -> str:
    """The file of an encoder of the network's own."""
    return f"{encoder}.onnx"


def head_inputs(network: Network) -> dict[str, tuple[int, ...]]:
    """What comes after encoders takes: names, and shapes without the batch."""
    spec = network.spec
    inputs: dict[str, tuple[int, ...]] = {name: (width,) for name, width in spec.widths.items()}
    if any(stream.needs_face for stream in spec.streams.values()):
        inputs[HAS_FACE] = (1,)
    return inputs | {name: (width,) for name, width in spec.all_numbers.items()}


class Direct(nn.Module):
    """From normalised crops of the only stream to what each head says, and the features.

    Args:
        network: with such a stream.
        mirror: whether every crop is seen as it is and mirrored: the mean of the features, which
            for linear heads is that of what they say.
    """

    def __init__(self, network: Network, *, mirror: bool) -> None:
        super().__init__()
        self.stream, self.mirror = next(iter(network.spec.streams)), mirror
        (self.encoder,) = network.encoders.values()
        self.heads = network.heads

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Of crops (n, 3, size, size) by head (n, labels), then the features (n, width)."""
        features = self.encoder(torch.cat([crops, crops.flip(3)]) if self.mirror else crops)
        if self.mirror:
            features = features.reshape(2, -1, features.shape[1]).mean(dim=0)
        said = self.heads({self.stream: features}, {})
        return (*said.values(), features)


class OverFeatures(nn.Module):
    """Fusion and heads with tensors by position, as ONNX wants them."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.heads = network.heads
        self.names = list(head_inputs(network))
        self.faces = [name for name, s in network.spec.streams.items() if s.needs_face]
        self.streams = list(network.spec.streams)

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """What each head says, shape (n, labels)."""
        values = dict(zip(self.names, given, strict=True))
        everybody = torch.ones_like(given[0][:, 0]) > 0
        has_face = values.pop(HAS_FACE)[:, 0] > 0.5 if HAS_FACE in values else everybody
        present = {n: has_face if n in self.faces else everybody for n in self.streams}
        return tuple(self.heads(values, present).values())


def _normal_crops(
    network: Network, streams: Sequence[str], manifests: Sequence[Manifest]
) -> FloatArray32:
    """Normalised crops of all streams of one encoder, from the training splits."""
    specs = {name: network.spec.streams[name] for name in streams}
    heads = {name: head.labels for name, head in network.spec.heads.items()}
    dataset = RowDataset(manifests, ("train",), specs, heads)
    share = min(1.0, RANGE_SUBJECTS / dataset.subjects)
    items = np.linspace(0, len(dataset) - 1, max(1, round(share * len(dataset))))
    sample = collate([dataset[int(item)] for item in items])
    shown = torch.cat([sample.images()[name][sample.present[name]] for name in streams])
    mean, std = network.get_buffer(f"{streams[0]}_mean"), network.get_buffer(f"{streams[0]}_std")
    return np.asarray(((shown.float() / 255 - mean) / std).numpy(), np.float32)
