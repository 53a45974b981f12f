"""What each kind of input shows of the subjects of a picture: one entry in `VIEWS` for each.

A new kind of input is a function here and its entry: nothing else in this room knows the kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.bundle import StreamSpec
from affekt.crops import crop_stream
from affekt.data.augment.crops import crop_varied
from affekt.data.augment.drawn import Augmentation
from affekt.data.augment.moving import move_box
from affekt.data.manifests.row import Row
from affekt.data.torch.sample import GEOMETRY
from affekt.geometry import person_geometry
from affekt.media import ImageRgb

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Look:
    """A picture with its subjects, as a data set shows it.

    Attributes:
        rows: of the subjects.
        picture: shape (height, width, 3), RGB; None where there are labels only.
        drawn: how it is varied; None shows it plain.
        other_rgb: see `affekt.data.augment.background.set_background`.
    """

    rows: Sequence[Row]
    picture: ImageRgb | None
    drawn: Augmentation | None
    other_rgb: Callable[[float], ImageRgb]


@dataclass(frozen=True, slots=True)
class View:
    """How one kind of input is read.

    Attributes:
        read: from a look and the stream's spec to its array, the subjects first; zero where it
            is not present.
        present: whether a subject has this input.
        boxed: whether it cannot be read without the person's box.
        pixels: whether it is made of crops.
        shared: whether all subjects of a picture have the same.
    """

    read: Callable[[Look, Any], Array]
    present: Callable[[Row], bool]
    boxed: Callable[[Any], bool]
    pixels: bool = True
    shared: Callable[[Any], bool] = lambda spec: False


def _crops(stream: str, look: Look, spec: StreamSpec) -> Array:
    """Crops of a stream, uint8 of shape (n, 1, 3, size, size): the time axis of a picture is 1."""
    crops = np.zeros((len(look.rows), 1, 3, spec.size, spec.size), np.uint8)
    if look.picture is None:
        return crops
    shared = VIEWS[stream].shared(spec)
    for person, row in enumerate(look.rows[:1] if shared else look.rows):
        where = (look.picture, spec, row.box_xyxy, row.face)
        if look.drawn is None:
            crop = crop_stream(*where)
        else:
            crop = crop_varied(*where, drawn=look.drawn, person=person, other_rgb=look.other_rgb)
        if crop is not None:
            crops[slice(None) if shared else person, 0] = crop.transpose(2, 0, 1)
    return crops


def _geometry(look: Look, spec: None) -> Array:
    """Shape (n, 13), see `affekt.geometry.person_geometry`."""
    width, height = look.rows[0].width, look.rows[0].height
    boxes = [row.person_xyxy for row in look.rows]
    if look.drawn is not None:
        view = look.drawn.picture.matrix(width, height)
        boxes = [move_box(box, view) for box in boxes]
    return person_geometry(boxes, width, height, look.rows[0].people)


VIEWS: dict[str, View] = {
    "face": View(
        partial(_crops, "face"),
        present=lambda row: row.pictured and row.face is not None,
        boxed=lambda spec: False,
    ),
    "body": View(
        partial(_crops, "body"),
        present=lambda row: row.pictured and row.box_xyxy is not None,
        boxed=lambda spec: True,
    ),
    "scene": View(
        partial(_crops, "scene"),
        present=lambda row: row.pictured,
        boxed=lambda spec: bool(spec.blank_person),
        shared=lambda spec: not spec.blank_person,
    ),
    GEOMETRY: View(
        _geometry,
        present=lambda row: row.box_xyxy is not None,
        boxed=lambda spec: True,
        pixels=False,
    ),
}
"""By kind of input: what a data set gives for a stream of that name."""
