"""``affekt report``: an evaluation as one HTML page."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from affekt.cli.inputs import bundle_files, manifest_files
from affekt.cli.progress import progress_bar
from affekt.files import refuse_overwrite
from affekt.output.sink import text_output


def report(
    *,
    data: Annotated[Path, typer.Option(help="A manifest's file or folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page's file.")],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="A name or folder; by default that for the manifest."),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val, test or all.")] = "test",
    gallery: Annotated[
        int, typer.Option(min=0, help="Rows shown of each kind; 0 for no pictures.")
    ] = 8,
    blur: Annotated[bool, typer.Option("--blur", help="Blur the faces in the gallery.")] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="For the model; all cores by default.")
    ] = None,
) -> None:
    """Write a page with tables, curves and pictures: how good a model is, and where."""
    from affekt.bundle import find_bundle  # noqa: PLC0415
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.evaluation.evaluate import evaluate  # noqa: PLC0415
    from affekt.evaluation.reading.sets import kind_of  # noqa: PLC0415
    from affekt.report.write import report_page  # noqa: PLC0415

    manifest = Manifest.open(data)
    name = model or kind_of(manifest).model
    refuse_overwrite({"--out": out}, chain(bundle_files(name), manifest_files(data)))
    with text_output(str(out)) as write:
        with progress_bar(kind_of(manifest).noun) as progress:
            bundle = find_bundle(name)
            result = evaluate(bundle, manifest, split, threads=threads, progress=progress)
        write(report_page(result, gallery=gallery, blur=blur))
