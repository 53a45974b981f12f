"""`Frame`, `Person`, `Face` and `Emotion`: the vocabulary every room speaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from affekt.errors import DataError
from affekt.labels import PRIMARY
from affekt.typed import MisfitError, build

BoxXyxy = tuple[float, float, float, float]
"""Left, top, right, bottom in float pixels; x right, y down, origin at the top left corner."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture.

    Attributes:
        box_xyxy: from forehead to chin, in pixels of the picture.
        score: the detector's confidence, 0 to 1.
        landmarks_xy: eye, eye, nose, mouth corner, mouth corner (left to right as seen when the
            picture is upright), or None where the detector gives none.
    """

    box_xyxy: BoxXyxy
    score: float
    landmarks_xy: tuple[tuple[float, float], ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, ready for JSON."""
        return {
            "box_xyxy": rounded(self.box_xyxy, 2),
            "score": round(self.score, 4),
            "landmarks_xy": (
                None
                if self.landmarks_xy is None
                else [rounded(point, 2) for point in self.landmarks_xy]
            ),
        }


@dataclass(frozen=True, slots=True)
class Emotion:
    """The apparent emotion of one person.

    Attributes:
        primary: calibrated probability of each primary emotion; they sum to 1. None for a person
            whose face is not seen.
        categories: calibrated probability of each of the 26 EMOTIC categories, or None.
        category_labels: the categories over their thresholds, or None.
        valence: pleasantness, 1 (negative) to 10 (positive), or None.
        arousal: activation, 1 (calm) to 10 (ready to act), or None.
        dominance: control, 1 (controlled) to 10 (in control), or None.
        spread: how far the members of an ensemble lie apart: the standard deviation of their
            probabilities, mean over the categories; None where there is one model.
        others: what a model of other heads says: by head, label to probability or value, which is
            None where nothing can be said of this person. Empty for the shipped models.
    """

    primary: dict[str, float] | None
    categories: dict[str, float] | None = None
    category_labels: tuple[str, ...] | None = None
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    spread: float | None = None
    others: dict[str, dict[str, float | None]] = field(default_factory=dict)

    @property
    def primary_label(self) -> str | None:
        """The most probable primary emotion, or None where no face is seen."""
        return None if self.primary is None else max(self.primary, key=self.primary.__getitem__)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and numbers, ready for JSON."""
        return {
            "primary": _rounded_values(self.primary),
            "primary_label": self.primary_label,
            "categories": _rounded_values(self.categories),
            "category_labels": (
                None if self.category_labels is None else list(self.category_labels)
            ),
            "valence": _rounded(self.valence),
            "arousal": _rounded(self.arousal),
            "dominance": _rounded(self.dominance),
            "spread": _rounded(self.spread),
            **({"others": _rounded_others(self.others)} if self.others else {}),
        }


@dataclass(frozen=True, slots=True)
class Person:
    """One person in a picture.

    Attributes:
        box_xyxy: the person's extent in pixels; the face's own where nothing else is known.
        score: the detector's confidence, 0 to 1.
        face: the person's face, or None where it is not seen.
        emotion: the apparent emotion.
        track_id: the same number for the same person over the frames of a video, or None.
    """

    box_xyxy: BoxXyxy
    score: float
    face: Face | None
    emotion: Emotion
    track_id: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        return {
            "box_xyxy": rounded(self.box_xyxy, 2),
            "score": round(self.score, 4),
            "track_id": self.track_id,
            "face": None if self.face is None else self.face.to_dict(),
            "emotion": self.emotion.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, or one frame of a video, and the people in it.

    Attributes:
        source: the path, or a name for what did not come from a file.
        width: in pixels, after any EXIF rotation.
        height: in pixels, after any EXIF rotation.
        index: 0 for a picture; the number of the frame in a video.
        time_s: seconds from the start of a video, None for a picture.
        people: left to right order is not promised; largest first.
        rotation: degrees clockwise (0, 90, 180 or 270) that make the picture upright, as its
            faces show; boxes and landmarks are in pixels of the picture as it is.
    """

    source: str
    width: int
    height: int
    index: int = 0
    time_s: float | None = None
    people: tuple[Person, ...] = field(default=())
    rotation: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, ready for JSON."""
        return {
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "index": self.index,
            "time_s": self.time_s,
            "people": [person.to_dict() for person in self.people],
            "rotation": self.rotation,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Frame:
        """The frame of what `to_dict` gave, as it comes back from JSON too.

        Figures are those of `to_dict`, which rounds them. Keys of a later version are passed over,
        and what an earlier one did not write has its default.

        Raises:
            DataError: a key that is missing, or a value that is none of a frame's.

        >>> Frame.from_dict({"source": "a.jpg", "width": 640, "height": 480, "people": []}).width
        640
        """
        try:
            return build(cls, _own_keys(cls, content))
        except MisfitError as error:
            raise DataError(f"not a frame as Frame.to_dict makes it: {error}") from None


def rounded(values: Iterable[float], digits: int) -> list[float]:
    """A list of floats with at most ``digits`` decimals.

    >>> rounded((1.2345, 2), 2)
    [1.23, 2.0]
    """
    return [round(float(value), digits) for value in values]


def to_table(
    frames: Iterable[Frame], primary_labels: Sequence[str] = PRIMARY
) -> Iterator[dict[str, Any]]:
    """One flat row per person, for CSV, Parquet or a data frame; every row has the same columns.

    A frame without people gives no row.

    Args:
        frames: consumed as it goes.
        primary_labels: the model's, for the empty columns of a person whose face is not seen.
    """
    for frame in frames:
        yield from table_rows(frame.to_dict(), primary_labels)


def table_rows(
    record: Mapping[str, Any], primary_labels: Sequence[str] = PRIMARY
) -> Iterator[dict[str, Any]]:
    """The rows of one frame, given as `Frame.to_dict` makes it; see `to_table`."""
    for number, person in enumerate(record["people"]):
        yield _row(record, number, person, primary_labels)


def _own_keys(kind: type[Any], content: Any) -> Any:
    """A table without what is no field, such as ``primary_label``; anything else as it is."""
    if not isinstance(content, Mapping):
        return content
    own = {f.name: content[f.name] for f in fields(kind) if f.name in content}
    return {name: _PARTS[name](value) if name in _PARTS else value for name, value in own.items()}


def _people(content: Any) -> Any:
    several = isinstance(content, list | tuple)
    return [_own_keys(Person, person) for person in content] if several else content


_PARTS: dict[str, Callable[[Any], Any]] = {
    "people": _people,
    "face": partial(_own_keys, Face),
    "emotion": partial(_own_keys, Emotion),
}


def _row(
    record: Mapping[str, Any], number: int, person: Mapping[str, Any], primary_labels: Sequence[str]
) -> dict[str, Any]:
    emotion, names = person["emotion"], ("x1", "y1", "x2", "y2")
    face = [None] * 4 if person["face"] is None else person["face"]["box_xyxy"]
    labels = emotion["category_labels"]
    return {
        **{name: record[name] for name in ("source", "width", "height", "index", "time_s")},
        "person": number,
        "track_id": person["track_id"],
        "score": person["score"],
        **dict(zip(names, person["box_xyxy"], strict=True)),
        **{f"face_{name}": value for name, value in zip(names, face, strict=True)},
        "primary_label": emotion["primary_label"],
        **(emotion["primary"] or dict.fromkeys(primary_labels)),
        **(emotion["categories"] or {}),
        "category_labels": None if labels is None else ";".join(labels),
        **{name: emotion[name] for name in ("valence", "arousal", "dominance", "spread")},
        "rotation": record["rotation"],
        **{
            f"{head}_{label}": value
            for head, said in emotion.get("others", {}).items()
            for label, value in said.items()
        },
    }


def _rounded_values(values: dict[str, float] | None) -> dict[str, float] | None:
    return None if values is None else {name: round(p, 4) for name, p in values.items()}


def _rounded_others(
    others: Mapping[str, Mapping[str, float | None]],
) -> dict[str, dict[str, float | None]]:
    return {head: {n: _rounded(v) for n, v in said.items()} for head, said in others.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
