"""``affekt predict``: pictures in, apparent emotions out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affekt import __version__
from affekt.cli.copies import Copies
from affekt.cli.inputs import bundle_files, given, named_outputs
from affekt.cli.options import (
    FORMAT,
    FaceDetectorOption,
    ModelOption,
    OutputOption,
    ThreadsOption,
)
from affekt.cli.progress import Report, progress_bar
from affekt.cli.terminal import say, say_error
from affekt.errors import MediaError, OutputError, UsageError
from affekt.files import file_sha256, refuse_overwrite
from affekt.output.formats import choose_format
from affekt.output.results import Results
from affekt.output.sink import STDOUT
from affekt.output.table import Labels

if TYPE_CHECKING:
    from affekt.inference.boxes_file import Boxes
    from affekt.inference.predictor import Prediction, Predictor
    from affekt.media import Source, Sources

PIXEL_LIMIT = 100_000_000  # affekt.media.PIXEL_LIMIT, which would import NumPy for --help

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


def predict(
    *,
    sources: Annotated[
        list[str],
        typer.Argument(help="Picture files, folders (and all below), patterns, - for stdin."),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            *FORMAT, help="json, jsonl, csv or parquet; else by --output's suffix, or json."
        ),
    ] = None,
    output: OutputOption = STDOUT,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from what a run that was killed left of --output."),
    ] = False,
    annotate: Annotated[
        Path | None, typer.Option(help="Folder for copies with boxes, labels and bars drawn.")
    ] = None,
    blur: Annotated[bool, typer.Option("--blur", help="Blur every face in those copies.")] = False,
    model: ModelOption = "context",
    face_detector: FaceDetectorOption = None,
    person_detector: PeopleOption = None,
    boxes: BoxesOption = None,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Refuse pictures with more pixels than that.")
    ] = PIXEL_LIMIT,
    threads: ThreadsOption = None,
) -> None:
    """Read the apparent emotion of every person in pictures."""
    from affekt.media import expand_sources  # noqa: PLC0415

    form, found = choose_format(kind, output), expand_sources(sources)
    items, read = found.items, given(boxes, face_detector, person_detector)
    copies = _copies(annotate, blur, items)
    _refuse_overwrite(output, copies, items, chain(read, bundle_files(model)))
    with Results(output, form, resume=resume) as results:
        _begin(found, copies)
        from affekt.inference.predictor import load  # noqa: PLC0415

        predictor = load(
            model,
            face_detector=face_detector,
            person_detector=person_detector,
            boxes=None if boxes is None else _boxes(boxes, items),
            threads=threads,
            max_pixels=max_pixels,
        )
        labels = Labels(predictor.primary_labels, predictor.categories, predictor.others)
        results.begin(labels, _settings(predictor, copies, read))
        _say_left(results, resume)
        failed = _read(predictor, items, results, copies)
    if failed:
        raise typer.Exit(1)


def _copies(folder: Path | None, blur: bool, items: Sequence[Source | MediaError]) -> Copies | None:
    if folder is not None:
        return Copies(folder, blur, items)
    if blur:
        raise UsageError("--blur is for the pictures that --annotate DIR writes: give both")
    return None


def _begin(found: Sources, copies: Copies | None) -> None:
    """Says what of the inputs is left out, and sees to the place of the copies."""
    if found.note() is not None:
        say(f"affekt: {found.note()}")
    if copies is not None:
        copies.prepare()


def _refuse_overwrite(
    output: str,
    copies: Copies | None,
    items: Sequence[Source | MediaError],
    others: Iterable[Path],
) -> None:
    outputs = named_outputs(output)
    if copies is not None:
        outputs |= {f"--annotate {copies.folder}: {path}": path for path in copies.paths}
    pictures = [item.name for item in items if not isinstance(item, MediaError)]
    refuse_overwrite(outputs, chain((name for name in pictures if name != STDOUT), others))


def _settings(predictor: Predictor, copies: Copies | None, files: Sequence[Path]) -> dict[str, Any]:
    """What must be equal for one run to go on from another."""
    from affekt.bundle import describe  # noqa: PLC0415

    return {
        "version": __version__,
        "model": hashlib.sha256(describe(predictor.bundle.info)).hexdigest(),
        "files": [file_sha256(path) for path in files],
        "copies": None if copies is None else [os.path.realpath(copies.folder), copies.blur],
    }


def _say_left(results: Results, resume: bool) -> None:
    """Names what killed runs left, so that nobody has to look for it."""
    for path in results.others:
        say(f"affekt: {path} is left of a run with other options that was killed; it stays there")
    if resume and not results.left:
        say("affekt: there is nothing to go on from: every picture is read")
    for path in results.left:
        say(
            f"affekt: going on from {path}"
            if resume
            else f"affekt: {path} holds results of a run that was killed: --resume goes on from it"
        )


def _read(
    predictor: Predictor,
    items: Sequence[Source | MediaError],
    results: Results,
    copies: Copies | None,
) -> bool:
    """Writes the result of every picture in order, then its copy; whether any failed."""
    done = [_done(number, item, results, copies) for number, item in enumerate(items)]
    todo = [item for item, place in zip(items, done, strict=True) if place is None]
    failed = False
    with (
        progress_bar("pictures", wanted=not results.shown) as progress,
        closing(_predictions(predictor, todo, copies is not None, progress)) as outcomes,
    ):
        for number, place in enumerate(done):
            if place is not None:
                results.write(results.earlier.read(place))
                continue
            outcome = next(outcomes)
            if isinstance(outcome, MediaError):
                say_error(str(outcome))
                failed = True
                continue
            results.write(outcome.frame.to_dict())
            failed |= copies is not None and not _copied(copies, number, outcome)
    return failed


def _done(
    number: int, item: Source | MediaError, results: Results, copies: Copies | None
) -> tuple[int, int] | None:
    """Where an earlier run put the result of a picture, whose copy is there too if it is to be."""
    if isinstance(item, MediaError) or item.name == STDOUT:
        return None
    place = results.earlier.find(item.name)
    if place is not None and copies is not None and not os.path.isfile(copies.paths[number]):  # noqa: PTH113
        return None  # pathlib's own would raise for a long name
    return place


def _copied(copies: Copies, number: int, outcome: Prediction) -> bool:
    try:
        copies.write(number, outcome)
    except OutputError as error:
        say_error(str(error))
        return False
    return True


def _predictions(
    predictor: Predictor,
    items: Sequence[Source | MediaError],
    keep_images: bool,
    progress: Report,
) -> Generator[Prediction | MediaError]:
    stream = predictor.predict_stream(items, keep_images=keep_images)
    with closing(stream):  # type: ignore[type-var]
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
