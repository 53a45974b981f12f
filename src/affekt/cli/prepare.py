"""``affekt prepare``: a set of faces or of people into a manifest."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affekt.cli.inputs import files_below, given, named_outputs
from affekt.cli.options import FaceDetectorOption
from affekt.cli.progress import progress_bar
from affekt.cli.terminal import say
from affekt.errors import OutputError, UsageError
from affekt.files import refuse_overwrite
from affekt.output.json import encode
from affekt.output.sink import text_output

if TYPE_CHECKING:
    from affekt.data.sets.emotic.prepare import EmoticSummary
    from affekt.data.sets.faces import PrepareSummary

prepare_app = typer.Typer(
    help="Write a manifest: one row per face or person, with its picture, split and labels.",
    no_args_is_help=False,
)

FolderArgument = Annotated[Path, typer.Argument(help="The folder of the data set.")]
OutOption = Annotated[Path, typer.Option("--out", help="The manifest's file or folder.")]


@prepare_app.command()
def ferplus(
    folder: FolderArgument, out: OutOption, face_detector: FaceDetectorOption = None
) -> None:
    """FER+ in the layout of its official generator."""
    from affekt.data.sets.faces import prepare_ferplus  # noqa: PLC0415
    from affekt.inference.find.faces import load_face_detector  # noqa: PLC0415

    _refuse_overwrite(folder, out, face_detector)
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
    labels: Annotated[
        str | None,
        typer.Option(
            help="What other names of folders mean: raf-db or affectnet for the numbers of these "
            "sets, or NAME=LABEL,NAME=LABEL,…",
        ),
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option(help="A folder to pass over; may be repeated.")
    ] = None,
    face_detector: FaceDetectorOption = None,
) -> None:
    """One folder of pictures per label, such as happiness, sad or 4_fear."""
    from affekt.data.sets.faces import prepare_folders  # noqa: PLC0415
    from affekt.data.sets.naming import FolderNames, parse_labels  # noqa: PLC0415
    from affekt.inference.find.faces import load_face_detector  # noqa: PLC0415

    names = FolderNames(parse_labels(labels) if labels is not None else {}, tuple(skip or ()))
    _refuse_overwrite(folder, out, face_detector)
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
            names=names,
            progress=progress,
        )
    _report(summary)


@prepare_app.command()
def emotic(
    *,
    folder: FolderArgument,
    out: OutOption,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="The annotations alone, without pictures.")
    ] = False,
    no_faces: Annotated[
        bool, typer.Option("--no-faces", help="Do not look for the people's faces.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="A folder for checks and statistics: JSON, text, figures.")
    ] = None,
    face_detector: FaceDetectorOption = None,
) -> None:
    """EMOTIC: people with 26 categories and valence, arousal, dominance; see docs/data.md."""
    from affekt.data.sets.emotic.prepare import prepare_emotic  # noqa: PLC0415
    from affekt.data.sets.splits import digest_of  # noqa: PLC0415
    from affekt.inference.find.faces import YUNET, load_face_detector  # noqa: PLC0415

    faces = not (labels_only or no_faces)
    if face_detector is not None and not faces:
        raise UsageError("--face-detector does not go with --labels-only or --no-faces: drop one")
    _refuse_overwrite(folder, out, face_detector, report)
    with progress_bar("pictures") as progress:
        summary = prepare_emotic(
            folder,
            out,
            detect=load_face_detector(face_detector).detect if faces else None,
            labels_only=labels_only,
            detector=digest_of(face_detector or YUNET) if faces else "",
            progress=progress,
        )
    if report is not None:
        _write_survey(summary.manifest, report)
    _report(summary)


def _refuse_overwrite(
    folder: Path, out: Path, detector: Path | None, report: Path | None = None
) -> None:
    """Manifests and what lies in the report's folder were made by an earlier run: no inputs."""
    from affekt.data.manifests.parquet import manifest_file  # noqa: PLC0415

    outputs = named_outputs("-", out=manifest_file(out))
    outputs |= {} if report is None else {f"--report {path}": path for path in report.glob("*.*")}
    read = (path for path in files_below(folder) if path.suffix != ".parquet")
    refuse_overwrite(
        outputs,
        chain(given(detector), (path for path in read if report not in path.parents)),
    )


def _write_survey(manifest: Path, folder: Path) -> None:
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.data.survey.survey import survey_people  # noqa: PLC0415
    from affekt.view.emotic_plots import plot_survey  # noqa: PLC0415

    survey = survey_people(Manifest.open(manifest))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror})") from None
    for name, content in (
        ("survey.json", encode(survey.to_dict()).decode() + "\n"),
        ("survey.txt", survey.to_text()),
    ):
        with text_output(str(folder / name)) as write:
            write(content)
    plot_survey(survey, folder)


def _report(summary: PrepareSummary | EmoticSummary) -> None:
    for note in summary.notes:
        say(note)
    with text_output("-") as write:
        write(encode(summary.to_dict()).decode() + "\n")
