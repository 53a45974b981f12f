"""Your own face detector: any object that gives faces, largest first, in pixels.

    python examples/own_detector.py booth.jpg

Here is one for a photo booth, where the face is always in the middle of the picture.
"""

from argparse import ArgumentParser
from importlib.resources import files
from pathlib import Path

import numpy as np

import affekt


class Middle:
    """One face, from forehead to chin, in the middle third."""

    def detect(self, image_rgb: np.ndarray) -> list[affekt.Face]:
        """The faces of a picture of shape (height, width, 3)."""
        height, width = image_rgb.shape[:2]
        side = min(width, height) / 3
        left, top = (width - side) / 2, (height - side) / 2
        return [affekt.Face((left, top, left + side, top + side), score=1.0)]


parser = ArgumentParser(description=__doc__)
photo = Path(str(files("affekt") / "assets" / "astronaut.jpg"))
parser.add_argument("photos", nargs="*", type=Path, default=[photo])
given = parser.parse_args()

detector: affekt.FaceDetector = Middle()
predictor = affekt.load("face", face_detector=detector)
for frame in predictor.predict(given.photos):
    for person in frame.people:
        print(f"{Path(frame.source).name}: {person.emotion.primary_label}")
