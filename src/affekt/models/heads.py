"""From one vector per person to what is said: a linear layer for each head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from affekt.models.box_prior import BoxPrior
from affekt.models.fusion import build_fusion
from affekt.models.spec import GEOMETRY, NetworkSpec

OUTPUT_STD = 0.01

Outputs = dict[str, Tensor]
"""By head: logits of labels, or values of dimensions on their own scale, shape (n, labels)."""


class FusedHeads(nn.Module):
    """Fusion and the heads over it: features in, what is said out.

    Args:
        spec: of the network.

    Raises:
        ConfigError: see `affekt.models.fusion.build_fusion`.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.fusion = build_fusion(spec.widths, spec.numbers, spec.fusion)
        width = self.fusion.width
        self.heads = nn.ModuleDict(
            {n: nn.Linear(width, len(h.labels)) for n, h in spec.heads.items()}
        )
        self.shifted = spec.box_prior
        self.prior = (
            None if spec.box_prior is None else BoxPrior(len(spec.heads[spec.box_prior].labels))
        )
        for name, head in spec.heads.items():
            middle = 0.0 if head.range is None else sum(head.range) / 2
            start_output(self.output(name), torch.full((len(head.labels),), middle))

    def forward(self, features: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Outputs:
        """What is said of n persons; see `affekt.models.network.Network.forward`."""
        vector = self.fusion(features, present)
        said = {name: head(vector) for name, head in self.heads.items()}
        if self.prior is not None and self.shifted is not None:
            said[self.shifted] = said[self.shifted] + self.prior(features[GEOMETRY])
        return said

    def output(self, head: str) -> nn.Linear:
        """A head's layer."""
        return cast(nn.Linear, self.heads[head])


class MeanHeads(nn.Module):
    """The mean of what several say, as of the folds of a cross-training."""

    def __init__(self, members: Sequence[FusedHeads]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, features: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Outputs:
        """As `FusedHeads.forward`."""
        said = [member(features, present) for member in self.members]
        return {head: torch.stack([one[head] for one in said]).mean(dim=0) for head in said[0]}


@torch.no_grad()
def start_output(layer: nn.Linear, values: Tensor) -> None:
    """Lets a head start from what is known without looking at anybody.

    The first weights are small: large ones would wreck pretrained features in the first steps.

    Args:
        layer: changed in place.
        values: what it says first, shape (labels,).
    """
    nn.init.normal_(layer.weight, std=OUTPUT_STD)
    layer.bias.copy_(values)
