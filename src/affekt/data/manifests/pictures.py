"""The picture that a row of a manifest is about."""

from __future__ import annotations

from pathlib import Path

from affekt.crops import face_matrix
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.npy import read_npy
from affekt.data.manifests.row import Row
from affekt.errors import DataError, MediaError, one_line
from affekt.files import is_file
from affekt.media import PIXEL_LIMIT, ImageRgb, read_picture, resize, to_rgb, warp


def read_row_picture(manifest: Manifest, row: Row) -> ImageRgb:
    """The picture that a row's boxes refer to, shape (height, width, 3), RGB.

    A picture stored as an array (``.npy``) is stretched to the size that the row states.

    Raises:
        DataError: labels only, the file is missing, its picture cannot be read or is of another
            size.
    """
    try:
        picture = read_picture(row.content) if row.content else _read_file(manifest, row)
    except (DataError, MediaError) as error:
        raise DataError(f"{row.name}: {error}") from error
    height, width = picture.shape[:2]
    if (width, height) != (row.width, row.height):
        raise DataError(
            f"{row.name}: {manifest.root / row.picture} has {width} x {height} pixels, the "
            f"manifest says {row.width} x {row.height}: run `affekt prepare` again"
        )
    return picture


def read_face_crop(manifest: Manifest, row: Row, size: int) -> ImageRgb:
    """The aligned crop of a row's face, shape (size, size, 3); see `affekt.crops.face_matrix`.

    Raises:
        DataError: as `read_row_picture`, or there is no face.
    """
    if row.face is None:
        raise DataError(f"{row.name}: it has no face")
    return warp(read_row_picture(manifest, row), face_matrix(row.face, size), size)


def read_array(file: Path) -> ImageRgb:
    """A picture stored as a NumPy array, shape (height, width, 3), RGB.

    Raises:
        MediaError: not an array of a picture.
    """
    try:
        return to_rgb(read_npy(file))
    except (OSError, ValueError) as error:
        raise MediaError(f"{file}: not a readable array ({one_line(error)})") from None
    except MediaError as error:
        raise MediaError(f"{file}: {error}") from None


def _read_file(manifest: Manifest, row: Row) -> ImageRgb:
    if row.medium is None:
        raise DataError(f"the manifest {manifest.path} holds its labels without a picture")
    file = manifest.file(row.medium)
    if not is_file(file):
        raise DataError(f"no picture at {file}")
    if file.suffix != ".npy":
        return read_picture(file)
    return _stretched(read_array(file), row.width, row.height)


def _stretched(image_rgb: ImageRgb, width: int, height: int) -> ImageRgb:
    if width * height > PIXEL_LIMIT:
        raise MediaError(f"{width} x {height} pixels stated, at most {PIXEL_LIMIT:,} are read")
    same = image_rgb.shape[:2] == (height, width)
    return image_rgb if same else resize(image_rgb, width, height)
