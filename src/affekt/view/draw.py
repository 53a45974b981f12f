"""Results drawn on the picture they belong to, and faces blurred beyond recognition."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from affekt.geometry import FloatArray, clip_xyxy
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Frame, Person

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
SMALLEST_SIDE = 400
"""A picture whose longer side is shorter than this is enlarged, so that text can be read."""

SMALLEST_TEXT = 11
"""Height of the smallest text in pixels."""

BLUR_GROWTH = 1.45
"""An ellipse in a box grown by more than the root of two covers the whole of the box."""
BLUR_CELLS = 6


def annotate(image_rgb: ImageRgb, frame: Frame) -> ImageRgb:
    """A copy of the picture with each face's box, its label and a bar per emotion.

    Every face gets at least a short tag: three letters of the label and its probability. Where
    there is room beside the face it grows into a tag with the whole label, a row of coloured
    bars, or a panel of labelled bars; nothing covers another face or another note where that
    can be avoided. Bars without names come with one legend for the picture.

    Args:
        image_rgb: shape (height, width, 3), the picture that ``frame`` describes.
        frame: boxes in pixels of that picture.

    Returns:
        Shape (height, width, 3); a whole multiple of it where the picture is smaller than
        `SMALLEST_SIDE`.
    """
    height, width = image_rgb.shape[:2]
    factor = max(1, math.ceil(SMALLEST_SIDE / max(width, height)))
    image = Image.fromarray(image_rgb)
    if factor > 1:
        image = image.resize((width * factor, height * factor), Image.Resampling.BICUBIC)
    boxes = [_face_box(person, factor) for person in frame.people]
    canvas = _Canvas.of(image, boxes)
    notes = _place_notes(canvas, frame.people, boxes)
    for person, box in zip(frame.people, boxes, strict=True):
        _draw_box(canvas, box, _colour(person.emotion.primary_label))
    for note in notes:
        note.form.draw(canvas, note.box, note.person)
    if any(note.form in (SHORT, MINI) for note in notes):
        _draw_legend(canvas, frame.people, [*boxes, *(note.box for note in notes)])
    return np.asarray(image)


def blur_faces(image_rgb: ImageRgb, boxes_xyxy: Sequence[BoxXyxy]) -> ImageRgb:
    """A copy of the picture in which nothing is left of the faces but a few mean colours.

    Each face is averaged over at most `BLUR_CELLS` cells a side (2 for a tiny face), then
    smoothed, inside an ellipse that covers the whole of its box. The pixels are gone: no
    filter brings them back.

    Args:
        image_rgb: shape (height, width, 3).
        boxes_xyxy: faces in pixels; what lies outside the picture is ignored.

    Returns:
        Shape (height, width, 3).

    >>> stripes = np.tile(np.array([0, 255], np.uint8), (40, 20))[..., None].repeat(3, axis=2)
    >>> int(np.ptp(blur_faces(stripes, [(8.0, 8.0, 32.0, 32.0)])[20, 12:28])) < 40
    True
    """
    image = Image.fromarray(image_rgb)
    for box in boxes_xyxy:
        _blur(image, box)
    return np.array(image)


def _blur(image: Image.Image, box_xyxy: BoxXyxy) -> None:
    grown = _grown(box_xyxy, BLUR_GROWTH)
    clipped = clip_xyxy(grown, *image.size)
    x1, y1 = (math.floor(v) for v in clipped[:2])
    x2, y2 = (math.ceil(v) for v in clipped[2:])
    width, height = x2 - x1, y2 - y1
    if width <= 0 or height <= 0:
        return
    cell = max(width, height) / min(BLUR_CELLS, max(2, max(width, height) // 8))
    cells = (max(1, round(width / cell)), max(1, round(height / cell)))
    part = image.crop((x1, y1, x2, y2)).resize(cells, Image.Resampling.BOX)
    part = part.resize((width, height), Image.Resampling.NEAREST)
    part = part.filter(ImageFilter.GaussianBlur(cell / 2))
    mask = Image.new("L", (width, height), 0)
    ellipse = (grown[0] - x1, grown[1] - y1, grown[2] - x1, grown[3] - y1)
    ImageDraw.Draw(mask).ellipse(ellipse, fill=255)
    image.paste(part, (x1, y1), mask)


def _grown(box_xyxy: BoxXyxy, factor: float) -> BoxXyxy:
    x1, y1, x2, y2 = box_xyxy
    dx, dy = (x2 - x1) * (factor - 1) / 2, (y2 - y1) * (factor - 1) / 2
    return (x1 - dx, y1 - dy, x2 + dx, y2 + dy)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """A picture to draw on, with the one text size of everything on it."""

    width: int
    height: int
    pen: ImageDraw.ImageDraw
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    text: int

    @classmethod
    def of(cls, image: Image.Image, faces: Sequence[BoxXyxy]) -> _Canvas:
        """Text of a quarter of the median face's height, within what suits the picture."""
        side = math.sqrt(image.width * image.height)
        face = median([y2 - y1 for _, y1, _, y2 in faces]) if faces else 0.0
        text = max(SMALLEST_TEXT, round(min(max(face / 4, side / 80), side / 45)))
        pen = ImageDraw.Draw(image)
        return cls(image.width, image.height, pen, ImageFont.load_default(text), text)

    @property
    def pad(self) -> int:
        return max(2, round(self.text * 0.3))

    @property
    def line(self) -> int:
        return self.text + self.pad

    def length(self, text: str) -> int:
        return math.ceil(self.font.getlength(text))

    def write(self, x: float, y: float, text: str, colour: Rgb) -> None:
        """Text whose capital height is centred in the line that starts at ``y``."""
        middle = y + self.line / 2
        self.pen.text((x, middle), text, fill=colour, font=self.font, anchor="lm")

    def panel(self, box: BoxXyxy, fill: Rgb, outline: Rgb) -> None:
        self.pen.rectangle(box, fill=fill, outline=outline, width=max(1, self.text // 10))


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write an emotion down: the size it needs and how it is drawn."""

    size: Callable[[_Canvas, Person], tuple[int, int]]
    draw: Callable[[_Canvas, BoxXyxy, Person], None]


@dataclass(frozen=True, slots=True)
class _Note:
    """A form put at a place."""

    form: _Form
    box: BoxXyxy
    person: Person
    cost: float


def _short_size(canvas: _Canvas, person: Person) -> tuple[int, int]:
    return canvas.length(_short_title(person)) + 2 * canvas.pad, canvas.line


def _draw_short(canvas: _Canvas, box: BoxXyxy, person: Person) -> None:
    canvas.panel(box, _colour(person.emotion.primary_label), INK)
    canvas.write(box[0] + canvas.pad, box[1], _short_title(person), INK)


def _tag_size(canvas: _Canvas, person: Person) -> tuple[int, int]:
    return canvas.length(_title(person)) + 2 * canvas.pad, canvas.line


def _draw_tag(canvas: _Canvas, box: BoxXyxy, person: Person) -> None:
    canvas.panel(box, _colour(person.emotion.primary_label), INK)
    canvas.write(box[0] + canvas.pad, box[1], _title(person), INK)


def _mini_size(canvas: _Canvas, person: Person) -> tuple[int, int]:
    return _tag_size(canvas, person)[0], canvas.line + 2 * canvas.text


def _draw_mini(canvas: _Canvas, box: BoxXyxy, person: Person) -> None:
    x1, y1, x2, y2 = box
    canvas.panel(box, INK, _colour(person.emotion.primary_label))
    _draw_tag(canvas, (x1, y1, x2, y1 + canvas.line), person)
    primary = person.emotion.primary
    step = (x2 - x1 - 2 * canvas.pad) / len(primary)
    top, bottom = y1 + canvas.line + canvas.pad, y2 - canvas.pad
    for number, (label, probability) in enumerate(primary.items()):
        left, right = x1 + canvas.pad + step * number, x1 + canvas.pad + step * (number + 0.8)
        canvas.pen.rectangle((left, top, right, bottom), fill=TRACK)
        level = bottom - max(1.0, probability * (bottom - top))
        canvas.pen.rectangle((left, level, right, bottom), fill=_colour(label))


def _panel_columns(canvas: _Canvas, person: Person) -> tuple[int, int, int]:
    names = max(canvas.length(label) for label in person.emotion.primary)
    return names, 4 * canvas.text, canvas.length("100%")


def _panel_size(canvas: _Canvas, person: Person) -> tuple[int, int]:
    width = sum(_panel_columns(canvas, person)) + 5 * canvas.pad
    width = max(width, _tag_size(canvas, person)[0])
    return width, canvas.line * (1 + len(person.emotion.primary)) + canvas.pad


def _draw_panel(canvas: _Canvas, box: BoxXyxy, person: Person) -> None:
    x1, y1, x2, _ = box
    canvas.panel(box, INK, _colour(person.emotion.primary_label))
    _draw_tag(canvas, (x1, y1, x2, y1 + canvas.line), person)
    names, bar, figures = _panel_columns(canvas, person)
    left = x1 + 3 * canvas.pad + names
    for number, (label, probability) in enumerate(person.emotion.primary.items()):
        y = y1 + canvas.line * (number + 1) + canvas.pad / 2
        canvas.write(x1 + canvas.pad, y, label, PAPER)
        top, bottom = y + canvas.line * 0.25, y + canvas.line * 0.75
        canvas.pen.rectangle((left, top, left + bar, bottom), fill=TRACK)
        level = left + max(1.0, probability * bar)
        canvas.pen.rectangle((left, top, level, bottom), fill=_colour(label))
        text = f"{probability:.0%}"
        x = left + bar + canvas.pad + figures - canvas.length(text)
        canvas.write(x, y, text, PAPER)


SHORT = _Form(_short_size, _draw_short)
TAG = _Form(_tag_size, _draw_tag)
MINI = _Form(_mini_size, _draw_mini)
PANEL = _Form(_panel_size, _draw_panel)


def _place_notes(
    canvas: _Canvas, people: Sequence[Person], boxes: Sequence[BoxXyxy]
) -> list[_Note]:
    """A note for every person: all get a short tag first, then each grows where there is room."""
    notes: list[_Note] = []
    for number, person in enumerate(people):
        notes.append(_best_note(canvas, SHORT, person, faces=boxes, own=number, notes=notes))
    for form in (TAG, MINI, PANEL):
        for number, person in enumerate(people):
            if form is PANEL and boxes[number][3] - boxes[number][1] < 2.5 * canvas.text:
                continue
            others = notes[:number] + notes[number + 1 :]
            note = _best_note(canvas, form, person, faces=boxes, own=number, notes=others)
            if note.cost == 0 or _tolerable(note, notes[number], boxes[number]):
                notes[number] = note
    return notes


def _tolerable(note: _Note, smaller: _Note, face: BoxXyxy) -> bool:
    """Whether a face fills so much of the picture that a note has to lie on it, and may."""
    area = (face[2] - face[0]) * (face[3] - face[1])
    return smaller.cost > 0 and note.cost <= area / 8


def _best_note(
    canvas: _Canvas,
    form: _Form,
    person: Person,
    *,
    faces: Sequence[BoxXyxy],
    own: int,
    notes: Sequence[_Note],
) -> _Note:
    """The note beside face ``own`` that hides least.

    Its cost is what it hides in square pixels: its own face once, other faces and notes a
    thousand times.
    """
    others = [*(note.box for note in notes), *(f for i, f in enumerate(faces) if i != own)]
    places = list(_places(canvas, form.size(canvas, person), faces[own]))
    costs = _hidden(places, [faces[own]]) + 1000 * _hidden(places, others)
    best = int(np.argmin(costs))
    return _Note(form, places[best], person, float(costs[best]))


def _places(canvas: _Canvas, size: tuple[int, int], face: BoxXyxy) -> Iterator[BoxXyxy]:
    """Boxes of that size around a face, the preferred first, all moved inside the picture."""
    (width, height), (x1, y1, x2, y2) = size, face
    gap = max(2, canvas.text // 5)
    columns = (x1, x2 - width, (x1 + x2 - width) / 2, x1 - width / 2, x2 - width / 2)
    rows = (y1, y2 - height, (y1 + y2 - height) / 2, y1 - height / 2, y2 - height / 2)
    corners = [
        *((x2 + gap, y) for y in rows[:1]),
        *((x1 - width - gap, y) for y in rows[:1]),
        *((x, y1 - height - gap) for x in columns[:1]),
        *((x, y2 + gap) for x in columns[:1]),
        *((x2 + gap, y) for y in rows[1:]),
        *((x1 - width - gap, y) for y in rows[1:]),
        *((x, y1 - height - gap) for x in columns[1:]),
        *((x, y2 + gap) for x in columns[1:]),
    ]
    if height <= canvas.line:  # a tag reads best on top of its box
        corners = [(x1, y1 - height - gap), (x1, y2 + gap), *corners]
    for x, y in [*corners, (x1, y2 - height)]:
        left = min(max(x, 0), max(0, canvas.width - 1 - width))
        top = min(max(y, 0), max(0, canvas.height - 1 - height))
        yield (left, top, left + width, top + height)


def _hidden(places: Sequence[BoxXyxy], things: Sequence[BoxXyxy]) -> FloatArray:
    """Square pixels of ``things`` that each place covers."""
    a = np.asarray(places, dtype=np.float64).reshape(-1, 1, 4)
    b = np.asarray(things, dtype=np.float64).reshape(1, -1, 4)
    size = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.asarray(np.clip(size, 0.0, None).prod(axis=2).sum(axis=1))


def _draw_box(canvas: _Canvas, box: BoxXyxy, colour: Rgb) -> None:
    """A coloured line between two dark ones: seen on any background."""
    thin = max(1, canvas.text // 10)
    x1, y1, x2, y2 = box
    canvas.pen.rectangle((x1 - thin, y1 - thin, x2 + thin, y2 + thin), outline=INK, width=4 * thin)
    canvas.pen.rectangle(box, outline=colour, width=2 * thin)


def _draw_legend(canvas: _Canvas, people: Sequence[Person], avoid: Sequence[BoxXyxy]) -> None:
    """The name of each bar's colour, in the corner where it hides least."""
    labels = list(dict.fromkeys(label for p in people for label in p.emotion.primary))
    swatch = canvas.text
    width = max(canvas.length(label) for label in labels) + swatch + 3 * canvas.pad
    height = canvas.line * len(labels) + canvas.pad
    right, bottom = max(0, canvas.width - 1 - width), max(0, canvas.height - 1 - height)
    corners = [(0, bottom), (right, bottom), (right, 0), (0, 0), (right, bottom / 2)]
    places = [(float(x), float(y), float(x + width), float(y + height)) for x, y in corners]
    box = places[int(np.argmin(_hidden(places, avoid)))]
    canvas.panel(box, INK, PAPER)
    for number, label in enumerate(labels):
        x, y = box[0] + canvas.pad, box[1] + canvas.pad / 2 + canvas.line * number
        top = y + (canvas.line - swatch) / 2
        canvas.pen.rectangle((x, top, x + swatch, top + swatch), fill=_colour(label))
        canvas.write(x + swatch + canvas.pad, y, label, PAPER)


def _face_box(person: Person, factor: int) -> BoxXyxy:
    box = person.box_xyxy if person.face is None else person.face.box_xyxy
    x1, y1, x2, y2 = (value * factor for value in box)
    return (x1, y1, x2, y2)


def _title(person: Person) -> str:
    label = person.emotion.primary_label
    return f"{label} {person.emotion.primary[label]:.0%}"


def _short_title(person: Person) -> str:
    label = person.emotion.primary_label
    return f"{label[:3]} {person.emotion.primary[label] * 100:.0f}"


def _colour(label: str) -> Rgb:
    return COLOURS.get(label, PAPER)
