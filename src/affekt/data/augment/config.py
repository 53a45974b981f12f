"""How strongly training pictures are varied."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """How strongly training pictures are varied; shares are probabilities from 0 to 1.

    Attributes:
        flip: share of pictures mirrored left to right.
        degrees: largest rotation of the picture, either way.
        scale: largest change of its scale, as a fraction: 0.2 gives 0.8 to 1.2 times.
        shift: largest translation along x and y, as a fraction of its width and height.
        person_degrees: largest rotation of a person's crops.
        person_scale: largest change of their scale, as a fraction.
        person_shift: largest translation, as a fraction of the crop's side.
        brightness: largest change, as a fraction.
        contrast: largest change, as a fraction.
        colour: largest change of each channel's gain, as a fraction.
        grey: share of pictures turned grey.
        occlude: share of people, and of scenes, with a rectangle hidden in each crop.
        occlude_max: longest side of that rectangle, as a fraction of the crop's side.
        blur: share of people, and of scenes, blurred, with a Gaussian of up to ``blur_sigma``.
        blur_sigma: in hundredths of the crop's side.
        downscale: share shrunk to ``downscale_min`` pixels or more and enlarged again.
        downscale_min: pixels.
        jpeg: share compressed as JPEG at a quality from 25 to 85.
        background: share of black-masked face pictures that get a random background.
        surround: share of those backgrounds taken from around another face, with its hair.
        mask: share of the other face pictures that get a black mask, so that the mask is no cue.
    """

    flip: float = 0.5
    degrees: float = 8.0
    scale: float = 0.2
    shift: float = 0.08
    person_degrees: float = 5.0
    person_scale: float = 0.1
    person_shift: float = 0.05
    brightness: float = 0.3
    contrast: float = 0.3
    colour: float = 0.1
    grey: float = 0.1
    occlude: float = 0.0
    occlude_max: float = 0.4
    blur: float = 0.0
    blur_sigma: float = 2.0
    downscale: float = 0.0
    downscale_min: int = 20
    jpeg: float = 0.0
    background: float = 0.0
    surround: float = 0.6
    mask: float = 0.0
