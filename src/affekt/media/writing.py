"""Pictures out."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from affekt.errors import OutputError, one_line
from affekt.files import write_atomically
from affekt.media.arrays import ImageRgb
from affekt.media.formats import FORMATS


def write_picture(path: str | Path, image_rgb: ImageRgb) -> None:
    """Writes a picture in the format of the path's suffix; a failure leaves no half file.

    Args:
        path: its folder is made if it is missing.
        image_rgb: shape (height, width, 3).

    Raises:
        OutputError: an unknown suffix, or the file cannot be written.
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path}: unknown picture suffix; use one of {' '.join(FORMATS)}")
    content = _encode(path, image_rgb, kind)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def _encode(path: Path, image_rgb: ImageRgb, kind: str) -> memoryview:
    encoded = io.BytesIO()
    try:
        Image.fromarray(image_rgb).save(encoded, kind, quality=92)
    except Exception as error:  # codecs raise all sorts, most for pictures that are too large
        height, width = image_rgb.shape[:2]
        raise OutputError(
            f"{path}: {width} x {height} pixels cannot be written as {kind} ({one_line(error)}); "
            "PNG and TIFF take any size"
        ) from None
    return encoded.getbuffer()
