"""``affekt train`` and ``affekt export``: from a recipe to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affekt.cli.output import text_output
from affekt.cli.progress import progress_bar
from affekt.errors import MissingExtraError


def train(
    config: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="table.key=value in place of the recipe's; may be repeated."),
    ] = None,
) -> None:
    """Train a recipe, or go on with it where its folder holds an unfinished run."""
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


def _missing(what: str, error: ModuleNotFoundError) -> Exception:
    """A missing package of the extra; a missing module of Affekt's own is another matter."""
    if (error.name or "").startswith("affekt"):
        return error
    return MissingExtraError(what, "train")
