"""A network of timm with two convolutions: traced and trained in a fraction of the time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn

TWO_BLOCKS = "two_blocks"
"""Known to timm once this module is imported."""

default_cfgs = generate_default_cfgs(
    {
        TWO_BLOCKS: {
            "input_size": (3, 32, 32),
            "mean": (0.5, 0.5, 0.5),
            "std": (0.25, 0.25, 0.25),
            "first_conv": "blocks.0",
            "classifier": "head",
        }
    }
)


class TwoBlocks(nn.Module):
    """Two convolutions, each with its norm, the mean over the picture, and a classifier."""

    num_features = head_hidden_size = 64

    def __init__(self, num_classes: int = 1000, in_chans: int = 3, **_: Any) -> None:
        super().__init__()
        widths, blocks = (in_chans, 32, self.num_features), []
        for one, other in pairwise(widths):
            convolution = nn.Conv2d(one, other, 3, stride=2, padding=1, bias=False)
            blocks += [convolution, nn.BatchNorm2d(other), nn.ReLU()]
        self.blocks = nn.Sequential(*blocks)
        self.reset_classifier(num_classes)

    def reset_classifier(self, num_classes: int) -> None:
        """As timm's networks have it."""
        self.head = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Shape (n, classes), or (n, `num_features`) without classes."""
        logits: Tensor = self.head(self.blocks(images).mean(dim=(2, 3)))
        return logits


@register_model
def two_blocks(pretrained: bool = False, **options: Any) -> Any:
    """Under the name of its function."""
    return build_model_with_cfg(TwoBlocks, TWO_BLOCKS, pretrained, **options)
