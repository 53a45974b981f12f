"""Decoded pictures of other libraries: tensors, and whatever gives a NumPy array."""

from __future__ import annotations

from typing import IO, Any, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

from affekt.errors import MediaError

PICTURES = "a picture is a path, bytes, an open file of bytes, an RGB array or a Pillow image"


class SupportsArray(Protocol):
    """What NumPy makes an array of."""

    def __array__(self, *given: Any, **named: Any) -> Any: ...


def to_array(picture: object) -> npt.NDArray[np.generic]:
    """The NumPy array of what is one, or gives one.

    Raises:
        MediaError: None, or what gives none.
        Exception: what the object raises.
    """
    if picture is None:
        raise MediaError(f"None, as cv2.imread gives for a file that it cannot read; {PICTURES}")
    if isinstance(picture, np.ndarray):
        return picture
    if is_tensor(picture):
        return _of_tensor(picture)
    if not hasattr(picture, "__array__") and not hasattr(picture, "__array_interface__"):
        raise MediaError(f"{type(picture).__name__} is no picture; {PICTURES}")
    return np.asarray(picture)


def is_file(picture: object) -> TypeGuard[IO[bytes]]:
    """Whether it is an open file, or reads like one; a Pillow image does not."""
    return hasattr(picture, "read")


def is_tensor(picture: object) -> TypeGuard[Any]:
    """Whether it is a tensor of torch, which is not imported for that."""
    return hasattr(picture, "detach") and hasattr(picture, "cpu") and hasattr(picture, "numpy")


def _of_tensor(tensor: Any) -> npt.NDArray[np.generic]:
    """Of any device, with a gradient or without, in half precision too."""
    plain = tensor.detach().cpu()
    if "float" in str(plain.dtype):  # NumPy has no bfloat16
        plain = plain.float()
    array: npt.NDArray[np.generic] = plain.numpy()
    return array
