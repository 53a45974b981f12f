"""Pictures out."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

from PIL import Image

from affekt.errors import OutputError
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
    encoded = io.BytesIO()
    Image.fromarray(image_rgb).save(encoded, kind, quality=92)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(encoded.getbuffer())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None
