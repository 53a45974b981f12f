"""Annotated copies of the pictures that ``affekt predict`` reads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.cli.terminal import say
from affekt.errors import MediaError, OutputError
from affekt.files import tidy
from affekt.output.sink import STDOUT, opening

if TYPE_CHECKING:
    from affekt.inference.predictor import Prediction
    from affekt.media import Source

KEPT_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


class Copies:
    """Annotated copies in a folder.

    Args:
        folder: for them; nothing is written before `prepare`.
        blur: whether every face is blurred.
        items: the pictures, in order.

    Attributes:
        folder: as given.
        blur: as given.
        paths: where each picture's copy goes.
    """

    def __init__(self, folder: Path, blur: bool, items: Sequence[Source | MediaError]) -> None:
        names = [STDOUT if isinstance(item, MediaError) else item.name for item in items]
        self.folder, self.blur = folder, blur
        self.paths = [folder / name for name in annotated_names(names)]

    def prepare(self) -> None:
        """Makes the folder, and marks it so that a later run does not read the copies.

        Raises:
            OutputError: nothing can be written there.
        """
        from affekt.media.copies import mark_copies  # noqa: PLC0415

        check_folder(self.folder)
        with opening(str(self.folder)):
            marked = mark_copies(self.folder)
            for parent in {path.parent for path in self.paths} if marked else ():
                if parent.is_dir():
                    tidy(parent)
        if not marked:
            say(
                f"affekt: {self.folder} holds pictures of its own, so a later run over it reads "
                "the annotated copies too: name a folder of their own to avoid that"
            )

    def write(self, number: int, outcome: Prediction) -> None:
        """Writes the copy of the picture of that number, where it was kept.

        Raises:
            OutputError: it cannot be written.
        """
        from affekt.media import write_picture  # noqa: PLC0415
        from affekt.view.draw import annotate, blur_faces  # noqa: PLC0415

        image_rgb = outcome.image_rgb
        if image_rgb is None:
            return
        if self.blur:
            image_rgb = blur_faces(image_rgb, [face.box_xyxy for face in outcome.faces])
        write_picture(self.paths[number], annotate(image_rgb, outcome.frame))


def check_folder(folder: Path) -> None:
    """Makes a folder and sees whether a file can be written there.

    Raises:
        OutputError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OutputError(
            f"{folder}: pictures cannot be written there ({error.strerror}); name another folder"
        ) from None


def annotated_names(names: Sequence[str]) -> list[str]:
    """Where the annotated copy of each picture goes, relative to the folder for them.

    The folders below the pictures' common one are kept, so that no two names meet. JPEG, PNG
    and WebP files keep their name, others get ``.png`` added.

    >>> annotated_names(["in/a/x.jpg", "in/b/x.jpg", "in/b/y.gif", "-"])
    ['a/x.jpg', 'b/x.jpg', 'b/y.gif.png', 'stdin.png']
    """
    folders = [os.path.dirname(os.path.abspath(name)) for name in names if name != STDOUT]  # noqa: PTH100, PTH120
    common = os.path.commonpath(folders) if folders else ""
    taken: set[str] = set()
    return [_free(_annotated_name(name, common), taken) for name in names]


def _annotated_name(name: str, common: str) -> str:
    if name == STDOUT:
        return "stdin.png"
    relative = Path(os.path.relpath(name, common)).as_posix()
    return relative if Path(name).suffix.lower() in KEPT_SUFFIXES else f"{relative}.png"


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a number where it is taken, also by another case of its letters."""
    path, number, candidate = Path(name), 1, name
    while candidate.lower() in taken:
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()
    taken.add(candidate.lower())
    return candidate
