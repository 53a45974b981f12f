"""A network from its recipe, and what its frozen encoders are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affekt.bundle import CROPS, FROM_BUNDLE, NUMBERS
from affekt.heads import CATEGORIES_HEAD
from affekt.models.build import ExternalEncoder, StreamPlan, build_network
from affekt.models.network import Network
from affekt.models.saved import take_over
from affekt.models.spec import FusionSpec, head_of
from affekt.training.features.external import bundle_encoder
from affekt.training.recipe.model import DEFAULT_SIZE, StreamTable
from affekt.training.recipe.recipe import Recipe


def network_of(recipe: Recipe) -> Network:
    """A new network for a recipe.

    Raises:
        ConfigError: an unknown network, weights or sizes that do not fit.
        BundleError: a bundle that cannot be used.
    """
    fusion, streams = recipe.fusion, recipe.crops
    outside: list[ExternalEncoder] = []
    plans: dict[str, StreamPlan] = {}
    for name, stream in streams.items():
        if stream.bundle is not None:
            outside.append(bundle_encoder(stream.bundle, name))
        else:
            plans[name] = _plan(recipe, name, stream, streams)
    prior = recipe.labels_only is not None and recipe.labels_only.box_prior > 0
    network = build_network(
        plans,
        {name: head_of(name, labels) for name, labels in recipe.labels.items()},
        FusionSpec(fusion.kind, fusion.hidden, fusion.dropout, fusion.stream_dropout),
        numbers={name: NUMBERS[name] for name in recipe.numbers},
        box_prior=CATEGORIES_HEAD if prior else None,
        external=outside,
    )
    if recipe.run.start:
        take_over(network, Path(recipe.run.start))
    return network


def encoders_key(network: Network) -> dict[str, Any]:
    """What the features follow from beside the crops, ready for JSON: SHA-256 of the weights."""
    own = {name: _weights_sha256(encoder) for name, encoder in network.encoders.items()}
    return {**own, **{f"{FROM_BUNDLE}{name}": sha for name, sha in network.spec.needs.items()}}


def _plan(
    recipe: Recipe, name: str, stream: StreamTable, streams: Mapping[str, StreamTable]
) -> StreamPlan:
    owner = stream if stream.share is None else streams[stream.share]
    return StreamPlan(
        backbone=stream.backbone,
        weights=stream.weights,
        size=stream.size or owner.size or DEFAULT_SIZE,
        crop=stream.crop or CROPS[name].rules[0],
        early_size=stream.early_size if recipe.optim.early_epochs else None,
        train=stream.train,
        drop_path=stream.drop_path,
        share=stream.share,
        blank_person=stream.blank_person,
    )


def _weights_sha256(encoder: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
