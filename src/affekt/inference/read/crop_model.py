"""A bundle that takes one kind of crop as it is, fed with crops that somebody else has made."""

from __future__ import annotations

from affekt.arrays import FloatArray32
from affekt.bundle import Bundle, SingleLabel
from affekt.errors import BundleError
from affekt.inference.read.networks import FEATURES
from affekt.inference.read.opener import open_whole
from affekt.inference.read.outputs import read_head
from affekt.media import ImageRgb


class CropModel:
    """Crops in, probabilities of one head and features out; may be shared by threads.

    Args:
        bundle: with one input, of crops, and a single-label head.
        threads: for one run of the model; all cores by default.

    Attributes:
        spec: how its crops are made.
        size: side of its crops in pixels.
        labels: of the head.

    Raises:
        BundleError: the bundle takes or says something else, or cannot be run.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        heads = [
            (name, head)
            for name, head in bundle.info.outputs.items()
            if isinstance(head, SingleLabel)
        ]
        if not heads:
            known = ", ".join(bundle.info.outputs)
            raise BundleError(f"{bundle.folder}: says {known}; expected a single-label head")
        name, self._head = heads[0]
        self._node = self._head.node or name
        self._network, self.spec = open_whole(bundle, threads)
        self._path = bundle.model_path
        self.size, self.labels = self.spec.size, self._head.labels

    def logits(self, crops: ImageRgb) -> FloatArray32:
        """The model's raw outputs.

        Args:
            crops: shape (n, size, size, 3), RGB; see `affekt.geometry.face_crop_matrix`.

        Returns:
            Shape (n, number of labels); n may be 0.
        """
        return self._network.run(crops, [self._node])[0]

    def probabilities(self, crops: ImageRgb) -> FloatArray32:
        """Calibrated probabilities, shape (n, number of labels); each row sums to 1."""
        return read_head(self._head, self.logits(crops))

    def features(self, crops: ImageRgb) -> FloatArray32:
        """What others may read on from, shape (n, number of features).

        Raises:
            BundleError: the bundle's model gives no features.
        """
        if FEATURES not in self._network.outputs:
            raise BundleError(
                f"{self._path}: a model without the output {FEATURES!r}, which a context model "
                "needs; export it anew with affekt export"
            )
        return self._network.run(crops, [FEATURES])[0]
