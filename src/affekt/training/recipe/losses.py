"""The tables of a recipe that say what each head's errors cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic.dataclasses import dataclass

from affekt.heads import KINDS_OF_HEADS, Kind
from affekt.training.recipe.values import TABLE, Amount, BelowOne, Part, Positive

MultiLabelKind = Literal["bce", "focal", "asymmetric", "weighted_squared", "raw_weighted_squared"]
DimensionalKind = Literal["margin", "smooth_l1", "l1", "ccc"]


@dataclass(frozen=True, slots=True, config=TABLE)
class SingleLabelLoss:
    """Cross entropy against soft labels; see `affekt.training.losses.single_label`.

    Attributes:
        weight: of this head's part of the loss.
        logit_adjustment: strength of the correction for each source's label prior; 0 is none,
            1 trains for balanced accuracy (Menon et al. 2021, arXiv 2007.07314, eq. 10).
        label_smoothing: share of each target that is spread evenly.
    """

    weight: Amount = 1.0
    logit_adjustment: Amount = 1.0
    label_smoothing: Part = 0.05


@dataclass(frozen=True, slots=True, config=TABLE)
class MultiLabelLoss:
    """Of each label apart; see `affekt.training.losses.multi_label`.

    Attributes:
        weight: of this head's part of the loss.
        kind: ``weighted_squared`` is of probabilities, ``raw_weighted_squared`` of the bare
            outputs, as published; the others by their names.
        class_weights: ``none``, or Kosti's, of ``probabilities`` or of ``counts``.
        weights_over: ``batch``, or ``train`` for fixed weights of the training split.
        gamma: focal: how much easy persons count less.
        alpha: focal: weight of positives.
        gamma_positive: asymmetric: as gamma, of positives.
        gamma_negative: asymmetric: as gamma, of negatives.
        clip: asymmetric: probability under which a negative does not count.
    """

    weight: Amount = 1.0
    kind: MultiLabelKind = "bce"
    class_weights: Literal["none", "probabilities", "counts"] = "none"
    weights_over: Literal["batch", "train"] = "train"
    gamma: Amount = 2.0
    alpha: Part = 0.25
    gamma_positive: Amount = 1.0
    gamma_negative: Amount = 4.0
    clip: BelowOne = 0.05


@dataclass(frozen=True, slots=True, config=TABLE)
class DimensionalLoss:
    """Of each dimension's value; see `affekt.training.losses.dimensional`.

    Attributes:
        weight: of this head's part of the loss.
        kind: by name.
        margin: of margin, smooth_l1 and l1, on the scale of the dimensions.
    """

    weight: Amount = 1.0
    kind: DimensionalKind = "smooth_l1"
    margin: Positive = 1.0


HeadLoss = SingleLabelLoss | MultiLabelLoss | DimensionalLoss

LOSSES: dict[Kind, type[HeadLoss]] = {
    Kind.SINGLE_LABEL: SingleLabelLoss,
    Kind.MULTI_LABEL: MultiLabelLoss,
    Kind.DIMENSIONAL: DimensionalLoss,
}
"""The table of each kind of head; the model's loss is their weighted sum."""


def default_losses(heads: Iterable[str]) -> dict[str, HeadLoss]:
    """By head, its table where a recipe has none."""
    return {head: LOSSES[KINDS_OF_HEADS[head]]() for head in heads}
