"""Persons worth looking at: those a model gets best, worst, and is least sure of."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from affekt.arrays import FloatArray
from affekt.data.people import PersonManifest, PersonRow, read_person_picture
from affekt.evaluation.people_report import ContextPredictions
from affekt.media import ImageRgb
from affekt.results import BoxXyxy
from affekt.view.draw import blur_faces

SIDE = 320
"""Longest side of a picture in the gallery, in pixels."""

GAIN_RULE = (
    "The information, in nats per category, that the probabilities give about the true categories "
    "beyond how common each is: 0 for a model that only knows that."
)

SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1, so that no logarithm is infinite."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Persons chosen by one rule, best first.

    Attributes:
        title: what they have in common.
        rule: how they were chosen, in a sentence.
        places: which of the persons scored.
        values: what they were ordered by.
    """

    title: str
    rule: str
    places: tuple[int, ...]
    values: tuple[float, ...]


def choose(predictions: ContextPredictions, count: int) -> list[Choice]:
    """The best, the worst and the most uncertain persons, at most one of each picture.

    Args:
        predictions: of n persons.
        count: how many of each.
    """
    gain = information_gain(predictions.truth, predictions.probabilities)
    doubt, doubt_rule = _uncertainty(predictions)
    return [
        Choice("Best", GAIN_RULE, *_first(gain, predictions.pictures, count)),
        Choice("Worst", GAIN_RULE, *_first(gain, predictions.pictures, count, lowest=True)),
        Choice("Most uncertain", doubt_rule, *_first(doubt, predictions.pictures, count)),
    ]


def information_gain(truth: npt.ArrayLike, probabilities: npt.ArrayLike) -> FloatArray:
    """By how much each person's cross-entropy is below that of the shares of positives.

    Args:
        truth: shape (n, k).
        probabilities: shape (n, k).

    Returns:
        Shape (n,), nats per category.

    >>> information_gain([[1], [0]], [[0.75], [0.75]]).round(3).tolist()
    [0.405, -0.693]
    """
    y = np.asarray(truth, dtype=np.float64)
    return _cross_entropy(y, y.mean(axis=0)) - _cross_entropy(y, probabilities)


def picture_uri(image_rgb: ImageRgb, box_xyxy: BoxXyxy, faces: Iterable[BoxXyxy] = ()) -> str:
    """A small copy with the person's box, as a ``data:`` address that a page can hold.

    Args:
        image_rgb: shape (height, width, 3).
        box_xyxy: of the person, in pixels.
        faces: boxes to blur first.
    """
    image = Image.fromarray(blur_faces(image_rgb, list(faces)))
    scale = SIDE / max(image.size)
    if scale < 1:
        image = image.resize([max(1, round(side * scale)) for side in image.size])
    else:
        scale = 1.0
    box = [value * scale for value in box_xyxy]
    draw = ImageDraw.Draw(image)
    draw.rectangle(box, outline=(0, 0, 0), width=4)
    draw.rectangle(box, outline=(255, 210, 0), width=2)
    content = BytesIO()
    image.save(content, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def chosen_pictures(
    manifest: PersonManifest, ids: Iterable[str], *, blur: bool = False
) -> Iterator[tuple[str, str]]:
    """The id and picture of each chosen person; with ``blur``, all known faces are blurred."""
    wanted = set(ids)
    for group in manifest.pictures():
        chosen = [row for row in group if row.id in wanted]
        if chosen:
            image = read_person_picture(manifest, chosen[0])
            faces = _faces(group) if blur else []
            yield from ((row.id, picture_uri(image, row.box_xyxy, faces)) for row in chosen)


def _faces(rows: list[PersonRow]) -> list[BoxXyxy]:
    return [row.face.box_xyxy for row in rows if row.face is not None]


def _uncertainty(predictions: ContextPredictions) -> tuple[FloatArray, str]:
    if predictions.spread is not None:
        return predictions.spread, "How far the members of the ensemble lie apart."
    p = np.clip(predictions.probabilities, SMALLEST, 1 - SMALLEST)
    return _cross_entropy(p, p), (
        "Mean entropy of the probabilities, in nats per category; one model has no other measure."
    )


def _first(
    values: FloatArray, pictures: Sequence[str], count: int, *, lowest: bool = False
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The persons with the highest values, or the lowest, one of a picture; and those values."""
    places: dict[str, int] = {}
    for place in np.argsort(values if lowest else -values, kind="stable").tolist():
        places.setdefault(pictures[place], place)
        if len(places) == count:
            break
    chosen = tuple(places.values())[:count]
    return chosen, tuple(values[list(chosen)].tolist())


def _cross_entropy(truth: FloatArray, probabilities: npt.ArrayLike) -> FloatArray:
    p = np.clip(np.asarray(probabilities, dtype=np.float64), SMALLEST, 1 - SMALLEST)
    return np.asarray(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean(axis=1))
