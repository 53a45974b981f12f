"""``affekt export``: a trained network as a bundle."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from affekt.cli.inputs import bundle_outputs, given, manifest_files
from affekt.cli.train import missing_extra
from affekt.errors import UsageError, one_line
from affekt.files import refuse_overwrite
from affekt.output.sink import text_output
from affekt.typed import parse_json


class Wanted(NamedTuple):
    """What the bundle of any model is told."""

    name: str
    precision: str
    licence: str
    metrics: dict[str, Any]


class OfFaces(NamedTuple):
    """What only a face model can be told; nothing by default."""

    labels: list[str] | None
    prior: float
    prior_manifest: Path | None
    mirror: bool


def export(
    *,
    checkpoint: Annotated[Path, typer.Argument(help="best.safetensors of a training run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The bundle's folder.")],
    name: Annotated[str, typer.Option(help="The bundle's name.")],
    calibrate: Annotated[
        list[Path],
        typer.Option(help="Manifest to calibrate and check on; may be repeated."),
    ],
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp16",
    head_precision: Annotated[
        str, typer.Option(help="Of a context model's head: fp32 or fp16.")
    ] = "fp32",
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="Face: label to keep; may be repeated; the primary 7 where the model has them, "
            "else all of its own."
        ),
    ] = None,
    prior: Annotated[
        float,
        typer.Option(min=0, help="Face: strength of --prior-manifest's label prior; 0 is none."),
    ] = 0.0,
    prior_manifest: Annotated[
        Path | None, typer.Option(help="Face: whose training split gives that prior.")
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option(help="Face: mean of the face and its mirror image; half the speed."),
    ] = False,
    licence: Annotated[str, typer.Option(help="Of the weights.")] = "not stated",
    figures: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE.json by affekt evaluate, for the card; may be repeated."),
    ] = None,
) -> None:
    """Make a bundle: ONNX checked against torch on real data, calibrated, with its card."""
    wanted = Wanted(name, precision, licence, dict(map(named_figures, figures or ())))
    of_faces = OfFaces(label, prior, prior_manifest, mirror)
    named = [Path(text.partition("=")[2]) for text in figures or ()]
    manifests = manifest_files(*calibrate, *given(prior_manifest))
    refuse_overwrite(bundle_outputs(out), chain([checkpoint], named, manifests))
    try:
        if _is_context(checkpoint, wanted, of_faces):
            folder = _export_context(checkpoint, out, calibrate, wanted, head_precision)
        else:
            folder = _export_face(checkpoint, out, calibrate, wanted, of_faces)
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


def _is_context(checkpoint: Path, wanted: Wanted, of_faces: OfFaces) -> bool:
    """Whether a network of people is to be exported, whose options must fit it."""
    from affekt.models.build import saved_kind  # noqa: PLC0415
    from affekt.training.card import check_figures  # noqa: PLC0415

    context = saved_kind(checkpoint) == "context"
    if context and any(of_faces):
        raise UsageError("--label, --prior, --prior-manifest and --mirror are for face models")
    check_figures(wanted.metrics, context=context)
    return context


def _export_context(
    checkpoint: Path, out: Path, manifests: list[Path], wanted: Wanted, head_precision: str
) -> Path:
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.training.context_export import ContextExportOptions, export_context  # noqa: PLC0415

    people = [Manifest.open(path) for path in manifests]
    options = ContextExportOptions(
        wanted.name, wanted.precision, head_precision, wanted.licence, wanted.metrics
    )
    return export_context(checkpoint, out, people, options).folder


def _export_face(
    checkpoint: Path, out: Path, manifests: list[Path], wanted: Wanted, of_faces: OfFaces
) -> Path:
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.training.export import ExportOptions, export_bundle  # noqa: PLC0415

    name, precision, licence, metrics = wanted
    labels, prior, prior_manifest, mirror = of_faces
    prior_of = None if prior_manifest is None else Manifest.open(prior_manifest)
    faces = [Manifest.open(path) for path in manifests]
    kept = tuple(labels) if labels else None
    options = ExportOptions(name, precision, kept, prior, prior_of, licence, metrics, mirror)
    return export_bundle(checkpoint, out, faces, options).folder
