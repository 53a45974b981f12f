"""The loss of a model: the weighted sum of its heads', each by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from affekt.arrays import FloatArray32, IntArray
from affekt.heads import KINDS_OF_HEADS, Kind
from affekt.training.losses.dimensional import DIMENSIONAL_LOSSES
from affekt.training.losses.multi_label import (
    MULTI_LABEL_LOSSES,
    ElementLoss,
    batch_class_weights,
    class_weights,
    weighted_mean,
)
from affekt.training.losses.single_label import adjusted_cross_entropy, log_priors
from affekt.training.recipe import losses as tables
from affekt.training.recipe.losses import DimensionalLoss, MultiLabelLoss, SingleLabelLoss

Losses = Mapping[str, tables.HeadLoss]
"""By head, what a recipe says of its loss."""

HeadLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of what a head says (n, k), what is true (n, k), and the source of each (n,): one number."""

ModelLoss = Callable[[Mapping[str, Tensor], Mapping[str, Tensor], Tensor], Tensor]
"""The same of all heads, by their names. Rows with NaN have no label of that head."""


def build_loss(table: Losses, targets: Mapping[str, FloatArray32], sources: IntArray) -> ModelLoss:
    """The loss that a recipe describes.

    Args:
        table: of the recipe, by head.
        targets: by head, of everybody to learn from, shape (n, k): priors and fixed class weights
            come from them.
        sources: of each of them, shape (n,).
    """
    parts = {name: _head_loss(table[name], name, truth, sources) for name, truth in targets.items()}
    weights = {name: table[name].weight for name in targets}

    def loss(said: Mapping[str, Tensor], true: Mapping[str, Tensor], source: Tensor) -> Tensor:
        costs = (
            weights[name] * _known(of_head, said[name].float(), true[name], source)
            for name, of_head in parts.items()
        )
        return torch.stack([*costs]).sum()

    return loss


def _head_loss(
    table: tables.HeadLoss, name: str, truth: FloatArray32, sources: IntArray
) -> HeadLoss:
    known = torch.isfinite(torch.from_numpy(truth)).all(dim=1)
    everybody = torch.from_numpy(truth)[known]
    build = _BUILDERS[KINDS_OF_HEADS[name]]
    return build(table, everybody, torch.from_numpy(sources)[known])  # type: ignore[operator, no-any-return]


def _known(loss: HeadLoss, said: Tensor, true: Tensor, source: Tensor) -> Tensor:
    """The loss of the rows that have a label; 0, with a gradient, where none has."""
    known = torch.isfinite(true).all(dim=1)
    if bool(known.all()):
        return loss(said, true, source)
    return loss(said[known], true[known], source[known]) if bool(known.any()) else 0.0 * said.sum()


def _single_label(table: SingleLabelLoss, truth: Tensor, sources: Tensor) -> HeadLoss:
    shares = torch.stack(
        [truth[sources == one].double().mean(dim=0) for one in range(int(sources.max()) + 1)]
    )
    priors = log_priors(shares.nan_to_num().float(), table.logit_adjustment)

    def loss(said: Tensor, true: Tensor, source: Tensor) -> Tensor:
        own = priors.to(said.device)[source]
        return adjusted_cross_entropy(said, true, own, table.label_smoothing)

    return loss


def _multi_label(table: MultiLabelLoss, truth: Tensor, sources: Tensor) -> HeadLoss:
    of_labels, counts = _element_loss(table), table.class_weights == "counts"
    fixed = class_weights(truth.sum(dim=0) if counts else truth.mean(dim=0))

    def loss(said: Tensor, true: Tensor, source: Tensor) -> Tensor:
        weights: Tensor | None = None
        if table.class_weights != "none":
            per_batch = table.weights_over == "batch"
            weights = batch_class_weights(true, counts=counts) if per_batch else fixed
            weights = weights.to(said.device)
        return weighted_mean(of_labels(said, true), weights)

    return loss


def _element_loss(table: MultiLabelLoss) -> ElementLoss:
    options = {
        "focal": {"gamma": table.gamma, "alpha": table.alpha},
        "asymmetric": {
            "gamma_positive": table.gamma_positive,
            "gamma_negative": table.gamma_negative,
            "margin": table.clip,
        },
    }
    return partial(MULTI_LABEL_LOSSES[table.kind], **options.get(table.kind, {}))


def _dimensional(table: DimensionalLoss, truth: Tensor, sources: Tensor) -> HeadLoss:
    of_values = DIMENSIONAL_LOSSES[table.kind]
    return lambda said, true, source: of_values(said, true, table.margin)


_BUILDERS = {
    Kind.SINGLE_LABEL: _single_label,
    Kind.MULTI_LABEL: _multi_label,
    Kind.DIMENSIONAL: _dimensional,
}
