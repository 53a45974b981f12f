"""Augmentation of face crops: randomness is drawn once per sample, then pure kernels apply it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from scipy import ndimage

from affekt.arrays import BoolArray, FloatArray
from affekt.data.augment.kernels import (
    Occlusion,
    draw_fill,
    draw_occlusion,
    hide,
    placement_matrix,
    recolour,
)
from affekt.media import ImageRgb

MASK_BLACK = 24
MASK_MIN_SHARE = 0.12
BACKGROUND_GRIDS = (1, 2, 4, 12)


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """How strongly training crops are varied; shares are probabilities from 0 to 1.

    Attributes:
        flip: share of crops mirrored left to right.
        degrees: largest rotation, either way.
        scale: largest change of scale, as a fraction: 0.2 gives 0.8 to 1.2 times.
        shift: largest translation along x and y, as a fraction of the crop's side.
        brightness: largest change, as a fraction.
        contrast: largest change, as a fraction.
        colour: largest change of each channel's gain, as a fraction.
        grey: share of crops turned grey.
        blur: share blurred, with a Gaussian of up to ``blur_sigma``.
        blur_sigma: in hundredths of the crop's side.
        downscale: share shrunk to ``downscale_min`` pixels or more and enlarged again.
        downscale_min: pixels.
        jpeg: share compressed as JPEG at a quality from 25 to 85.
        occlude: share with a rectangle hidden.
        occlude_max: longest side of that rectangle, as a fraction of the crop's side.
        background: share of black-masked faces that get a random background.
        surround: share of those backgrounds taken from around another face, with its hair.
        mask: share of the other faces that get a black mask, so that the mask is no cue.
    """

    flip: float = 0.5
    degrees: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    brightness: float = 0.3
    contrast: float = 0.3
    colour: float = 0.1
    grey: float = 0.35
    blur: float = 0.15
    blur_sigma: float = 2.0
    downscale: float = 0.3
    downscale_min: int = 20
    jpeg: float = 0.15
    occlude: float = 0.25
    occlude_max: float = 0.4
    background: float = 0.75
    surround: float = 0.6
    mask: float = 0.1


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What was drawn for one sample. None means that the step is left out.

    Attributes:
        flip: mirrored left to right.
        degrees: rotation.
        scale: of the crop's field of view.
        shift: x and y, as a fraction of the crop's side.
        gain: factor of each channel.
        contrast: factor around the crop's mean.
        grey: without colour.
        blur_sigma: as a fraction of the crop's side.
        downscale_to: side in pixels to pass through.
        jpeg_quality: 1 to 95.
        occlusion: left, top, right, bottom as fractions, and the grey level.
        background: grid of colours (n, n, 3) spread behind a masked face.
        surround: whose surroundings to take instead, as a fraction of the data set, and the RGB
            gain that colours them, for many of them are grey.
        mask: centre x, y and radii x, y of a black ellipse mask, as fractions.
        fill: RGB outside the picture.
    """

    flip: bool
    degrees: float
    scale: float
    shift: tuple[float, float]
    gain: tuple[float, float, float]
    contrast: float
    grey: bool
    blur_sigma: float | None
    downscale_to: int | None
    jpeg_quality: int | None
    occlusion: Occlusion | None
    background: npt.NDArray[np.uint8] | None
    surround: tuple[float, tuple[float, float, float]] | None
    mask: tuple[float, float, float, float] | None
    fill: tuple[int, int, int]


def draw(config: AugmentConfig, rng: np.random.Generator) -> Augmentation:
    """Draws everything random about one sample."""

    def hit(share: float) -> bool:
        return bool(rng.random() < share)

    def around(spread: float) -> float:
        return float(rng.uniform(-spread, spread))

    light = 1 + around(config.brightness)
    return Augmentation(
        flip=hit(config.flip),
        degrees=around(config.degrees),
        scale=1 + around(config.scale),
        shift=(around(config.shift), around(config.shift)),
        gain=(
            light * (1 + around(config.colour)),
            light * (1 + around(config.colour)),
            light * (1 + around(config.colour)),
        ),
        contrast=1 + around(config.contrast),
        grey=hit(config.grey),
        blur_sigma=float(rng.uniform(0.2, 1)) * config.blur_sigma / 100
        if hit(config.blur)
        else None,
        downscale_to=int(rng.integers(config.downscale_min, 57)) if hit(config.downscale) else None,
        jpeg_quality=int(rng.integers(25, 86)) if hit(config.jpeg) else None,
        occlusion=draw_occlusion(config.occlude_max, rng) if hit(config.occlude) else None,
        background=_draw_background(rng) if hit(config.background) else None,
        surround=_draw_surround(rng) if hit(config.surround) else None,
        mask=_draw_mask(rng) if hit(config.mask) else None,
        fill=draw_fill(rng),
    )


def crop_matrix(augmentation: Augmentation, size: int) -> FloatArray:
    """The affine map (2, 3) from the varied crop to the plain one, both of ``size`` pixels."""
    return placement_matrix(
        size,
        size,
        flip=augmentation.flip,
        degrees=augmentation.degrees,
        scale=augmentation.scale,
        shift=augmentation.shift,
    )


def set_background(
    image_rgb: ImageRgb, augmentation: Augmentation, other_rgb: Callable[[float], ImageRgb]
) -> ImageRgb:
    """Gives a black-masked face the drawn background, or another face the drawn mask.

    Args:
        image_rgb: shape (height, width, 3).
        augmentation: what was drawn.
        other_rgb: gives the square crop of another face, from its place in the data set as a
            fraction from 0 to 1; only called where it is needed.
    """
    masked = background_mask(image_rgb)
    if masked is None:
        return image_rgb if augmentation.mask is None else _hide_outside(image_rgb, augmentation)
    if augmentation.background is None:
        return image_rgb
    behind = augmentation.background
    if augmentation.surround is not None:
        place, gain = augmentation.surround
        behind = (other_rgb(place) * np.asarray(gain, np.float32)).astype(np.uint8)
    height, width = masked.shape
    spread = Image.fromarray(behind).resize((width, height), Image.Resampling.BILINEAR)
    return np.where(masked[..., None], np.asarray(spread), image_rgb)


def background_mask(image_rgb: ImageRgb) -> BoolArray | None:
    """Where a face was cut out on black: the dark parts that touch the border, shape (h, w).

    None where that is less than `MASK_MIN_SHARE` of the picture or a corner is not dark, as in
    any ordinary picture.
    """
    if image_rgb[[0, 0, -1, -1], [0, -1, 0, -1]].max() >= MASK_BLACK:
        return None
    red, green, blue = (image_rgb[..., channel] < MASK_BLACK for channel in range(3))
    dark = red & green & blue
    regions, count = ndimage.label(dark)
    edge = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    touching = np.zeros(count + 1, dtype=bool)
    touching[edge] = True
    touching[0] = False
    mask = np.asarray(touching[regions])
    return mask if mask.mean() >= MASK_MIN_SHARE else None


def colour(image_rgb: ImageRgb, augmentation: Augmentation) -> ImageRgb:
    """Brightness, contrast, colour balance and grey in one pass."""
    return recolour(image_rgb, augmentation.gain, augmentation.contrast, augmentation.grey)


def degrade(image_rgb: ImageRgb, augmentation: Augmentation) -> ImageRgb:
    """What cameras and codecs do: downscaling, blur, JPEG."""
    size = image_rgb.shape[0]
    image = Image.fromarray(image_rgb)
    if augmentation.downscale_to is not None and augmentation.downscale_to < size:
        small = (augmentation.downscale_to, augmentation.downscale_to)
        image = image.resize(small, Image.Resampling.BILINEAR)
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    if augmentation.blur_sigma is not None:
        image = image.filter(ImageFilter.GaussianBlur(augmentation.blur_sigma * size))
    if augmentation.jpeg_quality is not None:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=augmentation.jpeg_quality)
        image = Image.open(packed)
    return np.asarray(image)


def occlude(image_rgb: ImageRgb, augmentation: Augmentation) -> ImageRgb:
    """Hides the drawn rectangle."""
    return hide(image_rgb, augmentation.occlusion)


def _draw_background(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    side = int(rng.choice(BACKGROUND_GRIDS))
    base = rng.uniform(0, 255) + rng.normal(0, 25, 3)
    grid = rng.normal(base, rng.uniform(10, 60), (side, side, 3))
    return np.clip(grid, 0, 255).astype(np.uint8)


def _draw_surround(rng: np.random.Generator) -> tuple[float, tuple[float, float, float]]:
    green = rng.uniform(0.75, 1.0)
    return float(rng.random()), (1.0, float(green), float(green * rng.uniform(0.75, 1.0)))


def _draw_mask(rng: np.random.Generator) -> tuple[float, float, float, float]:
    x, y = rng.uniform(0.46, 0.54, 2)
    return float(x), float(y), float(rng.uniform(0.38, 0.46)), float(rng.uniform(0.46, 0.54))


def _hide_outside(image_rgb: ImageRgb, augmentation: Augmentation) -> ImageRgb:
    x, y, radius_x, radius_y = augmentation.mask or (0.5, 0.5, 1.0, 1.0)
    height, width = image_rgb.shape[:2]
    rows = ((np.arange(height) + 0.5) / height - y) / radius_y
    columns = ((np.arange(width) + 0.5) / width - x) / radius_x
    outside = rows[:, None] ** 2 + columns[None, :] ** 2 > 1
    return np.where(outside[..., None], np.uint8(0), image_rgb)
