"""Pictures in, frames out: decode once, find people once, crop, run the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from affekt.bundle import Bundle, find_bundle
from affekt.errors import MediaError, UsageError
from affekt.inference.boxes_file import Boxes, read_boxes
from affekt.inference.find.faces import FaceDetector, load_face_detector
from affekt.inference.people import (
    FindPeople,
    Seen,
    Sighting,
    faces_alone,
    people_from_boxes,
    people_from_detector,
    people_from_faces,
)
from affekt.inference.readers import CONTEXT_KINDS, open_reader
from affekt.inference.yolox import PersonDetector, YoloxDetector
from affekt.media import PIXEL_LIMIT, ImageRgb, Source, read_picture, to_rgb
from affekt.results import BoxXyxy, Emotion, Face, Frame, Person

Picture = str | Path | bytes | npt.NDArray[np.generic] | Image.Image
"""A path, an encoded picture, or a decoded one (see `affekt.media.to_rgb`)."""

WORKERS = 2
"""Threads that decode and detect while the model runs; more than two cores rarely wait for it."""

BATCH_PEOPLE, BATCH_PICTURES = 32, 8
"""A batch is run as soon as it holds that many people, or comes from that many pictures."""

BATCH_PIXELS = 32_000_000
"""And, where pictures are kept, as soon as they have that many pixels: memory stays flat."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a stream gives for a picture that could be read.

    Attributes:
        frame: the people found.
        faces: every face found, also of those who are not asked for (see ``boxes`` of `load`).
        image_rgb: the decoded picture, where ``keep_images`` asked for it.
    """

    frame: Frame
    faces: tuple[Face, ...]
    image_rgb: ImageRgb | None


class Predictor:
    """Reads the apparent emotion of every person in pictures.

    It keeps no state between calls and may be shared by threads. `load` makes one.

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

    Raises:
        BundleError: the model cannot be used.
        UsageError: a person detector or boxes for a face model, or both at once.
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
        self.bundle = bundle
        self._find = _finder(bundle, detector, person_detector, boxes)
        self._reader = open_reader(bundle, threads)
        self.primary_labels, self.categories = self._reader.primary_labels, self._reader.categories
        self._max_pixels = max_pixels

    @overload
    def predict(self, pictures: Picture) -> Frame: ...
    @overload
    def predict(self, pictures: list[Picture] | tuple[Picture, ...]) -> list[Frame]: ...
    def predict(
        self, pictures: Picture | list[Picture] | tuple[Picture, ...]
    ) -> Frame | list[Frame]:
        """The people of a picture and their apparent emotions; of a list, one frame per picture.

        Args:
            pictures: a path, the bytes of a picture file, an RGB array of shape (h, w, 3) (or
                grey, or with alpha), a Pillow image, or a list of these.

        Returns:
            A frame, in which nobody is an empty ``people``; for a list, a list.

        Raises:
            MediaError: a picture that cannot be read; `predict_stream` goes on after one.
        """
        if isinstance(pictures, list | tuple):
            return [_frame_or_raise(item) for item in self.predict_stream(pictures)]
        return next(self._run([self._prepare(pictures, keep_image=False)])).frame

    def predict_stream(
        self, pictures: Iterable[Picture | Source | MediaError], *, keep_images: bool = False
    ) -> Iterator[Prediction | MediaError]:
        """One result per picture, in order; the error stands in the place of one that failed.

        The next pictures are decoded and searched for faces in the background while the model
        runs, and the faces of several pictures go through it in one batch. Memory does not grow
        with the number of pictures.

        Args:
            pictures: consumed as it goes; errors in it (see `affekt.media.expand_sources`) are
                passed on in their place.
            keep_images: give the decoded pictures too, to draw on.
        """

        def prepare(item: Picture | Source | MediaError) -> _Prepared | MediaError:
            return self._prepare_or_error(item, keep_image=keep_images)

        for batch in _batches(_ahead(prepare, pictures)):
            done = self._run([item for item in batch if isinstance(item, _Prepared)])
            for item in batch:
                yield item if isinstance(item, MediaError) else next(done)

    def _prepare_or_error(
        self, item: Picture | Source | MediaError, *, keep_image: bool
    ) -> _Prepared | MediaError:
        if isinstance(item, MediaError):
            return item
        try:
            return self._prepare(item, keep_image=keep_image)
        except MediaError as error:
            return error

    def _prepare(self, item: Picture | Source, *, keep_image: bool) -> _Prepared:
        source = item if isinstance(item, Source) else Source(_name(item), item)
        image = self._read(source)
        seen = self._find(image, source.name)
        boxes, faces = [p.box_xyxy for p in seen.people], [p.face for p in seen.people]
        crops = self._reader.crop(image, boxes, faces)
        height, width = image.shape[:2]
        return _Prepared(source.name, width, height, seen, crops, image if keep_image else None)

    def _read(self, source: Source) -> ImageRgb:
        if isinstance(source.picture, str | Path | bytes):
            return read_picture(source.picture, max_pixels=self._max_pixels, name=source.name)
        return to_rgb(source.picture)

    def _run(self, batch: list[_Prepared]) -> Iterator[Prediction]:
        """Runs the model once for the people of all pictures."""
        emotions = iter(self._reader.read([item.crops for item in batch]))
        for item in batch:
            people = tuple(_person(seen, next(emotions)) for seen in item.seen.people)
            frame = Frame(item.name, item.width, item.height, people=people)
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
        threads: for one run of the model; all cores by default.
        max_pixels: pictures with more are refused before they are decoded.

    Raises:
        BundleError: no such model, or it cannot be used.
        UsageError: a detector or the boxes cannot be used, or not with this model.
    """
    if face_detector is None or isinstance(face_detector, str | Path):
        face_detector = load_face_detector(face_detector)
    if isinstance(person_detector, str | Path):
        person_detector = YoloxDetector(person_detector, threads)
    if isinstance(boxes, Mapping):
        boxes = Boxes(boxes)
    elif isinstance(boxes, str | Path):
        boxes = read_boxes(boxes)
    return Predictor(
        find_bundle(model),
        face_detector,
        person_detector=person_detector,
        boxes=boxes,
        threads=threads,
        max_pixels=max_pixels,
    )


def _finder(
    bundle: Bundle,
    detector: FaceDetector,
    person_detector: PersonDetector | None,
    boxes: Boxes | None,
) -> FindPeople:
    if bundle.info.kind not in CONTEXT_KINDS:
        if person_detector is not None or boxes is not None:
            raise UsageError(
                f"the model {bundle.info.name!r} reads faces alone: a person detector and boxes "
                "are for a context model, name one with --model (model in Python)"
            )
        return faces_alone(detector)
    if person_detector is not None and boxes is not None:
        raise UsageError("people come from a person detector or from boxes: give one of them")
    if boxes is not None:
        return people_from_boxes(detector, boxes)
    if person_detector is not None:
        return people_from_detector(detector, person_detector)
    return people_from_faces(detector)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A picture ready for the model: all that is kept of it unless the picture is asked for."""

    name: str
    width: int
    height: int
    seen: Sighting
    crops: Any
    image_rgb: ImageRgb | None


_In = TypeVar("_In")
_Out = TypeVar("_Out")


def _ahead(function: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """``map``, in order, with the next few results being made in the background."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="affekt-picture")
    waiting: deque[Future[_Out]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(items: Iterable[_Prepared | MediaError]) -> Iterator[list[_Prepared | MediaError]]:
    """Items grouped until a batch is worth running; see `BATCH_PEOPLE`."""
    batch: list[_Prepared | MediaError] = []
    people = pixels = 0
    for item in items:
        batch.append(item)
        if isinstance(item, _Prepared):
            people += len(item.seen.people)
            pixels += 0 if item.image_rgb is None else item.width * item.height
        if people >= BATCH_PEOPLE or pixels >= BATCH_PIXELS or len(batch) >= BATCH_PICTURES:
            yield batch
            batch, people, pixels = [], 0, 0
    if batch:
        yield batch


def _person(seen: Seen, emotion: Emotion) -> Person:
    return Person(seen.box_xyxy, seen.score, seen.face, emotion)


def _frame_or_raise(item: Prediction | MediaError) -> Frame:
    if isinstance(item, MediaError):
        raise item
    return item.frame


def _name(picture: Picture) -> str:
    if isinstance(picture, str | Path):
        return str(picture)
    kinds = {bytes: "<bytes>", np.ndarray: "<array>"}
    return kinds.get(type(picture), "<image>")
