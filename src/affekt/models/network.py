"""The one network: streams of crops through their encoders, a fusion, and heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from affekt.errors import BundleError
from affekt.models.encoder import Encoder, features_of
from affekt.models.heads import FusedHeads, MeanHeads, Outputs
from affekt.models.spec import NetworkSpec

CropEncoder = Callable[[Tensor], Tensor]
"""Features (n, width) from uint8 RGB crops (n, 3, size, size); knows its own normalisation."""


class Network(nn.Module):
    """Encoders, fusion and heads of the streams that the spec names.

    Args:
        spec: see `NetworkSpec`.
        encoders: the network's own, by name.
        heads: over the features of every stream.
        external: encoders from outside by name; they are neither trained nor saved.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        encoders: Mapping[str, Encoder],
        heads: FusedHeads | MeanHeads,
        external: Mapping[str, CropEncoder],
    ) -> None:
        super().__init__()
        self.spec = spec
        self.encoders = nn.ModuleDict(encoders)
        self.heads = heads
        self.external = dict(external)
        for name, stream in spec.streams.items():
            self.register_buffer(f"{name}_mean", channels(stream.mean), persistent=False)
            self.register_buffer(f"{name}_std", channels(stream.std), persistent=False)

    def forward(self, inputs: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Outputs:
        """What each head says of n persons: logits, or values that are not clipped.

        Args:
            inputs: by stream: crops, uint8 RGB (n, t, 3, size, size), whose time axis is 1 today,
                or features that were computed before, or numbers, (n, width).
            present: by stream, bool (n,): where it is False, the input is not looked at.

        Returns:
            By head, shape (n, labels).
        """
        features = {
            name: self.encode(name, inputs[name][:, 0], present[name])
            if inputs[name].ndim == 5
            else inputs[name]
            for name in self.spec.streams
        }
        features |= {name: inputs[name] for name in self.spec.all_numbers}
        return cast(Outputs, self.heads(features, present))

    def encode(self, stream: str, crops: Tensor, present: Tensor | None = None) -> Tensor:
        """Features of one stream's uint8 crops (n, 3, size, size), shape (n, width).

        Args:
            stream: its name.
            crops: see there.
            present: bool, shape (n,); the other crops are not encoded and have zeros, so that
                empty ones do not enter batch statistics. All are where not given.

        Raises:
            BundleError: its encoder comes from outside and was not given.
        """
        if present is None or bool(present.all()):
            return self._encode(stream, crops)
        rows = present.nonzero()[:, 0]
        used = rows if len(rows) else torch.zeros(1, dtype=rows.dtype, device=rows.device)
        found = self._encode(stream, crops[used])  # never none: its gradient must exist
        found = found * present[used][:, None]
        empty = torch.zeros(len(crops), found.shape[1], dtype=found.dtype, device=found.device)
        return empty.index_copy(0, used, found)

    def over_features(self) -> Network:
        """The same fusion and heads without encoders, for features that were computed before."""
        return Network(self.spec, {}, self.heads, {})

    def with_heads(self, members: list[FusedHeads]) -> Network:
        """The same encoders under the mean of several heads."""
        spec = replace(self.spec, averaged=len(members))
        encoders = {name: cast(Encoder, module) for name, module in self.encoders.items()}
        heads = MeanHeads(members) if len(members) > 1 else members[0]
        return Network(spec, encoders, heads, self.external)

    def _encode(self, stream: str, crops: Tensor) -> Tensor:
        key = str(self.spec.streams[stream].encoder)
        if key in self.encoders:
            mean, std = self.get_buffer(f"{stream}_mean"), self.get_buffer(f"{stream}_std")
            normal = (crops.float() / 255 - mean) / std
            return features_of(
                self.encoders[key], normal.contiguous(memory_format=torch.channels_last)
            )
        if key not in self.external:
            raise BundleError(f"stream {stream!r} needs the encoder {key!r}, which was not given")
        return self.external[key](crops)


def channels(values: tuple[float, float, float]) -> Tensor:
    """One value per channel, shape (1, 3, 1, 1), for crops of shape (n, 3, size, size)."""
    return torch.tensor(values).view(1, 3, 1, 1)
