"""What a data set gives: inputs by stream, targets by head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from affekt.bundle import NUMBERS


class Sample(NamedTuple):
    """The n subjects of one picture, or of a batch of pictures.

    Attributes:
        inputs: by stream: of pixels uint8 RGB (n, t, 3, size, size), where t counts the frames
            and is 1 for a picture; of numbers float32 (n, width). Zero where it is not present.
        present: by input kind, bool (n,): whether the subject has it, in a stream or not.
        targets: by head, float32 (n, k): shares that sum to 1, marks of 0 and 1, or values; NaN
            where the subject has no label of that head.
        source: int64 (n,): index of the data set that the subject comes from.
        place: int64 (n,): position in the data set.
    """

    inputs: dict[str, Tensor]
    present: dict[str, Tensor]
    targets: dict[str, Tensor]
    source: Tensor
    place: Tensor

    def images(self) -> dict[str, Tensor]:
        """The streams of pixels without their time axis, uint8 (n, 3, size, size), or features."""
        pixels = {name: part for name, part in self.inputs.items() if name not in NUMBERS}
        return {name: part[:, 0] if part.ndim == 5 else part for name, part in pixels.items()}


GEOMETRY = "geometry"
"""The stream of `affekt.geometry.person_geometry`."""


def collate(samples: Sequence[Sample]) -> Sample:
    """The subjects of several pictures as one batch."""
    first = samples[0]
    return Sample(
        {name: torch.cat([s.inputs[name] for s in samples]) for name in first.inputs},
        {name: torch.cat([s.present[name] for s in samples]) for name in first.present},
        {name: torch.cat([s.targets[name] for s in samples]) for name in first.targets},
        torch.cat([s.source for s in samples]),
        torch.cat([s.place for s in samples]),
    )
