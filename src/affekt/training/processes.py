"""The training's processes: one, or several whose progress and errors come back to the first."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Protocol, TypeVar

import torch
from lightning_fabric import Fabric
from torch.multiprocessing.spawn import ProcessRaisedException

from affekt.errors import ConfigError, one_line
from affekt.training.recipe.run import RunTable

LOG = logging.getLogger("affekt")


def _nobody(*done: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Whom to tell how far a training is.

    Attributes:
        steps: called with epoch, step and steps per epoch.
        features: called while features are computed, with how many samples are done and how many
            there are.
    """

    steps: Callable[[int, int, int], None] = _nobody
    features: Callable[[int, int], None] = _nobody


class HasRun(Protocol):
    """Any recipe: it says where and how to run."""

    @property
    def run(self) -> RunTable:
        """See `RunTable`."""


Config = TypeVar("Config", bound=HasRun)
Work = Callable[[Fabric, Config, Progress], Path]


def run_processes(work: Work[Config], config: Config, progress: Progress) -> Path:
    """Does the work on every device of the recipe and gives what the first process gave.

    One device is served by this process, and so is this process's share where ``torchrun``
    started it. For several devices, processes are spawned, so ``work`` must be a function of a
    module, and a script that calls this needs the usual ``__main__`` guard.

    Raises:
        Exception: what the work raised in any process.
    """
    fabric = _fabric(config.run)
    if _by_torchrun():
        fabric.launch()
    if _by_torchrun() or config.run.devices == 1:
        return _work(fabric, work, config, progress)
    received, sent = Pipe(duplex=False)
    errors: list[Exception] = []
    relay = Thread(target=_relay, args=(received, progress, errors), daemon=True)
    relay.start()
    try:
        result: Path = fabric.launch(partial(_spawned, work=work, config=config, sent=sent))
    except ProcessRaisedException as error:
        sent.close()
        relay.join()
        raise (errors[0] if errors else error) from None
    sent.close()
    relay.join()
    return result


def _by_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def _fabric(run: RunTable) -> Fabric:
    devices, nodes, strategy = run.devices, 1, "auto" if run.devices == 1 else "ddp_spawn"
    if _by_torchrun():
        devices, strategy = int(os.environ["LOCAL_WORLD_SIZE"]), "ddp"
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    try:
        return Fabric(
            accelerator=run.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=run.precision,  # type: ignore[arg-type]
        )
    except (ValueError, RuntimeError) as error:
        raise ConfigError(f"run: cannot be set up on this machine: {one_line(error)}") from None


def _work(fabric: Fabric, work: Work[Config], config: Config, progress: Progress) -> Path:
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    if not fabric.is_global_zero:  # one of them says what all see
        LOG.setLevel(logging.ERROR)
    result = work(fabric, config, progress)
    if torch.distributed.is_initialized():
        # Fabric leaves gloo's threads running, and a process that exits over them may be aborted.
        fabric.barrier()
        torch.distributed.destroy_process_group()
    return result


def _spawned(fabric: Fabric, work: Work[Config], config: Config, sent: Connection) -> Path:
    LOG.addHandler(_Sent(sent))
    LOG.propagate = False
    try:
        told = Progress(
            lambda *done: sent.send(("steps", done)), lambda *done: sent.send(("features", done))
        )
        return _work(fabric, work, config, told)
    except Exception as error:
        sent.send(_portable(error))
        raise


class _Sent(logging.Handler):
    """Hands notices to the first process."""

    def __init__(self, sent: Connection) -> None:
        super().__init__()
        self.sent = sent

    def emit(self, record: logging.LogRecord) -> None:
        """Sends one notice's text."""
        self.sent.send(record.getMessage())


def _portable(error: Exception) -> Exception:
    """The error, or where it does not survive the way to another process, one that says the same.

    >>> _portable(OSError(28, "No space left on device"))
    OSError(28, 'No space left on device')
    """
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # of whatever class the error is
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _relay(received: Connection, progress: Progress, errors: list[Exception]) -> None:
    """Hands on what the processes send until the last of them has ended."""
    with received:
        while True:
            try:
                message = received.recv()
            except EOFError:
                return
            if isinstance(message, Exception):
                errors.append(message)
            elif isinstance(message, str):
                LOG.warning("%s", message)
            else:
                name, done = message
                getattr(progress, name)(*done)
