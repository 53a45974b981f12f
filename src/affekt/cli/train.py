"""``affekt train`` and ``affekt export``: from a recipe to a bundle."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affekt.cli.inputs import bundle_outputs, given, manifest_files, recipe_files
from affekt.cli.progress import progress_bar
from affekt.cli.terminal import notices
from affekt.errors import MissingExtraError, UsageError
from affekt.files import refuse_overwrite
from affekt.output.sink import text_output
from affekt.typed import parse_json

if TYPE_CHECKING:
    from affekt.training.context_export import ContextExportOptions
    from affekt.training.export import ExportOptions

OUTPUTS = ("best.safetensors", "last.ckpt", "metrics.jsonl", "curves.png", "out_of_fold.npz")
"""What a run writes into its folder."""

SPINS = "2000"
"""How long OpenMP's threads wait busily: by default long enough to starve the data workers, which
made training on two cores more than twice as slow."""


def train(
    config: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="table.key=value in place of the recipe's; may be repeated."),
    ] = None,
    devices: Annotated[
        int | None, typer.Option(help="Processes, one per device; the recipe's run.devices.")
    ] = None,
) -> None:
    """Train a recipe, or go on with it where its folder holds an unfinished run."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    changes = [*(overrides or ()), *([] if devices is None else [f"run.devices={devices}"])]
    try:
        from affekt.training.recipe import read_recipe, recipe_kind  # noqa: PLC0415

        content = read_recipe(config, changes)
        _refuse_overwrite(config, content)
        run = _train_context if recipe_kind(content) == "context" else _train_face
        with notices():
            best = run(content)
    except ModuleNotFoundError as error:
        raise _missing("training", error) from None
    if os.environ.get("RANK", "0") == "0":  # of several that torchrun started, one answers
        with text_output("-") as write:
            write(f"{best}\n")


def _refuse_overwrite(config: Path, content: dict[str, Any]) -> None:
    out = content.get("run", {}).get("out")
    if isinstance(out, str):
        outputs = {f"run.out {out}: {name}": Path(out, name) for name in OUTPUTS}
        refuse_overwrite(outputs, [config, *recipe_files(content)])


def _train_face(content: dict[str, Any]) -> Path:
    from affekt.training.config import parse_config  # noqa: PLC0415

    recipe = parse_config(content)  # refused before torch is waited for
    from affekt.training.loop import train as run  # noqa: PLC0415

    epochs = recipe.optim.epochs
    with progress_bar("steps") as report:
        return run(recipe, lambda epoch, step, steps: report(epoch * steps + step, epochs * steps))


def _train_context(content: dict[str, Any]) -> Path:
    from affekt.training.context_config import parse_context_config  # noqa: PLC0415

    recipe = parse_context_config(content)
    from affekt.training.context_loop import FEATURES_EPOCH, train_context  # noqa: PLC0415

    epochs = recipe.optim.epochs * max(recipe.data.folds + recipe.data.refit, 1)
    with progress_bar("people encoded") as encoded, progress_bar("steps") as trained:

        def report(epoch: int, step: int, steps: int) -> None:
            if epoch == FEATURES_EPOCH:
                encoded(step, steps)
            else:
                trained(epoch * steps + step, epochs * steps)

        return train_context(recipe, report)


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
    metrics = dict(map(named_figures, figures or ()))
    named = [Path(text.partition("=")[2]) for text in figures or ()]
    manifests = manifest_files(*calibrate, *given(prior_manifest))
    refuse_overwrite(bundle_outputs(out), chain([checkpoint], named, manifests))
    try:
        from affekt.models.build import saved_kind  # noqa: PLC0415
        from affekt.training.card import check_figures  # noqa: PLC0415

        context = saved_kind(checkpoint) == "context"
        if context and (label or prior or prior_manifest or mirror):
            raise UsageError("--label, --prior, --prior-manifest and --mirror are for face models")
        check_figures(metrics, context=context)
        if context:
            from affekt.training.context_export import ContextExportOptions  # noqa: PLC0415

            wanted = ContextExportOptions(name, precision, head_precision, licence, metrics)
            folder = _export_context(checkpoint, out, calibrate, wanted)
        else:
            from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
            from affekt.training.export import ExportOptions  # noqa: PLC0415

            of = None if prior_manifest is None else Manifest.open(prior_manifest)
            labels = tuple(label) if label else None
            options = ExportOptions(name, precision, labels, prior, of, licence, metrics, mirror)
            folder = _export_face(checkpoint, out, calibrate, options)
    except ModuleNotFoundError as error:
        raise _missing("export", error) from None
    with text_output("-") as write:
        write(f"{folder}\n")


def _export_context(
    checkpoint: Path, out: Path, manifests: list[Path], options: ContextExportOptions
) -> Path:
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.training.context_export import export_context  # noqa: PLC0415

    people = [Manifest.open(path) for path in manifests]
    return export_context(checkpoint, out, people, options).folder


def _export_face(
    checkpoint: Path, out: Path, manifests: list[Path], options: ExportOptions
) -> Path:
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.training.export import export_bundle  # noqa: PLC0415

    faces = [Manifest.open(path) for path in manifests]
    return export_bundle(checkpoint, out, faces, options).folder


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
            f"--figures {text}: expected NAME=FILE with the JSON of affekt evaluate ({error})"
        ) from None
    return name, figures


def _missing(what: str, error: ModuleNotFoundError) -> Exception:
    """A missing package of the extra; a missing module of Affekt's own is another matter."""
    if (error.name or "").startswith("affekt"):
        return error
    return MissingExtraError(what, "train")
