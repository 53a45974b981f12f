"""A context network from its recipe, and what its frozen encoders are."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch

from affekt.bundle import CROPS, FROM_BUNDLE
from affekt.models.context import (
    ContextNetwork,
    ExternalEncoder,
    StreamPlan,
    build_context,
)
from affekt.models.fusion import FusionSpec
from affekt.training.context_config import (
    DEFAULT_SIZE,
    FACE_BUNDLE,
    ContextConfig,
    StreamConfig,
)
from affekt.training.features.external import face_encoder


def network_of(config: ContextConfig) -> ContextNetwork:
    """A new network for a recipe.

    Raises:
        ConfigError: an unknown network, weights or sizes that do not fit.
        BundleError: a face bundle that cannot be used.
    """
    fusion, streams = config.fusion, dict(config.streams.items())
    outside: list[ExternalEncoder] = []
    plans: dict[str, StreamPlan] = {}
    for name, stream in streams.items():
        if stream.backbone is None and stream.share is None:
            outside.append(face_encoder(stream.encoder or FACE_BUNDLE))
        else:
            plans[name] = _plan(name, stream, streams)
    return build_context(
        plans,
        FusionSpec(fusion.kind, fusion.hidden, fusion.dropout, fusion.stream_dropout),
        geometry=config.geometry.use,
        prior=config.geometry.prior > 0,
        external=outside,
    )


def encoders_key(network: ContextNetwork) -> dict[str, Any]:
    """What the features follow from beside the crops, ready for JSON: SHA-256 of the weights."""
    own = {name: _weights_sha256(encoder) for name, encoder in network.encoders.items()}
    return {**own, **{f"{FROM_BUNDLE}{name}": sha for name, sha in network.spec.needs.items()}}


def _plan(name: str, stream: StreamConfig, streams: dict[str, StreamConfig]) -> StreamPlan:
    owner = stream if stream.share is None else streams[stream.share]
    return StreamPlan(
        backbone=stream.backbone,
        weights=stream.weights,
        size=stream.size or owner.size or DEFAULT_SIZE,
        crop=stream.crop or CROPS[name].rules[0],
        train=stream.train,
        share=stream.share,
        blank_person=stream.blank_person,
    )


def _weights_sha256(encoder: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
