"""What was drawn for a picture and its people: the values that pure kernels apply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.data.augment.moving import placement_matrix

Rgb = tuple[float, float, float]

Occlusion = tuple[float, float, float, float, int]
"""Left, top, right and bottom as fractions of a crop, and the grey level that hides it."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What cameras and codecs do to a crop. None means that the step is left out.

    Attributes:
        downscale_to: side in pixels to pass through.
        blur_sigma: as a fraction of the crop's side.
        jpeg_quality: 1 to 95.
    """

    downscale_to: int | None = None
    blur_sigma: float | None = None
    jpeg_quality: int | None = None


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What lies around the face in a picture of nothing but a face.

    Attributes:
        grid: colours (n, n, 3) spread behind a face that was cut out on black, None for none.
        surround: whose surroundings to take instead, as a fraction of the data set, and the RGB
            gain that colours them, for many of them are grey.
        mask: centre x, y and radii x, y of a black ellipse mask for any other face, as fractions.
    """

    grid: npt.NDArray[np.uint8] | None = None
    surround: tuple[float, Rgb] | None = None
    mask: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Variation:
    """How a view lies in the picture, or in a person's plain crop, and what happens to it.

    Attributes:
        degrees: rotation around the middle.
        scale: of the field of view.
        shift: x and y, as a fraction of the width and of the height.
        flip: mirrored left to right; only a whole picture is.
        occlusion: in the crop, None where nothing is hidden.
        damage: to the crop.
        backdrop: of a face.
    """

    degrees: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    flip: bool = False
    occlusion: Occlusion | None = None
    damage: Damage = Damage()
    backdrop: Backdrop = Backdrop()

    def matrix(self, width: float, height: float) -> FloatArray:
        """The affine map (2, 3) from the view to what it lies in, both of this size."""
        return placement_matrix(
            width,
            height,
            flip=self.flip,
            degrees=self.degrees,
            scale=self.scale,
            shift=self.shift,
        )


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What was drawn for one picture.

    Attributes:
        picture: of the whole picture; its occlusion and damage are the scene's.
        people: of each person's crops.
        gain: factor of each channel.
        contrast: factor around `affekt.data.augment.kernels.MIDDLE`.
        grey: without colour.
        fill: RGB outside the picture.
    """

    picture: Variation
    people: tuple[Variation, ...]
    gain: Rgb = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    grey: bool = False
    fill: tuple[int, int, int] = (0, 0, 0)
