"""A network with the description it cannot do without, built, saved and loaded as one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from affekt.bundle import CropSize, Deviation, Labels
from affekt.errors import BundleError, one_line
from affekt.files import write_atomically
from affekt.models.backbones import build_backbone, is_finite, load_matching
from affekt.models.encoder import features_of
from affekt.models.zoo import output_shape
from affekt.typed import MisfitError, Share, build, parse_json, shown_key

Spec = TypeVar("Spec")

DESCRIPTION = "affekt"
"""Where in a safetensors file's metadata the description lies."""


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """What is needed to build a face network again and to feed it.

    Attributes:
        backbone: name in timm.
        labels: the meaning of the outputs, in order.
        size: side of the square input in pixels.
        mean: per channel, on the 0 to 1 scale.
        std: per channel, on the 0 to 1 scale.
        weights: where the first weights came from.
        history: recipe, seed, data and figures of the training.
    """

    backbone: str
    labels: Labels
    size: CropSize
    mean: tuple[Share, Share, Share]
    std: tuple[Deviation, Deviation, Deviation]
    weights: str
    history: dict[str, Any] = field(default_factory=dict)


class FaceNetwork(nn.Module):
    """Logits of the labels from face crops.

    Takes uint8 RGB of shape (n, 3, size, size), or floats that are already normalised, as the
    exported model does.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, spec: NetworkSpec) -> None:
        super().__init__()
        self.backbone = backbone
        self.spec = spec
        self.register_buffer("mean", channels(spec.mean), persistent=False)
        self.register_buffer("std", channels(spec.std), persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        """Logits of shape (n, number of labels)."""
        if faces.dtype == torch.uint8:
            faces = (faces.float() / 255 - self.mean) / self.std
        return features_of(self.backbone, faces)


class Mirrored(nn.Module):
    """A backbone that sees every face twice, as it is and mirrored, and takes the mean.

    The mean is that of the features before the classifier, which for a linear one is that of the
    logits.

    Args:
        backbone: of timm, with a linear classifier.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, faces: Tensor) -> Tensor:
        """Logits of normalised faces of shape (n, 3, size, size)."""
        body = cast(Any, self.backbone)
        both = torch.cat([faces, faces.flip(3)])
        features = body.forward_head(body.forward_features(both), pre_logits=True)
        mean = features.reshape(2, -1, features.shape[1]).mean(dim=0)
        return cast(Tensor, self.get_classifier()(mean))

    def get_classifier(self) -> nn.Module:
        """The backbone's own."""
        return cast(nn.Module, cast(Any, self.backbone).get_classifier())


def build_network(
    backbone: str,
    weights: str,
    labels: tuple[str, ...],
    size: int,
    *,
    drop_rate: float = 0.0,
    drop_path: float = 0.0,
) -> FaceNetwork:
    """A new network for these labels, in evaluation mode.

    Arguments and errors as in `build_backbone`; it was tried at its size.
    """
    body, start = build_backbone(
        backbone, weights, len(labels), size, drop_rate=drop_rate, drop_path=drop_path
    )
    output_shape(body.eval(), backbone, size)
    spec = NetworkSpec(backbone, labels, size, start.mean, start.std, start.weights)
    return FaceNetwork(body, spec).eval()


def save_network(path: Path, weights: dict[str, Tensor], spec: NetworkSpec) -> None:
    """Writes the backbone's weights with the spec inside, as one safetensors file, atomically."""
    save_described(path, weights, asdict(spec))


def load_network(path: Path) -> FaceNetwork:
    """Reads what `save_network` wrote; the network is in evaluation mode.

    Raises:
        BundleError: no such file, or not one that `save_network` wrote.
    """
    described, weights = load_described(path, "face")
    spec = read_spec(NetworkSpec, described, path)
    body, _ = build_backbone(spec.backbone, "random", len(spec.labels), spec.size)
    load_matching(body, weights, str(path))
    return FaceNetwork(body, spec).eval()


def save_described(path: Path, weights: dict[str, Tensor], described: dict[str, Any]) -> None:
    """Writes weights with a description inside, as one safetensors file, atomically."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_atomically(path, save(tensors, metadata={DESCRIPTION: json.dumps(described)}))


def load_described(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description and the weights, in single precision, that `save_described` wrote.

    Raises:
        BundleError: no such file, not one of ours, the network is of another kind, or a weight
            is not finite.
    """
    described = _description(path)
    found = described.pop("kind", "face")
    if found != kind:
        raise BundleError(f"{path}: a {found!r} network; a {kind!r} network is needed")
    with safe_open(path, framework="pt") as stream:
        weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    for name, values in weights.items():
        if not is_finite(values):
            raise BundleError(f"{path}: {shown_key(name)} is not finite everywhere; train anew")
    return described, {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}


def saved_kind(path: Path) -> str:
    """The kind of a saved network, ``face`` or ``context``.

    Raises:
        BundleError: no such file, or not one that ``affekt train`` wrote.
    """
    return str(_description(path).get("kind", "face"))


def read_spec(kind: type[Spec], described: dict[str, Any], path: Path) -> Spec:
    """What a description from `load_described` says, as a dataclass.

    Raises:
        BundleError: a field is missing or wrong.
    """
    try:
        return build(kind, described)
    except MisfitError as error:
        raise BundleError(f"{path}: {error}") from None


def _description(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as stream:
            described = parse_json((stream.metadata() or {})[DESCRIPTION])
    except KeyError:
        raise BundleError(f"{path}: not a network saved by affekt train") from None
    except (OSError, SafetensorError, MisfitError) as error:
        raise BundleError(
            f"{path}: not a network saved by affekt train ({one_line(error)})"
        ) from None
    if not isinstance(described, dict):
        raise BundleError(f"{path}: its description is no table")
    return described


def channels(values: tuple[float, float, float]) -> Tensor:
    """One value per channel, shape (1, 3, 1, 1), for crops of shape (n, 3, size, size)."""
    return torch.tensor(values).view(1, 3, 1, 1)
