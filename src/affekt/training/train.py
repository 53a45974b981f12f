"""From a recipe to a trained network: the table of families, and the hooks around the loop."""

from __future__ import annotations

from pathlib import Path

from lightning_fabric import Fabric

from affekt.training.config import TrainConfig
from affekt.training.context_config import ContextConfig
from affekt.training.folds import train_folds
from affekt.training.labels_only.hook import labels_only
from affekt.training.loop import fit
from affekt.training.processes import Progress, run_processes
from affekt.training.tasks.faces import face_task
from affekt.training.tasks.people import people_task

NOBODY = Progress()


def train(recipe: TrainConfig | ContextConfig, progress: Progress = NOBODY) -> Path:
    """Trains a recipe, or goes on with it where its folder holds an unfinished run.

    See `affekt.training.loop.fit` for what is written, and with ``data.folds``
    `affekt.training.folds.train_folds`.

    Returns:
        The path of the best network.

    Raises:
        ConfigError: a recipe that cannot be built, or whose folder holds a run of another one.
        DataError: a manifest or a picture that cannot be used.
        BundleError: a face bundle that cannot be used.
        DivergenceError: the loss, or what the network says, is no finite number.
    """
    return run_processes(_train, recipe, progress)


def _train(fabric: Fabric, recipe: TrainConfig | ContextConfig, progress: Progress) -> Path:
    fabric.seed_everything(recipe.run.seed, verbose=False)
    if isinstance(recipe, TrainConfig):
        return fit(fabric, face_task(fabric, recipe, progress), recipe, progress)
    hook = labels_only(recipe)
    if recipe.data.folds:
        return train_folds(fabric, recipe, hook, progress)
    return fit(fabric, people_task(fabric, recipe, progress, hook), recipe, progress)
