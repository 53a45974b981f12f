"""Files that are whole whenever they bear their name, and who may write them.

A file is written as a working file beside its place and takes its name when it is complete. The
working file is new (a link that somebody planted is never followed) and its name says what it will
become: ``NAME.TOKEN.partial``. It is locked while its writer lives: what `unfinished` finds
without a lock was left by a process that was killed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedRandom, FileIO, RawIOBase
from pathlib import Path
from typing import BinaryIO

from affekt.errors import UsageError
from affekt.locks import lock, try_lock

SUFFIX = ".partial"
SHORT_NAME = 143
"""In bytes: what any file system takes; a longer final name is its own measure."""

STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
"""Names of what is open already: written to and never replaced."""

TRIES, PAUSE_MS = 8, 40
"""Two that start at one moment both step back, wait for some random time and try again."""

_ABANDONED = re.compile(rf".+\.[0-9a-f]{{8}}{re.escape(SUFFIX)}")


class WorkingFile:
    """A new file beside the place of another, whose name it takes when it is complete.

    A symbolic link at that place is followed: the file behind it is replaced. The old file's
    mode and owner are kept.

    Args:
        path: the final name.
        mark: eight hexadecimal digits that say what went into it, where it can be gone on from.

    Attributes:
        final: the file that is replaced.
        path: the working file.
        stream: to write to.

    Raises:
        OSError: the file cannot be made, or the old one may not be written.
    """

    def __init__(self, path: str | Path, mark: str = "") -> None:
        self.final = Path(os.path.realpath(path))
        token = mark + secrets.token_hex(4)
        self.path = self.final.parent / f"{_stem(self.final.name)}.{token}{SUFFIX}"
        try:
            self.stream = self._open()
        except OSError as error:
            error.filename = str(path)
            raise

    def _open(self) -> BufferedRandom:
        if os.path.lexists(self.final):
            self.final.open("ab").close()  # fails for what may not be written, and for folders
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        stream = BufferedRandom(FileIO(os.open(self.path, flags, 0o666), "r+"))
        lock(stream)
        return stream

    @property
    def unbuffered(self) -> RawIOBase:
        """The stream without its buffer, for writers that see each write through."""
        return self.stream.raw

    def commit(self) -> None:
        """Gives the file its name; what is there by then is on the disk.

        Raises:
            OSError: the disk is full or went away; the working file is still there.
        """
        self.stream.flush()
        if self.final.exists():
            self._inherit(self.final.stat())
        os.fsync(self.stream.fileno())
        self.stream.close()
        self.path.replace(self.final)

    def _inherit(self, old: os.stat_result) -> None:
        if hasattr(os, "chown"):
            with suppress(OSError):  # only the superuser may give files away
                os.chown(self.path, old.st_uid, old.st_gid)
        self.path.chmod(stat.S_IMODE(old.st_mode))

    def discard(self) -> None:
        """Takes the working file away."""
        with suppress(OSError):  # what a full disk left in the buffer
            self.stream.close()
        with suppress(OSError):
            self.path.unlink()


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A stream to a file that is there, whole, after the block, or as it was before.

    Devices and pipes are written as they are.

    Raises:
        OSError: it cannot be written; no part is left.
    """
    if is_special(path):
        with Path(path).open("wb") as stream:
            yield stream
        return
    working = WorkingFile(path)
    try:
        yield working.stream
        working.commit()
    except BaseException as error:
        working.discard()
        if isinstance(error, OSError) and error.filename is None:  # a full disk names no file
            error.filename = str(path)
        raise


def write_atomically(path: str | Path, content: bytes | memoryview) -> None:
    """Writes a file so that a kill at any moment leaves the old one or the new one, whole.

    Raises:
        OSError: it cannot be written; no part is left.
    """
    with whole_file(path) as stream:
        stream.write(content)


def start_alone(path: str | Path, mark: str = "") -> WorkingFile:
    """A working file for a final name that no other living process is writing.

    Raises:
        OSError: it cannot be made; ``EBUSY``: another process is at it.
    """
    for _ in range(TRIES):
        working = WorkingFile(path, mark)
        if not any(is_locked(other) for other in unfinished(path) if other != working.path):
            return working
        working.discard()
        time.sleep(secrets.randbelow(PAUSE_MS) / 1000)
    raise OSError(errno.EBUSY, "another process is writing it", str(path))


def unfinished(path: str | Path, mark: str | None = None) -> list[Path]:
    """The working files of a final name that are there, the latest first.

    Args:
        path: the final name.
        mark: those with that mark alone; with any by default.
    """
    final = Path(os.path.realpath(path))
    pattern = re.compile(
        rf"{re.escape(_stem(final.name))}\.{'([0-9a-f]{8})?' if mark is None else mark}"
        rf"[0-9a-f]{{8}}{re.escape(SUFFIX)}"
    )
    times: dict[str, int] = {}
    with suppress(OSError):
        for entry in os.scandir(final.parent):
            if pattern.fullmatch(entry.name):
                with suppress(FileNotFoundError):  # its writer took it away meanwhile
                    times[entry.path] = entry.stat(follow_symlinks=False).st_mtime_ns
    return [Path(path) for path in sorted(times, key=times.__getitem__, reverse=True)]


def remove_abandoned(path: str | Path) -> None:
    """Takes away what killed writers left of a file and cannot be gone on from: it has no mark."""
    for left in (left for left in unfinished(path, "") if not is_locked(left)):
        left.unlink(missing_ok=True)


def tidy(folder: str | Path) -> None:
    """The same for every file of a folder that is Affekt's own, such as a run's or of copies."""
    for path in Path(folder).iterdir():
        if _ABANDONED.fullmatch(path.name) and not is_locked(path):
            path.unlink(missing_ok=True)


def is_locked(path: Path) -> bool:
    """Whether a living process is writing that working file."""
    try:
        with path.open("rb") as stream:
            return not try_lock(stream)
    except OSError:
        return False


def is_special(path: str | Path) -> bool:
    """Whether it is there and not a file to be replaced: a device, a pipe, what is open already."""
    if str(path).startswith(STREAMS):
        return True
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 (one call)
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_file(path: Path) -> bool:
    """Whether a file is there, of any name; False too in a folder that may not be entered."""
    return os.path.isfile(path)  # noqa: PTH113 (Path.is_file raises for these)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def same_file(one: str | Path, other: str | Path) -> bool:
    """Whether two names mean one file: by real path, or as hard links."""
    return bool(_identities(one) & _identities(other))


def refuse_overwrite(outputs: Mapping[str, str | Path], inputs: Iterable[str | Path]) -> None:
    """Refuses outputs that are an input, or one another.

    Args:
        outputs: files to be written, each by the words that name it in an error line.
        inputs: files that are read; they are looked at only where an output exists.

    Raises:
        UsageError: it says which.
    """
    taken: dict[object, str] = {}
    for name, path in outputs.items():
        for identity in () if is_special(path) else _identities(path):
            if taken.setdefault(identity, name) != name:
                raise UsageError(f"{name}: is also {taken[identity]}; give each a file of its own")
    exist = any(os.path.exists(path) for path in outputs.values())  # noqa: PTH110
    for given in inputs if exist else ():
        for identity in _identities(given):
            if identity in taken:
                raise UsageError(
                    f"{taken[identity]}: would overwrite {given}, which is read; name another file"
                )


def _identities(path: str | Path) -> set[object]:
    identities: set[object] = {os.path.realpath(path)}
    with suppress(OSError, ValueError):
        known = os.stat(path)  # noqa: PTH116 (one call)
        identities.update([(known.st_dev, known.st_ino)] * bool(known.st_ino))
    return identities


def _stem(name: str) -> str:
    """What a working file's name begins with: the final one's, or as much as fits and a digest.

    >>> _stem("r.json"), len(_stem("x" * 250))
    ('r.json', 225)
    """
    encoded = os.fsencode(name)
    room = max(len(encoded), SHORT_NAME) - len(f".{'m' * 8}{'t' * 8}{SUFFIX}")
    if len(encoded) <= room:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return f"{encoded[: room - 9].decode(errors='ignore')}-{digest}"
