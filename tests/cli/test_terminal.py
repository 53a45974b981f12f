"""What a user sees who has both streams on one terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from affekt.bundle import Bundle

PHOTO = Path(__file__).parents[2] / "src" / "affekt" / "assets" / "astronaut.jpg"


def on_a_terminal(*words: str) -> list[str]:
    """The lines that a command shows."""
    command = [sys.executable, "-m", "affekt", *words]
    terminal, own_side = os.openpty()
    process = subprocess.Popen(command, stdout=own_side, stderr=own_side)
    os.close(own_side)
    shown = b""
    with suppress(OSError):  # how Linux says that the other side is closed
        while block := os.read(terminal, 65536):
            shown += block
    os.close(terminal)
    process.wait()
    return shown.decode().replace("\r\n", "\n").splitlines()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals")
def test_errors_and_results_have_lines_of_their_own(tiny_bundle: Bundle) -> None:
    names = ["first.jpg", str(PHOTO), "second.jpg", str(PHOTO), "third.jpg"]
    lines = on_a_terminal("predict", *names, "--model", str(tiny_bundle.folder))
    errors = [line for line in lines if line.startswith("affekt: error: ")]
    assert [line.split(": ")[2] for line in errors] == ["first.jpg", "second.jpg", "third.jpg"]
    frames = json.loads("\n".join(line for line in lines if line not in errors))
    assert [frame["source"] for frame in frames] == [str(PHOTO)] * 2
