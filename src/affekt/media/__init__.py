"""Pictures in and out: the only place that knows EXIF, codecs and colour orders."""

from affekt.media.arrays import ImageRgb
from affekt.media.budget import Share
from affekt.media.formats import FORMATS
from affekt.media.pictures import (
    BUDGET,
    PIXEL_LIMIT,
    Picture,
    name_of,
    read_any,
    read_picture,
    to_rgb,
)
from affekt.media.sampling import resize, warp
from affekt.media.sources import Source, Sources, expand_sources
from affekt.media.writing import write_picture

__all__ = [
    "BUDGET",
    "FORMATS",
    "PIXEL_LIMIT",
    "ImageRgb",
    "Picture",
    "Share",
    "Source",
    "Sources",
    "expand_sources",
    "name_of",
    "read_any",
    "read_picture",
    "resize",
    "to_rgb",
    "warp",
    "write_picture",
]
