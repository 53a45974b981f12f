"""A context model: people in their pictures in; EMOTIC's categories, VAD and primary emotions out.

A ``context`` bundle is one model. An ``ensemble`` bundle holds several in its subfolders, each a
context bundle of its own: probabilities and VAD are the weighted means over its members, and what
several members see and encode alike is cropped and encoded once. The mean is calibrated again
where the ensemble has a calibration of its own: the mean of sound probabilities is too cautious.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affekt.arrays import FloatArray32, logit, sigmoid
from affekt.bundle import Bundle
from affekt.geometry import person_geometry
from affekt.inference.members import (
    EncodedView,
    Parts,
    check_labels,
    open_members,
)
from affekt.inference.views import Crops, View, join, spread_rows
from affekt.labels import VAD_RANGE
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face


@dataclass(frozen=True, slots=True)
class PersonCrops:
    """The n people of a picture as a context model wants them; nothing else of it is kept.

    Attributes:
        crops: for each view, see `affekt.inference.views.View`.
        geometry: shape (n, 13), see `affekt.geometry.person_geometry`.
    """

    crops: dict[View, Crops]
    geometry: FloatArray32

    def __len__(self) -> int:
        return len(self.geometry)


@dataclass(frozen=True, slots=True)
class ContextOutput:
    """What a context model says of n people.

    Attributes:
        probabilities: shape (n, number of labels), calibrated.
        vad: shape (n, 3): valence, arousal and dominance, 1 to 10.
        primary: shape (n, number of primary emotions), calibrated; NaN where no face is seen.
        spread: shape (n,), of an ensemble: the weighted standard deviation of its members'
            probabilities, mean over the labels. None where there is one model.
    """

    probabilities: FloatArray32
    vad: FloatArray32
    primary: FloatArray32
    spread: FloatArray32 | None


@dataclass(frozen=True, slots=True)
class MembersOutput:
    """What each of m members says of n people.

    Attributes:
        probabilities: shape (m, n, number of labels), calibrated by each member.
        vad: shape (m, n, 3), as the members give it.
        primary: as in `ContextOutput`.
    """

    probabilities: FloatArray32
    vad: FloatArray32
    primary: FloatArray32


class ContextModel:
    """A context model ready to run; it keeps no state between calls and may be shared by threads.

    Primary emotions come from the face bundle that the model was trained with, or from the one
    called ``face`` where it needs none.

    Args:
        bundle: of kind ``context`` or ``ensemble``.
        threads: for one run of one network; all cores by default.
        parts: the members and weights of an ensemble that is not written yet; those in the
            bundle's folder by default.

    Attributes:
        labels: the categories, in the order of `ContextOutput.probabilities`.
        primary_labels: the primary emotions.
        thresholds: of the categories, from which probability on they count as present; empty
            where the bundle has none.

    Raises:
        BundleError: the bundle is of another kind, a file or a bundle it needs is missing or
            another one, or its files do not fit each other.
    """

    def __init__(
        self, bundle: Bundle, threads: int | None = None, parts: Parts | None = None
    ) -> None:
        opened = open_members(bundle, threads, parts)
        self.labels = bundle.info.labels
        self.primary_labels = opened.face.labels
        self.thresholds = dict(bundle.info.thresholds)
        if self.thresholds:
            check_labels(bundle, self.thresholds, self.labels, "threshold")
        self._face = opened.face
        self._face_view = View.of("face", opened.face.spec)
        self._members = opened.members
        self._calibration = opened.calibration
        self._encoded = {view for member in opened.members for view in member.inputs.values()}
        self._views = {self._face_view, *(encoded.view for encoded in self._encoded)}

    def crop(
        self,
        image_rgb: ImageRgb,
        boxes_xyxy: Sequence[BoxXyxy],
        faces: Sequence[Face | None],
        people: int | None = None,
    ) -> PersonCrops:
        """What the model needs of a picture; cheap beside `run`, and safe in several threads.

        Args:
            image_rgb: shape (height, width, 3).
            boxes_xyxy: the people, in pixels.
            faces: theirs, in the same order, None where a face is not seen.
            people: in the picture; as many as there are boxes by default.
        """
        height, width = image_rgb.shape[:2]
        crops = {view: view.crops(image_rgb, boxes_xyxy, faces) for view in self._views}
        return PersonCrops(crops, person_geometry(boxes_xyxy, width, height, people))

    def run(self, batch: Sequence[PersonCrops]) -> ContextOutput:
        """The people of several pictures at once, in order.

        Args:
            batch: from `crop`; may be empty.
        """
        return self.combine(self.run_members(batch))

    def run_members(self, batch: Sequence[PersonCrops]) -> MembersOutput:
        """What each member says, the only one where there is no ensemble; see `run`."""
        if not sum(map(len, batch)):
            return self._nobody()
        crops = {view: join([item.crops[view] for item in batch]) for view in self._views}
        primary, features = self._encode(crops)
        has_face = (crops[self._face_view].rows >= 0).astype(np.float32)[:, None]
        geometry = np.concatenate([item.geometry for item in batch])
        read = [member.read(features, has_face, geometry) for member in self._members]
        return MembersOutput(
            np.stack([p for p, _ in read]), np.stack([v for _, v in read]), primary
        )

    def combine(self, said: MembersOutput) -> ContextOutput:
        """The weighted mean of what the members say, calibrated."""
        weights = [member.weight for member in self._members]
        mean = np.average(said.probabilities, axis=0, weights=weights).astype(np.float32)
        vad = np.average(said.vad, axis=0, weights=weights)
        if self._calibration is not None:
            scale, shift = self._calibration
            mean = sigmoid(scale * logit(mean) + shift)
        several = len(self._members) > 1
        return ContextOutput(
            mean,
            np.clip(vad, *VAD_RANGE).astype(np.float32),
            said.primary,
            ensemble_spread(said.probabilities, weights) if several else None,
        )

    def _encode(
        self, crops: dict[View, Crops]
    ) -> tuple[FloatArray32, dict[EncodedView, FloatArray32]]:
        """Primary emotions, and the features of every person in every encoded view."""
        faces = crops[self._face_view]
        own = EncodedView(self._face_view, self._face)
        features: dict[EncodedView, FloatArray32] = {}
        if own in self._encoded:
            primary, found = self._face.read(faces.images)
            features[own] = spread_rows(found, faces.rows, 0.0)
        else:
            primary = self._face.probabilities(faces.images)
        for encoded in self._encoded - {own}:
            seen = crops[encoded.view]
            found = encoded.encoder.features(seen.images)
            features[encoded] = spread_rows(found, seen.rows, 0.0)
        return spread_rows(primary, faces.rows, np.nan), features

    def _nobody(self) -> MembersOutput:
        members = len(self._members)
        return MembersOutput(
            np.zeros((members, 0, len(self.labels)), np.float32),
            np.zeros((members, 0, 3), np.float32),
            np.zeros((0, len(self.primary_labels)), np.float32),
        )


def ensemble_spread(probabilities: FloatArray32, weights: Sequence[float]) -> FloatArray32:
    """How far the members lie apart, shape (n,), 0 (agreed) to 0.5.

    Args:
        probabilities: shape (members, n, k).
        weights: of the members.

    >>> ensemble_spread(np.array([[[0.25, 0.5]], [[0.75, 0.5]]], np.float32), [1, 1]).tolist()
    [0.125]
    """
    mean = np.average(probabilities, axis=0, weights=weights)
    variance = np.average((probabilities - mean) ** 2, axis=0, weights=weights)
    return np.asarray(np.sqrt(variance).mean(axis=1), dtype=np.float32)
