"""The networks of a context or ensemble bundle, opened and checked, none opened twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from affekt.arrays import FloatArray32, sigmoid
from affekt.bundle import (
    INFO_FILE,
    MODEL_FILE,
    Bundle,
    StreamSpec,
    find_bundle,
    model_roots,
    read_bundle,
)
from affekt.crops import STREAMS
from affekt.errors import BundleError
from affekt.files import is_file
from affekt.geometry import GEOMETRY_FEATURES, mirror_geometry
from affekt.inference.runtime import CropNetwork, FaceModel, check_crops, widths
from affekt.inference.session import Node, Session, open_part
from affekt.inference.views import View
from affekt.media import ImageRgb

CATEGORIES, VAD = "categories", "vad"
HAS_FACE, GEOMETRY = "has_face", "geometry"
FROM_BUNDLE = "bundle:"
FACE_BUNDLE = "face"


class FeatureEncoder(Protocol):
    """Whatever turns the crops of a view into features."""

    @property
    def width(self) -> int:
        """How many features it gives."""

    def features(self, crops: ImageRgb) -> FloatArray32:
        """Shape (n, number of features) from (n, size, size, 3)."""


@dataclass(frozen=True, slots=True)
class EncodedView:
    """A view and what encodes it: members that share both share the features."""

    view: View
    encoder: FeatureEncoder


class Encoder:
    """An encoder file of a bundle: crops in, features out."""

    def __init__(self, session: Session, spec: StreamSpec) -> None:
        self._network = CropNetwork(session, spec)

    @property
    def width(self) -> int:
        """How many features it gives."""
        return self._network.outputs["features"]

    def features(self, crops: ImageRgb) -> FloatArray32:
        """Shape (n, number of features) from (n, size, size, 3)."""
        return self._network.run(crops, ["features"])[0]


@dataclass(frozen=True, slots=True)
class Member:
    """One model of an ensemble, or the only one.

    Attributes:
        weight: of its outputs in the mean.
        inputs: the encoded view behind each input that is a stream.
        head: takes features, geometry and whether there is a face; gives logits and VAD.
        scale: of each logit before the sigmoid, in the order of the ensemble's labels.
        shift: likewise.
        order: where each of the ensemble's labels is among the member's.
        mirrored: whether all its crops are, so that people stand on the other side for it too.
    """

    weight: float
    inputs: Mapping[str, EncodedView]
    head: Session
    scale: FloatArray32
    shift: FloatArray32
    order: tuple[int, ...]
    mirrored: bool

    def read(
        self,
        features: Mapping[EncodedView, FloatArray32],
        has_face: FloatArray32,
        geometry: FloatArray32,
    ) -> tuple[FloatArray32, FloatArray32]:
        """Calibrated probabilities (n, labels) and VAD (n, 3) of n people."""
        values = {name: features[encoded] for name, encoded in self.inputs.items()}
        place = mirror_geometry(geometry) if self.mirrored else geometry
        values |= {HAS_FACE: has_face, GEOMETRY: place}
        taken = {name: values[name] for name in self.head.inputs}
        logits, vad = self.head.run([CATEGORIES, VAD], taken, len(geometry))
        return sigmoid(self.scale * logits[:, self.order] + self.shift), vad


@dataclass(frozen=True, slots=True)
class Opened:
    """All that a context model runs.

    Attributes:
        members: one or more.
        face: the model for primary emotions.
        calibration: scale and shift of the logit of each label's mean probability; None where
            the mean stays as it is.
    """

    members: tuple[Member, ...]
    face: FaceModel
    calibration: tuple[FloatArray32, FloatArray32] | None


Parts = Sequence[tuple[Bundle, float]]
"""The members of an ensemble and their weights."""


def open_members(bundle: Bundle, threads: int | None = None, parts: Parts | None = None) -> Opened:
    """Opens what a context or ensemble bundle needs.

    Args:
        bundle: of kind ``context`` or ``ensemble``.
        threads: for one run of one network.
        parts: the members, of an ensemble that is not written yet.

    Raises:
        BundleError: see `affekt.inference.context.ContextModel`.
    """
    if bundle.info.kind not in ("context", "ensemble"):
        raise BundleError(f"{bundle.folder}: a {bundle.info.kind!r} model, not a context model")
    opener = _Opener(bundle, threads)
    if bundle.info.kind == "context":
        return Opened((opener.member(bundle, 1.0),), opener.primary_face(), None)
    members = [opener.member(*part) for part in _checked(parts or _parts(bundle))]
    outer = _calibration(bundle, bundle.info.labels) if bundle.info.calibration else None
    return Opened(tuple(members), opener.primary_face(), outer)


def check_labels(
    bundle: Bundle, known: Collection[str], labels: Collection[str], what: str
) -> None:
    """Sees that a bundle says something of every label.

    Raises:
        BundleError: it does not.
    """
    missing = [label for label in labels if label not in known]
    if missing:
        raise BundleError(f"{bundle.folder}: {INFO_FILE} has no {what} of {missing[0]!r}")


def _parts(bundle: Bundle) -> list[tuple[Bundle, float]]:
    weights = bundle.info.members
    if not weights or min(weights.values()) < 0 or not sum(weights.values()) > 0:
        raise BundleError(
            f"{bundle.folder}: an ensemble with the members {weights}; it needs one at least, "
            "with weights of 0 or more that do not add up to 0"
        )
    return [(read_bundle(bundle.folder / name), weight) for name, weight in weights.items()]


def _checked(parts: Parts) -> Parts:
    for part, _ in parts:
        if part.info.kind != "context":
            raise BundleError(
                f"{part.folder}: a {part.info.kind!r} model; the members of an ensemble are "
                "context models"
            )
    return parts


class _Opener:
    """Opens each file once, by its checksum, and each face bundle once."""

    def __init__(self, root: Bundle, threads: int | None) -> None:
        self._root = root
        self._threads = threads
        self._sessions: dict[str, Session] = {}
        self._encoders: dict[tuple[str, View], Encoder] = {}
        self._faces: dict[str, FaceModel] = {}

    def member(self, bundle: Bundle, weight: float) -> Member:
        """The model of a context bundle as a member."""
        check_crops(bundle)
        head = open_part(bundle, MODEL_FILE, self._threads)
        taken = _check_head(head, bundle)
        inputs = {
            name: self._encoded(bundle, name, width)
            for name, width in taken.items()
            if name in STREAMS
        }
        scale, shift = _calibration(bundle, self._root.info.labels)
        order = tuple(bundle.info.labels.index(label) for label in self._root.info.labels)
        flips = [bundle.info.streams[name].flip for name in inputs]
        mirrored = bool(flips) and all(flips)
        return Member(weight, inputs, head, scale, shift, order, mirrored)

    def primary_face(self) -> FaceModel:
        """The face model that a member needs, else the one that is known by that name."""
        for face in self._faces.values():
            return face
        return FaceModel(find_bundle(FACE_BUNDLE), self._threads)

    def _encoded(self, bundle: Bundle, stream: str, width: int) -> EncodedView:
        spec = bundle.info.streams[stream]
        if spec.encoder is None:
            raise BundleError(f"{bundle.folder}: {INFO_FILE} names no encoder for {stream!r}")
        view = View.of(stream, spec)
        encoder = (
            self._face(bundle, spec.encoder.removeprefix(FROM_BUNDLE))
            if spec.encoder.startswith(FROM_BUNDLE)
            else self._own(bundle, stream, spec, view)
        )
        if encoder.width != width:
            raise BundleError(
                f"{bundle.folder}: {spec.encoder} gives {encoder.width} features, but "
                f"{MODEL_FILE} takes {width} as {stream!r}"
            )
        return EncodedView(view, encoder)

    def _own(self, bundle: Bundle, stream: str, spec: StreamSpec, view: View) -> Encoder:
        """An encoder file of the bundle, or of the ensemble around it, where members share it."""
        name = str(spec.encoder)
        holder = next((b for b in (bundle, self._root) if name in b.info.files), None)
        if holder is None:
            raise BundleError(
                f"{bundle.folder}: stream {stream!r} needs the encoder {name!r}, which is not in "
                "the bundle"
            )
        checksum = holder.info.files[name]
        if checksum not in self._sessions:
            self._sessions[checksum] = open_part(holder, name, self._threads)
        if (checksum, view) not in self._encoders:
            session = self._sessions[checksum]
            _check_encoder(session)
            self._encoders[checksum, view] = Encoder(session, spec)
        return self._encoders[checksum, view]

    def _face(self, bundle: Bundle, name: str) -> FaceModel:
        checksum = bundle.info.needs.get(name)
        if checksum is None:
            raise BundleError(
                f"{bundle.folder}: uses the face bundle {name!r} but does not say which: "
                f"{INFO_FILE} needs its checksum"
            )
        if checksum not in self._faces:
            self._faces[checksum] = FaceModel(self._needed(bundle, name), self._threads)
        return self._faces[checksum]

    def _needed(self, bundle: Bundle, name: str) -> Bundle:
        """The bundle of that name that a member was trained with.

        It is looked for beside the member, beside the ensemble, among the user's bundles and
        among the embedded ones.
        """
        checksum = bundle.info.needs[name]
        parents = (bundle.folder.parent, self._root.folder.parent, *model_roots())
        folders = [p / name for p in dict.fromkeys(parents) if is_file(p / name / INFO_FILE)]
        there = []
        for found in map(read_bundle, folders):
            if found.info.files.get(MODEL_FILE) == checksum:
                return found
            there.append(f"the one in {found.folder} is another")
        raise BundleError(
            f"{bundle.folder}: needs the face bundle {name!r} that it was trained with, whose "
            f"{MODEL_FILE} has the SHA-256 {checksum[:12]}…; {', '.join(there) or 'there is none'}"
        )


def _check_head(head: Session, bundle: Bundle) -> dict[str, int]:
    """Refuses a head that does not fit its bundle; gives the width of each input that fits."""
    inputs, outputs = {*head.inputs}, {*head.outputs}
    path, info = bundle.model_path, bundle.info
    if inputs - {*STREAMS, HAS_FACE, GEOMETRY} or {CATEGORIES, VAD} - outputs:
        raise BundleError(
            f"{path}: inputs {[*head.inputs]} and outputs {[*head.outputs]}; a context model takes "
            f"some of {[*STREAMS, HAS_FACE, GEOMETRY]} and gives {CATEGORIES!r} and {VAD!r}"
        )
    for name in inputs & {*STREAMS}:
        if name not in info.streams:
            raise BundleError(f"{path}: takes {name!r}, but {INFO_FILE} has no such stream")
    given = widths(head, (CATEGORIES, VAD))
    for name, width in {CATEGORIES: len(info.labels), VAD: 3}.items():
        if given[name] != width:
            raise BundleError(f"{path}: output {name!r} is {given[name]} wide, not {width}")
    return {name: _taken(head, name, node) for name, node in head.inputs.items()}


def _taken(head: Session, name: str, node: Node) -> int:
    """How many numbers of a person an input takes."""
    width = node.shape[-1] if node.shape else None
    if not isinstance(width, int) or not node.is_like(None, width):
        raise BundleError(
            f"{head.path}: takes {node.describe()} as {name!r}; it must say tensor(float) "
            "[n, width], the width as a number"
        )
    given = {GEOMETRY: len(GEOMETRY_FEATURES), HAS_FACE: 1}.get(name, width)
    if width != given:
        raise BundleError(
            f"{head.path}: takes {width} numbers as {name!r}; this Affekt gives {given}"
        )
    return width


def _check_encoder(session: Session) -> None:
    if len(session.inputs) != 1 or "features" not in session.outputs:
        raise BundleError(
            f"{session.path}: inputs {[*session.inputs]} and outputs {[*session.outputs]}; an "
            "encoder has one input and an output 'features'"
        )


def _calibration(bundle: Bundle, labels: tuple[str, ...]) -> tuple[FloatArray32, FloatArray32]:
    """Scale and shift of each label; 1 and 0 where the bundle has no calibration at all."""
    check_labels(bundle, bundle.info.labels, labels, "output")
    known = bundle.info.calibration or dict.fromkeys(labels, (1.0, 0.0))
    check_labels(bundle, known, labels, "calibration")
    scale, shift = np.asarray([known[label] for label in labels], dtype=np.float32).T
    return scale, shift
