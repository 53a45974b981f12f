"""Results drawn on the picture they belong to, and faces blurred beyond recognition."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from affekt.geometry import clip_xyxy
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Frame, Person
from affekt.view.canvas import INK, PAPER, Canvas, colour
from affekt.view.context_notes import CONTEXT_FORMS
from affekt.view.face_notes import FACE_FORMS, MINI, SHORT
from affekt.view.notes import Subject, hidden, place_notes

SMALLEST_SIDE = 400
"""A picture whose longer side is shorter than this is enlarged, so that text can be read."""

BLUR_GROWTH = 1.45
"""An ellipse in a box grown by more than the root of two covers the whole of the box."""
BLUR_CELLS = 6

HEAD = 0.25
"""The part of a person's height that is taken for the head where no face is seen."""


UNNAMED = (SHORT, MINI, *CONTEXT_FORMS[:-1])
"""Forms whose colours need the legend."""

CROWD = 6
"""With more people than that only faces are boxed, and bodies of those without one."""


def annotate(image_rgb: ImageRgb, frame: Frame) -> ImageRgb:
    """A copy of the picture with each person's box and a note of their apparent emotion.

    Faces get a box, and bodies the corners of one, or a box where no face is seen. Every person
    gets at least a short tag: the first letters of the label and its probability. Where there is
    room beside the face it grows: by a face model into a tag with the whole label, a row of
    coloured bars, or a panel of labelled bars; by a context model into a tag, the two strongest
    categories with a dial of valence (to the right) and arousal (upwards), or a panel of five.
    Nothing covers another face or another note where that can be avoided. Colours without names
    come with one legend for the picture.

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
    subjects = [_subject(person, factor) for person in frame.people]
    anchors = [subject.anchor for subject in subjects]
    canvas = Canvas.of(image, anchors)
    notes = place_notes(canvas, subjects)
    for subject in subjects:
        _draw_boxes(canvas, subject, crowded=len(subjects) > CROWD)
    for note in notes:
        note.form.draw(canvas, note.box, note.person)
    labels = _coloured(frame.people)
    if labels and any(note.form in UNNAMED for note in notes):
        _draw_legend(canvas, labels, [*anchors, *(note.box for note in notes)])
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


def _subject(person: Person, factor: int) -> Subject:
    """A person on a picture that is enlarged by a factor."""
    x1, y1, x2, y2 = body = _scaled(person.box_xyxy, factor)
    head = (x1, y1, x2, y1 + HEAD * (y2 - y1))
    anchor = head if person.face is None else _scaled(person.face.box_xyxy, factor)
    forms = FACE_FORMS if person.emotion.categories is None else CONTEXT_FORMS
    return Subject(person, anchor, body, forms)


def _draw_boxes(canvas: Canvas, subject: Subject, *, crowded: bool) -> None:
    person = subject.person
    hue = colour(person.emotion.primary_label)
    if person.face is None:
        canvas.box(subject.body, hue)
        return
    if person.face.box_xyxy != person.box_xyxy and not crowded:
        canvas.corners(subject.body, hue)
    canvas.box(subject.anchor, hue)


def _coloured(people: Sequence[Person]) -> list[str]:
    """The primary emotions whose colours are in the picture: a face model's bars have them all."""
    labels = [
        label
        for person in people
        for label in (
            [person.emotion.primary_label]
            if person.emotion.categories is not None
            else person.emotion.primary or ()
        )
    ]
    return list(dict.fromkeys(label for label in labels if label is not None))


def _draw_legend(canvas: Canvas, labels: Sequence[str], avoid: Sequence[BoxXyxy]) -> None:
    """The name of each bar's colour, in the corner where it hides least."""
    swatch = canvas.text
    width = max(canvas.length(label) for label in labels) + swatch + 3 * canvas.pad
    height = canvas.line * len(labels) + canvas.pad
    right, bottom = max(0, canvas.width - 1 - width), max(0, canvas.height - 1 - height)
    corners = [(0, bottom), (right, bottom), (right, 0), (0, 0), (right, bottom / 2)]
    places = [(float(x), float(y), float(x + width), float(y + height)) for x, y in corners]
    box = places[int(np.argmin(hidden(places, avoid)))]
    canvas.panel(box, INK, PAPER)
    for number, label in enumerate(labels):
        x, y = box[0] + canvas.pad, box[1] + canvas.pad / 2 + canvas.line * number
        top = y + (canvas.line - swatch) / 2
        canvas.pen.rectangle((x, top, x + swatch, top + swatch), fill=colour(label))
        canvas.write(x + swatch + canvas.pad, y, label, PAPER)


def _scaled(box: BoxXyxy, factor: int) -> BoxXyxy:
    x1, y1, x2, y2 = (value * factor for value in box)
    return (x1, y1, x2, y2)
