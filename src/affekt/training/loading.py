"""Batches from worker processes: an error in one is one line, and none outlives the training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from multiprocessing import parent_process
from threading import Thread
from typing import Any, TypeVar

from torch.utils.data import DataLoader, Dataset

from affekt.errors import AffektError, DataError

Batch = TypeVar("Batch")

FROM_WORKER, KILLED = "Caught ", "DataLoader worker (pid"
"""How torch begins the message of an error in a worker, and of a worker that is gone."""


def loader_of(dataset: Dataset[Any], workers: int, **options: Any) -> DataLoader[Any]:
    """A loader whose worker processes end with this one.

    Args:
        dataset: see `DataLoader`.
        workers: processes; 0 loads in this one.
        options: others of `DataLoader`.
    """
    return DataLoader(dataset, num_workers=workers, worker_init_fn=_end_with_parent, **options)


def batches_of(loader: Iterable[Batch]) -> Iterator[Batch]:
    """What a loader gives.

    Raises:
        AffektError: what a worker raised, without the traceback that torch makes of its message.
        DataError: a worker that failed in any other way, or was killed.
    """
    try:
        yield from loader
    except Exception as error:
        message = str(error)
        if not message.startswith((FROM_WORKER, KILLED)):
            raise
        error.__traceback__ = None  # torch's frames hold the error that holds them, and the workers
        if message.startswith(KILLED):
            raise DataError(
                f"a process that prepares batches ended ({message.splitlines()[0]}): if memory is "
                "short, lower data.workers or optim.batch"
            ) from None
        kind = type(error)
        if isinstance(error, AffektError):
            raise kind(_own_message(message, f"{kind.__module__}.{kind.__qualname__}")) from None
        raise DataError(f"a batch could not be prepared: {_last_line(message)}") from None


def _own_message(message: str, kind: str) -> str:
    r"""What stands after the last naming of the error.

    >>> _own_message("Caught E in worker.\n  File x\na.E: one\n\nDuring it\na.E: two\n", "a.E")
    'two'
    """
    return message.rpartition(f"{kind}: ")[2].strip()


def _last_line(message: str) -> str:
    return message.strip().splitlines()[-1]


def _end_with_parent(worker: int) -> None:
    """Torch looks for the parent too, but takes another for it where it is already gone."""
    Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
