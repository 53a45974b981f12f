"""The columns of a table of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affekt.results import Emotion, Frame, Person, to_table

TEXTS = ("source", "primary_label", "category_labels")
WHOLE_NUMBERS = ("width", "height", "index", "person", "track_id")


@dataclass(frozen=True, slots=True)
class Labels:
    """What a model may say of a person: it fixes the columns of a table.

    Attributes:
        primary: the primary emotions.
        categories: EMOTIC's categories, none for a face model.
    """

    primary: Sequence[str]
    categories: Sequence[str] = ()


def columns_for(labels: Labels) -> list[str]:
    """The columns of a table of results of a model with those labels.

    >>> columns_for(Labels(["anger", "joy"], ["Peace"]))[16:21]
    ['primary_label', 'anger', 'joy', 'Peace', 'category_labels']
    """
    primary, categories = (
        dict.fromkeys(names, 0.0) for names in (labels.primary, labels.categories)
    )
    person = Person((0.0, 0.0, 0.0, 0.0), 0.0, None, Emotion(primary, categories))
    return list(next(to_table([Frame("", 0, 0, people=(person,))])))
