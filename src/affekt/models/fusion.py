"""From the features of a person's streams to the logits of the categories and VAD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from affekt.bundle import CROPS
from affekt.errors import ConfigError, nearest
from affekt.geometry import BOX_FEATURES, GEOMETRY_FEATURES
from affekt.labels import VAD, VAD_RANGE

GEOMETRY = "geometry"
GEOMETRY_WIDTH = 32
OUTPUT_STD = 0.01


@dataclass(frozen=True, slots=True)
class FusionSpec:
    """How the streams become one vector per person.

    Attributes:
        kind: one of `FUSIONS`.
        hidden: width of that vector; 0, for ``mlp`` alone, leaves a linear model of the streams.
        dropout: share of each stream's features, and of the hidden vector, dropped in training.
        stream_dropout: share of persons for whom a stream counts as missing in training, drawn
            for each stream apart.
    """

    kind: str = "mlp"
    hidden: int = 256
    dropout: float = 0.3
    stream_dropout: float = 0.1


class FusionHead(nn.Module):
    """Streams in, category logits and VAD out.

    Each image stream's features are normalised over their width (Ba et al. 2016, arXiv
    1607.06450, without gain and bias); where a person has no such stream, a learned vector
    stands in.

    Args:
        widths: width of each image stream's features, by name.
        geometry: whether the person's box and company take part.
        spec: see `FusionSpec`.
        labels: how many categories there are.
        prior: whether a `BoxPrior` is added to the logits.

    Raises:
        ConfigError: an unknown kind of fusion, or nothing to fuse.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        geometry: bool,
        spec: FusionSpec,
        labels: int,
        prior: bool = False,
    ) -> None:
        super().__init__()
        if spec.kind not in FUSIONS:
            raise ConfigError(f"unknown fusion {spec.kind!r}: {nearest(spec.kind, FUSIONS)}")
        if not (widths or geometry):
            raise ConfigError("a context model needs at least one stream, or the geometry")
        self.widths = dict(widths)
        self.stream_dropout = spec.stream_dropout
        self.missing = nn.ParameterDict({name: torch.zeros(w) for name, w in widths.items()})
        self.place = (
            nn.Sequential(nn.Linear(len(GEOMETRY_FEATURES), GEOMETRY_WIDTH), nn.GELU())
            if geometry
            else None
        )
        fused = {**widths, GEOMETRY: GEOMETRY_WIDTH} if geometry else dict(widths)
        self.fuse = FUSIONS[spec.kind](fused, spec)
        self.drop = nn.Dropout(spec.dropout)
        width = spec.hidden or sum(fused.values())
        self.categories = nn.Linear(width, labels)
        self.vad = nn.Linear(width, len(VAD))
        self.prior = BoxPrior(labels) if prior else None
        start_outputs(self)

    def forward(
        self, features: Mapping[str, Tensor], has_face: Tensor, pictured: Tensor, geometry: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits and VAD of n persons.

        Args:
            features: of each image stream, shape (n, width).
            has_face: bool, shape (n,); without a face its features are not looked at.
            pictured: bool, shape (n,); without a picture no image stream is looked at.
            geometry: shape (n, 13), see `affekt.geometry.person_geometry`.

        Returns:
            Logits of shape (n, labels), and VAD of shape (n, 3) on the 1 to 10 scale, not clipped.
        """
        parts: dict[str, Tensor] = {}
        for name, width in self.widths.items():
            present = self._kept(pictured & has_face if CROPS[name].needs_face else pictured)
            normal = functional.layer_norm(features[name], (width,))
            parts[name] = self.drop(torch.where(present[:, None], normal, self.missing[name]))
        if self.place is not None:
            parts[GEOMETRY] = self.place(geometry)
        hidden = self.drop(self.fuse(parts))
        logits = self.categories(hidden)
        return logits if self.prior is None else logits + self.prior(geometry), self.vad(hidden)

    def _kept(self, present: Tensor) -> Tensor:
        if not (self.training and self.stream_dropout):
            return present
        return present & (torch.rand(present.shape, device=present.device) >= self.stream_dropout)


class BoxPrior(nn.Module):
    """What the place and shape of a person's box alone say of the categories, in logits.

    Nothing until `set` gives it weights, and no training changes it: they are fitted on people
    without pictures, see `affekt.training.box_prior`.

    Args:
        labels: how many categories there are.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        shape = (labels, 2 * len(BOX_FEATURES))
        self.weight = nn.Parameter(torch.zeros(shape), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(labels), requires_grad=False)

    def forward(self, geometry: Tensor) -> Tensor:
        """Logits to add, shape (n, 26), from the geometry, shape (n, 13)."""
        box = geometry[:, : len(BOX_FEATURES)]
        return functional.linear(torch.cat([box, box**2], dim=1), self.weight, self.bias)

    @torch.no_grad()
    def set(self, weights: Tensor, bias: Tensor) -> None:
        """Takes weights (26, 22), of the box's features and then their squares, and bias (26,)."""
        self.weight.copy_(weights)
        self.bias.copy_(bias)


class MeanHead(nn.Module):
    """The mean of several heads' logits and VAD, as of the folds of a cross-training."""

    def __init__(self, heads: list[FusionHead]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(
        self, features: Mapping[str, Tensor], has_face: Tensor, pictured: Tensor, geometry: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As `FusionHead.forward`."""
        outputs = [head(features, has_face, pictured, geometry) for head in self.heads]
        logits, vad = (torch.stack(part).mean(dim=0) for part in zip(*outputs, strict=True))
        return logits, vad


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


FUSIONS: dict[str, Callable[[Mapping[str, int], FusionSpec], nn.Module]] = {
    "mlp": Concatenation,
    "gated": Gating,
}
"""The ways to fuse, by the name a recipe gives."""


def start_outputs(
    head: FusionHead, categories: Tensor | None = None, vad: Tensor | None = None
) -> None:
    """Lets a new head start from what is known without looking at anybody.

    Args:
        head: changed in place.
        categories: the first logits, shape (labels,); zeros where not given.
        vad: the first VAD on the 1 to 10 scale, shape (3,); the middle where not given.
    """
    for layer in (head.categories, head.vad):
        nn.init.normal_(layer.weight, std=OUTPUT_STD)
        nn.init.zeros_(layer.bias)
    nn.init.constant_(head.vad.bias, sum(VAD_RANGE) / 2)
    with torch.no_grad():
        if categories is not None:
            head.categories.bias.copy_(categories)
        if vad is not None:
            head.vad.bias.copy_(vad)
