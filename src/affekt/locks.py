"""Locks on open files, which end with the process that holds them, however it ends."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 2**40  # beyond what is written: a locked part cannot be read by others

    def lock(stream: BinaryIO) -> None:
        """Locks a file for its writer; on Windows it does not wait for another."""
        try_lock(stream)

    def try_lock(stream: BinaryIO) -> bool:
        """Whether nobody writes the file, which is then locked against writers."""
        place = stream.tell()
        stream.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            stream.seek(place)
        return True

else:
    import fcntl

    def lock(stream: BinaryIO) -> None:
        """Locks a file for its writer, when no other holds it any more."""
        with suppress(OSError):  # a network drive without locks
            fcntl.flock(stream, fcntl.LOCK_EX)

    def try_lock(stream: BinaryIO) -> bool:
        """Whether nobody writes the file, which is then locked against writers."""
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a network drive without locks
            return True
        return True
