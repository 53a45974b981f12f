"""A face bundle's model in ONNX Runtime: crops in, probabilities and features out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from affekt.bundle import Bundle, StreamSpec
from affekt.errors import BundleError
from affekt.inference.engine import InferenceSession, SessionOptions
from affekt.media import ImageRgb

FloatArray32 = npt.NDArray[np.float32]

CHUNK = 32
"""Crops that go through the model at once: more is no faster on a CPU and needs more memory."""

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
        self.labels = bundle.info.labels
        self.temperature = bundle.info.temperature
        spec = bundle.info.streams[INPUT]
        self.spec = spec
        self.size = spec.size
        session = open_session(str(bundle.model_path), threads)
        _check(session, bundle)
        self._path = bundle.model_path
        self._network = CropNetwork(session, spec)

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
        spec: gives mean and standard deviation of each channel.

    Attributes:
        outputs: the outputs' names and widths.
    """

    def __init__(self, session: InferenceSession, spec: StreamSpec) -> None:
        self.outputs: dict[str, int] = {n.name: n.shape[-1] for n in session.get_outputs()}
        self._session = session
        self._input = session.get_inputs()[0].name
        self._scale, self._shift = _normalisation(spec.mean, spec.std)

    def run(self, crops: ImageRgb, outputs: list[str]) -> list[FloatArray32]:
        """Outputs of crops of shape (n, size, size, 3), `CHUNK` at a time; n may be 0."""
        chunks = [
            self._session.run(outputs, {self._input: self._planes(crops[i : i + CHUNK])})
            for i in range(0, len(crops), CHUNK)
        ]
        empty = [np.empty((0, self.outputs[name]), np.float32) for name in outputs]
        return [np.concatenate(parts) for parts in zip(empty, *chunks, strict=True)]

    def _planes(self, crops: ImageRgb) -> FloatArray32:
        planes = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)
        planes *= self._scale
        planes += self._shift
        return planes


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> FloatArray32:
    """Probabilities of logits of shape (n, k) divided by a temperature (Guo et al. 2017).

    >>> softmax([[0.0, 0.0]]).tolist(), softmax([[9.0, 0.0]], 1e6).round(3).tolist()
    ([[0.5, 0.5]], [[0.5, 0.5]])
    """
    scaled = np.asarray(logits, dtype=np.float32) / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def open_session(path: str, threads: int | None = None) -> InferenceSession:
    """An ONNX Runtime session on the CPU whose threads sleep while there is nothing to do.

    Raises:
        BundleError: the file is missing or is no ONNX model that can be run.
    """
    options = SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no common base for its errors
        reason = " ".join(str(error).split())
        raise BundleError(f"{path}: not a model that can be run ({reason})") from None


def _normalisation(
    mean: tuple[float, float, float], std: tuple[float, float, float]
) -> tuple[FloatArray32, FloatArray32]:
    """Scale and shift per channel that stand for ``(x / 255 - mean) / std``."""
    deviation = np.asarray(std, dtype=np.float64).reshape(3, 1, 1)
    scale = 1 / (255 * deviation)
    shift = -np.asarray(mean, dtype=np.float64).reshape(3, 1, 1) / deviation
    return scale.astype(np.float32), shift.astype(np.float32)


def _check(session: InferenceSession, bundle: Bundle) -> None:
    inputs = [node.name for node in session.get_inputs()]
    outputs = [node.name for node in session.get_outputs()]
    if inputs != [INPUT] or OUTPUT not in outputs:
        raise BundleError(
            f"{bundle.model_path}: inputs {inputs} and outputs {outputs}; "
            f"a face model has one input {INPUT!r} and an output {OUTPUT!r}"
        )
