"""Notes beside people: which form each is given, and where it hides least."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.arrays import FloatArray
from affekt.results import BoxXyxy, Person
from affekt.view.canvas import Canvas

MOST_ON_OTHERS = 0.5
"""A note does not grow where more of it than this would lie on other people's bodies."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write an emotion down.

    Attributes:
        size: width and height that it needs in pixels.
        draw: puts it into a box of that size.
        smallest: height in lines of text of the smallest face that it suits.
    """

    size: Callable[[Canvas, Person], tuple[int, int]]
    draw: Callable[[Canvas, BoxXyxy, Person], None]
    smallest: float = 0.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A person to be noted.

    Attributes:
        person: whom the note is of.
        anchor: what it stands beside and nothing may hide: the face, or the head's place.
        body: the person's extent, hidden only where nothing better is free.
        forms: in which they may be noted, the smallest first.
    """

    person: Person
    anchor: BoxXyxy
    body: BoxXyxy
    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A form put at a place.

    Attributes:
        form: in which the person is noted.
        box: where.
        person: of whom.
        cost: what it hides, see `_best_note`.
        on_others: the share of it that lies on other people's bodies.
    """

    form: Form
    box: BoxXyxy
    person: Person
    cost: float
    on_others: float


def place_notes(canvas: Canvas, subjects: Sequence[Subject]) -> list[Note]:
    """A note for every person: all get their smallest first, then each grows where there is room.

    All have equally many forms.
    """
    notes: list[Note] = []
    for own, subject in enumerate(subjects):
        notes.append(_best_note(canvas, subject.forms[0], subjects, own, notes))
    for step in range(1, min((len(subject.forms) for subject in subjects), default=0)):
        for own, subject in enumerate(subjects):
            form, face = subject.forms[step], subject.anchor
            if face[3] - face[1] < form.smallest * canvas.text:
                continue
            others = notes[:own] + notes[own + 1 :]
            note = _best_note(canvas, form, subjects, own, others)
            free = note.cost == 0 and note.on_others <= MOST_ON_OTHERS
            if free or _tolerable(note, notes[own], face):
                notes[own] = note
    return notes


def _tolerable(note: Note, smaller: Note, face: BoxXyxy) -> bool:
    """Whether a face fills so much of the picture that a note has to lie on it, and may."""
    area = (face[2] - face[0]) * (face[3] - face[1])
    return smaller.cost > 0 and note.cost <= area / 8


def _best_note(
    canvas: Canvas, form: Form, subjects: Sequence[Subject], own: int, notes: Sequence[Note]
) -> Note:
    """The note beside person ``own`` that hides least.

    Its cost is what it hides in square pixels: its own face once, other faces and notes a
    thousand times. Of equal places the one that hides least of other people's bodies is taken.
    """
    subject = subjects[own]
    others = [
        *(note.box for note in notes),
        *(s.anchor for i, s in enumerate(subjects) if i != own),
    ]
    options = list(_places(canvas, form.size(canvas, subject.person), subject.anchor))
    costs = hidden(options, [subject.anchor]) + 1000 * hidden(options, others)
    bodies = hidden(options, [s.body for i, s in enumerate(subjects) if i != own])
    best = int(np.lexsort((bodies, costs))[0])
    x1, y1, x2, y2 = options[best]
    on_others = float(bodies[best]) / max((x2 - x1) * (y2 - y1), 1.0)
    return Note(form, options[best], subject.person, float(costs[best]), on_others)


def _places(canvas: Canvas, size: tuple[int, int], face: BoxXyxy) -> Iterator[BoxXyxy]:
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


def hidden(places: Sequence[BoxXyxy], things: Sequence[BoxXyxy]) -> FloatArray:
    """Square pixels of ``things`` that each place covers."""
    a = np.asarray(places, dtype=np.float64).reshape(-1, 1, 4)
    b = np.asarray(things, dtype=np.float64).reshape(1, -1, 4)
    size = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.asarray(np.clip(size, 0.0, None).prod(axis=2).sum(axis=1))
