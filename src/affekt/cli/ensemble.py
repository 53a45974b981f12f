"""``affekt ensemble``: several models made into one bundle."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from affekt.cli.evaluate import ReportFormat
from affekt.cli.inputs import bundle_files, bundle_outputs, manifest_files
from affekt.cli.progress import progress_bar
from affekt.cli.terminal import say
from affekt.files import refuse_overwrite
from affekt.output.json import encode
from affekt.output.sink import text_output


def ensemble(
    *,
    models: Annotated[
        list[str], typer.Argument(help="Models of the same heads: names or folders.")
    ],
    data: Annotated[Path, typer.Option(help="Manifest to fit the ensemble on: file or folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The ensemble's folder.")],
    select: Annotated[
        bool, typer.Option("--select", help="Choose the weights; without it all are equal.")
    ] = False,
    tta: Annotated[
        bool, typer.Option("--tta", help="Each model also sees mirrored pictures, as a member.")
    ] = False,
    split: Annotated[str, typer.Option(help="To fit it on: val, train or test.")] = "val",
    name: Annotated[str | None, typer.Option(help="The bundle's name; its folder's.")] = None,
    kind: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="Of the report: md (Markdown) or json.")
    ] = ReportFormat.MD,
    threads: Annotated[
        int | None, typer.Option(min=1, help="For the models; all cores by default.")
    ] = None,
) -> None:
    """Average models into one, and say what each adds."""
    from affekt.bundle import find_bundle  # noqa: PLC0415
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.evaluation.reading.sets import kind_of  # noqa: PLC0415
    from affekt.packaging.ensemble import EnsembleOptions, make_ensemble  # noqa: PLC0415
    from affekt.report.markdown import to_markdown  # noqa: PLC0415

    inputs = chain(bundle_files(*models), manifest_files(data))
    refuse_overwrite(bundle_outputs(out), inputs)
    bundles = [find_bundle(model) for model in models]
    manifest = Manifest.open(data)
    options = EnsembleOptions(name, select, tta, split, threads)
    with text_output("-") as write:
        with progress_bar(kind_of(manifest).noun) as progress:
            bundle, report = make_ensemble(bundles, out, manifest, options, progress)
        say(f"affekt: the ensemble is in {bundle.folder}")
        if kind is ReportFormat.JSON:
            write(encode(report.to_dict()).decode() + "\n")
        else:
            write(to_markdown(report) + "\n")
