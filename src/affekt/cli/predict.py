"""``affekt predict`` and ``affekt demo``: pictures in, apparent emotions out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affekt.cli.output import (
    STDOUT,
    Labels,
    Results,
    choose_format,
    say,
    say_error,
    text_output,
)
from affekt.cli.progress import progress_bar
from affekt.errors import MediaError, OutputError, UsageError

if TYPE_CHECKING:
    from affekt.inference.boxes_file import Boxes
    from affekt.inference.predictor import Prediction, Predictor
    from affekt.media import Source
    from affekt.results import Emotion, Frame

PIXEL_LIMIT = 100_000_000  # affekt.media.PIXEL_LIMIT, which would import NumPy for --help
KEPT_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})

ModelOption = Annotated[str, typer.Option(help="A model's name (see affekt models) or folder.")]
DetectorOption = Annotated[
    Path | None, typer.Option("--face-detector", help="A YuNet file (ONNX) to find faces with.")
]
PeopleOption = Annotated[
    Path | None,
    typer.Option(
        "--person-detector",
        help="A YOLOX file (ONNX) to find people with; else they are found by their faces.",
    ),
]
BoxesOption = Annotated[
    Path | None,
    typer.Option(
        "--boxes", help="CSV or JSON with source,x1,y1,x2,y2 in pixels: the people themselves."
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="For the model; all cores by default.")
]


def predict(
    *,
    sources: Annotated[
        list[str],
        typer.Argument(help="Picture files, folders (and all below), patterns, - for stdin."),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="json, jsonl, csv or parquet; else by --output's suffix, or json.",
        ),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="A file, or - for stdout.")
    ] = STDOUT,
    annotate: Annotated[
        Path | None, typer.Option(help="Folder for copies with boxes, labels and bars drawn.")
    ] = None,
    blur: Annotated[bool, typer.Option("--blur", help="Blur every face in those copies.")] = False,
    model: ModelOption = "context",
    face_detector: DetectorOption = None,
    person_detector: PeopleOption = None,
    boxes: BoxesOption = None,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Refuse pictures with more pixels than that.")
    ] = PIXEL_LIMIT,
    threads: ThreadsOption = None,
) -> None:
    """Read the apparent emotion of every person in pictures."""
    from affekt.media import expand_sources  # noqa: PLC0415

    if blur and annotate is None:
        raise UsageError("--blur is for the pictures that --annotate DIR writes: give both")
    with Results(output, choose_format(kind, output)) as results:
        found = expand_sources(sources)
        items = found.items
        if found.note() is not None:
            say(f"affekt: {found.note()}")
        copies = _Copies(annotate, blur, items) if annotate is not None else None
        from affekt.inference.predictor import load  # noqa: PLC0415

        predictor = load(
            model,
            face_detector=face_detector,
            person_detector=person_detector,
            boxes=None if boxes is None else _boxes(boxes, items),
            threads=threads,
            max_pixels=max_pixels,
        )
        results.begin(Labels(predictor.primary_labels, predictor.categories))
        failed = False
        for number, outcome in enumerate(_predictions(predictor, items, copies is not None)):
            if isinstance(outcome, MediaError):
                say_error(str(outcome))
                failed = True
                continue
            if copies is not None:
                copies.write(number, outcome)
            results.write(outcome.frame)
    if failed:
        raise typer.Exit(1)


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the annotated picture.")
    ] = Path("demo-out"),
    model: ModelOption = "context",
    face_detector: DetectorOption = None,
) -> None:
    """Read a photo that comes with Affekt, and draw the result."""
    from affekt.inference.predictor import load  # noqa: PLC0415
    from affekt.media import read_picture, write_picture  # noqa: PLC0415
    from affekt.view.draw import annotate  # noqa: PLC0415

    _check_folder(out)
    with as_file(files("affekt") / "assets" / "astronaut.jpg") as path:
        image = read_picture(path)
    frame = load(model, face_detector=face_detector).predict(image)
    target = out / "astronaut.jpg"
    write_picture(target, annotate(image, frame))
    with text_output(STDOUT) as write:
        write("\n".join(_readable(frame)) + "\n")
    say("The photo shows the astronaut Eileen Collins (NASA, public domain).")
    say(f"The annotated picture is {target}")


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


class _Copies:
    """Annotated copies in a folder, which is checked first.

    Raises:
        UsageError: a copy would overwrite a picture that is read.
        OutputError: the folder cannot be written.
    """

    def __init__(self, folder: Path, blur: bool, items: Sequence[Source | MediaError]) -> None:
        from affekt.media.copies import mark_copies  # noqa: PLC0415

        names = [STDOUT if isinstance(item, MediaError) else item.name for item in items]
        self._paths = [folder / name for name in annotated_names(names)]
        self._blur = blur
        originals = {os.path.realpath(name) for name in names if name != STDOUT}
        for path in self._paths:
            if os.path.realpath(path) in originals:
                raise UsageError(
                    f"--annotate {folder}: would overwrite {path}; name another folder"
                )
        _check_folder(folder)
        if not mark_copies(folder):
            say(
                f"affekt: {folder} holds pictures of its own, so a later run over it reads the "
                "annotated copies too: name a folder of their own to avoid that"
            )

    def write(self, number: int, outcome: Prediction) -> None:
        """Writes the copy of the picture of that number, where it was kept."""
        from affekt.media import write_picture  # noqa: PLC0415
        from affekt.view.draw import annotate, blur_faces  # noqa: PLC0415

        image_rgb = outcome.image_rgb
        if image_rgb is None:
            return
        if self._blur:
            image_rgb = blur_faces(image_rgb, [face.box_xyxy for face in outcome.faces])
        write_picture(self._paths[number], annotate(image_rgb, outcome.frame))


def _predictions(
    predictor: Predictor, items: Sequence[Source | MediaError], keep_images: bool
) -> Iterator[Prediction | MediaError]:
    with (
        progress_bar("pictures") as progress,
        closing(predictor.predict_stream(items, keep_images=keep_images)) as stream,  # type: ignore[type-var]
    ):
        for number, outcome in enumerate(stream, 1):
            yield outcome
            progress(number, len(items))


def _boxes(path: Path, items: Sequence[Source | MediaError]) -> Boxes:
    """The boxes of a file, after it was compared with the pictures to read."""
    from affekt.inference.boxes_file import read_boxes  # noqa: PLC0415

    boxes = read_boxes(path)
    without = boxes.check([item.name for item in items if not isinstance(item, MediaError)])
    if without:
        others = f" and {len(without) - 1} more" if len(without) > 1 else ""
        say(f"affekt: {path} has no box in {without[0]}{others}: nobody is looked for there")
    return boxes


def _check_folder(folder: Path) -> None:
    """Makes a folder and sees whether a file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OutputError(
            f"{folder}: pictures cannot be written there ({error.strerror}); name another folder"
        ) from None


def _readable(frame: Frame) -> Iterator[str]:
    yield f"{frame.width} x {frame.height} pixels, people found: {len(frame.people)}"
    for number, person in enumerate(frame.people, 1):
        x1, y1, x2, y2 = (round(value) for value in person.box_xyxy)
        label = person.emotion.primary_label or "not read, no face is seen"
        yield f"person {number} at ({x1}, {y1}) to ({x2}, {y2}): apparent emotion {label}"
        for name, share in (person.emotion.primary or {}).items():
            yield f"  {name:<10}{share:>7.1%}  {'#' * round(40 * share)}"
        yield from _context_lines(person.emotion)


def _context_lines(emotion: Emotion) -> Iterator[str]:
    if emotion.category_labels is not None:
        said = emotion.categories or {}
        labels = sorted(emotion.category_labels, key=lambda name: -said[name])
        named = ", ".join(f"{name} {said[name]:.0%}" for name in labels)
        yield f"  categories: {named or 'none over its threshold'}"
    if emotion.valence is not None:
        yield (
            f"  valence {emotion.valence:.1f}, arousal {emotion.arousal:.1f}, "
            f"dominance {emotion.dominance:.1f} (1 to 10)"
        )
