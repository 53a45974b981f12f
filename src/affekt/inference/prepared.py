"""From a picture of any kind to what the model needs of it, or to the error in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from affekt.errors import AffektError, DetectorError, MediaError
from affekt.inference.find.turned import turn_image
from affekt.inference.people import FindPeople, Sighting, as_given
from affekt.inference.read.views import People
from affekt.media import BUDGET, ImageRgb, Picture, Share, Source, name_of, read_any
from affekt.media.native import give_back_memory
from affekt.media.streams import error_line, may_wait, open_stream

BATCH_PEOPLE, BATCH_PICTURES = 32, 8
"""A batch is run as soon as it holds that many people, or comes from that many pictures."""

BATCH_PIXELS = 32_000_000
"""And, where pictures are kept, as soon as they have that many pixels: memory stays flat."""

LARGE_PIXELS = 16_000_000
"""After a picture of that many, memory that malloc keeps is given back before the next is read."""

Take = Callable[[People], Any]
"""See `affekt.inference.read.emotions.EmotionReader.take`."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture ready for the model: all that is kept of it unless the picture is asked for."""

    name: str
    width: int
    height: int
    seen: Sighting
    inputs: Any
    image_rgb: ImageRgb | None


@dataclass(frozen=True, slots=True)
class Preparer:
    """Reads a picture, finds its people and crops them; safe in several threads.

    Attributes:
        find: finds the people.
        take: what the model needs of them.
        max_pixels: pictures with more are refused before they are decoded.
    """

    find: FindPeople
    take: Take
    max_pixels: int

    def try_to_prepare(
        self, item: Picture | Source | MediaError, *, keep_image: bool
    ) -> Prepared | MediaError:
        """`prepare`, or the error where that fails; an error given is handed on."""
        if isinstance(item, MediaError):
            return item
        try:
            return self.prepare(item, keep_image=keep_image)
        except MediaError as error:
            return _alone(error)

    def prepare(self, item: Picture | Source, *, keep_image: bool) -> Prepared:
        """What the model needs of a picture.

        Raises:
            MediaError: it cannot be read; `DetectorError` where a detector fails on it.
        """
        source = item if isinstance(item, Source) else Source(name_of(item), item)
        with BUDGET.share() as share:
            image = self._read(source, share)
            seen, inputs = self._look(image, source.name)
            height, width = image.shape[:2]
            kept = image if keep_image else None
            del image
            if width * height >= LARGE_PIXELS:
                give_back_memory()
        return Prepared(source.name, width, height, seen, inputs, kept)

    def _read(self, source: Source, share: Share) -> ImageRgb:
        try:
            return read_any(
                source.picture,
                max_pixels=self.max_pixels,
                name=source.name,
                reserve=share.take,
            )
        except AffektError:
            raise
        except Exception as error:  # an object of another library may raise anything
            raise _unreadable(source.name, error) from error

    def _look(self, image_rgb: ImageRgb, name: str) -> tuple[Sighting, Any]:
        try:
            seen = self.find(image_rgb, name)
            boxes, faces = [p.box_xyxy for p in seen.people], [p.face for p in seen.people]
            inputs = self.take(People(turn_image(image_rgb, seen.rotation), boxes, faces))
            return as_given(seen, image_rgb), inputs
        except AffektError:
            raise
        except Exception as error:  # likewise a detector, or what it calls a face
            raise DetectorError(f"{name}: the detector failed ({_said(error)})") from error


def fetched(item: Picture | Source | MediaError) -> Picture | Source | MediaError:
    """A picture of which no reading has to be waited for, or the error in its place.

    A pipe is read here, in the caller's thread: there Ctrl-C ends it, in a thread of ours nothing.
    """
    if isinstance(item, MediaError):
        return item
    source = item if isinstance(item, Source) else Source(name_of(item), item)
    if not may_wait(source.picture):
        return item
    try:
        with open_stream(source.picture, source.name) as stream:
            return Source(source.name, stream.read()) if isinstance(stream, BytesIO) else item
    except MediaError as error:
        return _alone(error)
    except Exception as error:  # an object of another library may raise anything
        return _unreadable(source.name, error)


def is_full(batch: Sequence[Prepared | MediaError]) -> bool:
    """Whether a batch is worth running; see `BATCH_PEOPLE`."""
    pictures = [item for item in batch if isinstance(item, Prepared)]
    kept = sum(item.width * item.height for item in pictures if item.image_rgb is not None)
    people = sum(len(item.seen.people) for item in pictures)
    return people >= BATCH_PEOPLE or kept >= BATCH_PIXELS or len(batch) >= BATCH_PICTURES


def _alone(error: MediaError) -> MediaError:
    """The error without what would keep the picture in memory."""
    if error.__cause__ is None:
        error.__context__ = None
    return error.with_traceback(None)


def _unreadable(name: str, error: Exception) -> MediaError:
    unreadable = MediaError(f"{name}: cannot be read ({_said(error)})")
    unreadable.__cause__ = error
    return unreadable


def _said(error: Exception) -> str:
    """An error of anybody's in one line, its kind first: its text alone may be a bare key."""
    try:
        return f"{type(error).__name__}: {error_line(error)}"
    except Exception:  # the text is made by anybody's code too
        return type(error).__name__
