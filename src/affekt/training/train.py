"""From a recipe to a trained network: the task, the loop, and the hooks around them."""

from __future__ import annotations

from pathlib import Path

from lightning_fabric import Fabric

from affekt.training.folds.crossing import train_folds
from affekt.training.labels_only.hook import labels_only
from affekt.training.loop import fit
from affekt.training.processes import Progress, run_processes
from affekt.training.recipe.recipe import Recipe
from affekt.training.supervised import task_of_recipe

NOBODY = Progress()


def train(recipe: Recipe, progress: Progress = NOBODY) -> Path:
    """Trains a recipe, or goes on with it where its folder holds an unfinished run.

    See `affekt.training.loop.fit` for what is written, and with a table ``folds``
    `affekt.training.folds.crossing.train_folds`.

    Returns:
        The path of the best network.

    Raises:
        ConfigError: a recipe that cannot be built, or whose folder holds a run of another one.
        DataError: a manifest or a picture that cannot be used.
        BundleError: a bundle that cannot be used.
        DivergenceError: the loss, or what the network says, is no finite number.
    """
    return run_processes(_train, recipe, progress)


def _train(fabric: Fabric, recipe: Recipe, progress: Progress) -> Path:
    fabric.seed_everything(recipe.run.seed, verbose=False)
    hook = labels_only(recipe)
    if recipe.crossed is not None:
        return train_folds(fabric, recipe, recipe.crossed, hook, progress)
    return fit(fabric, task_of_recipe(fabric, recipe, progress, hook), recipe, progress)
