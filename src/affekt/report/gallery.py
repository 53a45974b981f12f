"""Rows worth looking at: those a model gets best, worst, and is least sure of."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from affekt.arrays import FloatArray, IntArray
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.manifests.row import Row
from affekt.evaluation.metrics.single_label import negative_log_likelihoods
from affekt.evaluation.predictions import Output, Predictions
from affekt.heads import Kind
from affekt.inference.find.faces import load_face_detector
from affekt.inference.people import FindPeople, as_given, faces_alone
from affekt.media import ImageRgb
from affekt.results import BoxXyxy
from affekt.view.draw import blur_faces

SIDE = 320
"""Longest side of a picture in the gallery, in pixels."""

LABELS_SHOWN = 5
"""Probabilities listed under each row."""

GAIN_RULES = {
    Kind.SINGLE_LABEL: (
        "The information, in nats, that the probabilities give about the true label beyond how "
        "common it is: 0 for a model that only knows that."
    ),
    Kind.MULTI_LABEL: (
        "The information, in nats per category, that the probabilities give about the true "
        "categories beyond how common each is: 0 for a model that only knows that."
    ),
}
DOUBT_RULES = {
    Kind.SINGLE_LABEL: "Entropy of the probabilities, in nats; one model has no other measure.",
    Kind.MULTI_LABEL: (
        "Mean entropy of the probabilities, in nats per category; one model has no other measure."
    ),
}

SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1, so that no logarithm is infinite."""


RowKey = tuple[str, str]
"""The source of a row and its id there."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Rows chosen by one rule, best first.

    Attributes:
        title: what they have in common.
        rule: how they were chosen, in a sentence.
        places: which of the rows scored.
        values: what they were ordered by.
    """

    title: str
    rule: str
    places: tuple[int, ...]
    values: tuple[float, ...]


class Card(NamedTuple):
    """What is shown of one row.

    Attributes:
        title: its id, and what it was ordered by.
        picture: as a ``data:`` address, or nothing.
        truth: its true labels.
        labels: the most probable ones: name, probability, whether it is true.
        values: of the dimensions, a line for each head.
    """

    title: str
    picture: str
    truth: str
    labels: list[tuple[str, str, bool]]
    values: list[str]


def choose(predictions: Predictions, count: int) -> list[Choice]:
    """The best, the worst and the most uncertain rows, at most one of each unit.

    They are chosen by the first head that classifies; none without one.

    Args:
        predictions: of n rows.
        count: how many of each.
    """
    output = _classifying(predictions)
    if output is None:
        return []
    gain, units = information_gain(output), predictions.unit_of
    doubt, doubt_rule = _uncertainty(predictions, output)
    rule = GAIN_RULES[output.kind]
    return [
        Choice("Best", rule, *_first(gain, units, count)),
        Choice("Worst", rule, *_first(gain, units, count, lowest=True)),
        Choice("Most uncertain", doubt_rule, *_first(doubt, units, count)),
    ]


def information_gain(output: Output) -> FloatArray:
    """By how much each row's cross-entropy is below that of the shares of the labels.

    Args:
        output: of a single-label or a multi-label head.

    Returns:
        Shape (n,), nats, per label of a multi-label head; NaN where the truth is unknown.

    >>> truth, said = np.array([[True], [False]]), np.array([[0.75], [0.75]])
    >>> information_gain(Output(Kind.MULTI_LABEL, ("a",), truth, said)).round(3).tolist()
    [0.405, -0.693]
    """
    if output.kind is Kind.MULTI_LABEL:
        y = output.targets
        return _cross_entropy(y, y.mean(axis=0)) - _cross_entropy(y, output.predicted)
    known = output.part(output.known)
    shares = known.targets.mean(axis=0)
    gain = np.full(len(output.truth), np.nan)
    own = negative_log_likelihoods(known.predicted, known.truth)
    gain[output.known] = -np.log(shares[known.truth]) - own
    return gain


def picked_rows(predictions: Predictions, chosen: Iterable[Choice]) -> set[RowKey]:
    """The keys of all rows chosen."""
    places = {place for choice in chosen for place in choice.places}
    return {_key(predictions, place) for place in places}


def cards_of(
    predictions: Predictions, choice: Choice, pictures: Mapping[RowKey, str]
) -> list[Card]:
    """What is shown of the rows of one choice."""
    return [
        _card(predictions, place, value, pictures)
        for place, value in zip(choice.places, choice.values, strict=True)
    ]


def picture_uri(image_rgb: ImageRgb, box_xyxy: BoxXyxy, faces: Iterable[BoxXyxy] = ()) -> str:
    """A small copy with the row's box, as a ``data:`` address that a page can hold.

    Args:
        image_rgb: shape (height, width, 3).
        box_xyxy: of the person or face, in pixels.
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
    manifest: Manifest, keys: Collection[RowKey], *, blur: bool = False
) -> Iterator[tuple[RowKey, str]]:
    """The key and picture of each chosen row.

    With ``blur``, all faces that the manifest knows, and whatever else may be one, are blurred.
    """
    find = faces_alone(load_face_detector()) if blur else None
    for group in manifest.pictures():
        chosen = [row for row in group if (row.source, row.id) in keys]
        if chosen:
            image = read_row_picture(manifest, chosen[0])
            faces = _all_faces(find, image, [row.face.box_xyxy for row in group if row.face])
            for row in chosen:
                yield (row.source, row.id), picture_uri(image, _box(row), faces)


def _box(row: Row) -> BoxXyxy:
    if row.box_xyxy is not None:
        return row.box_xyxy
    return (0.0, 0.0, row.width, row.height) if row.face is None else row.face.box_xyxy


def _all_faces(find: FindPeople | None, image_rgb: ImageRgb, known: list[BoxXyxy]) -> list[BoxXyxy]:
    """What is to be blurred; nothing where nobody is to look for it."""
    if find is None:
        return []
    seen = as_given(find(image_rgb, ""), image_rgb)
    return [*known, *(face.box_xyxy for face in seen.faces)]


def _classifying(predictions: Predictions) -> Output | None:
    found = (o for o in predictions.outputs.values() if o.kind is not Kind.DIMENSIONAL)
    return next(found, None)


def _key(predictions: Predictions, place: int) -> RowKey:
    return predictions.sources[place], predictions.ids[place]


def _card(
    predictions: Predictions, place: int, value: float, pictures: Mapping[RowKey, str]
) -> Card:
    truth, labels, values = list[str](), list[tuple[str, str, bool]](), list[str]()
    for output in predictions.outputs.values():
        if output.kind is Kind.DIMENSIONAL:
            values.append(_values_line(output, place))
            continue
        true = {
            name for name, has in zip(output.labels, output.targets[place], strict=True) if has > 0
        }
        truth += sorted(true)
        best = np.argsort(-output.predicted[place], kind="stable")[:LABELS_SHOWN]
        for j in best.tolist():
            name = output.labels[j]
            labels.append((name, f"{output.predicted[place, j]:.2f}", name in true))
    return Card(
        title=f"{predictions.ids[place]}, {value:.3f}",
        picture=pictures.get(_key(predictions, place), ""),
        truth=", ".join(truth) or "nothing",
        labels=labels,
        values=values,
    )


def _values_line(output: Output, place: int) -> str:
    parts = [
        f"{name} {value:.1f} (true {'unknown' if np.isnan(own) else f'{own:.1f}'})"
        for name, value, own in zip(
            output.labels, output.predicted[place], output.truth[place], strict=True
        )
    ]
    return ", ".join(parts).capitalize()


def _uncertainty(predictions: Predictions, output: Output) -> tuple[FloatArray, str]:
    if predictions.spread is not None:
        return predictions.spread, "How far the members of the ensemble lie apart."
    p = np.clip(output.predicted, SMALLEST, 1 - SMALLEST)
    single = output.kind is Kind.SINGLE_LABEL
    entropy = -(p * np.log(p)).sum(axis=1) if single else _cross_entropy(p, p)
    return entropy, DOUBT_RULES[output.kind]


def _first(
    values: FloatArray, units: IntArray, count: int, *, lowest: bool = False
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The rows with the highest values, or the lowest, one of a unit; and those values."""
    places: dict[int, int] = {}
    for place in np.argsort(values if lowest else -values, kind="stable").tolist():
        if np.isfinite(values[place]):
            places.setdefault(int(units[place]), place)
        if len(places) == count:
            break
    chosen = tuple(places.values())[:count]
    return chosen, tuple(values[list(chosen)].tolist())


def _cross_entropy(truth: FloatArray, probabilities: npt.ArrayLike) -> FloatArray:
    p = np.clip(np.asarray(probabilities, dtype=np.float64), SMALLEST, 1 - SMALLEST)
    return np.asarray(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean(axis=1))
