"""What the libraries below Pillow write to standard error, where no line names a picture."""

from __future__ import annotations

import ctypes
from functools import cache

from PIL import _imaging


@cache
def silence_libtiff() -> None:
    """Keeps libtiff's own lines from standard error; what they tell of is raised by Pillow.

    Where libtiff stands inside another library, its functions cannot be reached and the lines stay.
    """
    try:
        library = ctypes.CDLL(_imaging.__file__)
        handlers = (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler)
    except (OSError, AttributeError):
        return
    for set_handler in handlers:
        set_handler.argtypes, set_handler.restype = (ctypes.c_void_p,), ctypes.c_void_p
        set_handler(None)
