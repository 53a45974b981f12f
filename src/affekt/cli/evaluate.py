"""``affekt evaluate``: a model measured on a manifest, or two compared on the same rows."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from affekt.cli.inputs import bundle_files, manifest_files, named_outputs
from affekt.cli.options import (
    MODEL,
    DataOption,
    OutputOption,
    ReportFormat,
    ReportOption,
    SplitOption,
    ThreadsOption,
)
from affekt.cli.progress import progress_bar
from affekt.errors import UsageError
from affekt.files import refuse_overwrite
from affekt.output.json import encode
from affekt.output.sink import STDOUT, text_output

if TYPE_CHECKING:
    from affekt.data.manifests.manifest import Manifest
    from affekt.evaluation.comparison import Comparison
    from affekt.evaluation.evaluation import Evaluation
    from affekt.heads import Kind


class Files(NamedTuple):
    """What else is written of one model."""

    predictions: Path | None
    confusion: Path | None
    reliability: Path | None

    def check(self, models: int, heads: Collection[Kind]) -> None:
        """Refuses files of which there is nothing to write."""
        given = [name for name, path in self._asdict().items() if path is not None]
        if given and models == 2:
            raise UsageError(f"--{given[0]} takes one model: two are compared here")
        drawn = [name for name in given if name != "predictions"]
        if drawn and "single-label" not in heads:
            raise UsageError(
                f"--{drawn[0]} draws a single-label head; here the heads are "
                f"{' and '.join(heads)}: `affekt report` draws their figures"
            )


def evaluate(
    *,
    data: DataOption,
    model: Annotated[
        list[str] | None,
        typer.Option(
            *MODEL, help="A name or folder; twice to compare two; by default that for the manifest."
        ),
    ] = None,
    split: SplitOption = "test",
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Of a single-label head: plurality (the default), or majority: only rows with a "
            "majority by the set's rule."
        ),
    ] = None,
    kind: ReportOption = ReportFormat.JSON,
    output: OutputOption = STDOUT,
    predictions: Annotated[
        Path | None, typer.Option(help="Parquet file for one row per face or person.")
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option(help="Of a single-label head: PNG file for the confusion matrix.")
    ] = None,
    reliability: Annotated[
        Path | None,
        typer.Option(help="Of a single-label head: PNG file for the reliability diagram."),
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Measure a model, or compare two: every figure with its 95% interval and n."""
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.evaluation.evaluation import Evaluation  # noqa: PLC0415
    from affekt.evaluation.reading.sets import kind_of  # noqa: PLC0415
    from affekt.report.markdown import to_markdown  # noqa: PLC0415

    names = model or []
    if len(names) > 2:
        raise UsageError(f"{len(names)} models given: one is measured, two are compared")
    files = Files(predictions, confusion, reliability)
    manifest = Manifest.open(data)
    names = names or [kind_of(manifest).model]
    inputs = chain(bundle_files(*names), manifest_files(data))
    refuse_overwrite(named_outputs(output, **files._asdict()), inputs)
    files.check(len(names), kind_of(manifest).heads)
    with text_output(output) as write:
        result = _measured(names, manifest, split, protocol, threads)
        if isinstance(result, Evaluation):
            _write_files(result, files)
        as_json = kind is ReportFormat.JSON
        write((encode(result.to_dict()).decode() if as_json else to_markdown(result)) + "\n")


def _measured(
    names: list[str], manifest: Manifest, split: str, protocol: str | None, threads: int | None
) -> Evaluation | Comparison:
    from affekt.bundle import find_bundle  # noqa: PLC0415
    from affekt.evaluation import evaluate as room  # noqa: PLC0415
    from affekt.evaluation.reading.sets import kind_of  # noqa: PLC0415

    first, *others = [find_bundle(name) for name in names]
    with progress_bar(kind_of(manifest).noun) as progress:
        measure = partial(room.compare, first, others[0]) if others else (
            partial(room.evaluate, first))  # fmt: skip
        return measure(manifest, split, protocol=protocol, threads=threads, progress=progress)


def _write_files(result: Evaluation, files: Files) -> None:
    from affekt.evaluation.metrics.single_label import confusion_matrix  # noqa: PLC0415
    from affekt.heads import Kind  # noqa: PLC0415
    from affekt.report.curves import confidence_bins  # noqa: PLC0415
    from affekt.report.parquet import write_predictions  # noqa: PLC0415
    from affekt.view import plots  # noqa: PLC0415

    said = result.predictions
    if files.predictions is not None:
        write_predictions(files.predictions, said)
    for head in said.heads(Kind.SINGLE_LABEL).values():
        known = head.part(head.known)
        if files.confusion is not None:
            counts = confusion_matrix(known.predicted, known.truth).astype(int)
            plots.plot_confusion(counts, known.labels, files.confusion)
        if files.reliability is not None:
            bins = confidence_bins(known.predicted, known.truth)
            plots.plot_reliability(bins, files.reliability, ece=result.figures["ece"].value)
