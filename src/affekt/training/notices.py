"""What a user should know of a run: one line each, in the log of this package."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

log = logging.getLogger("affekt.training")


def say_absent(
    labels: Sequence[str], shares: npt.NDArray[np.floating[Any]], where: str, remedy: str
) -> None:
    """Names the labels that nobody in a split has.

    Args:
        labels: in the order of the columns.
        shares: of the samples, shape (n, labels).
        where: the samples, such as ``face in train``.
        remedy: what follows from it.
    """
    absent = [name for name, most in zip(labels, shares.max(axis=0), strict=True) if most <= 0]
    if absent:
        log.warning("no %s has the label %s: %s", where, ", ".join(absent), remedy)


def say_resumed(
    out: Path, optim: Any, *, epoch: int, best_epoch: int, planned: int, by_total: bool
) -> None:
    """Says what a run that was taken up does, where that is not simply to go on.

    Args:
        out: its folder.
        optim: the recipe's table.
        epoch: completed ones.
        best_epoch: counted from 0.
        planned: epochs when it was last run.
        by_total: whether the learning rate depends on the number of epochs.
    """
    if epoch >= optim.epochs:
        log.warning("%s: all %d epochs are done; raise optim.epochs to go on", out, epoch)
    elif patience_is_over(optim.patience, epoch, best_epoch):
        log.warning(
            "%s: stopped after %d epochs, the best being epoch %d; raise optim.patience to go on",
            *(out, epoch, best_epoch),
        )
    elif planned != optim.epochs and by_total:
        log.warning(
            "%s: %d epochs were trained by the learning rates of a run of %d; the others follow "
            "those of a run of %d",
            *(out, epoch, planned, optim.epochs),
        )


def patience_is_over(patience: int, epoch: int, best_epoch: int) -> bool:
    """Whether so many completed epochs went by without a better score; 0 waits for ever.

    >>> patience_is_over(2, 4, 1), patience_is_over(2, 3, 1), patience_is_over(0, 99, 1)
    (True, False, False)
    """
    return bool(patience) and best_epoch >= 0 and epoch - 1 - best_epoch >= patience
