"""Pictures in, frames out: decode once, find people once, crop, run the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard, cast, overload

from affekt.bundle import Bundle, find_bundle
from affekt.errors import MediaError, UsageError
from affekt.inference.ahead import ahead, grouped
from affekt.inference.arguments import (
    check_boxes,
    check_count,
    check_detector,
    check_model,
    check_threads,
)
from affekt.inference.boxes_file import Boxes
from affekt.inference.find.faces import FaceDetector, load_face_detector
from affekt.inference.people import (
    FindPeople,
    Seen,
    faces_alone,
    people_from_boxes,
    people_from_detector,
    people_from_faces,
)
from affekt.inference.prepared import Prepared, Preparer, fetched, is_full
from affekt.inference.read.emotions import EmotionReader
from affekt.inference.yolox import PersonDetector, YoloxDetector
from affekt.media import PIXEL_LIMIT, ImageRgb, Picture, Source
from affekt.results import BoxXyxy, Emotion, Face, Frame, Person
from affekt.typed import shown

Pictures = list[Picture] | tuple[Picture, ...] | Iterator[Picture]
"""Several of them."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a stream gives for a picture that could be read.

    Attributes:
        frame: the people found.
        faces: whatever may be a face, for blurring: also those of nobody asked for (see ``boxes``
            of `load`), and those too doubtful to be reported.
        image_rgb: the decoded picture, where ``keep_images`` asked for it.
    """

    frame: Frame
    faces: tuple[Face, ...]
    image_rgb: ImageRgb | None


class Predictor:
    """Reads the apparent emotion of every person in pictures.

    It keeps no state between calls and may be shared by threads. It is pickled as its arguments,
    so each process opens the model once. `load` makes one.

    Args:
        bundle: the model: of faces, of people in context, or an ensemble of these.
        detector: finds the faces.
        person_detector: finds the people, for a context model; without it they are found by
            their faces, see `affekt.inference.people`.
        boxes: the people themselves, by picture, for a context model.
        threads: for one run of the model; all cores by default.
        max_pixels: pictures with more are refused before they are decoded.

    Attributes:
        bundle: the model.
        primary_labels: the primary emotions that it tells apart.
        categories: the categories that it gives, none for a face model.
        others: the labels of further heads, by head.

    Raises:
        BundleError: the model cannot be used.
        UsageError: an argument of another kind, a person detector or boxes for a face model, or
            both at once.
    """

    def __init__(
        self,
        bundle: Bundle,
        detector: FaceDetector,
        *,
        person_detector: PersonDetector | None = None,
        boxes: Boxes | None = None,
        threads: int | None = None,
        max_pixels: int = PIXEL_LIMIT,
    ) -> None:
        check_threads(threads)
        check_count("max_pixels", max_pixels)
        options: dict[str, Any] = {
            "person_detector": person_detector,
            "boxes": boxes,
            "threads": threads,
        }
        self._given = bundle, detector, options | {"max_pixels": max_pixels}
        self.bundle = bundle
        _check_finders(detector, person_detector, boxes)
        self._reader = EmotionReader(bundle, threads)
        self.primary_labels, self.categories = self._reader.primary_labels, self._reader.categories
        self.others = self._reader.others
        if self._reader.needs_face:
            _refuse_people(bundle, person_detector, boxes)
            find = faces_alone(detector)
        else:
            find = _finder(detector, person_detector, boxes)
        self._preparer = Preparer(find, self._reader.take, max_pixels)

    def __reduce__(self) -> tuple[Any, ...]:
        bundle, detector, options = self._given
        return partial(type(self), **options), (bundle, detector)

    @overload
    def predict(self, pictures: Picture) -> Frame: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, pictures: Pictures) -> list[Frame]: ...
    def predict(self, pictures: Picture | Pictures) -> Frame | list[Frame]:
        """The people of a picture and their apparent emotions; of several, one frame per picture.

        Args:
            pictures: a path, the bytes of a picture file, an open file of bytes, an RGB array or
                tensor of shape (h, w, 3) (or grey, or with alpha), a Pillow image; or a list,
                tuple or generator of these.

        Returns:
            A frame, in which nobody is an empty ``people``; for several, a list.

        Raises:
            MediaError: a picture that cannot be read; `predict_stream` goes on after one.
        """
        if _are_several(pictures):
            return [_frame_or_raise(item) for item in self.predict_stream(pictures)]
        one = self._preparer.prepare(cast(Picture, pictures), keep_image=False)
        return next(self._run([one])).frame

    def predict_stream(
        self, pictures: Iterable[Picture | Source | MediaError], *, keep_images: bool = False
    ) -> Iterator[Prediction | MediaError]:
        """One result per picture, in order; the error stands in the place of one that failed.

        The next pictures are decoded and searched for faces in the background while the model
        runs, and the faces of several pictures go through it in one batch. Memory does not grow
        with the number of pictures.

        Whatever one picture causes is that picture's error and ends nothing: also an exception of
        an object that is no picture, or of a detector of the caller's own, which is then its
        ``__cause__``. What would come again with every picture is raised: a model or detector file
        that cannot be used. So is what ``pictures`` itself raises. The results of all pictures
        before come first.

        Args:
            pictures: consumed as it goes; errors in it (see `affekt.media.expand_sources`) are
                passed on in their place.
            keep_images: give the decoded pictures too, to draw on.

        Raises:
            UsageError: one picture alone, or what is none.
        """
        if isinstance(pictures, str | bytes | Path) or not isinstance(pictures, Iterable):
            raise UsageError(
                f"predict_stream: {shown(pictures)}; give a list or generator of pictures, or one "
                "picture to predict"
            )
        return self._stream(pictures, keep_images)

    def _stream(
        self, pictures: Iterable[Picture | Source | MediaError], keep_images: bool
    ) -> Iterator[Prediction | MediaError]:
        prepare = partial(self._preparer.try_to_prepare, keep_image=keep_images)
        for batch in grouped(ahead(prepare, map(fetched, pictures)), is_full):
            done = self._run([item for item in batch if isinstance(item, Prepared)])
            for item in batch:
                yield item if isinstance(item, MediaError) else next(done)

    def _run(self, batch: list[Prepared]) -> Iterator[Prediction]:
        """Runs the model once for the people of all pictures."""
        emotions = iter(self._reader.read([item.inputs for item in batch]))
        for item in batch:
            people = tuple(_person(seen, next(emotions)) for seen in item.seen.people)
            turn = item.seen.rotation
            frame = Frame(item.name, item.width, item.height, people=people, rotation=turn)
            yield Prediction(frame, item.seen.faces, item.image_rgb)


def load(
    model: str | Path = "context",
    *,
    face_detector: FaceDetector | str | Path | None = None,
    person_detector: PersonDetector | str | Path | None = None,
    boxes: Mapping[str, Sequence[BoxXyxy]] | Boxes | str | Path | None = None,
    threads: int | None = None,
    max_pixels: int = PIXEL_LIMIT,
) -> Predictor:
    """A predictor with a model by name or folder.

    Args:
        model: the name of an embedded or user model, or the folder of a bundle.
        face_detector: a YuNet file, or any `FaceDetector`; the default one if None.
        person_detector: for a context model, a YOLOX file or any
            `affekt.inference.yolox.PersonDetector`; people are found by their faces if None.
        boxes: for a context model, the people themselves: left, top, right, bottom in pixels by
            the name or path of the picture, or a CSV or JSON file of them, see
            `affekt.inference.boxes_file`. A picture that is not named has nobody in it.
        threads: for one run of the model, or of a detector's file; all cores by default.
        max_pixels: pictures with more are refused before they are decoded.

    Raises:
        BundleError: no such model, or it cannot be used.
        UsageError: an argument of another kind; a detector or the boxes cannot be used, or not
            with this model.
    """
    check_threads(threads)
    if face_detector is None or isinstance(face_detector, str | Path):
        face_detector = load_face_detector(face_detector, threads)
    if isinstance(person_detector, str | Path):
        person_detector = YoloxDetector(person_detector, threads)
    return Predictor(
        find_bundle(check_model(model)),
        face_detector,
        person_detector=person_detector,
        boxes=None if boxes is None else check_boxes(boxes),
        threads=threads,
        max_pixels=max_pixels,
    )


def _check_finders(
    detector: FaceDetector, person_detector: PersonDetector | None, boxes: Boxes | None
) -> None:
    check_detector("face_detector", detector, "affekt.Face")
    if person_detector is not None:
        check_detector("person_detector", person_detector, "PersonBox")
    if person_detector is not None and boxes is not None:
        raise UsageError("people come from a person detector or from boxes: give one of them")


def _refuse_people(
    bundle: Bundle, person_detector: PersonDetector | None, boxes: Boxes | None
) -> None:
    if person_detector is not None or boxes is not None:
        raise UsageError(
            f"the model {bundle.info.name!r} reads faces alone: a person detector and boxes "
            "are for a context model, name one with --model (model in Python)"
        )


def _finder(
    detector: FaceDetector, person_detector: PersonDetector | None, boxes: Boxes | None
) -> FindPeople:
    if boxes is not None:
        return people_from_boxes(detector, boxes)
    if person_detector is not None:
        return people_from_detector(detector, person_detector)
    return people_from_faces(detector)


def _person(seen: Seen, emotion: Emotion) -> Person:
    return Person(seen.box_xyxy, seen.score, seen.face, emotion)


def _frame_or_raise(item: Prediction | MediaError) -> Frame:
    if isinstance(item, MediaError):
        raise item
    return item.frame


def _are_several(pictures: object) -> TypeGuard[Pictures]:
    """A list, tuple or generator; open files are iterators too, but of one picture's lines."""
    lazy = isinstance(pictures, Iterator) and not hasattr(pictures, "read")
    return lazy or isinstance(pictures, list | tuple)
