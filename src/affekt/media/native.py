"""What lies below Pillow and NumPy: libtiff's lines, and memory that malloc keeps."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
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


def give_back_memory() -> None:
    """Gives the system what malloc keeps of memory that is free, in every thread's share of it.

    Takes some hundredths of a second after a large picture; nothing where the C library has no
    such function.
    """
    _trimmer()(0)


@cache
def _trimmer() -> Callable[[int], object]:
    try:
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # TypeError: Windows has no library of all
        return lambda _: None
    return trim
