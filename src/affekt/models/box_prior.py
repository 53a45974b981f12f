"""What the place and shape of a person's box alone say, added to a head's logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from affekt.geometry import BOX_FEATURES


class BoxPrior(nn.Module):
    """A linear model of the box's features and their squares.

    Nothing until `set` gives it weights, and no training changes it: they are fitted on people
    without pictures, see `affekt.training.labels_only.box_prior`.

    Args:
        labels: how many logits it shifts.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        shape = (labels, 2 * len(BOX_FEATURES))
        self.weight = nn.Parameter(torch.zeros(shape), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(labels), requires_grad=False)

    def forward(self, geometry: Tensor) -> Tensor:
        """Logits to add, shape (n, labels), from the geometry, shape (n, 13)."""
        box = geometry[:, : len(BOX_FEATURES)]
        return functional.linear(torch.cat([box, box**2], dim=1), self.weight, self.bias)

    @torch.no_grad()
    def set(self, weights: Tensor, bias: Tensor) -> None:
        """Takes weights (labels, 22), of the box's features and then their squares, and a bias."""
        self.weight.copy_(weights)
        self.bias.copy_(bias)
