"""What is done to the pixels of a crop: pure, all that is random is drawn elsewhere."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from affekt.data.augment.drawn import Damage, Occlusion, Rgb
from affekt.media import ImageRgb

LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)
"""ITU-R BT.601."""

MIDDLE = 116.0
"""The level that contrast leaves alone: fixed, so that a pixel looks the same in every stream."""


def recolour(image_rgb: ImageRgb, gain: Rgb, contrast: float, grey: bool) -> ImageRgb:
    """Brightness, contrast, colour balance and grey in one pass.

    Args:
        image_rgb: shape (height, width, 3).
        gain: factor of each channel; their mean where the result is grey.
        contrast: factor around `MIDDLE`.
        grey: without colour.
    """
    pixels = image_rgb.astype(np.float32)
    if grey:
        pixels = np.repeat(pixels @ LUMA, 3, axis=2)
    gains = np.asarray([sum(gain) / 3] if grey else gain, np.float32)
    middle = np.float32(MIDDLE)
    varied = (pixels - middle) * np.float32(contrast) + middle
    return np.asarray(np.clip(varied * gains, 0, 255), np.uint8)


def hide(image_rgb: ImageRgb, occlusion: Occlusion | None) -> ImageRgb:
    """Hides a rectangle of a square crop; None hides nothing."""
    if occlusion is None:
        return image_rgb
    *corners, level = occlusion
    x1, y1, x2, y2 = (round(v * image_rgb.shape[0]) for v in corners)
    hidden = image_rgb.copy()
    hidden[y1:y2, x1:x2] = level
    return hidden


def degrade(image_rgb: ImageRgb, damage: Damage) -> ImageRgb:
    """What cameras and codecs do to a square crop: downscaling, blur, JPEG."""
    size = image_rgb.shape[0]
    image = Image.fromarray(image_rgb)
    if damage.downscale_to is not None and damage.downscale_to < size:
        small = (damage.downscale_to, damage.downscale_to)
        image = image.resize(small, Image.Resampling.BILINEAR)
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    if damage.blur_sigma is not None:
        image = image.filter(ImageFilter.GaussianBlur(damage.blur_sigma * size))
    if damage.jpeg_quality is not None:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=damage.jpeg_quality)
        image = Image.open(packed)
    return np.asarray(image)
