"""An earlier Affekt, as installed, answering requests for photos of `peers.worker`."""

from __future__ import annotations

import json
import os
import sys
import time

import affekt


def main() -> None:
    """Answers requests until standard input ends."""
    predictor = affekt.load("face")
    for line in sys.stdin:
        paths = json.loads(line)["paths"]
        start = time.perf_counter()
        faces = sum(len(predictor.predict(path).people) for path in paths)
        seconds = time.perf_counter() - start
        os.write(1, json.dumps({"seconds": seconds, "faces": faces}).encode() + b"\n")


if __name__ == "__main__":
    main()
