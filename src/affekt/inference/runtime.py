"""A face bundle's model in ONNX Runtime: crops in, probabilities and features out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from affekt.arrays import FloatArray32, softmax
from affekt.bundle import INFO_FILE, MODEL_FILE, Bundle, StreamSpec
from affekt.crops import check_streams
from affekt.errors import BundleError, UsageError
from affekt.inference.session import Session, open_part
from affekt.media import ImageRgb

CHUNK_PIXELS = 4 * 224 * 224
"""Pixels of crops that go through a model at once: more fall out of a CPU's caches."""

INPUT, OUTPUT, FEATURES = "face", "logits", "features"


class FaceModel:
    """A face model ready to run; it keeps no state between calls and may be shared by threads.

    Args:
        bundle: of kind ``face``.
        threads: for one run of the model; all cores by default.

    Raises:
        BundleError: the bundle is of another kind, or its model cannot be run.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        if bundle.info.kind != "face" or INPUT not in bundle.info.streams:
            raise BundleError(f"{bundle.folder}: a {bundle.info.kind!r} model, not a face model")
        check_crops(bundle)
        self.labels = bundle.info.labels
        self.temperature = bundle.info.temperature
        spec = bundle.info.streams[INPUT]
        self.spec = spec
        self.size = spec.size
        session = open_part(bundle, MODEL_FILE, threads)
        _check(session, bundle)
        self._path = bundle.model_path
        self._network = CropNetwork(session, spec)
        _check_width(self._network, bundle)

    def logits(self, crops: ImageRgb) -> FloatArray32:
        """The model's raw outputs.

        Args:
            crops: shape (n, size, size, 3), RGB; see `affekt.geometry.face_crop_matrix`.

        Returns:
            Shape (n, number of labels); n may be 0.
        """
        return self._network.run(crops, [OUTPUT])[0]

    def probabilities(self, crops: ImageRgb) -> FloatArray32:
        """Calibrated probabilities, shape (n, number of labels); each row sums to 1."""
        return softmax(self.logits(crops), self.temperature)

    @property
    def width(self) -> int:
        """How many features the model gives.

        Raises:
            BundleError: it gives none.
        """
        self._check_features()
        return self._network.outputs[FEATURES]

    def features(self, crops: ImageRgb) -> FloatArray32:
        """What the model's last layer reads, shape (n, number of features).

        Raises:
            BundleError: the bundle's model gives no features.
        """
        return self.read(crops)[1]

    def read(self, crops: ImageRgb) -> tuple[FloatArray32, FloatArray32]:
        """`probabilities` and `features` of one run.

        Raises:
            BundleError: the bundle's model gives no features.
        """
        self._check_features()
        logits, features = self._network.run(crops, [OUTPUT, FEATURES])
        return softmax(logits, self.temperature), features

    def _check_features(self) -> None:
        if FEATURES not in self._network.outputs:
            raise BundleError(
                f"{self._path}: a face model without the output {FEATURES!r}, which a context "
                "model needs; export it anew with affekt export"
            )


class CropNetwork:
    """A session with one input of normalised crops, fed with crops as they are.

    Args:
        session: its input takes float32 (n, 3, size, size); its outputs have shape (n, k).
        spec: gives size, mean and standard deviation of each channel.

    Attributes:
        outputs: the outputs' names and widths.
        chunk: crops that go through at once, see `CHUNK_PIXELS`.

    Raises:
        BundleError: the model's input or outputs have another shape.
    """

    def __init__(self, session: Session, spec: StreamSpec) -> None:
        self._input, takes = next(iter(session.inputs.items()))
        if not takes.is_like(None, 3, spec.size, spec.size):
            raise BundleError(
                f"{session.path}: takes {takes.describe()}, but its crops are tensor(float) "
                f"[n, 3, {spec.size}, {spec.size}]"
            )
        self.outputs = widths(session, session.outputs)
        self.chunk = max(1, CHUNK_PIXELS // spec.size**2)
        self._session = session
        self._scale, self._shift = _normalisation(spec.mean, spec.std)

    def run(self, crops: ImageRgb, outputs: list[str]) -> list[FloatArray32]:
        """Outputs of crops of shape (n, size, size, 3), a few at a time; n may be 0."""
        parts = [crops[i : i + self.chunk] for i in range(0, len(crops), self.chunk)]
        chunks = [
            self._session.run(outputs, {self._input: self._planes(part)}, len(part))
            for part in parts
        ]
        empty = [np.empty((0, self.outputs[name]), np.float32) for name in outputs]
        return [np.concatenate(parts) for parts in zip(empty, *chunks, strict=True)]

    def _planes(self, crops: ImageRgb) -> FloatArray32:
        planes = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)
        planes *= self._scale
        planes += self._shift
        return planes


def check_crops(bundle: Bundle) -> None:
    """Sees that a bundle asks for crops that there are.

    Raises:
        BundleError: an unknown stream or crop rule.
    """
    try:
        check_streams(bundle.info.streams)
    except UsageError as error:
        raise BundleError(f"{bundle.folder}: {error}") from None


def widths(session: Session, names: Iterable[str]) -> dict[str, int]:
    """How wide outputs of shape (n, width) are.

    Raises:
        BundleError: one has another shape, or does not say its width.
    """
    found = {}
    for name in names:
        node = session.outputs[name]
        width = node.shape[-1] if node.shape else None
        if not isinstance(width, int) or not node.is_like(None, width) or width < 1:
            raise BundleError(
                f"{session.path}: gives {node.describe()} as {name!r}; it must say "
                "tensor(float) [n, width], the width as a number"
            )
        found[name] = width
    return found


def _normalisation(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> tuple[FloatArray32, FloatArray32]:
    """Scale and shift per channel that stand for ``(x / 255 - mean) / std``."""
    deviation = np.asarray(std, dtype=np.float64).reshape(3, 1, 1)
    scale = 1 / (255 * deviation)
    shift = -np.asarray(mean, dtype=np.float64).reshape(3, 1, 1) / deviation
    return scale.astype(np.float32), shift.astype(np.float32)


def _check(session: Session, bundle: Bundle) -> None:
    inputs, outputs = [*session.inputs], [*session.outputs]
    if inputs != [INPUT] or OUTPUT not in outputs:
        raise BundleError(
            f"{bundle.model_path}: inputs {inputs} and outputs {outputs}; "
            f"a face model has one input {INPUT!r} and an output {OUTPUT!r}"
        )


def _check_width(network: CropNetwork, bundle: Bundle) -> None:
    if network.outputs[OUTPUT] != len(bundle.info.labels):
        raise BundleError(
            f"{bundle.model_path}: gives {network.outputs[OUTPUT]} logits, but {INFO_FILE} has "
            f"{len(bundle.info.labels)} labels"
        )
