"""``affekt prepare``: a face set into a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affekt.cli.output import encode, say, text_output
from affekt.cli.progress import progress_bar

if TYPE_CHECKING:
    from affekt.data.faces import PrepareSummary

prepare_app = typer.Typer(
    help="Write a manifest: one row per face, with its picture, split and labels.",
    no_args_is_help=False,
)

FolderArgument = Annotated[Path, typer.Argument(help="The folder of the data set.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="The manifest's file or folder.")]
DetectorOption = Annotated[
    Path | None, typer.Option("--face-detector", help="A YuNet file (ONNX) to find faces with.")
]


@prepare_app.command()
def ferplus(folder: FolderArgument, out: OutOption, face_detector: DetectorOption = None) -> None:
    """FER+ in the layout of its official generator."""
    from affekt.data.faces import prepare_ferplus  # noqa: PLC0415
    from affekt.inference.detectors import load_face_detector  # noqa: PLC0415

    detect = load_face_detector(face_detector).detect
    with progress_bar("faces") as progress:
        _report(prepare_ferplus(folder, out, detect=detect, progress=progress))


@prepare_app.command()
def folders(
    *,
    folder: FolderArgument,
    out: OutOption,
    faces: Annotated[
        str, typer.Option(help="whole: each picture is a face crop; detect: find the face in it.")
    ] = "whole",
    val: Annotated[float, typer.Option(help="Share drawn for validation, 0 to 1.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share drawn for the test, 0 to 1.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    face_detector: DetectorOption = None,
) -> None:
    """One folder of pictures per label, such as happiness, sad or 4_fear."""
    from affekt.data.faces import prepare_folders  # noqa: PLC0415
    from affekt.inference.detectors import load_face_detector  # noqa: PLC0415

    detect = load_face_detector(face_detector).detect
    with progress_bar("faces") as progress:
        summary = prepare_folders(
            folder,
            out,
            detect=detect,
            faces=faces,
            val=val,
            test=test,
            seed=seed,
            progress=progress,
        )
    _report(summary)


def _report(summary: PrepareSummary) -> None:
    for note in summary.notes:
        say(note)
    with text_output("-") as write:
        write(encode(summary.to_dict()).decode() + "\n")
