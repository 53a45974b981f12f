"""`affekt predict` in a process of its own, watched: its lines, its pauses, what it took."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from affekt.files import unfinished

PATIENCE = 30.0
"""Seconds without a new result or line after which a run counts as hung."""

_STEP = 0.02


@dataclass(frozen=True, slots=True)
class Run:
    """How a run went.

    Attributes:
        code: its exit code, negative where a signal ended it.
        hung: it was ended because nothing came for `PATIENCE` seconds.
        seconds: by the clock.
        longest_pause: the most seconds without a new result or line.
        peak_mb: the most memory it held at a time, 10**6 bytes.
        lines: on standard error.
    """

    code: int
    hung: bool
    seconds: float
    longest_pause: float
    peak_mb: float
    lines: tuple[str, ...]


def predict(
    words: Sequence[str],
    target: Path,
    *,
    kill_after: float = float("inf"),
    patience: float = PATIENCE,
) -> Run:
    """Runs ``affekt predict … --output target``, and kills it where it hangs or when asked to.

    Args:
        words: what stands before ``--output``.
        target: where results go; that they grow is what progress is known by.
        kill_after: seconds after which it gets SIGKILL.
        patience: seconds without progress that are a hang.
    """
    command = [sys.executable, "-m", "affekt", "predict", *words, "--output", str(target)]
    with TemporaryFile() as errors:
        start = seen = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        grown, longest, hung = -1, 0.0, False
        while True:
            done, status, usage = os.wait4(process.pid, os.WNOHANG)
            now, before, grown = time.monotonic(), grown, _written(target, errors)
            seen = now if grown != before else seen
            longest = max(longest, now - seen)
            if done:
                break
            if now - start > kill_after or now - seen > patience:
                hung |= now - seen > patience
                os.kill(process.pid, signal.SIGKILL)  # its own kill() would wait for it first
            time.sleep(_STEP)
        process.returncode = os.waitstatus_to_exitcode(status)  # it is waited for already
        errors.seek(0)
        lines = errors.read().decode("utf-8", "backslashreplace").splitlines()
    unit = 1 if sys.platform == "darwin" else 1024
    peak = usage.ru_maxrss * unit / 1e6
    return Run(process.returncode, hung, now - start, longest, peak, tuple(lines))


def _written(target: Path, errors: BinaryIO) -> int:
    sizes = [os.fstat(errors.fileno()).st_size]
    for path in unfinished(target):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:  # it has got its name meanwhile
            continue
    return sum(sizes)
