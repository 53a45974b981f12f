"""The loss of a model: each head by its kind, only where it has a label, weighed as told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from affekt.training.losses.of_heads import build_loss
from affekt.training.recipe.losses import (
    DimensionalLoss,
    HeadLoss,
    MultiLabelLoss,
    SingleLabelLoss,
    default_losses,
)

RNG = np.random.default_rng(0)
TARGETS = {
    "primary": RNG.dirichlet(np.ones(3), 6).astype(np.float32),
    "categories": (RNG.random((6, 4)) < 0.4).astype(np.float32),
    "vad": RNG.uniform(1, 10, (6, 3)).astype(np.float32),
}
SOURCES = np.array([0, 0, 0, 1, 1, 1])
TABLE: dict[str, HeadLoss] = {
    "primary": SingleLabelLoss(weight=2.0),
    "categories": MultiLabelLoss(weight=0.5),
    "vad": DimensionalLoss(weight=0.25),
}


def said() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    return {
        name: torch.randn(truth.shape, generator=random).requires_grad_()
        for name, truth in TARGETS.items()
    }


def loss_of(heads: list[str], table: dict[str, HeadLoss] = TABLE) -> float:
    chosen = {name: TARGETS[name] for name in heads}
    true = {name: torch.from_numpy(truth) for name, truth in chosen.items()}
    own = {name: part.detach() for name, part in said().items()}
    return float(build_loss(table, chosen, SOURCES)(own, true, torch.from_numpy(SOURCES)))


def test_a_models_loss_is_the_sum_of_its_heads() -> None:
    alone = [loss_of([name]) for name in TARGETS]
    assert loss_of([*TARGETS]) == pytest.approx(sum(alone), rel=1e-6)


def test_each_head_weighs_what_the_recipe_says() -> None:
    plain = default_losses(TARGETS)
    for name, weight in (("primary", 2.0), ("categories", 0.5), ("vad", 0.25)):
        assert loss_of([name]) == pytest.approx(weight * loss_of([name], plain), rel=1e-6)


@pytest.mark.parametrize("head", TARGETS)
def test_rows_without_a_label_of_a_head_count_for_nothing_there(head: str) -> None:
    gap = TARGETS[head].copy()
    gap[[1, 4]] = np.nan
    kept = [0, 2, 3, 5]
    whole = build_loss(TABLE, {head: gap}, SOURCES)
    part = build_loss(TABLE, {head: gap[kept]}, SOURCES[kept])
    own, sources = said()[head], torch.from_numpy(SOURCES)
    found = whole({head: own}, {head: torch.from_numpy(gap)}, sources)
    expected = part({head: own[kept]}, {head: torch.from_numpy(gap[kept])}, sources[kept])
    torch.testing.assert_close(found, expected)


def test_a_batch_without_any_label_costs_nothing_and_has_a_gradient() -> None:
    loss = build_loss(TABLE, TARGETS, SOURCES)
    own = said()
    nothing = {name: torch.full(truth.shape, torch.nan) for name, truth in TARGETS.items()}
    cost = loss(own, nothing, torch.from_numpy(SOURCES))
    cost.backward()
    assert cost.item() == 0
    assert all(part.grad is not None and not part.grad.any() for part in own.values())
