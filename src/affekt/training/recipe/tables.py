"""The open tables of a recipe: a table each by name, of the dataclass that the name stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from affekt.errors import ConfigError, nearest
from affekt.heads import KINDS_OF_HEADS
from affekt.training.recipe.losses import LOSSES, HeadLoss, default_losses
from affekt.training.recipe.messages import first_line
from affekt.training.recipe.model import LABELS, STREAMS, HeadTable
from affekt.typed import shown, shown_key


def with_open_tables(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a recipe whose streams, heads and losses are typed.

    Raises:
        ConfigError: a name that stands for nothing, or a table that does not fit.
    """
    found = dict(content)
    if "streams" in found:
        found["streams"] = _tables(found["streams"], "streams", STREAMS)
    if "heads" in found:
        given = _named(found["heads"], "heads", KINDS_OF_HEADS)
        heads = {name: _with_labels(name, table) for name, table in given.items()}
        found["heads"] = _tables(heads, "heads", dict.fromkeys(KINDS_OF_HEADS, HeadTable))
    kinds = {head: LOSSES[kind] for head, kind in KINDS_OF_HEADS.items()}
    given_losses: dict[str, HeadLoss] = _tables(found.get("loss", {}), "loss", kinds)
    found["loss"] = default_losses(found.get("heads", {})) | given_losses
    return found


def _tables(content: Any, where: str, kinds: Mapping[str, type[Any]]) -> dict[str, Any]:
    """The inner tables in the order of their kinds, wherever the file has them."""
    given = _named(content, where, kinds)
    return {
        name: _table(given[name], f"{where}.{name}", kind)
        for name, kind in kinds.items()
        if given.get(name) is not None
    }


def _named(content: Any, where: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where}: expected a table, got {shown(content)}")
    for name in content:
        if name not in known:
            raise ConfigError(f"unknown key {where}.{shown_key(name)}: {nearest(name, known)}")
    return content


def _table(content: Any, where: str, kind: type[Any]) -> Any:
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        raise ConfigError(first_line(error, kind, where)) from None


def _with_labels(head: str, table: Any) -> Any:
    if not isinstance(table, Mapping) or head not in LABELS:
        return table
    return {"labels": LABELS[head], **table}
