"""The running average of the weights: what it follows, what it shares, what it never averages."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from affekt.training.averaging import averaged_copy, learnt_state


def fill(network: nn.Module, value: float) -> nn.Module:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)
    return network


def test_the_average_by_hand() -> None:
    """1; then 2/11 of it and 9/11 of 2, as (1 + steps) / (10 + steps) of the old are kept."""
    network = fill(nn.Linear(1, 1), 0.0)
    averaged = averaged_copy(network, 0.99)
    for value in (1.0, 2.0):
        averaged.update_parameters(fill(network, value))
    assert averaged.module.weight.item() == pytest.approx(2 / 11 * 1 + 9 / 11 * 2)


@pytest.mark.parametrize(("decay", "kept"), [(0.0, 0.0), (0.1, 0.1)])
def test_the_decay_is_the_most_that_is_kept(decay: float, kept: float) -> None:
    network = fill(nn.Linear(1, 1), 0.0)
    averaged = averaged_copy(network, decay)
    for value in (1.0, 3.0):
        averaged.update_parameters(fill(network, value))
    assert averaged.module.bias.item() == pytest.approx(kept * 1 + (1 - kept) * 3)


def test_counts_and_indices_are_copied() -> None:
    network = nn.BatchNorm1d(2)
    network.register_buffer("index", torch.tensor([7, 12]))
    averaged = averaged_copy(network, 0.999)
    for _ in range(30):
        network(torch.randn(4, 2))
        averaged.update_parameters(network)
    assert averaged.module.index.tolist() == [7, 12]
    assert averaged.module.num_batches_tracked.item() == 30


def test_what_is_frozen_is_shared_and_not_saved() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False))
    network[0].requires_grad_(False)
    averaged = averaged_copy(network, 0.5)
    assert averaged.module[0].weight is network[0].weight
    assert averaged.module[1].weight is not network[1].weight
    statistics = {"2.running_mean", "2.running_var", "2.num_batches_tracked"}
    assert {*learnt_state(averaged.module)} == {"1.weight", "1.bias"} | statistics
