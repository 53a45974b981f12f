"""A peer at work: a process in the peer's environment that answers JSON lines.

Requests, one JSON object per line, each with one answer:

* ``{"do": "photos", "paths": [...]}``: reads each file, finds its faces and their emotions, as the
  peer does it by default; ``{"seconds", "faces"}``, timed by the worker itself.
* ``{"do": "faces", "count": n, "batch": b, "seed": s}``: runs the emotion model alone on ready
  inputs; ``{"seconds"}``.
* ``{"do": "classify", "file": npz, "variants": [...]}``: the file holds ``crop_<i>`` and
  ``picture_<i>`` (RGB) and ``box_<i>`` (xyxy); ``{"labels", "probabilities": {variant: n x k}}``.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from peers.environment import Peer


class Worker:
    """Starts a peer's worker and asks it; a context manager that ends it."""

    def __init__(self, peer: Peer) -> None:
        script = Path(__file__).with_name(peer.worker)
        self._name = peer.name
        self._process = subprocess.Popen(
            [peer.python(), script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_environment(),
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request and its answer.

        Raises:
            RuntimeError: the worker died or could not do it.
        """
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name}: the worker ended at {request['do']!r}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self._name}: {answer['error']}")
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=60)


def _environment() -> dict[str, str]:
    """Ours, but for what would lead a peer to this checkout's modules."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**own, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
