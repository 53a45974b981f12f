"""``affekt train`` and ``affekt export``: from a recipe to a bundle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from affekt.cli.output import text_output
from affekt.cli.progress import progress_bar
from affekt.errors import MissingExtraError, UsageError

SPINS = "2000"
"""How long OpenMP's threads wait busily: by default long enough to starve the data workers, which
made training on two cores more than twice as slow."""


def train(
    config: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="table.key=value in place of the recipe's; may be repeated."),
    ] = None,
) -> None:
    """Train a recipe, or go on with it where its folder holds an unfinished run."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    try:
        from affekt.training.config import load_config  # noqa: PLC0415

        recipe = load_config(config, overrides or ())  # refused before torch is waited for
        from affekt.training.loop import train as run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _missing("training", error) from None

    epochs = recipe.optim.epochs
    with progress_bar("steps") as report:
        best = run(recipe, lambda epoch, step, steps: report(epoch * steps + step, epochs * steps))
    with text_output("-") as write:
        write(f"{best}\n")


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
    label: Annotated[
        list[str] | None, typer.Option(help="Label to keep; may be repeated; the primary 7.")
    ] = None,
    prior: Annotated[
        float, typer.Option(min=0, help="Strength of --prior-manifest's label prior; 0 is none.")
    ] = 0.0,
    prior_manifest: Annotated[
        Path | None, typer.Option(help="Whose training split gives that prior.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the weights.")] = "not stated",
    figures: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE.json by affekt evaluate, for the card; may be repeated."),
    ] = None,
) -> None:
    """Make a bundle: ONNX checked against torch on real faces, calibrated, with its card."""
    try:
        from affekt.data.manifest import Manifest  # noqa: PLC0415
        from affekt.labels import PRIMARY  # noqa: PLC0415
        from affekt.training.export import ExportOptions, export_bundle  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _missing("export", error) from None

    options = ExportOptions(
        name=name,
        precision=precision,
        labels=tuple(label or PRIMARY),
        prior=prior,
        prior_manifest=None if prior_manifest is None else Manifest.open(prior_manifest),
        licence=licence,
        metrics=dict(map(_named_figures, figures or ())),
    )
    manifests = [Manifest.open(path) for path in calibrate]
    bundle = export_bundle(checkpoint, out, manifests, options)
    with text_output("-") as write:
        write(f"{bundle.folder}\n")


def _named_figures(text: str) -> tuple[str, Any]:
    name, _, path = text.partition("=")
    try:
        return name, json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--figures {text}: expected NAME=FILE with the JSON of affekt evaluate ({error})"
        ) from None


def _missing(what: str, error: ModuleNotFoundError) -> Exception:
    """A missing package of the extra; a missing module of Affekt's own is another matter."""
    if (error.name or "").startswith("affekt"):
        return error
    return MissingExtraError(what, "train")
