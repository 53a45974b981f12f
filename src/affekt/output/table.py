"""The columns of a table of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from affekt.results import Emotion, Frame, Person, to_table

TEXTS = ("source", "primary_label", "category_labels")
WHOLE_NUMBERS = ("width", "height", "index", "person", "track_id")


@dataclass(frozen=True, slots=True)
class Labels:
    """What a model may say of a person: it fixes the columns of a table.

    Attributes:
        primary: the primary emotions.
        categories: EMOTIC's categories, none for a face model.
        others: the labels of further heads, by head.
    """

    primary: Sequence[str]
    categories: Sequence[str] = ()
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)


def columns_for(labels: Labels) -> list[str]:
    """The columns of a table of results of a model with those labels.

    >>> columns_for(Labels(["anger", "joy"], ["Peace"]))[16:21]
    ['primary_label', 'anger', 'joy', 'Peace', 'category_labels']
    """
    primary, categories = (
        dict.fromkeys(names, 0.0) for names in (labels.primary, labels.categories)
    )
    emotion = Emotion(primary, categories)
    for head, own in labels.others.items():
        emotion.others[head] = dict.fromkeys(own)
    person = Person((0.0, 0.0, 0.0, 0.0), 0.0, None, emotion)
    return list(next(to_table([Frame("", 0, 0, people=(person,))])))
