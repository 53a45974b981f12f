"""``affekt report``: an evaluation as one HTML page."""

from __future__ import annotations

from itertools import chain
from typing import Annotated

import typer

from affekt.cli.inputs import bundle_files, manifest_files, named_outputs
from affekt.cli.options import MODEL, DataOption, OutputOption, SplitOption, ThreadsOption
from affekt.cli.progress import progress_bar
from affekt.files import refuse_overwrite
from affekt.output.sink import STDOUT, text_output


def report(
    *,
    data: DataOption,
    model: Annotated[
        str | None,
        typer.Option(*MODEL, help="A name or folder; by default that for the manifest."),
    ] = None,
    split: SplitOption = "test",
    output: OutputOption = STDOUT,
    gallery: Annotated[
        int, typer.Option(min=0, help="Rows shown of each kind; 0 for no pictures.")
    ] = 8,
    blur: Annotated[bool, typer.Option("--blur", help="Blur the faces in the gallery.")] = False,
    threads: ThreadsOption = None,
) -> None:
    """Write a page with tables, curves and pictures: how good a model is, and where."""
    from affekt.bundle import find_bundle  # noqa: PLC0415
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.evaluation.evaluate import evaluate  # noqa: PLC0415
    from affekt.evaluation.reading.sets import kind_of  # noqa: PLC0415
    from affekt.report.write import report_page  # noqa: PLC0415

    manifest = Manifest.open(data)
    name = model or kind_of(manifest).model
    refuse_overwrite(named_outputs(output), chain(bundle_files(name), manifest_files(data)))
    with text_output(output) as write:
        with progress_bar(kind_of(manifest).noun) as progress:
            bundle = find_bundle(name)
            result = evaluate(bundle, manifest, split, threads=threads, progress=progress)
        write(report_page(result, gallery=gallery, blur=blur))
