"""What a picture's header says before a codec sees it: bounds on the work that it may ask for.

A guard is called with a stream at the picture's first byte and with what checks a width and a
height. It raises `affekt.errors.MediaError` for a picture that would take minutes or gigabytes, and
gives the stream to decode, which is most often the same one. A damaged header is the codec's to
name.
"""

from collections.abc import Callable
from typing import BinaryIO

CheckSize = Callable[[int, int], None]
Guard = Callable[[BinaryIO, CheckSize], BinaryIO]


def no_guard(stream: BinaryIO, check_size: CheckSize) -> BinaryIO:
    """For kinds whose work follows from their size, which is checked once they are opened."""
    return stream
