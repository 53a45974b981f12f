"""What is noted of a face: its primary emotion as a tag, as bars, or as a panel of bars."""

from __future__ import annotations

from affekt.results import BoxXyxy, Person
from affekt.view.canvas import INK, PAPER, TRACK, Canvas, colour
from affekt.view.notes import Form

UNSEEN = "face not seen"


def title(person: Person) -> str:
    """The primary emotion and its probability."""
    emotion = person.emotion
    if emotion.primary is None or emotion.primary_label is None:
        return UNSEEN
    return f"{emotion.primary_label} {emotion.primary[emotion.primary_label]:.0%}"


def draw_title(canvas: Canvas, box: BoxXyxy, person: Person, text: str) -> None:
    """One line on the primary emotion's colour."""
    canvas.panel(box, colour(person.emotion.primary_label), INK)
    canvas.write(box[0] + canvas.pad, box[1], text, INK)


def _short_title(person: Person) -> str:
    label = person.emotion.primary_label
    return UNSEEN if label is None else f"{label[:3]} {_primary(person)[label] * 100:.0f}"


def _short_size(canvas: Canvas, person: Person) -> tuple[int, int]:
    return canvas.length(_short_title(person)) + 2 * canvas.pad, canvas.line


def _draw_short(canvas: Canvas, box: BoxXyxy, person: Person) -> None:
    draw_title(canvas, box, person, _short_title(person))


def _tag_size(canvas: Canvas, person: Person) -> tuple[int, int]:
    return canvas.length(title(person)) + 2 * canvas.pad, canvas.line


def _draw_tag(canvas: Canvas, box: BoxXyxy, person: Person) -> None:
    draw_title(canvas, box, person, title(person))


def _mini_size(canvas: Canvas, person: Person) -> tuple[int, int]:
    return _tag_size(canvas, person)[0], canvas.line + 2 * canvas.text


def _draw_mini(canvas: Canvas, box: BoxXyxy, person: Person) -> None:
    x1, y1, x2, y2 = box
    canvas.panel(box, INK, colour(person.emotion.primary_label))
    _draw_tag(canvas, (x1, y1, x2, y1 + canvas.line), person)
    primary = _primary(person)
    step = (x2 - x1 - 2 * canvas.pad) / len(primary)
    top, bottom = y1 + canvas.line + canvas.pad, y2 - canvas.pad
    for number, (label, probability) in enumerate(primary.items()):
        left, right = x1 + canvas.pad + step * number, x1 + canvas.pad + step * (number + 0.8)
        canvas.pen.rectangle((left, top, right, bottom), fill=TRACK)
        level = bottom - max(1.0, probability * (bottom - top))
        canvas.pen.rectangle((left, level, right, bottom), fill=colour(label))


def _panel_columns(canvas: Canvas, person: Person) -> tuple[int, int, int]:
    names = max(canvas.length(label) for label in _primary(person))
    return names, 4 * canvas.text, canvas.length("100%")


def _panel_size(canvas: Canvas, person: Person) -> tuple[int, int]:
    width = sum(_panel_columns(canvas, person)) + 5 * canvas.pad
    width = max(width, _tag_size(canvas, person)[0])
    return width, canvas.line * (1 + len(_primary(person))) + canvas.pad


def _draw_panel(canvas: Canvas, box: BoxXyxy, person: Person) -> None:
    x1, y1, x2, _ = box
    canvas.panel(box, INK, colour(person.emotion.primary_label))
    _draw_tag(canvas, (x1, y1, x2, y1 + canvas.line), person)
    names, bar, figures = _panel_columns(canvas, person)
    left = x1 + 3 * canvas.pad + names
    for number, (label, probability) in enumerate(_primary(person).items()):
        y = y1 + canvas.line * (number + 1) + canvas.pad / 2
        canvas.write(x1 + canvas.pad, y, label, PAPER)
        top, bottom = y + canvas.line * 0.25, y + canvas.line * 0.75
        canvas.pen.rectangle((left, top, left + bar, bottom), fill=TRACK)
        level = left + max(1.0, probability * bar)
        canvas.pen.rectangle((left, top, level, bottom), fill=colour(label))
        text = f"{probability:.0%}"
        x = left + bar + canvas.pad + figures - canvas.length(text)
        canvas.write(x, y, text, PAPER)


def _primary(person: Person) -> dict[str, float]:
    return person.emotion.primary or {UNSEEN: 0.0}


SHORT = Form(_short_size, _draw_short)
TAG = Form(_tag_size, _draw_tag)
MINI = Form(_mini_size, _draw_mini)
PANEL = Form(_panel_size, _draw_panel, smallest=2.5)

FACE_FORMS = (SHORT, TAG, MINI, PANEL)
"""From three letters to a bar per emotion."""
