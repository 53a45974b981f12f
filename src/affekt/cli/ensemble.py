"""``affekt ensemble``: several models made into one bundle."""

from __future__ import annotations

from itertools import chain
from typing import Annotated

import typer

from affekt.cli.inputs import bundle_files, bundle_outputs, manifest_files, named_outputs
from affekt.cli.options import (
    MODEL,
    BundleOption,
    DataOption,
    NameOption,
    OutputOption,
    ReportFormat,
    ReportOption,
    ThreadsOption,
)
from affekt.cli.progress import progress_bar
from affekt.cli.terminal import say
from affekt.files import refuse_overwrite
from affekt.output.json import encode
from affekt.output.sink import STDOUT, text_output


def ensemble(
    *,
    model: Annotated[
        list[str],
        typer.Option(*MODEL, help="A name or folder; once for each member, all of the same heads."),
    ],
    data: DataOption,
    out: BundleOption,
    select: Annotated[
        bool, typer.Option("--select", help="Choose the weights; without it all are equal.")
    ] = False,
    tta: Annotated[
        bool, typer.Option("--tta", help="Each model also sees mirrored pictures, as a member.")
    ] = False,
    split: Annotated[str, typer.Option(help="To fit it on: val, train or test.")] = "val",
    name: NameOption = None,
    kind: ReportOption = ReportFormat.MD,
    output: OutputOption = STDOUT,
    threads: ThreadsOption = None,
) -> None:
    """Average models into one, and say what each adds."""
    from affekt.bundle import find_bundle  # noqa: PLC0415
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.evaluation.reading.sets import kind_of  # noqa: PLC0415
    from affekt.packaging.ensemble import EnsembleOptions, make_ensemble  # noqa: PLC0415
    from affekt.report.markdown import to_markdown  # noqa: PLC0415

    inputs = chain(bundle_files(*model), manifest_files(data))
    refuse_overwrite(named_outputs(output) | bundle_outputs(out), inputs)
    bundles = [find_bundle(one) for one in model]
    manifest = Manifest.open(data)
    options = EnsembleOptions(name, select, tta, split, threads)
    with text_output(output) as write:
        with progress_bar(kind_of(manifest).noun) as progress:
            bundle, report = make_ensemble(bundles, out, manifest, options, progress)
        say(f"affekt: the ensemble is in {bundle.folder}")
        if kind is ReportFormat.JSON:
            write(encode(report.to_dict()).decode() + "\n")
        else:
            write(to_markdown(report) + "\n")
