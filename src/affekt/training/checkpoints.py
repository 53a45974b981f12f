"""What a run leaves on disk: a checkpoint that a kill cannot spoil, and a line per epoch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from affekt.errors import ConfigError, one_line
from affekt.files import tidy, whole_file, write_atomically
from affekt.models.backbones import is_finite
from affekt.typed import MisfitError, parse_json, shown, shown_key

CHECKPOINT, BEST = "last.ckpt", "best.safetensors"
LEARNT = ("network", "averaged", "optimizer", "heads")
"""The parts of a checkpoint that hold weights."""

STEP = "step"
ADAM, SGD = (STEP, "exp_avg", "exp_avg_sq"), ("momentum_buffer",)
NEVER_NEGATIVE = (STEP, "exp_avg_sq")
"""What torch's optimizers keep of each weight."""

METRICS, CURVES = "metrics.jsonl", "curves.png"

HARMLESS = ("data.workers", "features.folder")
"""What a run may always go on with changed, beside the table ``run``."""

EXTENDABLE = ("optim.epochs", "optim.patience")
"""What a run may go on with changed, where it is saved after every epoch."""


def append_metrics(path: Path, record: dict[str, Any]) -> None:
    """Adds a line; lines of epochs that a killed run had not completed are replaced."""
    earlier = read_metrics(path) if path.exists() else []
    records = [*(line for line in earlier if line["epoch"] < record["epoch"]), record]
    write_atomically(path, "".join(f"{json.dumps(line)}\n" for line in records).encode())


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines that `append_metrics` wrote.

    Raises:
        ConfigError: a line is another one.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not the metrics of a run ({one_line(error)})") from None
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict) or type(record.get("epoch")) is not int:
            raise ConfigError(f"{path}: line {number} names no epoch; remove it to start anew")
    return records


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
    """What `save_state` wrote, None where there is no file. Nothing in the file is executed.

    Args:
        path: the file.
        identity: of the run that is to go on.
        device: for the tensors.
        may_differ: ``table.key`` of the recipe in which the two may differ.

    Raises:
        ConfigError: not such a file, a weight that is not finite, or the state of a run of
            another recipe.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except UnpicklingError:  # torch's own words advise to trust the file
        raise ConfigError(f"{path}: not a checkpoint of affekt train, or damaged") from None
    except Exception as error:  # a damaged file makes the reader raise all sorts
        raise ConfigError(f"{path}: not a checkpoint of affekt train ({one_line(error)})") from None
    if not isinstance(state, dict) or not isinstance(state.get("config"), str):
        raise ConfigError(f"{path}: not a checkpoint of affekt train (it names no recipe)")
    other = [key for key in _differences(state["config"], identity) if key not in may_differ]
    if other:
        raise ConfigError(
            f"{path.parent}: holds a run of another recipe ({', '.join(other[:3])}); give run.out "
            "another folder or remove it"
        )
    if not all(map(is_finite, _tensors([state.get(part) for part in LEARNT]))):
        raise ConfigError(f"{path}: its weights are not finite; remove it to start anew")
    return state


def planned_epochs(state: dict[str, Any]) -> int:
    """The number of epochs in the recipe that a state was saved with."""
    return int(json.loads(state["config"])["optim"]["epochs"])


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Whatever is missing in a checkpoint, or does not fit the run, is one line.

    Raises:
        ConfigError: in place of what a state of another form raises when it is taken over.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise ConfigError(
            f"{path}: not the state of this run ({one_line(e)}); remove it to start anew"
        ) from None


def restore_progress(run: Any, saved: Mapping[str, Any], names: Sequence[str]) -> None:
    """Sets what a new run has counted so far; none of it was ever less than at the start.

    Raises:
        ValueError: another name, or a value of another type or range.
    """
    if {*saved} != {*names}:
        raise ValueError(f"it counts {sorted(map(shown, saved))}, expected {sorted(names)}")
    for name, value in saved.items():
        least = getattr(run, name)
        if type(value) is not type(least) or math.isnan(value) or value < least:
            raise ValueError(f"{name} is {shown(value)}")
        setattr(run, name, value)


def restore_optimizer(optimizer: Any, saved: Mapping[str, Any]) -> None:
    """Takes over what an optimizer has gathered; its settings stay those of the recipe.

    Raises:
        ValueError: it is that of other weights, or of another optimizer.
    """
    optimizer.load_state_dict({**optimizer.state_dict(), "state": saved["state"]})
    expected = ADAM if "betas" in optimizer.param_groups[0] else SGD
    for weight, state in optimizer.state.items():
        if state and {*state} != {*expected}:
            raise ValueError(f"the optimizer keeps {sorted(map(shown, state))}, not {expected}")
        for name, value in state.items():
            shape = () if name == STEP else weight.shape
            if value.shape != shape:
                raise ValueError(f"{name} of {[*value.shape]} for a weight of {[*weight.shape]}")
            if name in NEVER_NEGATIVE and value.numel() and value.min() < 0:
                raise ValueError(f"{name} is below 0")


def identity(config: Any) -> str:
    """What must be equal for one run to continue another: all but where and on what it runs."""
    content = asdict(config)
    content["run"] = {"seed": config.run.seed, "start": config.run.start}
    for key in HARMLESS:
        table, name = key.split(".")
        content.get(table, {}).pop(name, None)
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
        tables = parse_json(identity)
    except MisfitError:
        tables = None
    if not isinstance(tables, dict):
        return {"recipe": identity}
    return dict(_leaves(tables, ()))


def _leaves(content: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if not isinstance(content, dict):
        yield ".".join(path), content
        return
    for key, value in content.items():
        yield from _leaves(value, (*path, shown_key(key)))


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    """Those in tables and lists of any nesting, which may hold themselves; each once."""
    todo, seen = [state], set()
    while todo:
        part = todo.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, torch.Tensor):
            yield part
        elif isinstance(part, Mapping):
            todo += part.values()
        elif isinstance(part, list | tuple):
            todo += part
