"""Where results are drawn: a picture with one text size, and the colours of everything on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from PIL import Image, ImageDraw, ImageFont

from affekt.results import BoxXyxy

Rgb = tuple[int, int, int]

COLOURS: dict[str, Rgb] = {
    "anger": (232, 72, 56),
    "disgust": (40, 170, 100),
    "fear": (186, 120, 230),
    "happiness": (250, 212, 50),
    "neutral": (190, 190, 190),
    "sadness": (74, 134, 240),
    "surprise": (80, 220, 240),
    "contempt": (200, 140, 96),
}
"""The colour of each emotion's box, tag and bar."""

INK: Rgb = (18, 18, 18)
PAPER: Rgb = (245, 245, 245)
TRACK: Rgb = (66, 66, 66)
SMALLEST_TEXT = 11
"""Height of the smallest text in pixels."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture to draw on, with the one text size of everything on it."""

    width: int
    height: int
    pen: ImageDraw.ImageDraw
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    text: int

    @classmethod
    def of(cls, image: Image.Image, faces: Sequence[BoxXyxy]) -> Canvas:
        """Text of a quarter of the median face's height, within what suits the picture."""
        side = math.sqrt(image.width * image.height)
        face = median([y2 - y1 for _, y1, _, y2 in faces]) if faces else 0.0
        text = max(SMALLEST_TEXT, round(min(max(face / 4, side / 80), side / 45)))
        pen = ImageDraw.Draw(image)
        return cls(image.width, image.height, pen, ImageFont.load_default(text), text)

    @property
    def pad(self) -> int:
        """Space around text in pixels."""
        return max(2, round(self.text * 0.3))

    @property
    def line(self) -> int:
        """Height of a line of text in pixels."""
        return self.text + self.pad

    def length(self, text: str) -> int:
        """Width of a text in pixels."""
        return math.ceil(self.font.getlength(text))

    def write(self, x: float, y: float, text: str, colour: Rgb) -> None:
        """Text whose capital height is centred in the line that starts at ``y``."""
        middle = y + self.line / 2
        self.pen.text((x, middle), text, fill=colour, font=self.font, anchor="lm")

    def panel(self, box: BoxXyxy, fill: Rgb, outline: Rgb) -> None:
        """A filled box with a thin line around it."""
        self.pen.rectangle(box, fill=fill, outline=outline, width=self.thin)

    @property
    def thin(self) -> int:
        """Half the width of a box's line in pixels."""
        return max(1, self.text // 10)

    def box(self, box: BoxXyxy, colour: Rgb) -> None:
        """A coloured line between two dark ones: seen on any background."""
        x1, y1, x2, y2 = box
        thin = self.thin
        outer = (x1 - thin, y1 - thin, x2 + thin, y2 + thin)
        self.pen.rectangle(outer, outline=INK, width=4 * thin)
        self.pen.rectangle(box, outline=colour, width=2 * thin)

    def corners(self, box: BoxXyxy, colour: Rgb) -> None:
        """The four corners of a box: enough to see it, and little where many boxes overlap."""
        x1, y1, x2, y2 = box
        reach = min(2.5 * self.text, (x2 - x1) / 4, (y2 - y1) / 4)
        for width, line in ((4 * self.thin, INK), (2 * self.thin, colour)):
            for x, dx in ((x1, reach), (x2, -reach)):
                for y, dy in ((y1, reach), (y2, -reach)):
                    path = [(x + dx, y), (x, y), (x, y + dy)]
                    self.pen.line(path, fill=line, width=width, joint="curve")


def colour(label: str | None) -> Rgb:
    """The colour of an emotion; paper white where there is none."""
    return COLOURS.get(label or "", PAPER)
