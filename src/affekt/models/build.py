"""A new network from what a recipe says of its streams, fusion and heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from affekt.bundle import FROM_BUNDLE, StreamSpec
from affekt.errors import ConfigError
from affekt.models.encoder import Encoder, build_encoder
from affekt.models.heads import FusedHeads
from affekt.models.network import CropEncoder, Network
from affekt.models.spec import EncoderSpec, FusionSpec, HeadSpec, NetworkSpec
from affekt.models.zoo import output_shape

NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a recipe says about one stream of crops.

    Attributes:
        backbone: name in timm; None where the encoder is another stream's.
        weights: see `affekt.models.backbones.start_network`.
        size: side of its crops in pixels.
        crop: the name of the crop rule.
        early_size: side of crops that it takes too; None where it takes no other.
        train: see `affekt.models.encoder.Encoder`.
        drop_path: stochastic depth, 0 to 1, where the backbone has it.
        share: the stream whose encoder it shares.
        blank_person: see `affekt.bundle.StreamSpec`.
    """

    backbone: str | None
    weights: str
    size: int
    crop: str
    early_size: int | None = None
    train: str = "none"
    drop_path: float = 0.0
    share: str | None = None
    blank_person: bool = False


@dataclass(frozen=True, slots=True)
class ExternalEncoder:
    """An encoder that a network uses but does not own: another bundle's.

    Attributes:
        encode: see `affekt.models.network.CropEncoder`.
        stream: how its crops are made; its ``encoder`` is the key, ``bundle:NAME``.
        width: of its features.
        sha256: of the bundle's model.
    """

    encode: CropEncoder
    stream: StreamSpec
    width: int
    sha256: str


def build_network(
    plans: Mapping[str, StreamPlan],
    heads: Mapping[str, HeadSpec],
    fusion: FusionSpec,
    *,
    numbers: Mapping[str, int] = NOTHING,
    box_prior: str | None = None,
    external: Sequence[ExternalEncoder] = (),
) -> Network:
    """A new network, in evaluation mode.

    Args:
        plans: the streams that have a timm network or share one, by name.
        heads: by name.
        fusion: of the streams.
        numbers: the streams of numbers by kind, and how many they are.
        box_prior: see `NetworkSpec`.
        external: encoders from outside, each serving the stream of its kind.

    Raises:
        ConfigError: an unknown network, weights or sizes that do not fit, a stream that shares
            the encoder of none.
    """
    encoders: dict[str, Encoder] = {}
    specs: dict[str, EncoderSpec] = {}
    streams: dict[str, StreamSpec] = {}
    for name, plan in plans.items():
        if plan.share is None:
            encoders[name], specs[name], streams[name] = _own_encoder(name, plan)
    for name, plan in plans.items():
        if plan.share is not None:
            streams[name] = _shared_stream(name, plan, streams)
    for outside in external:
        key = str(outside.stream.encoder)
        streams[outside.stream.kind] = outside.stream
        specs[key] = EncoderSpec(key, outside.width, outside.sha256)
    spec = NetworkSpec(
        streams={name: streams[name] for name in sorted(streams)},
        encoders=specs,
        heads=dict(heads),
        fusion=fusion,
        numbers=dict(numbers),
        box_prior=box_prior,
        needs={str(e.stream.encoder).removeprefix(FROM_BUNDLE): e.sha256 for e in external},
    )
    outside_of = {str(e.stream.encoder): e.encode for e in external}
    return Network(spec, encoders, FusedHeads(spec), outside_of).eval()


def _own_encoder(name: str, plan: StreamPlan) -> tuple[Encoder, EncoderSpec, StreamSpec]:
    if plan.backbone is None:
        raise ConfigError(f"streams.{name}: expected one of backbone, share and bundle")
    encoder, start = build_encoder(
        plan.backbone, plan.weights, plan.size, plan.train, drop_path=plan.drop_path
    )
    encoder.to(memory_format=torch.channels_last)
    if plan.early_size is not None:
        _check_early_size(name, plan, encoder)
    stream = StreamSpec(
        plan.size,
        start.mean,
        start.std,
        kind=name,
        crop=plan.crop,
        encoder=name,
        blank_person=plan.blank_person,
    )
    return encoder, EncoderSpec(plan.backbone, encoder.width, start.weights, plan.train), stream


def _check_early_size(name: str, plan: StreamPlan, encoder: Encoder) -> None:
    """Refuses what would else fail in the first epoch."""
    try:
        output_shape(encoder, str(plan.backbone), int(plan.early_size or plan.size))
    except ConfigError:
        raise ConfigError(
            f"streams.{name}.early_size: {plan.backbone} takes crops of one size only; leave it out"
        ) from None


def _shared_stream(name: str, plan: StreamPlan, streams: Mapping[str, StreamSpec]) -> StreamSpec:
    where = f"streams.{name}"
    owner = streams.get(str(plan.share))
    if owner is None or owner.encoder != plan.share:
        own = [other for other, stream in streams.items() if stream.encoder == other]
        raise ConfigError(
            f"{where}.share: expected a stream with its own backbone ({', '.join(own)}), "
            f"got {plan.share!r}"
        )
    if plan.size != owner.size:
        raise ConfigError(
            f"{where}.size: expected {owner.size}, the size of {plan.share!r}, whose encoder it "
            f"shares; got {plan.size}"
        )
    return replace(owner, kind=name, crop=plan.crop, blank_person=plan.blank_person)
