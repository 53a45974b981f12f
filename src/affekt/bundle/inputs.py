"""What goes into a model, by kind: crops of a person's picture, or numbers about the person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from affekt.geometry import CROP_RULES, GEOMETRY_FEATURES
from affekt.typed import Name, Rule, Share, one_of, within

FACE_RULE = "face-square"


@dataclass(frozen=True, slots=True)
class CropKind:
    """A kind of input that is crops.

    Attributes:
        rules: the names of the crop rules that it may follow.
        needs_face: whether there is none of a person whose face is not seen.
        whole_picture: whether it shows the picture and not the person.
    """

    rules: tuple[str, ...]
    needs_face: bool = False
    whole_picture: bool = False


CROPS: dict[str, CropKind] = {
    "face": CropKind((FACE_RULE,), needs_face=True),
    "body": CropKind(tuple(CROP_RULES)),
    "scene": CropKind(tuple(CROP_RULES), whole_picture=True),
}
"""The kinds of input that are crops: the aligned face, the person's box, the whole picture."""

NUMBERS: dict[str, int] = {"geometry": len(GEOMETRY_FEATURES), "has_face": 1}
"""The kinds of input that are numbers, and how many: `affekt.geometry.person_geometry`, and 1 where
the person's face is seen, else 0."""

SIZES = (8, 2048)
"""Least and greatest side of a crop in pixels."""

ONE_FRAME = Rule("1, this Affekt reads single pictures", lambda frames: frames == 1)

CropSize = Annotated[int, within(*SIZES)]
Deviation = Annotated[float, within(0.001, 10)]


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """How an input of crops is made.

    Attributes:
        kind: what is cropped, one of `CROPS`.
        size: side of the square input in pixels.
        mean: of red, green and blue, on the 0 to 1 scale.
        std: likewise.
        crop: the name of the crop rule; ``face-square`` is `affekt.geometry.face_crop_matrix`,
            the others are `affekt.geometry.CROP_RULES`.
        encoder: what turns the crop into the features that the model takes: the name of one of
            the bundle's ONNX files (inputs may share one), or ``bundle:NAME`` for the features
            of another bundle, see `affekt.bundle.BundleInfo.needs`. None where the model takes
            the crop itself.
        blank_person: whether the person's box is blanked in it, for a scene without the person.
        flip: whether the crop is mirrored left to right, for test-time augmentation.
        colour: the order in which the network takes the channels.
        frames: how many moments of time it is made of.
    """

    kind: Annotated[str, one_of(*CROPS)] = field(kw_only=True)
    size: CropSize
    mean: tuple[Share, Share, Share]
    std: tuple[Deviation, Deviation, Deviation]
    crop: Name = FACE_RULE
    encoder: Name | None = None
    blank_person: bool = False
    flip: bool = False
    colour: Annotated[str, one_of("RGB", "BGR")] = "RGB"
    frames: Annotated[int, ONE_FRAME] = 1

    @property
    def needs_face(self) -> bool:
        """Whether a person whose face is not seen has no such crop."""
        return CROPS[self.kind].needs_face

    @property
    def shared(self) -> bool:
        """Whether it is the same for all people of a picture."""
        return CROPS[self.kind].whole_picture and not self.blank_person


@dataclass(frozen=True, slots=True)
class NumbersSpec:
    """An input of numbers that the model takes as they are.

    Attributes:
        kind: one of `NUMBERS`.
        flip: whether they are those of the mirrored picture.
        frames: as in `StreamSpec`.
    """

    kind: Annotated[str, Rule("a kind of numbers", NUMBERS.__contains__)]
    flip: bool = False
    frames: Annotated[int, ONE_FRAME] = 1


InputSpec = StreamSpec | NumbersSpec

INPUT_KINDS: dict[str, type[InputSpec]] = {
    **dict.fromkeys(CROPS, StreamSpec),
    **dict.fromkeys(NUMBERS, NumbersSpec),
}
"""How each kind of input is described."""
