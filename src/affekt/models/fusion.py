"""From the features of a person's streams to one vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from affekt.errors import ConfigError, nearest
from affekt.models.spec import FusionSpec

NUMBERS_WIDTH = 32
"""Of the layer over each stream of numbers."""


class Fusion(nn.Module):
    """Streams in, one vector of ``width`` out.

    Each stream's features are normalised over their width (Ba et al. 2016, arXiv 1607.06450,
    without gain and bias); where a person has no such stream, a learned vector stands in.

    Args:
        widths: of each stream's features, by name.
        numbers: of each stream of numbers how many, by name.
        spec: see `FusionSpec`.

    Raises:
        ConfigError: an unknown kind of fusion, or nothing to fuse.
    """

    def __init__(
        self, widths: Mapping[str, int], numbers: Mapping[str, int], spec: FusionSpec
    ) -> None:
        super().__init__()
        if not (widths or numbers):
            raise ConfigError("a model needs at least one stream")
        self.widths = dict(widths)
        self.stream_dropout = spec.stream_dropout
        self.missing = nn.ParameterDict({name: torch.zeros(w) for name, w in widths.items()})
        self.numbers = nn.ModuleDict(
            {n: nn.Sequential(nn.Linear(w, NUMBERS_WIDTH), nn.GELU()) for n, w in numbers.items()}
        )
        fused = {**widths, **dict.fromkeys(numbers, NUMBERS_WIDTH)}
        self.fuse = MIXTURES[spec.kind](fused, spec)
        self.drop = nn.Dropout(spec.dropout)
        self.width = spec.hidden or sum(fused.values())

    def forward(self, features: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """The vector of n persons, shape (n, width); see `Network.forward`."""
        parts: dict[str, Tensor] = {}
        for name, width in self.widths.items():
            normal = functional.layer_norm(features[name], (width,))
            kept = self._kept(present[name])
            parts[name] = self.drop(torch.where(kept[:, None], normal, self.missing[name]))
        parts |= {name: layer(features[name]) for name, layer in self.numbers.items()}
        return cast(Tensor, self.drop(self.fuse(parts)))

    def _kept(self, present: Tensor) -> Tensor:
        if not (self.training and self.stream_dropout):
            return present
        return present & (torch.rand(present.shape, device=present.device) >= self.stream_dropout)


class Alone(nn.Module):
    """The features of one stream as they are, dropout apart: for a model of faces, say.

    Arguments as of `Fusion`.

    Raises:
        ConfigError: more than one stream, or numbers.
    """

    def __init__(
        self, widths: Mapping[str, int], numbers: Mapping[str, int], spec: FusionSpec
    ) -> None:
        super().__init__()
        if len(widths) != 1 or numbers:
            raise ConfigError("fusion.kind: none is of one stream of crops alone")
        ((self.stream, self.width),) = widths.items()
        self.drop = nn.Dropout(spec.dropout)

    def forward(self, features: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """As `Fusion.forward`."""
        return cast(Tensor, self.drop(features[self.stream]))


class Concatenation(nn.Module):
    """The streams side by side, through one hidden layer where its width is not 0."""

    def __init__(self, widths: Mapping[str, int], spec: FusionSpec) -> None:
        super().__init__()
        wide = sum(widths.values())
        self.hidden = (
            nn.Sequential(nn.Linear(wide, spec.hidden), nn.GELU()) if spec.hidden else nn.Identity()
        )

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The fused vector, shape (n, hidden or the sum of the widths)."""
        return cast(Tensor, self.hidden(torch.cat(list(parts.values()), dim=1)))


class Gating(nn.Module):
    """A weighted mean of the streams whose weights each person's own streams decide.

    The gated multimodal unit (Arevalo et al. 2017, arXiv 1702.01992, section 3.1) with a softmax
    over the streams, so that any number of them can take part.
    """

    def __init__(self, widths: Mapping[str, int], spec: FusionSpec) -> None:
        super().__init__()
        if not spec.hidden:
            raise ConfigError("fusion.hidden: expected 1 or more for a gated fusion")
        self.project = nn.ModuleDict({n: nn.Linear(w, spec.hidden) for n, w in widths.items()})
        self.gate = nn.Linear(spec.hidden * len(widths), len(widths))

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The fused vector, shape (n, hidden)."""
        projected = [functional.gelu(self.project[name](part)) for name, part in parts.items()]
        shares = torch.softmax(self.gate(torch.cat(projected, dim=1)), dim=1)
        return (shares[..., None] * torch.stack(projected, dim=1)).sum(dim=1)


MIXTURES: dict[str, Callable[[Mapping[str, int], FusionSpec], nn.Module]] = {
    "mlp": Concatenation,
    "gated": Gating,
}
NONE = "none"
FUSIONS: dict[str, type[Fusion] | type[Alone]] = {**dict.fromkeys(MIXTURES, Fusion), NONE: Alone}
"""The ways to fuse, by the name a recipe gives."""


def build_fusion(
    widths: Mapping[str, int], numbers: Mapping[str, int], spec: FusionSpec
) -> Fusion | Alone:
    """A new fusion; arguments and errors as of `Fusion`."""
    if spec.kind not in FUSIONS:
        raise ConfigError(f"unknown fusion {spec.kind!r}: {nearest(spec.kind, FUSIONS)}")
    return FUSIONS[spec.kind](widths, numbers, spec)
