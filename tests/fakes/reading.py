"""What a trained network says of the people of a recipe, without the training's own code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import Sample, collate
from affekt.models.network import Network


def samples_of(network: Network, manifests: Any, *splits: str) -> tuple[RowDataset, Sample]:
    """Everybody of some splits, as the network's data set and as one batch."""
    inputs: dict[str, Any] = network.spec.streams | dict.fromkeys(network.spec.all_numbers)
    heads = {name: head.labels for name, head in network.spec.heads.items()}
    opened = [Manifest.open(Path(path)) for path in manifests]
    dataset = RowDataset(opened, splits, inputs, heads, tuning="val" in splits)
    return dataset, collate([dataset[item] for item in range(len(dataset))])


def read(network: Network, sample: Sample) -> dict[str, torch.Tensor]:
    """What each head says of a batch."""
    with torch.inference_mode():
        return network(sample.inputs, sample.present)
