"""A network that reads a person in context: encoders of the streams, and one head over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from torch import Tensor, nn

from affekt.bundle import FROM_BUNDLE, Labels, StreamSpec
from affekt.errors import BundleError, ConfigError, one_line
from affekt.labels import CATEGORIES
from affekt.models.build import channels, load_described, read_spec, save_described
from affekt.models.encoder import Encoder, build_encoder, features_of
from affekt.models.fusion import FusionHead, FusionSpec, MeanHead
from affekt.typed import within

CropEncoder = Callable[[Tensor], Tensor]
"""Features (n, width) from uint8 RGB crops (n, 3, size, size); knows its own normalisation."""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What turns crops into features.

    Attributes:
        backbone: name in timm; of an encoder from outside, ``bundle:NAME``.
        width: of its features.
        weights: where the first weights came from.
        train: the part that was trained, see `affekt.models.encoder.Encoder`.
    """

    backbone: str
    width: Annotated[int, within(1, 1e6)]
    weights: str
    train: str = "none"


@dataclass(frozen=True, slots=True)
class ContextSpec:
    """What is needed to build a context network again and to feed it.

    Attributes:
        streams: the image streams by name; ``encoder`` of each is a key of ``encoders``.
        encoders: by name; streams may share one.
        fusion: of the head.
        geometry: whether the person's box and company take part.
        heads: how many heads' outputs are averaged.
        prior: whether the box's place and shape shift the logits, see `fusion.BoxPrior`.
        needs: face bundles by name, with the SHA-256 of the model that was trained on.
        labels: the meaning of the logits, in order.
        history: recipe, data and figures of the training.
    """

    streams: dict[str, StreamSpec]
    encoders: dict[str, EncoderSpec]
    fusion: FusionSpec
    geometry: bool
    heads: Annotated[int, within(1, 1000)] = 1
    prior: bool = False
    needs: dict[str, str] = field(default_factory=dict)
    labels: Labels = CATEGORIES
    history: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a recipe says about one image stream.

    Attributes:
        backbone: name in timm; None where the encoder is another stream's or comes from outside.
        weights: see `affekt.models.backbones.build_backbone`.
        size: side of its crops in pixels.
        crop: the name of the crop rule.
        train: see `affekt.models.encoder.Encoder`.
        share: the stream whose encoder it shares.
        blank_person: see `affekt.bundle.StreamSpec`.
    """

    backbone: str | None
    weights: str
    size: int
    crop: str
    train: str = "none"
    share: str | None = None
    blank_person: bool = False


@dataclass(frozen=True, slots=True)
class ExternalEncoder:
    """An encoder that this network uses but does not own: a face bundle's.

    Attributes:
        encode: see `CropEncoder`.
        stream: how its crops are made; its ``encoder`` is the key, ``bundle:NAME``.
        width: of its features.
        sha256: of the bundle's model.
    """

    encode: CropEncoder
    stream: StreamSpec
    width: int
    sha256: str


class ContextNetwork(nn.Module):
    """Encoders and head of the streams that the spec names.

    Args:
        spec: see `ContextSpec`.
        encoders: the network's own, by name.
        head: over the features of every stream.
        external: encoders from outside by name; they are neither trained nor saved.
    """

    def __init__(
        self,
        spec: ContextSpec,
        encoders: Mapping[str, Encoder],
        head: FusionHead | MeanHead,
        external: Mapping[str, CropEncoder],
    ) -> None:
        super().__init__()
        self.spec = spec
        self.encoders = nn.ModuleDict(encoders)
        self.head = head
        self.external = dict(external)
        for name, stream in spec.streams.items():
            self.register_buffer(f"{name}_mean", channels(stream.mean), persistent=False)
            self.register_buffer(f"{name}_std", channels(stream.std), persistent=False)

    def encode(
        self,
        images: Mapping[str, Tensor],
        has_face: Tensor | None = None,
        pictured: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Features of every image stream, shape (n, width of its encoder).

        Args:
            images: per stream uint8 RGB, shape (n, 3, size, size).
            has_face: bool, shape (n,); the other faces are not encoded and have zeros, so that
                empty crops do not enter batch statistics. All have one where not given.
            pictured: likewise for all streams.
        """
        return {
            name: self._encode(name, images[name], _both(pictured, has_face, spec.needs_face))
            for name, spec in self.spec.streams.items()
        }

    def forward(
        self, features: Mapping[str, Tensor], has_face: Tensor, pictured: Tensor, geometry: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits (n, labels) and VAD (n, 3) on the 1 to 10 scale, see `FusionHead.forward`."""
        logits, vad = self.head(features, has_face, pictured, geometry)
        return logits, vad

    def encode_stream(self, name: str, crops: Tensor) -> Tensor:
        """Features of one stream's uint8 crops, shape (n, width).

        Raises:
            BundleError: its encoder comes from outside and was not given.
        """
        stream = self.spec.streams[name]
        key = str(stream.encoder)
        if key in self.encoders:
            mean, std = self.get_buffer(f"{name}_mean"), self.get_buffer(f"{name}_std")
            normal = ((crops.float() / 255) - mean) / std
            return features_of(
                self.encoders[key], normal.contiguous(memory_format=torch.channels_last)
            )
        if key not in self.external:
            raise BundleError(f"stream {name!r} needs the encoder {key!r}, which was not given")
        return self.external[key](crops)

    def _encode(self, name: str, crops: Tensor, present: Tensor | None) -> Tensor:
        if present is None or bool(present.all()):
            return self.encode_stream(name, crops)
        rows = present.nonzero()[:, 0]
        used = rows if len(rows) else torch.zeros(1, dtype=rows.dtype, device=rows.device)
        found = self.encode_stream(name, crops[used])  # never none: its gradient must exist
        found = found * present[used][:, None]
        empty = torch.zeros(len(crops), found.shape[1], dtype=found.dtype, device=found.device)
        return empty.index_copy(0, used, found)


def build_context(
    plans: Mapping[str, StreamPlan],
    fusion: FusionSpec,
    *,
    geometry: bool,
    prior: bool = False,
    external: Sequence[ExternalEncoder] = (),
) -> ContextNetwork:
    """A new network with one head.

    Args:
        plans: the streams that have a timm network or share one, by name.
        fusion: of the head.
        geometry: whether the person's box and company take part.
        prior: see `ContextSpec`.
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
    spec = ContextSpec(
        streams={name: streams[name] for name in sorted(streams)},
        encoders=specs,
        fusion=fusion,
        geometry=geometry,
        prior=prior,
        needs={str(e.stream.encoder).partition(":")[2]: e.sha256 for e in external},
    )
    outside_of = {str(e.stream.encoder): e.encode for e in external}
    return ContextNetwork(spec, encoders, new_head(spec), outside_of)


def new_head(spec: ContextSpec) -> FusionHead:
    """A new head for a network of this description."""
    widths = {n: spec.encoders[str(s.encoder)].width for n, s in spec.streams.items()}
    return FusionHead(widths, spec.geometry, spec.fusion, len(spec.labels), spec.prior)


def save_context(
    path: Path,
    network: ContextNetwork,
    weights: Mapping[str, Tensor] | None = None,
    history: Mapping[str, Any] | None = None,
) -> None:
    """Writes a network with its spec inside, as one safetensors file, atomically.

    Args:
        path: the file.
        network: whose weights and spec to write.
        weights: taken in place of the network's own, by name in its state.
        history: taken in place of the spec's own.
    """
    spec = network.spec if history is None else replace(network.spec, history=dict(history))
    tensors = {**network.state_dict(), **(weights or {})}
    save_described(path, tensors, {"kind": "context", **asdict(spec)})


def load_context(path: Path, external: Mapping[str, CropEncoder] | None = None) -> ContextNetwork:
    """Reads what `save_context` wrote; the network is in evaluation mode.

    Args:
        path: the file.
        external: encoders from outside by name; without one that is needed, `encode` refuses.

    Raises:
        BundleError: no such file, or not one that `save_context` wrote.
    """
    described, weights = load_described(path, "context")
    spec = read_spec(ContextSpec, described, path)
    _check_encoders(spec, path)
    encoders = {
        name: build_encoder(e.backbone, "random", _size(spec, name), e.train)[0]
        for name, e in spec.encoders.items()
        if not name.startswith(FROM_BUNDLE)
    }
    heads = [new_head(spec) for _ in range(spec.heads)]
    head = MeanHead(heads) if len(heads) > 1 else heads[0]
    network = ContextNetwork(spec, encoders, head, external or {})
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise BundleError(
            f"{path}: its weights do not fit its description ({one_line(error)})"
        ) from None
    return network.eval()


def with_heads(network: ContextNetwork, heads: list[FusionHead]) -> ContextNetwork:
    """The same encoders under the mean of several heads."""
    spec = replace(network.spec, heads=len(heads))
    encoders = {name: cast(Encoder, module) for name, module in network.encoders.items()}
    return ContextNetwork(spec, encoders, MeanHead(heads), network.external)


def _own_encoder(name: str, plan: StreamPlan) -> tuple[Encoder, EncoderSpec, StreamSpec]:
    if plan.backbone is None:
        raise ConfigError(f"streams.{name}: expected one of backbone, share or encoder")
    encoder, start = build_encoder(plan.backbone, plan.weights, plan.size, plan.train)
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


def _both(pictured: Tensor | None, has_face: Tensor | None, needs_face: bool) -> Tensor | None:
    if not needs_face or has_face is None:
        return pictured
    return has_face if pictured is None else pictured & has_face


def _check_encoders(spec: ContextSpec, path: Path) -> None:
    for name, stream in spec.streams.items():
        if stream.colour != "RGB":
            raise BundleError(f"{path}: streams.{name}.colour: expected RGB, got {stream.colour!r}")
    used = {stream.encoder for stream in spec.streams.values()}
    if used != {*spec.encoders}:
        raise BundleError(
            f"{path}: its streams use the encoders {sorted(map(str, used))}, but it describes "
            f"{sorted(spec.encoders)}"
        )


def _size(spec: ContextSpec, encoder: str) -> int:
    return next(s.size for s in spec.streams.values() if s.encoder == encoder)
