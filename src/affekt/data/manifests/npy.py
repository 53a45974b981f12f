"""Arrays in NumPy's files, believed only as far as the file is long."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(file: Path, *, mapped: bool = False) -> Array:
    """The array of a ``.npy`` file; no pickle is ever opened, nothing is reserved on its word.

    Args:
        file: of NumPy's format 1 or 2.
        mapped: whether to leave the values on disk.

    Raises:
        ValueError: it is no such file, holds objects, or is not as long as its header says.
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        shape, in_columns, dtype = _header(stream)
        start = stream.tell()
    if dtype.hasobject:
        raise ValueError("it holds Python objects, not numbers")
    expected = math.prod(shape) * dtype.itemsize
    found = file.stat().st_size - start
    if found != expected or min(shape, default=1) < 0:
        raise ValueError(f"{found} bytes where {dtype} {list(shape)} takes {expected}")
    order: Literal["C", "F"] = "F" if in_columns else "C"
    if mapped and expected:
        return np.memmap(file, dtype, "r", start, shape, order)
    return np.fromfile(file, dtype, offset=start).reshape(shape, order=order)


def _header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"format {version[0]}.{version[1]} of NumPy, 1.0 and 2.0 are read")
        shape, in_columns, dtype = _HEADERS[version](stream)
    except (OSError, ValueError):
        raise
    except Exception as error:  # NumPy lets its parser's own errors through
        raise ValueError(f"its header cannot be read ({type(error).__name__})") from None
    return shape, in_columns, dtype
