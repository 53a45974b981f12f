"""Networks that take crops as they are: an encoder of a bundle, or a model that needs none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from affekt.arrays import FloatArray32
from affekt.bundle import StreamSpec
from affekt.errors import BundleError
from affekt.inference.session import Session
from affekt.media import ImageRgb

CHUNK_PIXELS = 4 * 224 * 224
"""Pixels of crops that go through a network at once: more fall out of a CPU's caches."""

FEATURES = "features"
"""The output of a network that others may read on from."""

CHANNELS = {"RGB": slice(None), "BGR": slice(None, None, -1)}
"""From red, green and blue to each `affekt.bundle.StreamSpec.colour`."""


class CropNetwork:
    """A session with one input of normalised crops, fed with crops as they are.

    Args:
        session: its input takes float32 (n, 3, size, size); its outputs have shape (n, k).
        spec: gives size, mean and standard deviation of each channel, and their order.

    Attributes:
        outputs: the outputs' names and widths.
        chunk: crops that go through at once, see `CHUNK_PIXELS`.

    Raises:
        BundleError: the network has more inputs, or its input or outputs have another shape.
    """

    def __init__(self, session: Session, spec: StreamSpec) -> None:
        if len(session.inputs) != 1:
            raise BundleError(f"{session.path}: inputs {[*session.inputs]}; expected one, of crops")
        [(self._input, takes)] = session.inputs.items()
        if not takes.is_like(None, 3, spec.size, spec.size):
            raise BundleError(
                f"{session.path}: takes {takes.describe()}, but its crops are tensor(float) "
                f"[n, 3, {spec.size}, {spec.size}]"
            )
        self.outputs = widths(session, session.outputs)
        self.chunk = max(1, CHUNK_PIXELS // spec.size**2)
        self._session = session
        self._channels = CHANNELS[spec.colour]
        self._scale, self._shift = _normalisation(spec)

    def run(self, crops: ImageRgb, outputs: Sequence[str]) -> list[FloatArray32]:
        """Outputs of crops of shape (n, size, size, 3), a few at a time; n may be 0."""
        parts = [crops[i : i + self.chunk] for i in range(0, len(crops), self.chunk)]
        chunks = [
            self._session.run(outputs, {self._input: self._planes(part)}, len(part))
            for part in parts
        ]
        empty = [np.empty((0, self.outputs[name]), np.float32) for name in outputs]
        return [np.concatenate(parts) for parts in zip(empty, *chunks, strict=True)]

    def _planes(self, crops: ImageRgb) -> FloatArray32:
        ordered = crops.transpose(0, 3, 1, 2)[:, self._channels]
        planes = np.ascontiguousarray(ordered, dtype=np.float32)
        planes *= self._scale
        planes += self._shift
        return planes


def widths(session: Session, names: Iterable[str]) -> dict[str, int]:
    """How wide outputs of shape (n, width) are.

    Raises:
        BundleError: one is missing, has another shape, or does not say its width.
    """
    found = {}
    for name in names:
        if name not in session.outputs:
            raise BundleError(
                f"{session.path}: outputs {[*session.outputs]}; expected {name!r} among them"
            )
        node = session.outputs[name]
        width = node.shape[-1] if node.shape else None
        if not isinstance(width, int) or not node.is_like(None, width) or width < 1:
            raise BundleError(
                f"{session.path}: gives {node.describe()} as {name!r}; it must say "
                "tensor(float) [n, width], the width as a number"
            )
        found[name] = width
    return found


def _normalisation(spec: StreamSpec) -> tuple[FloatArray32, FloatArray32]:
    """Scale and shift per channel, in the network's order, for ``(x / 255 - mean) / std``."""
    order = CHANNELS[spec.colour]
    deviation = np.asarray(spec.std, dtype=np.float64)[order].reshape(3, 1, 1)
    scale = 1 / (255 * deviation)
    shift = -np.asarray(spec.mean, dtype=np.float64)[order].reshape(3, 1, 1) / deviation
    return scale.astype(np.float32), shift.astype(np.float32)
