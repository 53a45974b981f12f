"""The tables of a recipe that say what a model is: streams, fusion, heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic.dataclasses import dataclass

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


class Named:
    """A table of tables; one that is not given does not take part."""

    __slots__ = ()

    def items(self) -> list[tuple[str, Any]]:
        """Those that take part, by name."""
        found = [(f.name, getattr(self, f.name)) for f in fields(self)]  # type: ignore[arg-type]
        return [(name, table) for name, table in found if table is not None]


@dataclass(frozen=True, slots=True, config=TABLE)
class StreamsTable(Named):
    """The streams of crops, by what they show."""

    face: StreamTable | None = None
    body: StreamTable | None = None
    scene: StreamTable | None = None


@dataclass(frozen=True, slots=True, config=TABLE)
class GeometryTable:
    """The stream without pixels.

    Attributes:
        use: whether the person's box and the number of people take part.
    """

    use: Flag = False


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
class PrimaryTable:
    """Which one label holds.

    Attributes:
        labels: what to tell apart; what has none of them is left out.
    """

    labels: Labels = PRIMARY_AND_CONTEMPT


@dataclass(frozen=True, slots=True, config=TABLE)
class CategoriesTable:
    """Which labels hold, any number of them.

    Attributes:
        labels: what to look for.
    """

    labels: Labels = CATEGORIES


@dataclass(frozen=True, slots=True, config=TABLE)
class VadTable:
    """How much of each dimension there is, from 1 to 10.

    Attributes:
        labels: the dimensions.
    """

    labels: Labels = VAD


@dataclass(frozen=True, slots=True, config=TABLE)
class HeadsTable(Named):
    """What the model says; one head at least."""

    primary: PrimaryTable | None = None
    categories: CategoriesTable | None = None
    vad: VadTable | None = None

    @property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """The labels of each head."""
        return {name: table.labels for name, table in self.items()}


HEADS = (PRIMARY_HEAD, CATEGORIES_HEAD, VAD_HEAD)
