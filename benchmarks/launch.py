"""Commands in processes of their own, with what each took."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
errors = process.stderr.read()
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps({"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime,
    "peak_mb": usage.ru_maxrss * unit / 1e6, "code": os.waitstatus_to_exitcode(status),
    "errors": errors.decode(errors="replace")}))
"""
"""Runs a command and tells its time and peak memory: a parent as small as this one cannot lend
the child its own memory, as Linux counts it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: by the clock.
        cpu_seconds: of all its threads together.
        peak_mb: the most memory it held at a time, 10**6 bytes.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float


def launch(command: Sequence[str]) -> Cost:
    """Runs a command in a process of its own.

    Raises:
        RuntimeError: the command failed.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, *command], check=True, capture_output=True
    )
    answer = json.loads(done.stdout)
    if answer["code"]:
        raise RuntimeError(f"{command}: exit code {answer['code']}: {answer['errors']}")
    return Cost(answer["seconds"], answer["cpu_seconds"], answer["peak_mb"])


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str:
    """The commit that is measured, marked where files were changed since; "none" without git."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(
            command, check=False, cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except FileNotFoundError:
        return "none"
    return done.stdout.strip() or "none"
