"""``affekt export``: a trained network as a bundle."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from affekt.cli.inputs import bundle_outputs, given, manifest_files
from affekt.cli.options import BundleOption, NameOption
from affekt.errors import UsageError, missing_extra, one_line
from affekt.files import refuse_overwrite
from affekt.output.sink import text_output
from affekt.typed import parse_json


def export(
    *,
    checkpoint: Annotated[Path, typer.Argument(help="best.safetensors of a training run.")],
    data: Annotated[
        list[Path],
        typer.Option(help="A manifest's file or folder, to calibrate and check on; repeatable."),
    ],
    out: BundleOption,
    name: NameOption = None,
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp16",
    head_precision: Annotated[
        str, typer.Option(help="Of what comes after encoders: fp32 or fp16.")
    ] = "fp32",
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="Primary label to keep; may be repeated; the primary 7 where the model has them, "
            "else all of its own."
        ),
    ] = None,
    prior: Annotated[
        float,
        typer.Option(min=0, help="Strength of --prior-manifest's primary label prior; 0 is none."),
    ] = 0.0,
    prior_manifest: Annotated[
        Path | None, typer.Option(help="Whose training split gives that prior.")
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option(help="Of one stream: mean of crop and mirror image; half the speed."),
    ] = False,
    licence: Annotated[str, typer.Option(help="Of the weights.")] = "not stated",
    figures: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE.json by affekt evaluate, for the card; may be repeated."),
    ] = None,
) -> None:
    """Make a bundle: ONNX checked against torch on real data, calibrated, with its card."""
    metrics = dict(map(named_figures, figures or ()))
    named = [Path(text.partition("=")[2]) for text in figures or ()]
    manifests = manifest_files(*data, *given(prior_manifest))
    refuse_overwrite(bundle_outputs(out), chain([checkpoint], named, manifests))
    options = {
        "name": name,
        "precision": precision,
        "head_precision": head_precision,
        "licence": licence,
        "metrics": metrics,
        "labels": tuple(label) if label else None,
        "prior": prior,
        "mirror": mirror,
    }
    try:
        folder = _export(checkpoint, out, data, prior_manifest, options)
    except ModuleNotFoundError as error:
        raise missing_extra("export", error) from None
    with text_output("-") as write:
        write(f"{folder}\n")


def named_figures(text: str) -> tuple[str, Any]:
    """The name and content of NAME=FILE, a figures file.

    Raises:
        UsageError: it cannot be read, or is no JSON.
    """
    name, _, path = text.partition("=")
    try:
        figures = parse_json(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--figures {text}: expected NAME=FILE with the JSON of affekt evaluate "
            f"({one_line(error)})"
        ) from None
    return name, figures


def _export(
    checkpoint: Path,
    out: Path,
    data: list[Path],
    prior_manifest: Path | None,
    options: dict[str, Any],
) -> Path:
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.packaging.card import check_figures  # noqa: PLC0415
    from affekt.packaging.export import ExportOptions, export_network  # noqa: PLC0415

    check_figures(options["metrics"])
    prior = None if prior_manifest is None else Manifest.open(prior_manifest)
    opened = [Manifest.open(path) for path in data]
    asked = ExportOptions(**options, prior_manifest=prior)
    return export_network(checkpoint, out, opened, asked).folder
