"""``affekt models``: the embedded and the user's models, each with its licence and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from affekt.cli.options import FORMAT, OutputOption
from affekt.cli.terminal import say_error
from affekt.errors import BundleError
from affekt.output.sink import STDOUT, text_output
from affekt.typed import shown_key

if TYPE_CHECKING:
    from affekt.bundle import Bundle


class ListFormat(StrEnum):
    """How the list is written."""

    TABLE = "table"
    JSON = "json"


def models(
    kind: Annotated[
        ListFormat, typer.Option(*FORMAT, help="table, or json with everything.")
    ] = ListFormat.TABLE,
    output: OutputOption = STDOUT,
) -> None:
    """List the models that --model takes by name."""
    from affekt.bundle import list_bundles, user_models  # noqa: PLC0415

    listed = list_bundles()
    found = [bundle for bundle in listed if not isinstance(bundle, BundleError)]
    for error in listed:
        if isinstance(error, BundleError):
            say_error(str(error))
    with text_output(output) as write:
        if kind is ListFormat.JSON:
            write(json.dumps([_described(bundle) for bundle in found], indent=2) + "\n")
        else:
            write("\n".join(map(_paragraph, found)))
            own = user_models() or "the folder that AFFEKT_MODELS names"
            write(f"{len(found)} models; your own lie in {own}\n")
    if len(found) < len(listed):
        raise typer.Exit(1)


def _described(bundle: Bundle) -> dict[str, Any]:
    return {"folder": str(bundle.folder), **asdict(bundle.info)}


def _paragraph(bundle: Bundle) -> str:
    info = bundle.info
    megabytes = sum((bundle.folder / name).stat().st_size for name in info.files) / 1e6
    lines = [
        f"{info.name}  ({', '.join(info.heads)}; {megabytes:.1f} MB)",
        f"  folder   {bundle.folder}",
        f"  licence  {info.licence}",
        *(f"  {name:8} {', '.join(head.labels)}" for name, head in info.outputs.items()),
        *(f"  figures  {name} {figures_line(value)}" for name, value in info.metrics.items()),
    ]
    return "\n".join(lines) + "\n"


def figures_line(figures: Mapping[str, Any]) -> str:
    """The main figures of one evaluation, as ``affekt evaluate`` gives them, in a line.

    >>> figures_line({"split": "test", "n": 9, "accuracy": 0.75, "accuracy_ci95": [0.5, 1.0]})
    'test, n = 9: accuracy 0.750 (0.500 to 1.000)'
    """
    parts = []
    for name in ("accuracy", "balanced_accuracy", "map", "ece"):
        match [figures.get(name), *_pair(figures.get(f"{name}_ci95"))]:
            case [float() as value, float() as low, float() as high]:
                parts.append(f"{name.replace('_', ' ')} {value:.3f} ({low:.3f} to {high:.3f})")
            case [float() as value, *_]:
                parts.append(f"{name.replace('_', ' ')} {value:.3f}")
    what = shown_key(figures.get("split", "?"))
    return f"{what}, n = {shown_key(str(figures.get('n', '?')))}: {', '.join(parts)}"


def _pair(bounds: Any) -> list[Any]:
    return bounds if isinstance(bounds, list) and len(bounds) == 2 else []
