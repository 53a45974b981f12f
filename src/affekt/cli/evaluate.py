"""``affekt evaluate``: a model measured on a manifest."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from affekt.cli.output import encode, text_output
from affekt.cli.progress import progress_bar


class ReportFormat(StrEnum):
    """How the figures are written."""

    JSON = "json"
    MD = "md"


def evaluate(
    *,
    data: Annotated[Path, typer.Option(help="A manifest's file or folder.")],
    model: Annotated[str, typer.Option(help="A model's name or folder.")] = "face",
    split: Annotated[str, typer.Option(help="train, val, test or all.")] = "test",
    protocol: Annotated[
        str,
        typer.Option(help="plurality, or majority: only faces with a majority by the set's rule."),
    ] = "plurality",
    kind: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="json or md (Markdown).")
    ] = ReportFormat.JSON,
    output: Annotated[str, typer.Option("--output", "-o", help="A file, or - for stdout.")] = "-",
    predictions: Annotated[
        Path | None, typer.Option(help="Parquet file for one row per face.")
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option(help="PNG file for the confusion matrix.")
    ] = None,
    reliability: Annotated[
        Path | None, typer.Option(help="PNG file for the reliability diagram.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="For the model; all cores by default.")
    ] = None,
) -> None:
    """Measure a model: every figure with its 95% interval and n."""
    from affekt.bundle import find_bundle  # noqa: PLC0415
    from affekt.data.manifest import Manifest  # noqa: PLC0415
    from affekt.evaluation import evaluate as room  # noqa: PLC0415
    from affekt.evaluation import metrics  # noqa: PLC0415
    from affekt.view import plots  # noqa: PLC0415

    with text_output(output) as write:
        bundle, manifest = find_bundle(model), Manifest.open(data)
        with progress_bar("faces") as progress:
            result = room.evaluate(
                bundle, manifest, split, protocol=protocol, threads=threads, progress=progress
            )
        if predictions is not None:
            room.write_predictions(predictions, result.predictions)
        if confusion is not None:
            plots.plot_confusion(result.confusion, result.predictions.labels, confusion)
        if reliability is not None:
            bins = metrics.reliability(result.predictions.probabilities, result.predictions.truth)
            plots.plot_reliability(bins, reliability, ece=result.figures["ece"].value)
        if kind is ReportFormat.JSON:
            write(encode(result.to_dict()).decode() + "\n")
        else:
            write(result.to_markdown() + "\n")
