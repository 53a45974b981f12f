"""A timm network as an encoder: features from crops, with the part of it that is trained."""

from __future__ import annotations

from typing import Any, cast

from timm.models import group_parameters
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.models.backbones import Start, feature_width, start_network, without_classifier


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


def features_of(encoder: nn.Module, crops: Tensor) -> Tensor:
    """What an encoder says of normalised crops.

    In training a single crop has no spread to normalise by: it is seen with the running
    statistics, and so learnt from like any other.
    """
    alone = encoder.training and len(crops) < 2
    if alone:
        encoder.eval()
    features = encoder(crops)
    if alone:
        encoder.train()
    return cast(Tensor, features)


def build_encoder(
    name: str, weights: str, size: int, train: str = "none", *, drop_path: float = 0.0
) -> tuple[Encoder, Start]:
    """A timm network as an `Encoder`; arguments as in `start_network` and `Encoder`.

    Args:
        name: any of ``timm.list_models()``.
        weights: see `start_network`.
        size: side of its crops in pixels.
        train: see `Encoder`.
        drop_path: stochastic depth, 0 to 1, where the network has it.

    Raises:
        ConfigError: also where the network cannot take crops of that size.
    """
    network, start = start_network(name, weights, 1, size, drop_path_rate=drop_path)
    width = feature_width(without_classifier(network).eval(), name, size)
    return Encoder(network, width, train), start


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
    if not hasattr(network, "group_matcher"):
        raise ConfigError(f"train: {train!r}; this network has no groups: expected none or all")
    matcher = cast(Any, network).group_matcher(coarse=True)
    groups = list(group_parameters(network, matcher).values())
    if int(count) > len(groups):
        raise ConfigError(f"train: {train!r}; this network has {len(groups)} groups of layers")
    return {name for group in groups[-int(count) :] for name in group} & names
