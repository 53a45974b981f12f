"""What can be called: the options of every command, and the names and fields in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

import typer

import affekt
from affekt.cli.app import app

Golden = Callable[..., None]


def test_options(golden: Golden) -> None:
    golden("options", dict(commands(typer.main.get_command(app), "affekt")))


def commands(command: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every command by its words, with its arguments and options."""
    yield name, {"/".join(p.opts): option(p) for p in command.params if not p.hidden}
    for word, own in getattr(command, "commands", {}).items():
        yield from commands(own, f"{name} {word}")


def option(parameter: Any) -> dict[str, Any]:
    """What has to be known to give it; what is usual is left out."""
    default = parameter.default
    if isinstance(default, Enum):
        default = default.value
    elif isinstance(default, Path):
        default = str(default)
    said = {
        "default": default,
        "required": parameter.required,
        "flag": bool(getattr(parameter, "is_flag", False)),
        "many": parameter.multiple or parameter.nargs == -1,
        "min": getattr(parameter, "min", None),
    }
    return {key: value for key, value in said.items() if value not in (None, False)}


def test_names(golden: Golden) -> None:
    golden("names", sorted(affekt.__all__))


def test_fields(golden: Golden) -> None:
    kinds = (affekt.Frame, affekt.Person, affekt.Face, affekt.Emotion)
    golden("fields", {kind.__name__: [field.name for field in fields(kind)] for kind in kinds})
