"""What is needed to build a network again and to feed it: streams, fusion, heads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from affekt.bundle import FROM_BUNDLE, NUMBERS, Labels, StreamSpec
from affekt.heads import KINDS_OF_HEADS, Kind
from affekt.labels import VAD_RANGE
from affekt.typed import Name, one_of, within

GEOMETRY = "geometry"


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What turns crops into features.

    Attributes:
        backbone: name in timm; of an encoder from outside, ``bundle:NAME``.
        width: of its features.
        weights: where the first weights came from.
        train: the part that was trained, see `affekt.models.encoder.Encoder`.
    """

    backbone: str
    width: Annotated[int, within(1, 1e6)]
    weights: str
    train: str = "none"


@dataclass(frozen=True, slots=True)
class FusionSpec:
    """How the streams become one vector per person.

    Attributes:
        kind: one of `affekt.models.fusion.FUSIONS`.
        hidden: width of that vector; 0, for ``mlp`` alone, leaves a linear model of the streams.
        dropout: share of each stream's features, and of the hidden vector, dropped in training.
        stream_dropout: share of persons for whom a stream counts as missing in training, drawn
            for each stream apart.
    """

    kind: str = "mlp"
    hidden: Annotated[int, within(0, 1e6)] = 256
    dropout: Annotated[float, within(0, 1)] = 0.3
    stream_dropout: Annotated[float, within(0, 1)] = 0.1


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """What one head says.

    Attributes:
        labels: the meaning of its outputs, in order.
        kind: of what it says, see `affekt.heads.Kind`.
        range: lowest and highest value of every dimension; None where there is none.
    """

    labels: Labels
    kind: Annotated[str, one_of(*Kind)]
    range: tuple[float, float] | None = None


def head_of(name: str, labels: tuple[str, ...]) -> HeadSpec:
    """A head of `affekt.heads` with these labels."""
    kind = KINDS_OF_HEADS[name]
    return HeadSpec(labels, kind.value, VAD_RANGE if kind is Kind.DIMENSIONAL else None)


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The description that a network cannot do without.

    Attributes:
        streams: the streams of crops by name; ``encoder`` of each is a key of ``encoders``.
        encoders: by name; streams may share one.
        heads: by name.
        fusion: of the streams.
        numbers: the streams of numbers by kind, and how many they are.
        averaged: of how many fusions with their heads the mean is taken.
        box_prior: the head that the box's place and shape shift, see
            `affekt.models.box_prior.BoxPrior`; None where there is none.
        needs: bundles by name, with the SHA-256 of the model that was trained on.
        history: recipe, data and figures of the training.
    """

    streams: dict[Name, StreamSpec]
    encoders: dict[Name, EncoderSpec]
    heads: dict[Name, HeadSpec]
    fusion: FusionSpec
    numbers: dict[Name, Annotated[int, within(1, 1e6)]] = field(default_factory=dict)
    averaged: Annotated[int, within(1, 1000)] = 1
    box_prior: str | None = None
    needs: dict[str, str] = field(default_factory=dict)
    history: dict[str, Any] = field(default_factory=dict)

    @property
    def widths(self) -> dict[str, int]:
        """Of each stream's features."""
        return {n: self.encoders[str(s.encoder)].width for n, s in self.streams.items()}

    @property
    def owned(self) -> dict[str, EncoderSpec]:
        """The encoders that are the network's own, no bundle's."""
        return {n: e for n, e in self.encoders.items() if not n.startswith(FROM_BUNDLE)}

    @property
    def all_numbers(self) -> dict[str, int]:
        """The numbers that are looked at: those of streams, and the geometry for a box prior."""
        prior = {} if self.box_prior is None else {GEOMETRY: NUMBERS[GEOMETRY]}
        return self.numbers | prior
