"""``affekt evaluate``: a model measured on a manifest, or two compared on the same people."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, Protocol

import typer

from affekt.cli.inputs import bundle_files, manifest_files, named_outputs
from affekt.cli.progress import progress_bar
from affekt.errors import UsageError
from affekt.files import refuse_overwrite
from affekt.output.json import encode
from affekt.output.sink import text_output


class ReportFormat(StrEnum):
    """How the figures are written."""

    JSON = "json"
    MD = "md"


class Written(Protocol):
    """What an evaluation or a comparison can be written as."""

    def to_dict(self) -> Mapping[str, object]:
        """For JSON."""

    def to_markdown(self) -> str:
        """For reading."""


def evaluate(
    models: Annotated[
        list[str] | None, typer.Argument(help="A model's name or folder; two are compared.")
    ] = None,
    *,
    data: Annotated[Path, typer.Option(help="A manifest's file or folder.")],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="The same as an option; may be given twice."),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val, test or all.")] = "test",
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Of faces: plurality (the default), or majority: only faces with a majority by "
            "the set's rule."
        ),
    ] = None,
    kind: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="json or md (Markdown).")
    ] = ReportFormat.JSON,
    output: Annotated[str, typer.Option("--output", "-o", help="A file, or - for stdout.")] = "-",
    predictions: Annotated[
        Path | None, typer.Option(help="Parquet file for one row per face or person.")
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option(help="Of faces: PNG file for the confusion matrix.")
    ] = None,
    reliability: Annotated[
        Path | None, typer.Option(help="Of faces: PNG file for the reliability diagram.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="For the model; all cores by default.")
    ] = None,
) -> None:
    """Measure a model, or compare two: every figure with its 95% interval and n."""
    from affekt.data.people import manifest_kind  # noqa: PLC0415

    names = [*(models or ()), *(model or ())]
    if len(names) > 2:
        raise UsageError(f"{len(names)} models given: one is measured, two are compared")
    files = {"predictions": predictions, "confusion": confusion, "reliability": reliability}
    inputs = chain(bundle_files(*(names or ["context", "face"])), manifest_files(data))
    refuse_overwrite(named_outputs(output, **files), inputs)
    with text_output(output) as write:
        result: Written
        if manifest_kind(data) == "people":
            _refuse(protocol=protocol, confusion=confusion, reliability=reliability)
            result = _evaluate_people(names, data, split, predictions, threads)
        else:
            result = _evaluate_faces(
                names,
                data,
                split,
                protocol=protocol or "plurality",
                predictions=predictions,
                confusion=confusion,
                reliability=reliability,
                threads=threads,
            )
        text = encode(result.to_dict()).decode() if kind is ReportFormat.JSON else ""
        write((text or result.to_markdown()) + "\n")


def _refuse(**options: object) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise UsageError(f"--{given[0]} is for faces: on people, `affekt report` draws the figures")


def _evaluate_people(
    names: list[str], data: Path, split: str, predictions: Path | None, threads: int | None
) -> Written:
    from affekt.bundle import find_bundle  # noqa: PLC0415
    from affekt.data.people import PersonManifest  # noqa: PLC0415
    from affekt.evaluation import people as room  # noqa: PLC0415
    from affekt.evaluation.comparison import compare_bundles  # noqa: PLC0415
    from affekt.evaluation.predictions_file import write_person_predictions  # noqa: PLC0415

    manifest = PersonManifest.open(data)
    bundles = [find_bundle(name) for name in names or ["context"]]
    if len(bundles) == 2:
        if predictions is not None:
            raise UsageError("--predictions takes one model: two are compared here")
        with progress_bar("persons") as progress:
            return compare_bundles(
                bundles[0], bundles[1], manifest, split, threads=threads, progress=progress
            )
    with progress_bar("persons") as progress:
        result = room.evaluate_people(
            bundles[0], manifest, split, threads=threads, progress=progress
        )
    if predictions is not None:
        write_person_predictions(predictions, result.predictions)
    return result


def _evaluate_faces(
    names: list[str],
    data: Path,
    split: str,
    *,
    protocol: str,
    predictions: Path | None,
    confusion: Path | None,
    reliability: Path | None,
    threads: int | None,
) -> Written:
    from affekt.bundle import find_bundle  # noqa: PLC0415
    from affekt.data.manifest import Manifest  # noqa: PLC0415
    from affekt.evaluation import evaluate as room  # noqa: PLC0415
    from affekt.evaluation.curves import confidence_bins  # noqa: PLC0415
    from affekt.evaluation.predictions_file import write_predictions  # noqa: PLC0415
    from affekt.view import plots  # noqa: PLC0415

    if len(names) > 1:
        raise UsageError("two models are compared on a manifest of people; this one is of faces")
    bundle, manifest = find_bundle(names[0] if names else "face"), Manifest.open(data)
    with progress_bar("faces") as progress:
        result = room.evaluate(
            bundle, manifest, split, protocol=protocol, threads=threads, progress=progress
        )
    said = result.predictions
    if predictions is not None:
        write_predictions(predictions, said)
    if confusion is not None:
        plots.plot_confusion(result.confusion, said.labels, confusion)
    if reliability is not None:
        bins = confidence_bins(said.probabilities, said.truth)
        plots.plot_reliability(bins, reliability, ece=result.figures["ece"].value)
    return result
