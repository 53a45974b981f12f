"""What does not fit in a recipe, in one line: the key, what was given, what is accepted."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from affekt.errors import nearest
from affekt.typed import shown, shown_key

TYPES = {
    "int_type": "int",
    "int_from_float": "int",
    "float_type": "float",
    "string_type": "str",
    "bool_type": "bool",
    "tuple_type": "a list",
    "dataclass_type": "a table",
    "finite_number": "a finite number",
}
"""What pydantic calls a value of another type, and what was expected."""

UNKNOWN, MISSING = ("unexpected_keyword_argument", "extra_forbidden"), ("missing",)


def first_line(error: ValidationError, table: type, where: str = "") -> str:
    """The first of the errors, unknown keys before all others.

    Args:
        error: of a recipe.
        table: the dataclass that it was to become.
        where: the key of that table; of a whole recipe, none.
    """
    details = sorted(error.errors(include_url=False), key=lambda one: one["type"] not in UNKNOWN)
    return _line(details[0], table, where)


def _line(error: ErrorDetails, table: type, where: str) -> str:
    path, given = [part for part in error["loc"] if isinstance(part, str)], error.get("input")
    key = ".".join([*([where] if where else []), *(shown_key(part) for part in path)])
    if error["type"] in UNKNOWN:
        known = [field.name for field in fields(_at(table, path[:-1]))]
        return f"unknown key {key}: {nearest(path[-1], known)}"
    if error["type"] in MISSING:
        return f"missing key {key}"
    context: Mapping[str, Any] = error.get("ctx", {})
    if error["type"] == "value_error":
        return f"{key}: expected {context['error']}, got {shown(given)}"
    if error["type"] == "literal_error":
        return _choice(key, given, _choices(_at(table, path[:-1]), path[-1]))
    return f"{key}: expected {TYPES.get(error['type'], error['msg'])}, got {shown(given)}"


def _choice(key: str, given: Any, choices: Sequence[str]) -> str:
    if not isinstance(given, str):
        return f"{key}: expected {' or '.join(choices)}, got {shown(given)}"
    return f"{key}: unknown {shown(given)}; {nearest(given, choices)}"


def _at(table: Any, path: Sequence[str]) -> Any:
    """The dataclass of a table inside another."""
    for name in path:
        table = _plain(get_type_hints(table)[name])
    return table


def _plain(kind: Any) -> Any:
    """A type that may be left out, without that."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(own for own in get_args(kind) if is_dataclass(own) or own is not type(None))
    return kind


def _choices(table: Any, name: str) -> Sequence[str]:
    """The words of a ``Literal``, also within a tuple."""
    kind = _plain(get_type_hints(table)[name])
    words = get_args(kind)
    while words and not isinstance(words[0], str):
        words = get_args(words[0])
    return words
