"""One option has one name and one meaning, whatever the command."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import typer

from affekt.cli.app import app


def options(command: Any, name: str = "affekt") -> Iterator[tuple[str, Any]]:
    """Every option of every command, with the command's name."""
    yield from ((name, p) for p in command.params if p.param_type_name == "option")
    for word, own in getattr(command, "commands", {}).items():
        yield from options(own, f"{name} {word}")


OPTIONS = list(options(typer.main.get_command(app)))


def test_a_short_form_means_one_option_and_an_option_has_one_form() -> None:
    forms: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for _, option in OPTIONS:
        for form in option.opts:
            forms[form].add(tuple(sorted(option.opts)))
    assert {form: found for form, found in forms.items() if len(found) > 1} == {}


def test_an_option_takes_one_kind_of_value_once_or_more() -> None:
    kinds: dict[str, set[object]] = defaultdict(set)
    for _, option in OPTIONS:
        kind = option.type_descriptor.annotation
        if "--format" not in option.opts:  # formats differ by what is written
            kinds[max(option.opts, key=len)].add(next(iter(get_args(kind)), kind))
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


@pytest.mark.parametrize("name", ["predict", "demo", "evaluate", "report", "ensemble"])
def test_a_model_is_given_in_the_same_way(name: str) -> None:
    (model,) = (p for command, p in OPTIONS if command == f"affekt {name}" and "-m" in p.opts)
    assert model.opts == ["--model", "-m"]
    arguments = typer.main.get_command(app).commands[name].params  # type: ignore[attr-defined]
    assert not [p for p in arguments if "model" in p.name and p.param_type_name == "argument"]


def test_where_there_is_a_format_there_is_a_place() -> None:
    formats = {command for command, option in OPTIONS if "--format" in option.opts}
    places = {command for command, option in OPTIONS if "--output" in option.opts}
    assert formats <= places
