"""Pictures in, frames out: decode, detect, crop, run the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from affekt.bundle import Bundle, find_bundle
from affekt.errors import MediaError
from affekt.geometry import face_crop_matrix, roll_degrees
from affekt.inference.detectors import FaceDetector, load_face_detector
from affekt.inference.runtime import FaceModel
from affekt.media import PIXEL_LIMIT, ImageRgb, Source, read_picture, to_rgb, warp
from affekt.results import Emotion, Face, Frame, Person

Picture = str | Path | bytes | npt.NDArray[np.generic] | Image.Image
"""A path, an encoded picture, or a decoded one (see `affekt.media.to_rgb`)."""

WORKERS = 2
"""Threads that decode and detect while the model runs; more than two cores rarely wait for it."""

BATCH_FACES, BATCH_PICTURES = 32, 8
"""A batch is run as soon as it holds that many faces, or comes from that many pictures."""

BATCH_PIXELS = 32_000_000
"""And, where pictures are kept, as soon as they have that many pixels: memory stays flat."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a stream gives for a picture that could be read.

    Attributes:
        frame: the people found.
        image_rgb: the decoded picture, where ``keep_images`` asked for it.
    """

    frame: Frame
    image_rgb: ImageRgb | None


class Predictor:
    """Reads the apparent emotion of every face in pictures.

    It keeps no state between calls and may be shared by threads. `load` makes one.

    Args:
        bundle: the model.
        detector: finds the faces.
        threads: for one run of the model; all cores by default.
        max_pixels: pictures with more are refused before they are decoded.
    """

    def __init__(
        self,
        bundle: Bundle,
        detector: FaceDetector,
        *,
        threads: int | None = None,
        max_pixels: int = PIXEL_LIMIT,
    ) -> None:
        self.bundle = bundle
        self._model = FaceModel(bundle, threads)
        self._detector = detector
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
        faces = self._detector.detect(image)
        height, width = image.shape[:2]
        crops = crop_faces(image, faces, self._model.size)
        return _Prepared(source.name, width, height, faces, crops, image if keep_image else None)

    def _read(self, source: Source) -> ImageRgb:
        if isinstance(source.picture, str | Path | bytes):
            return read_picture(source.picture, max_pixels=self._max_pixels, name=source.name)
        return to_rgb(source.picture)

    def _run(self, batch: list[_Prepared]) -> Iterator[Prediction]:
        """Runs the model once for the faces of all pictures."""
        faces = np.concatenate([item.crops for item in batch]) if batch else _no_crops(0)
        rows = iter(self._model.probabilities(faces))
        for item in batch:
            people = tuple(_person(face, self._model.labels, next(rows)) for face in item.faces)
            frame = Frame(item.name, item.width, item.height, people=people)
            yield Prediction(frame, item.image_rgb)


def load(
    model: str | Path = "face",
    *,
    face_detector: FaceDetector | str | Path | None = None,
    threads: int | None = None,
    max_pixels: int = PIXEL_LIMIT,
) -> Predictor:
    """A predictor with a model by name or folder.

    Args:
        model: the name of an embedded or user model, or the folder of a bundle.
        face_detector: a YuNet file, or any `FaceDetector`; the default one if None.
        threads: for one run of the model; all cores by default.
        max_pixels: pictures with more are refused before they are decoded.

    Raises:
        BundleError: no such model, or it cannot be used.
        UsageError: the detector cannot be used.
    """
    if face_detector is None or isinstance(face_detector, str | Path):
        face_detector = load_face_detector(face_detector)
    return Predictor(find_bundle(model), face_detector, threads=threads, max_pixels=max_pixels)


def crop_faces(image_rgb: ImageRgb, faces: list[Face], size: int) -> ImageRgb:
    """The crops of faces by the one rule, shape (n, size, size, 3).

    Landmarks, where there are any, only straighten the roll.
    """
    crops = _no_crops(size, len(faces))
    for crop, face in zip(crops, faces, strict=True):
        roll = 0.0 if face.landmarks_xy is None else roll_degrees(face.landmarks_xy)
        crop[...] = warp(image_rgb, face_crop_matrix(face.box_xyxy, size, roll), size)
    return crops


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A picture ready for the model: all that is kept of it unless the picture is asked for."""

    name: str
    width: int
    height: int
    faces: list[Face]
    crops: ImageRgb
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
    """Items grouped until a batch is worth running; see `BATCH_FACES`."""
    batch: list[_Prepared | MediaError] = []
    faces = pixels = 0
    for item in items:
        batch.append(item)
        if isinstance(item, _Prepared):
            faces += len(item.faces)
            pixels += 0 if item.image_rgb is None else item.width * item.height
        if faces >= BATCH_FACES or pixels >= BATCH_PIXELS or len(batch) >= BATCH_PICTURES:
            yield batch
            batch, faces, pixels = [], 0, 0
    if batch:
        yield batch


def _person(face: Face, labels: tuple[str, ...], row: npt.NDArray[np.float32]) -> Person:
    primary = dict(zip(labels, row.astype(float).tolist(), strict=True))
    return Person(face.box_xyxy, face.score, face, Emotion(primary))


def _frame_or_raise(item: Prediction | MediaError) -> Frame:
    if isinstance(item, MediaError):
        raise item
    return item.frame


def _name(picture: Picture) -> str:
    if isinstance(picture, str | Path):
        return str(picture)
    kinds = {bytes: "<bytes>", np.ndarray: "<array>"}
    return kinds.get(type(picture), "<image>")


def _no_crops(size: int, count: int = 0) -> ImageRgb:
    return np.zeros((count, size, size, 3), dtype=np.uint8)
