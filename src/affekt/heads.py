"""What a head of a model says of its labels: one definition for bundles, evaluation and use."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

PRIMARY_HEAD, CATEGORIES_HEAD, VAD_HEAD = "primary", "categories", "vad"
"""The heads that `affekt.results.Emotion` has fields for; others may have any name."""


class Kind(StrEnum):
    """What a head says of its labels: which of them holds, which hold, or how much of each."""

    SINGLE_LABEL = "single-label"
    MULTI_LABEL = "multi-label"
    DIMENSIONAL = "dimensional"


KINDS_OF_HEADS = {
    PRIMARY_HEAD: Kind.SINGLE_LABEL,
    CATEGORIES_HEAD: Kind.MULTI_LABEL,
    VAD_HEAD: Kind.DIMENSIONAL,
}


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What is said: the meaning of k numbers of a row.

    Attributes:
        kind: of the head.
        labels: the k names of labels or dimensions, in order.
        range: lowest and highest value of every dimension; None where there is none.
    """

    kind: Kind
    labels: tuple[str, ...]
    range: tuple[float, float] | None = field(default=None, kw_only=True)
