"""Pictures in: files and encoded or decoded pictures of every kind as RGB, upright."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from os import PathLike
from typing import IO, BinaryIO, cast

import numpy as np
from PIL import Image
from PIL.Image import DecompressionBombError

from affekt.errors import MediaError, PictureTooLargeError, PictureWarning
from affekt.media.arrays import ImageRgb, array_to_rgb
from affekt.media.budget import PixelBudget
from affekt.media.decoding import decode
from affekt.media.foreign import SupportsArray, is_file, is_tensor, to_array
from affekt.media.guards import CheckSize
from affekt.media.kinds import Kind, kind_of
from affekt.media.quiet import without_codec_warnings
from affekt.media.streams import error_line, open_stream

PIXEL_LIMIT = 100_000_000
"""Pictures with more pixels are refused before they are decoded (300 MB once decoded)."""

BUDGET = PixelBudget(PIXEL_LIMIT)
"""What all threads of the process may decode and look at at a time."""

SIDE_LIMIT = 1_000_000
"""Pixels of a side; every row costs memory of its own."""

Encoded = str | PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
"""A path, the bytes of a picture file, or an open file of bytes (read from its start)."""

Decoded = Image.Image | SupportsArray
"""A Pillow image, a NumPy array, or what gives one, such as a tensor."""

Picture = Encoded | Decoded
"""A picture of any kind."""


def read_picture(
    source: Encoded,
    *,
    max_pixels: int = PIXEL_LIMIT,
    name: str | None = None,
    reserve: Callable[[int], object] | None = None,
) -> ImageRgb:
    """Reads a picture file, or an encoded picture from memory; of an animation the first frame.

    The kind is told by content, never by suffix. EXIF rotation is applied, transparency is laid
    on white, and more than 8 bits per channel are scaled to 8. A picture of 16 bits that uses only
    12 or fewer is brightened, and `affekt.errors.PictureWarning` says so.

    Args:
        source: a path, the bytes of an encoded picture, or an open file of bytes.
        max_pixels: a picture with more is refused from its header, before it is decoded.
        name: what error lines call the picture; the path, or ``<bytes>``, by default.
        reserve: called before the picture is decoded with its pixels, those of a kind that takes
            more memory counted more often; may wait.

    Returns:
        Shape (height, width, 3), RGB, 0 to 255.

    Raises:
        MediaError: missing, empty, damaged, of an unknown kind, or made so that decoding it
            would take minutes.
        PictureTooLargeError: more than ``max_pixels``, or a side over `SIDE_LIMIT`.
    """
    name = name_of(source) if name is None else name
    with open_stream(source, name) as stream:
        try:
            image_rgb, note = _read(stream, max_pixels, reserve)
        except MediaError as error:
            raise type(error)(f"{name}: {error}") from None
        except OSError as error:
            raise MediaError(f"{name}: cannot be read ({error_line(error)})") from None
    _tell(name, note)
    return image_rgb


def read_any(
    picture: Picture,
    *,
    max_pixels: int = PIXEL_LIMIT,
    name: str | None = None,
    reserve: Callable[[int], object] | None = None,
) -> ImageRgb:
    """An encoded picture as `read_picture` reads it, or a decoded one as `to_rgb` does.

    Raises:
        MediaError: see both.
    """
    if isinstance(picture, str | PathLike | bytes | bytearray | memoryview) or is_file(picture):
        return read_picture(picture, max_pixels=max_pixels, name=name, reserve=reserve)
    return to_rgb(cast(Decoded, picture), name=name)


@without_codec_warnings()
def to_rgb(image: Decoded, *, name: str | None = None) -> ImageRgb:
    """A decoded picture of any kind as RGB, 0 to 255.

    Args:
        image: a Pillow image (its EXIF rotation is applied), or an array or tensor of shape
            (h, w), (h, w, 1), (h, w, 3) in RGB order or (h, w, 4) with alpha; uint8, bool, uint16
            (0 to 65535; see `read_picture` on those that use fewer bits) or float (0 to 1).
            An alpha that is zero everywhere counts as none.
        name: what error lines call the picture; ``<array>`` or ``<image>`` by default.

    Returns:
        Shape (height, width, 3). Transparency is laid on white.

    Raises:
        MediaError: None or no picture, an array of another shape, type or range, or a damaged
            Pillow image.

    >>> to_rgb(np.full((1, 1), 0.2)).tolist()
    [[[51, 51, 51]]]
    """
    name = name_of(image) if name is None else name
    if isinstance(image, Image.Image):
        try:
            image_rgb, note = decode(image)
        except Exception as error:  # codecs raise all sorts
            raise MediaError(f"{name}: damaged picture ({error_line(error)})") from None
    else:
        try:
            image_rgb, note = array_to_rgb(to_array(image))
        except MediaError as error:
            raise MediaError(f"{name}: {error}") from None
    _tell(name, note)
    return image_rgb


def name_of(picture: object) -> str:
    """What results and error lines call a picture that has no name.

    >>> name_of("a.jpg"), name_of(b""), name_of(None)
    ('a.jpg', '<bytes>', '<None>')
    """
    if isinstance(picture, str | PathLike):
        return str(picture)
    if isinstance(picture, bytes | bytearray | memoryview):
        return "<bytes>"
    if is_file(picture):
        return "<stream>"
    if isinstance(picture, np.ndarray) or is_tensor(picture):
        return "<array>"
    return "<None>" if picture is None else "<image>"


@without_codec_warnings()
def _read(
    stream: BinaryIO, max_pixels: int, reserve: Callable[[int], object] | None
) -> tuple[ImageRgb, str | None]:
    kind = kind_of(stream)
    try:
        check_size = _size_check(kind, max_pixels)
        image = kind.open(kind.guard(stream, check_size))
        check_size(*image.size)
        if reserve is not None:
            reserve(int(image.width * image.height * kind.weight))
        return decode(image)
    except MediaError:
        raise
    except DecompressionBombError as error:
        raise PictureTooLargeError(
            f"{kind.name} picture over a limit of Pillow's own, PIL.Image.MAX_IMAGE_PIXELS "
            f"({error_line(error)})"
        ) from None
    except MemoryError:
        raise MediaError(f"not enough memory for this {kind.name} picture") from None
    except Exception as error:  # codecs raise all sorts
        raise MediaError(f"damaged {kind.name} picture ({error_line(error)})") from None


def _size_check(kind: Kind, max_pixels: int) -> CheckSize:
    counts = f"a pixel of {kind.name} counts {kind.weight:g} times for the memory that it takes"
    why = f" ({counts})" if kind.weight > 1 else ""

    def check_size(width: int, height: int) -> None:
        pixels, most = width * height, int(max_pixels / kind.weight)
        if pixels > most:
            raise PictureTooLargeError(
                f"{width} x {height} = {pixels:,} pixels, over the limit of {most:,}{why}; "
                "raise it with --max-pixels (max_pixels in Python)"
            )
        if max(width, height) > SIDE_LIMIT:
            raise PictureTooLargeError(
                f"{width} x {height} pixels, a side over the limit of {SIDE_LIMIT:,}; cut it"
            )

    return check_size


def _tell(name: str, note: str | None) -> None:
    if note is not None:
        warnings.warn(f"{name}: {note}", PictureWarning, stacklevel=3)
