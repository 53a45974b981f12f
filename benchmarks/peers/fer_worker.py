"""FER, as installed, answering the requests of `peers.worker` in its own environment.

FER's own code does all the work (grey, its square, border and 64 x 64 pixels, its quantised TFLite
model); only the rounding of its scores to two decimals is left out, which would cost it accuracy.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from fer.fer import FER

SIDE = 64


class ExactFER(FER):  # type: ignore[misc]
    """FER that keeps the scores of its last call before they are rounded."""

    def _classify_emotions(self, gray_faces: Any) -> Any:
        self.scores = np.asarray(super()._classify_emotions(gray_faces))
        return self.scores


WITH_BORDER = ExactFER()
"""The documented default: ten pixels more on each side of a face's box."""
WITHOUT_BORDER = ExactFER(offsets=(0, 0))


def photos(request: dict[str, Any]) -> dict[str, Any]:
    """Files to emotions, with the default Haar cascade."""
    start = time.perf_counter()
    faces = sum(len(WITH_BORDER.detect_emotions(path)) for path in request["paths"])
    return {"seconds": time.perf_counter() - start, "faces": faces}


def faces(request: dict[str, Any]) -> dict[str, Any]:
    """The emotion model alone, on inputs that are ready."""
    rng = np.random.default_rng(request["seed"])
    batch = rng.uniform(-1, 1, (request["batch"], SIDE, SIDE)).astype(np.float32)
    start = time.perf_counter()
    for _ in range(request["count"] // request["batch"]):
        WITHOUT_BORDER._classify_emotions(batch)
    return {"seconds": time.perf_counter() - start}


def classify(request: dict[str, Any]) -> dict[str, Any]:
    """Scores of given faces, for each way to show one to FER."""
    names = FER._get_labels()
    with np.load(request["file"]) as arrays:
        count = sum(name.startswith("box_") for name in arrays.files)
        probabilities = {
            variant: [VARIANTS[variant](arrays, str(i)) for i in range(count)]
            for variant in request["variants"]
        }
    return {"labels": [names[i] for i in range(len(names))], "probabilities": probabilities}


def _crop(arrays: Any, i: str) -> list[float]:
    return _whole(arrays[f"crop_{i}"])


def _picture(arrays: Any, i: str) -> list[float]:
    return _whole(arrays[f"picture_{i}"])


def _box(arrays: Any, i: str) -> list[float]:
    """The face's box in its picture, cut out by FER's own rule."""
    picture = arrays[f"picture_{i}"]
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = np.clip(arrays[f"box_{i}"].round(), 0, [width, height, width, height])
    return _scores(WITH_BORDER, picture, (int(x1), int(y1), int(x2 - x1), int(y2 - y1)))


def _whole(picture: Any) -> list[float]:
    height, width = picture.shape[:2]
    return _scores(WITHOUT_BORDER, picture, (0, 0, width, height))


def _scores(model: ExactFER, picture_rgb: Any, box_xywh: tuple[int, int, int, int]) -> list[float]:
    found = model.detect_emotions(np.ascontiguousarray(picture_rgb[..., ::-1]), [box_xywh])
    if len(found) != 1:
        raise ValueError(f"FER could not use the box {box_xywh}")
    return [float(value) for value in model.scores[0]]


VARIANTS: dict[str, Callable[[Any, str], list[float]]] = {
    "crop": _crop,
    "picture": _picture,
    "box": _box,
}
TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "photos": photos,
    "faces": faces,
    "classify": classify,
}


def main() -> None:
    """Answers requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the libraries print must not mix with the answers
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = TASKS[request["do"]](request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
