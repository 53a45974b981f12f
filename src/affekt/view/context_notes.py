"""What is noted of a person in context: the strongest categories, and a dial.

The dial is a square in which valence runs from left (1) to right (10) and arousal from below
(1) to above (10); the needle points from the middle of both to the person.
"""

from __future__ import annotations

from dataclasses import dataclass

from affekt.labels import VAD_RANGE
from affekt.results import BoxXyxy, Emotion, Person
from affekt.view.canvas import INK, PAPER, TRACK, Canvas, Rgb, colour
from affekt.view.face_notes import draw_title, title
from affekt.view.notes import Form

FAINT: Rgb = (150, 150, 150)
"""Text of categories that are not over their threshold, and the dial's axes."""

MOST = 5
"""Categories in a panel; the rest are in the tables."""


@dataclass(frozen=True, slots=True)
class Category:
    """One category of a person.

    Attributes:
        label: its name.
        probability: calibrated.
        over: whether it is over its threshold; True where there are no thresholds.
    """

    label: str
    probability: float
    over: bool


def strongest(emotion: Emotion, most: int) -> list[Category]:
    """The categories over their thresholds, the most probable first; at least one.

    Where none is over its threshold it is the most probable one, where there are no thresholds
    they are the most probable of all.

    >>> emotion = Emotion(None, {"Peace": 0.2, "Fear": 0.3, "Esteem": 0.6}, ("Peace", "Fear"))
    >>> [category.label for category in strongest(emotion, 5)]
    ['Fear', 'Peace']
    """
    categories, labels = emotion.categories or {}, emotion.category_labels
    ranked = sorted(categories.items(), key=lambda item: -item[1])
    found = [Category(name, p, True) for name, p in ranked if labels is None or name in labels]
    if not found:
        found = [Category(name, p, False) for name, p in ranked[:1]]
    return found[:most]


def draw_dial(canvas: Canvas, box: BoxXyxy, emotion: Emotion, hue: Rgb) -> None:
    """Valence and arousal as a needle in a square; nothing where they are not known."""
    if emotion.valence is None or emotion.arousal is None:
        return
    x1, y1, x2, y2 = box
    low, high = VAD_RANGE
    x = x1 + (emotion.valence - low) / (high - low) * (x2 - x1)
    y = y2 - (emotion.arousal - low) / (high - low) * (y2 - y1)
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    canvas.pen.rectangle(box, fill=TRACK)
    canvas.pen.line((x1, middle[1], x2, middle[1]), fill=FAINT, width=canvas.thin)
    canvas.pen.line((middle[0], y1, middle[0], y2), fill=FAINT, width=canvas.thin)
    if y2 - y1 > 2.5 * canvas.text:
        _name_axes(canvas, box)
    canvas.pen.line((*middle, x, y), fill=hue, width=2 * canvas.thin)
    dot = max(2.0, canvas.text / 4)
    canvas.pen.ellipse((x - dot, y - dot, x + dot, y + dot), fill=hue, outline=INK)


def _name_axes(canvas: Canvas, box: BoxXyxy) -> None:
    x1, y1, x2, y2 = box
    canvas.write(x2 - canvas.length("V") - canvas.pad / 2, (y1 + y2) / 2, "V", FAINT)
    canvas.write((x1 + x2) / 2 + canvas.pad / 2, y1, "A", FAINT)


def _lines(person: Person, most: int) -> list[str]:
    return [f"{c.label} {c.probability:.0%}" for c in strongest(person.emotion, most)]


def _short_title(person: Person) -> str:
    (best,) = strongest(person.emotion, 1)
    return f"{best.label[:4]} {best.probability * 100:.0f}"


def _short_size(canvas: Canvas, person: Person) -> tuple[int, int]:
    return canvas.length(_short_title(person)) + 2 * canvas.pad, canvas.line


def _draw_short(canvas: Canvas, box: BoxXyxy, person: Person) -> None:
    _draw_line(canvas, box, person, _short_title(person))


def _tag_size(canvas: Canvas, person: Person) -> tuple[int, int]:
    return canvas.length(_lines(person, 1)[0]) + 2 * canvas.pad, canvas.line


def _draw_tag(canvas: Canvas, box: BoxXyxy, person: Person) -> None:
    _draw_line(canvas, box, person, _lines(person, 1)[0])


def _draw_line(canvas: Canvas, box: BoxXyxy, person: Person, text: str) -> None:
    """On ink, framed in the face's colour: the text is not what the colour stands for."""
    canvas.panel(box, INK, colour(person.emotion.primary_label))
    canvas.write(box[0] + canvas.pad, box[1], text, PAPER)


def _mini_size(canvas: Canvas, person: Person) -> tuple[int, int]:
    names = max(map(canvas.length, _lines(person, 2)))
    return names + 2 * canvas.line + 4 * canvas.pad, 2 * canvas.line + canvas.pad


def _draw_mini(canvas: Canvas, box: BoxXyxy, person: Person) -> None:
    """Two categories, and a dial of their height."""
    x1, y1, x2, y2 = box
    hue = colour(person.emotion.primary_label)
    canvas.panel(box, INK, hue)
    for number, category in enumerate(strongest(person.emotion, 2)):
        text = f"{category.label} {category.probability:.0%}"
        ink = PAPER if category.over else FAINT
        canvas.write(x1 + canvas.pad, y1 + canvas.pad / 2 + number * canvas.line, text, ink)
    side = y2 - y1 - 2 * canvas.pad
    right = x2 - canvas.pad
    draw_dial(canvas, (right - side, y1 + canvas.pad, right, y2 - canvas.pad), person.emotion, hue)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns of a panel in pixels: names, bars, figures and the dial."""

    names: int
    bar: int
    figures: int
    dial: int


def _layout(canvas: Canvas, person: Person) -> _Layout:
    names = max(canvas.length(c.label) for c in strongest(person.emotion, MOST))
    dial = max(3 * canvas.line, canvas.length(_vad_text(person.emotion)))
    return _Layout(names, 4 * canvas.text, canvas.length("100%"), dial)


def _panel_size(canvas: Canvas, person: Person) -> tuple[int, int]:
    layout = _layout(canvas, person)
    width = layout.names + layout.bar + layout.figures + layout.dial + 7 * canvas.pad
    width = max(width, canvas.length(title(person)) + 2 * canvas.pad)
    rows = len(strongest(person.emotion, MOST)) * canvas.line
    return width, canvas.line + max(rows, layout.dial + canvas.line) + 2 * canvas.pad


def _draw_panel(canvas: Canvas, box: BoxXyxy, person: Person) -> None:
    x1, y1, x2, _ = box
    layout, hue = _layout(canvas, person), colour(person.emotion.primary_label)
    canvas.panel(box, INK, hue)
    draw_title(canvas, (x1, y1, x2, y1 + canvas.line), person, title(person))
    top = y1 + canvas.line + canvas.pad
    for number, category in enumerate(strongest(person.emotion, MOST)):
        _draw_row(canvas, (x1 + canvas.pad, top + number * canvas.line), layout, category, hue)
    left = x2 - canvas.pad - layout.dial
    draw_dial(canvas, (left, top, left + layout.dial, top + layout.dial), person.emotion, hue)
    canvas.write(left, top + layout.dial, _vad_text(person.emotion), PAPER)


def _draw_row(
    canvas: Canvas, corner: tuple[float, float], layout: _Layout, category: Category, hue: Rgb
) -> None:
    x, y = corner
    ink = PAPER if category.over else FAINT
    canvas.write(x, y, category.label, ink)
    left = x + layout.names + canvas.pad
    top, bottom = y + canvas.line * 0.25, y + canvas.line * 0.75
    canvas.pen.rectangle((left, top, left + layout.bar, bottom), fill=TRACK)
    level = left + max(1.0, category.probability * layout.bar)
    canvas.pen.rectangle((left, top, level, bottom), fill=hue if category.over else FAINT)
    text = f"{category.probability:.0%}"
    right = left + layout.bar + canvas.pad + layout.figures
    canvas.write(right - canvas.length(text), y, text, ink)


def _vad_text(emotion: Emotion) -> str:
    values = {"V": emotion.valence, "A": emotion.arousal, "D": emotion.dominance}
    return " ".join(f"{name}{value:.1f}" for name, value in values.items() if value is not None)


CONTEXT_FORMS = (
    Form(_short_size, _draw_short),
    Form(_tag_size, _draw_tag),
    Form(_mini_size, _draw_mini),
    Form(_panel_size, _draw_panel, smallest=2.5),
)
"""From four letters of one category to a panel of categories with a dial."""
