"""From what a model says by head to the emotions of people, which have fields for some heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from affekt.arrays import FloatArray32
from affekt.bundle import Bundle, Dimensional, MultiLabel, OutputSpec, SingleLabel
from affekt.errors import BundleError
from affekt.heads import CATEGORIES_HEAD, PRIMARY_HEAD, VAD_HEAD
from affekt.inference.read.model import Model, ModelInputs, Reading
from affekt.inference.read.views import People
from affekt.labels import VAD
from affekt.results import Emotion


class EmotionReader:
    """A bundle as the emotions of people.

    Args:
        bundle: whose heads fill the fields of `FIELDS`; what others say goes to ``others``.
        threads: for one run of one network; all cores by default.

    Attributes:
        needs_face: see `Model`.
        primary_labels: the primary emotions that it tells apart, none where it says none.
        categories: likewise.
        others: the labels of further heads, by head.

    Raises:
        BundleError: the bundle cannot be used, or says by the name of a field what does not fit it.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self._model = Model(bundle, threads)
        heads = self._model.heads
        for name in FIELDS.keys() & heads.keys():
            _check_field(bundle, name, heads[name])
        self.others = {n: own.labels for n, own in heads.items() if n not in FIELDS}
        self.needs_face = self._model.needs_face
        self.primary_labels = self._labels(PRIMARY_HEAD)
        self.categories = self._labels(CATEGORIES_HEAD)

    def take(self, people: People) -> ModelInputs:
        """What the model needs of a picture; safe in several threads."""
        return self._model.take(people)

    def read(self, batch: Sequence[ModelInputs]) -> list[Emotion]:
        """The emotions of the people of several pictures, in order."""
        reading = self._model.run(batch)
        return [self._emotion(reading, row) for row in range(sum(map(len, batch)))]

    def _labels(self, name: str) -> tuple[str, ...]:
        head = self._model.heads.get(name)
        return () if head is None else head.labels

    def _emotion(self, reading: Reading, row: int) -> Emotion:
        fields: dict[str, Any] = {PRIMARY_HEAD: None}
        others: dict[str, dict[str, float | None]] = {}
        for name, head in self._model.heads.items():
            values = reading.values[name][row]
            known = not np.isnan(values).any()
            if name in FIELDS:
                fields |= FIELDS[name][1](head, _by_label(head.labels, values)) if known else {}
            else:
                unknown = dict.fromkeys(head.labels)
                others[name] = {**unknown, **(_by_label(head.labels, values) if known else {})}
        return Emotion(**fields, spread=_spread(reading, row), others=others)


def _spread(reading: Reading, row: int) -> float | None:
    """None of one model, and of a person of whom nothing is said."""
    if reading.spread is None or np.isnan(reading.spread[row]):
        return None
    return float(reading.spread[row])


def _primary(head: SingleLabel, said: dict[str, float]) -> dict[str, Any]:
    return {"primary": said}


def _categories(head: MultiLabel, said: dict[str, float]) -> dict[str, Any]:
    over = tuple(n for n, p in said.items() if head.thresholds and p >= head.thresholds[n])
    return {"categories": said, "category_labels": over if head.thresholds else None}


def _vad(head: Dimensional, said: dict[str, float]) -> dict[str, Any]:
    return dict(said)


FIELDS: dict[str, tuple[type[OutputSpec], Callable[[Any, dict[str, float]], dict[str, Any]]]] = {
    PRIMARY_HEAD: (SingleLabel, _primary),
    CATEGORIES_HEAD: (MultiLabel, _categories),
    VAD_HEAD: (Dimensional, _vad),
}
"""The heads that an emotion has fields for: of which kind each is, and how it fills them."""


def _check_field(bundle: Bundle, name: str, head: OutputSpec) -> None:
    if not isinstance(head, FIELDS[name][0]) or (name == VAD_HEAD and not {*head.labels} <= {*VAD}):
        raise BundleError(
            f"{bundle.folder}: says {name!r} ({head.kind}: {', '.join(head.labels[:4])} …), which "
            f"does not fit an emotion's field of that name; give the head a name of its own"
        )


def _by_label(labels: tuple[str, ...], row: FloatArray32) -> dict[str, float]:
    return dict(zip(labels, row.astype(float).tolist(), strict=True))
