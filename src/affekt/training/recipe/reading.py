"""Recipes read from TOML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affekt.errors import ConfigError, one_line
from affekt.typed import MisfitError, parse_toml


def read_content(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The content of a recipe's file; each override is ``table.key=value`` with a TOML value.

    Raises:
        ConfigError: no such file, not TOML, an override of another form.
    """
    path = Path(path)
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({one_line(error)})") from None
    except MisfitError as error:
        raise ConfigError(f"{path}: {error}") from None
    for override in overrides:
        _apply(content, override)
    return content


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    *tables, name = key.strip().split(".")
    if not (equals and tables and all(tables) and name):
        raise ConfigError(f"--set {override}: expected table.key=value, such as optim.epochs=3")
    try:
        parsed = parse_toml(f"value = {value}")["value"]
    except MisfitError:
        parsed = value.strip()
    table: Any = content
    for part in tables:
        table = table.setdefault(part, {}) if isinstance(table, dict) else table
    if isinstance(table, dict):  # else refused with the rest
        table[name] = parsed
