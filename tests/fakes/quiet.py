"""Code run in a process that may open no internet socket and starts with an empty home.

Linux alone can forbid it: the system ends the process at the first such socket, in whatever thread
or library, and the stack of every thread is on standard error.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import platform
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
"""The number of the system call ``socket`` by processor."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended.

    Attributes:
        code: its exit code, negative where a signal ended it.
        stdout: what it printed.
        stderr: likewise.
        left: files and folders found afterwards in its home, temporary and working folder.
    """

    code: int
    stdout: str
    stderr: str
    left: tuple[str, ...]


def run_quietly(code: str, folder: Path) -> Ended:
    """Runs Python code without the internet, in an empty home of its own.

    Args:
        code: the program.
        folder: an empty one, for home, temporary and working folder.
    """
    if platform.system() != "Linux" or platform.machine() not in SOCKET_CALL:
        pytest.skip("only Linux ends a process at its first internet socket")
    places = {name: folder / name for name in ("home", "temporary", "work")}
    for place in places.values():
        place.mkdir()
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from fakes.quiet import forbid_internet\nforbid_internet()\n{code}",
        ],
        env=kept
        | {
            "HOME": str(places["home"]),
            "TMPDIR": str(places["temporary"]),
            "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parents[1], *_PACKAGES))),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=places["work"],
        capture_output=True,
        text=True,
        check=False,
    )
    left = [str(path.relative_to(folder)) for path in sorted(folder.glob("*/**/*"))]
    return Ended(done.returncode, done.stdout, done.stderr, tuple(left))


_KEPT = ("PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
_PACKAGES = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.POINTER(_Instruction)))


def forbid_internet() -> None:
    """From now on an internet socket (IPv4 or IPv6) ends this process and those that it starts.

    Other sockets (Unix, netlink) are let through: they do not leave the machine.
    """
    load, equal, done = 0x20, 0x15, 0x06
    trap, allow = 0x00030000, 0x7FFF0000
    steps = (
        (load, 0, 0, 0),  # the number of the call
        (equal, 0, 3, SOCKET_CALL[platform.machine()]),
        (load, 0, 0, 16),  # its first argument: the family of addresses
        (equal, 2, 0, 2),
        (equal, 1, 0, 10),
        (done, 0, 0, allow),
        (done, 0, 0, trap),
    )
    program = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    filtered = _Program(len(steps), program)
    system = ctypes.CDLL(None, use_errno=True)
    faulthandler.register(signal.SIGSYS, all_threads=True, chain=True)
    if system.prctl(38, 1, 0, 0, 0) or system.prctl(22, 2, ctypes.byref(filtered), 0, 0):
        raise OSError(ctypes.get_errno(), "this system has no seccomp filters")
