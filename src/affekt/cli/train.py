"""``affekt train``: from a recipe to a trained network."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affekt.cli.inputs import recipe_files
from affekt.cli.progress import progress_bar
from affekt.cli.terminal import notices
from affekt.errors import missing_extra
from affekt.files import refuse_overwrite
from affekt.output.sink import text_output

if TYPE_CHECKING:
    from affekt.training.recipe.recipe import Recipe

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
        from affekt.training.recipe.recipe import read_recipe  # noqa: PLC0415

        recipe = read_recipe(config, changes)  # refused before torch is waited for
        _refuse_overwrite(config, recipe)
        with notices():
            best = _train(recipe)
    except ModuleNotFoundError as error:
        raise missing_extra("training", error) from None
    if os.environ.get("RANK", "0") == "0":  # of several that torchrun started, one answers
        with text_output("-") as write:
            write(f"{best}\n")


def _refuse_overwrite(config: Path, recipe: Recipe) -> None:
    out = recipe.run.out
    outputs = {f"run.out {out}: {name}": Path(out, name) for name in OUTPUTS}
    refuse_overwrite(outputs, [config, *recipe_files(asdict(recipe))])


def _train(recipe: Recipe) -> Path:
    from affekt.training.processes import Progress  # noqa: PLC0415
    from affekt.training.train import train as run  # noqa: PLC0415

    folds = recipe.crossed
    epochs = recipe.optim.epochs * (1 if folds is None else folds.count + folds.refit)
    with progress_bar("people encoded") as encoded, progress_bar("steps") as trained:

        def report(epoch: int, step: int, steps: int) -> None:
            trained(epoch * steps + step, epochs * steps)

        return run(recipe, Progress(report, encoded))
