"""What one input of a model sees of the people of a picture, none of it made twice.

`VIEWS` is the table of input kinds: a new kind of input is one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray32, IntArray
from affekt.bundle import CROPS, InputSpec, StreamSpec
from affekt.crops import crop_stream
from affekt.geometry import GEOMETRY_FEATURES, mirror_geometry, person_geometry
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face


class People(NamedTuple):
    """The people of a picture.

    Attributes:
        image_rgb: the picture, shape (height, width, 3).
        boxes_xyxy: theirs, in pixels.
        faces: theirs, in the same order, None where a face is not seen.
        total: how many people are in the picture; as many as there are boxes by default.
    """

    image_rgb: ImageRgb
    boxes_xyxy: Sequence[BoxXyxy]
    faces: Sequence[Face | None]
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a view sees of n people, and whose it is.

    Attributes:
        values: shape (m, …): of crops (m, size, size, 3), of numbers (m, width).
        rows: shape (n,), for each person the place of theirs, -1 where there is none.
    """

    values: npt.NDArray[Any]
    rows: IntArray

    def spread(self, absent: float) -> FloatArray32:
        """Values of shape (m, k) as those of people (n, k), ``absent`` where there is none.

        >>> Taken(np.array([[5.0]], np.float32), np.array([0, -1, 0])).spread(0.0).tolist()
        [[5.0], [0.0], [5.0]]
        """
        spread = np.full((len(self.rows), self.values.shape[1]), absent, dtype=np.float32)
        spread[self.rows >= 0] = self.values[self.rows[self.rows >= 0]]
        return spread


class View(Protocol):
    """What an input sees; equal views are taken once, whoever asks for them."""

    @property
    def needs_face(self) -> bool:
        """Whether it sees nothing of a person without a face."""

    @property
    def width(self) -> int | None:
        """How many numbers of a person it gives; None for pictures, which are to be encoded."""

    def take(self, people: People) -> Taken:
        """What it sees of a picture's people; cheap, and safe in several threads."""


@dataclass(frozen=True, slots=True)
class CropView:
    """Crops of one kind, see `affekt.crops`; those that all people share are one crop for all.

    Attributes:
        spec: without its encoder.
    """

    spec: StreamSpec

    @property
    def needs_face(self) -> bool:
        """Whether it shows the face."""
        return self.spec.needs_face

    @property
    def width(self) -> None:
        """None: crops are pictures."""

    def take(self, people: People) -> Taken:
        """The crops, shape (m, size, size, 3)."""
        images: list[ImageRgb] = []
        rows: list[int] = []
        for box, face in zip(people.boxes_xyxy, people.faces, strict=True):
            if self.spec.shared and images:
                rows.append(0)
                continue
            crop = crop_stream(people.image_rgb, self.spec, box, face)
            rows.append(-1 if crop is None else len(images))
            images += [] if crop is None else [crop]
        side = self.spec.size
        return Taken(
            np.stack(images) if images else np.zeros((0, side, side, 3), np.uint8),
            np.asarray(rows, dtype=np.intp),
        )


@dataclass(frozen=True, slots=True)
class GeometryView:
    """Where a person is, and in whose company: `affekt.geometry.person_geometry`.

    Attributes:
        flip: whether as in the mirrored picture.
    """

    flip: bool
    needs_face = False
    width = len(GEOMETRY_FEATURES)

    def take(self, people: People) -> Taken:
        """Shape (n, 13)."""
        height, width = people.image_rgb.shape[:2]
        place = person_geometry(people.boxes_xyxy, width, height, people.total)
        return Taken(mirror_geometry(place) if self.flip else place, np.arange(len(place)))


@dataclass(frozen=True, slots=True)
class FaceSeenView:
    """Whether a person's face is seen."""

    needs_face = False
    width = 1

    def take(self, people: People) -> Taken:
        """1 or 0, shape (n, 1)."""
        seen = np.array([[face is not None] for face in people.faces], np.float32).reshape(-1, 1)
        return Taken(seen, np.arange(len(seen)))


def _crop_view(spec: StreamSpec) -> CropView:
    """Equal for inputs that differ by their encoder alone."""
    return CropView(replace(spec, encoder=None))


VIEWS: dict[str, Callable[[Any], View]] = {
    **dict.fromkeys(CROPS, _crop_view),
    "geometry": lambda spec: GeometryView(spec.flip),
    "has_face": lambda spec: FaceSeenView(),
}
"""What each kind of input sees, from its `affekt.bundle.InputSpec`."""


def view_of(spec: InputSpec) -> View:
    """What an input sees."""
    return VIEWS[spec.kind](spec)


def join(parts: Sequence[Taken]) -> Taken:
    """What was seen in several pictures as if in one.

    >>> one = Taken(np.zeros((1, 2, 2, 3), np.uint8), np.array([-1, 0]))
    >>> join([one, one]).rows.tolist()
    [-1, 0, -1, 1]
    """
    before = np.cumsum([0, *(len(part.values) for part in parts)])
    rows = [np.where(p.rows < 0, -1, p.rows + b) for p, b in zip(parts, before, strict=False)]
    return Taken(np.concatenate([part.values for part in parts]), np.concatenate(rows))
