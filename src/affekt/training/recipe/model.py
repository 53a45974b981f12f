"""The tables of a recipe that say what a model is: streams, fusion, heads."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from affekt.bundle import CROPS
from affekt.heads import CATEGORIES_HEAD, PRIMARY_HEAD, VAD_HEAD
from affekt.labels import CATEGORIES, PRIMARY_AND_CONTEMPT, VAD
from affekt.training.recipe.values import (
    TABLE,
    BelowOne,
    Count,
    Flag,
    Names,
    Side,
    Text,
    rule,
)

DEFAULT_SIZE = 224

Labels = Annotated[
    Names,
    rule("at least two labels", lambda labels: len(labels) > 1),
    rule("each label once", lambda labels: len(set(labels)) == len(labels)),
]


@dataclass(frozen=True, slots=True, config=TABLE)
class StreamTable:
    """One stream of crops: its encoder is its own ``backbone``, shared, or a bundle's.

    Attributes:
        backbone: any network of timm by name.
        share: the stream whose encoder it shares.
        bundle: the bundle whose frozen encoder it takes.
        weights: of the backbone: ``auto``, ``timm``, ``random`` or the path of a safetensors file.
        size: side of its crops in pixels; 224, the bundle's own, or that of the stream it shares.
        early_size: of its crops in the first ``optim.early_epochs``; none leaves them as they are.
        crop: how a box becomes a square, ``square`` or ``stretch``; not for the face.
        train: the part of the backbone that is trained: ``none``, ``last:N`` or ``all``.
        drop_path: stochastic depth of the backbone, where it has it.
        blank_person: hides the person's box, for a scene without the person.
    """

    backbone: Text | None = None
    share: Text | None = None
    bundle: Text | None = None
    weights: Text = "auto"
    size: Side | None = None
    early_size: Side | None = None
    crop: Text | None = None
    train: Text = "none"
    drop_path: BelowOne = 0.0
    blank_person: Flag = False


@dataclass(frozen=True, slots=True, config=TABLE)
class NumbersTable:
    """One stream without pixels: numbers, through a layer of their own.

    Attributes:
        use: whether they take part.
    """

    use: Flag = True


STREAMS: dict[str, type[StreamTable | NumbersTable]] = {
    **dict.fromkeys(CROPS, StreamTable),
    "geometry": NumbersTable,
}
"""The tables of ``streams``, by what the stream shows."""


@dataclass(frozen=True, slots=True, config=TABLE)
class FusionTable:
    """How the streams become one vector; see `affekt.models.fusion.FusionSpec`.

    Attributes:
        kind: ``mlp`` or ``gated``; ``none`` hands the one stream of a model to its heads as it is.
        hidden: width of that vector; 0, for ``mlp`` alone, leaves a linear model of the streams.
        dropout: share of each stream's features, and of the hidden vector, dropped in training.
        stream_dropout: share of persons for whom a stream counts as missing in training.
    """

    kind: Literal["mlp", "gated", "none"] = "mlp"
    hidden: Count = 256
    dropout: BelowOne = 0.3
    stream_dropout: BelowOne = 0.1


@dataclass(frozen=True, slots=True, config=TABLE)
class HeadTable:
    """What one head says.

    Attributes:
        labels: which of them holds, which hold, or how much there is of each dimension, as
            `affekt.heads.KINDS_OF_HEADS` says; what has none of them is left out.
    """

    labels: Labels


LABELS: dict[str, tuple[str, ...]] = {
    PRIMARY_HEAD: PRIMARY_AND_CONTEMPT,
    CATEGORIES_HEAD: CATEGORIES,
    VAD_HEAD: VAD,
}
"""The labels of a head whose table names none."""
