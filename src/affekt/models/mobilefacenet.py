"""MobileFaceNet (Chen et al. 2018, arXiv 1804.07573): a small network whose weights know faces.

It is known to timm once this module is imported. In place of the paper's last layers, which tell
who somebody is and are blind to expressions, the 512 channels before them are averaged. Weights as
published by foamliu/MobileFaceNet are taken under their own names, see `from_published`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models._efficientnet_blocks import DepthwiseSeparableConv, InvertedResidual
from torch import Tensor, nn

NAME = "mobilefacenet"
STEM, WIDTH = 64, 512

STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""Expansion, channels, blocks and the first block's stride of each stage, in that order."""

default_cfgs = generate_default_cfgs(
    {
        NAME: {
            "input_size": (3, 112, 112),
            "mean": (0.485, 0.456, 0.406),
            "std": (0.229, 0.224, 0.225),
            "num_classes": 0,
            "first_conv": "conv_stem",
            "classifier": "classifier",
        }
    }
)


class MobileFaceNet(nn.Module):
    """From faces of shape (n, 3, h, w), sides from 32 pixels, to logits or 512 features.

    Args:
        num_classes: of the classifier; 0 leaves it out.
        in_chans: channels of the input.
        drop_rate: share of the features dropped in training.
        drop_path_rate: stochastic depth of the last block; it grows evenly from the first.
    """

    def __init__(
        self,
        num_classes: int = 0,
        in_chans: int = 3,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_features = self.head_hidden_size = WIDTH
        self.conv_stem = nn.Conv2d(in_chans, STEM, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.Sequential(nn.BatchNorm2d(STEM), nn.ReLU6(inplace=True))
        first = DepthwiseSeparableConv(STEM, STEM, act_layer=nn.ReLU, noskip=True, pw_act=True)
        self.blocks = nn.Sequential(nn.Sequential(first), *_stages(drop_path_rate))
        self.conv_head = nn.Conv2d(STAGES[-1][1], WIDTH, 1, bias=False)
        self.bn2 = nn.Sequential(nn.BatchNorm2d(WIDTH), nn.ReLU6(inplace=True))
        self.drop = nn.Dropout(drop_rate)
        self.reset_classifier(num_classes)

    def get_classifier(self) -> nn.Module:
        """The last layer."""
        return self.classifier

    def reset_classifier(self, num_classes: int) -> None:
        """A new last layer; none for 0."""
        self.num_classes = num_classes
        self.classifier = nn.Linear(WIDTH, num_classes) if num_classes else nn.Identity()

    def forward_features(self, images: Tensor) -> Tensor:
        """Shape (n, 512, h / 16, w / 16)."""
        stem = self.bn1(self.conv_stem(images))
        found: Tensor = self.bn2(self.conv_head(self.blocks(stem)))
        return found

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Shape (n, classes), or (n, 512) with ``pre_logits`` or without a classifier."""
        pooled: Tensor = self.drop(features.mean(dim=(2, 3)))
        return pooled if pre_logits else self.classifier(pooled)

    def forward(self, images: Tensor) -> Tensor:
        """See `forward_head`."""
        return self.forward_head(self.forward_features(images))


@register_model
def mobilefacenet(pretrained: bool = False, **options: Any) -> Any:
    """By its name in timm; no weights are fetched, give the path of a safetensors file."""
    return build_model_with_cfg(MobileFaceNet, NAME, pretrained, **options)


def from_published(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published weights under the names of `MobileFaceNet`; those that tell who somebody is go.

    Other weights stay as they are.
    """
    if "dw_conv.depthwise.weight" not in weights:
        return dict(weights)
    kept = {name: own for name, own in weights.items() if not name.startswith(_IDENTITY)}
    return {_renamed(name): own for name, own in kept.items()}


_IDENTITY = ("gdconv.", "conv3.", "bn.")
_OUTER = {
    "conv1.0": "conv_stem",
    "conv1.1": "bn1.0",
    "conv2.0": "conv_head",
    "conv2.1": "bn2.0",
    "dw_conv.depthwise": "blocks.0.0.conv_dw",
    "dw_conv.bn1": "blocks.0.0.bn1",
    "dw_conv.pointwise": "blocks.0.0.conv_pw",
    "dw_conv.bn2": "blocks.0.0.bn2",
}
_INNER = {
    "0.0": "conv_pw",
    "0.1": "bn1",
    "1.0": "conv_dw",
    "1.1": "bn2",
    "2": "conv_pwl",
    "3": "bn3",
}
_PLACES = [(stage, i) for stage, (_, _, n, _) in enumerate(STAGES, 1) for i in range(n)]


def _renamed(name: str) -> str:
    layer, _, kind = name.rpartition(".")
    block = re.fullmatch(r"features\.(\d+)\.conv\.([\d.]+)", layer)
    if block is None:
        return f"{_OUTER.get(layer, layer)}.{kind}"
    stage, place = _PLACES[int(block[1])]
    return f"blocks.{stage}.{place}.{_INNER[block[2]]}.{kind}"


def _stages(drop_path_rate: float) -> list[nn.Sequential]:
    total, done, channels, stages = sum(n for _, _, n, _ in STAGES), 0, STEM, []
    for expansion, width, count, stride in STAGES:
        blocks = []
        for i in range(count):
            block = InvertedResidual(
                channels,
                width,
                stride=stride if i == 0 else 1,
                exp_ratio=expansion,
                act_layer=nn.ReLU6,
                drop_path_rate=drop_path_rate * done / (total - 1),
            )
            blocks.append(block)
            channels, done = width, done + 1
        stages.append(nn.Sequential(*blocks))
    return stages
