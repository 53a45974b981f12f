"""What a run leaves on disk: a checkpoint that a kill cannot spoil, and a line per epoch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from affekt.errors import ConfigError
from affekt.files import tidy, whole_file, write_atomically

CHECKPOINT, BEST = "last.ckpt", "best.safetensors"
METRICS, CURVES = "metrics.jsonl", "curves.png"

EXTENDABLE = ("optim.epochs", "optim.patience")
"""What a run may go on with changed, where it is saved after every epoch."""


def append_metrics(path: Path, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Adds a line; lines of epochs that a killed run had not completed are replaced."""
    earlier = read_metrics(path) if path.exists() else []
    records = [*(line for line in earlier if line["epoch"] < record["epoch"]), record]
    write_atomically(path, "".join(f"{json.dumps(line)}\n" for line in records).encode())
    return records


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines that `append_metrics` wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def save_state(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Writes a run's state for `load_state`: the old file or the new one is there, whole.

    Raises:
        OSError: the disk is full or went away.
    """
    tidy(path.parent)
    with whole_file(path) as stream:
        try:
            torch.save({"config": identity, **state}, stream)
        except RuntimeError as error:  # torch hides a full disk behind an error of its own
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load_state(
    path: Path, identity: str, device: torch.device, may_differ: Sequence[str] = ()
) -> dict[str, Any] | None:
    """What `save_state` wrote, None where there is no file.

    Args:
        path: the file.
        identity: of the run that is to go on.
        device: for the tensors.
        may_differ: ``table.key`` of the recipe in which the two may differ.

    Raises:
        ConfigError: not such a file, or the state of a run of another recipe.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path}: not a checkpoint of affekt train ({reason})") from None
    other = [key for key in _differences(state["config"], identity) if key not in may_differ]
    if other:
        raise ConfigError(
            f"{path.parent}: holds a run of another recipe ({', '.join(other[:3])}); give run.out "
            "another folder or remove it"
        )
    return state


def planned_epochs(state: dict[str, Any]) -> int:
    """The number of epochs in the recipe that a state was saved with."""
    return int(json.loads(state["config"])["optim"]["epochs"])


def identity(config: Any, leave_out: Sequence[str] = ()) -> str:
    """What must be equal for one run to continue another: all but where and on what it runs.

    Args:
        config: a recipe.
        leave_out: further ``table.key`` that change nothing.
    """
    content = asdict(config)
    content["run"] = {"seed": config.run.seed}
    for key in ("data.workers", *leave_out):
        table, name = key.split(".")
        content[table].pop(name)
    return json.dumps(content, sort_keys=True)


def _differences(one: str, other: str) -> list[str]:
    """The ``table.key`` in which two identities differ.

    >>> _differences('{"optim": {"lr": 1, "ema": 0}}', '{"optim": {"lr": 2, "ema": 0}}')
    ['optim.lr']
    """
    if one == other:
        return []
    flat = [_flat(text) for text in (one, other)]
    absent = object()
    keys = sorted({*flat[0], *flat[1]})
    return [key for key in keys if flat[0].get(key, absent) != flat[1].get(key, absent)]


def _flat(identity: str) -> dict[str, Any]:
    try:
        tables = json.loads(identity)
    except ValueError:
        return {"recipe": identity}
    return {
        f"{table}.{key}": value
        for table, content in tables.items()
        for key, value in (content or {"": None}).items()
    }
