"""Ctrl-C, SIGTERM and SIGHUP: they wait while something is written, and none is lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""Where the system has them; one that the caller ignores (nohup) stays ignored."""


@dataclass
class _State:
    received: int | None = None
    shields: int = 0
    process: int = 0


_state = _State()


@contextmanager
def stoppable() -> Iterator[None]:
    """Makes the signals raise `KeyboardInterrupt` in the block, see `shielded`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.received, _state.shields, _state.process = None, 0, os.getpid()
    default = (signal.SIG_DFL, signal.default_int_handler)
    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    before = {n: handler for n in numbers if (handler := signal.getsignal(n)) in default}
    for number in before:
        signal.signal(number, _note)
    try:
        yield
    finally:
        _state.process = 0
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def shielded() -> Iterator[None]:
    """The first signal waits until the block is done; a second one does not."""
    _state.shields += 1
    try:
        yield
    finally:
        _state.shields -= 1
    check_stopped()


def check_stopped() -> None:
    """Raises `KeyboardInterrupt` where a signal came, also one that got lost in foreign code."""
    under_way = _state.process == os.getpid() and not _state.shields
    if under_way and _state.received is not None and _in_main_thread():
        raise KeyboardInterrupt


def stopped_by() -> int | None:
    """The number of the signal that came, or None."""
    return _state.received


def _note(number: int, frame: FrameType | None) -> None:
    if os.getpid() != _state.process:  # a fork, which has nothing to finish
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return
    first = _state.received is None
    _state.received = number if _state.received is None else _state.received
    if not (first and _state.shields):
        raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
