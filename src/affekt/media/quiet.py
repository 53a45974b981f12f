"""What Pillow says of damaged pictures, which are read or refused all the same, kept quiet."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_lock = threading.Lock()
_inside = 0
_filter: Any = None
_PILLOW = r"PIL\.(?#affekt)"
"""The remark makes the filter unlike any that the caller may have set."""

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Python prints what nobody takes


@contextmanager
def without_codec_warnings() -> Iterator[None]:
    """Pillow's warnings are neither shown nor, with ``-W error``, raised inside; all others are.

    `warnings.catch_warnings` would mix up the filters of threads: here the one filter stands while
    any thread is inside, and nothing else is touched.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _filter  # noqa: PLW0603 (the filters are the process's own)
    with _lock:
        _inside += 1
        if _inside == 1 or _filter not in warnings.filters:
            warnings.filterwarnings("ignore", module=_PILLOW)
            _filter = warnings.filters[0]


def _leave() -> None:
    global _inside  # noqa: PLW0603
    with _lock:
        _inside -= 1
        if not _inside:
            with suppress(ValueError):  # the caller has set all filters anew meanwhile
                warnings.filters.remove(_filter)  # type: ignore[attr-defined]
