"""Memory goes back to the system also where something that is kept lies behind it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from affekt.media.native import give_back_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others give back by themselves")
def test_memory_that_is_free_is_given_back() -> None:
    pieces = [b"x" * 100_000 for _ in range(600)]
    kept = pieces[::200]
    full = resident()
    del pieces
    give_back_memory()
    assert resident() < full - 40_000_000
    assert len(kept) == 3


def resident() -> int:
    """Bytes that this process holds."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
