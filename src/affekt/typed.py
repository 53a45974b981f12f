"""Descriptions that others wrote (JSON, TOML), read strictly into typed, frozen dataclasses.

A field says by its type what it may be; `Rule` in an ``Annotated`` adds a range. Whatever does not
fit is refused by the name of its key. Own code instead of pydantic: its import alone takes 0.2 s of
the one second that a first prediction may take.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from reprlib import Repr
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from affekt.errors import nearest, one_line

Described = TypeVar("Described")

MOST_DEEP = 40
"""Levels of tables in tables and lists in lists; what Affekt writes has less than ten."""

LARGEST_INT = 2**53
"""Whole numbers beyond it have no exact float, and mean nothing here."""

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 4
_SHORT.maxlevel = 2


class MisfitError(ValueError):
    """What a description says does not fit; the one line names the key and what is accepted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value may be beside its type.

    Attributes:
        accepted: in words, after "expected".
        holds: whether a value of the right type is accepted.
    """

    accepted: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class ByKey:
    """In an ``Annotated``: which of several dataclasses a table is, by what one of its keys says.

    Attributes:
        key: of the table.
        classes: by what stands there.
    """

    key: str
    classes: Mapping[str, type[Any]]

    def of(self, content: Any, where: str) -> type[Any]:
        """The dataclass of this table, which stands at ``where``.

        Raises:
            MisfitError: no table, or another kind.
        """
        table = _table(content, where)
        if self.key not in table:
            raise MisfitError(f"missing key {where}.{self.key}")
        given = _scalar(str, table[self.key], f"{where}.{self.key}")
        _obey([one_of(*self.classes)], given, f"{where}.{self.key}", given)
        return self.classes[given]


def within(low: float, high: float) -> Rule:
    """A number from ``low`` to ``high``, both included."""
    return Rule(f"a number from {low:g} to {high:g}", lambda value: low <= value <= high)


def one_of(*accepted: str) -> Rule:
    """One of these words."""
    return Rule(" or ".join(accepted), accepted.__contains__)


Text = Annotated[str, Rule("text of one line", lambda text: text.isprintable())]
Name = Annotated[str, Rule("a name", lambda text: text.isprintable() and 0 < len(text) <= 200)]
Share = Annotated[float, within(0, 1)]


def parse_json(content: str | bytes) -> Any:
    """What a JSON text holds, by the letter of RFC 8259.

    Raises:
        MisfitError: not JSON; NaN or infinity, which are none; a key given twice; tables deeper
            than `MOST_DEEP`.

    >>> parse_json('{"a": [1.5]}')
    {'a': [1.5]}
    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    affekt.typed.MisfitError: the key 'a' is given twice
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        parsed = json.loads(
            text, object_pairs_hook=_no_twins, parse_constant=_no_number, parse_float=_finite
        )
    except MisfitError:
        raise
    except ValueError as error:
        raise MisfitError(f"not JSON: {one_line(error)}") from None
    except RecursionError:
        raise MisfitError(f"more than {MOST_DEEP} levels deep") from None
    check_depth(parsed)
    return parsed


def parse_toml(text: str) -> dict[str, Any]:
    """What a TOML text holds.

    Raises:
        MisfitError: not TOML, or tables deeper than `MOST_DEEP`.

    >>> parse_toml("a.b = 1")
    {'a': {'b': 1}}
    """
    try:
        parsed = tomllib.loads(text)
    except ValueError as error:
        raise MisfitError(f"not valid TOML: {one_line(error)}") from None
    except RecursionError:
        raise MisfitError(f"more than {MOST_DEEP} levels deep") from None
    check_depth(parsed)
    return parsed


def check_depth(content: Any) -> None:
    """Refuses lists and tables that are nested more than `MOST_DEEP` levels.

    Raises:
        MisfitError: they are.
    """
    level: list[Any] = [content]
    for _ in range(MOST_DEEP):
        level = [item for holder in level for item in _items(holder)]
        if not level:
            return
    raise MisfitError(f"more than {MOST_DEEP} levels deep")


def build(kind: type[Described], content: Any, where: str = "") -> Described:
    """A dataclass from nested dictionaries and lists.

    Types may be ``str``, ``int``, ``float`` (whole numbers are taken; finite always), ``bool``,
    ``Any``, dataclasses, ``tuple[T, ...]``, ``tuple[T, T]``, ``dict[str, T]``, each of them or
    ``None``, and annotated with a `Rule` or, for one of several dataclasses, `ByKey`.

    Args:
        kind: the dataclass.
        content: what JSON or TOML held.
        where: the key of the content, for error lines.

    Raises:
        MisfitError: an unknown or missing key, a wrong type, a value out of its range.
    """
    content = _table(content, where)
    stem = f"{where}." if where else ""
    fields = {f.name: f for f in dataclasses.fields(cast(Any, kind))}
    for key in content:
        if key not in fields:
            raise MisfitError(f"unknown key {stem}{shown_key(key)}: {nearest(str(key), fields)}")
    for field in fields.values():
        if field.name not in content and field.default is field.default_factory:
            raise MisfitError(f"missing key {stem}{field.name}")
    types = _types(cast(Any, kind))
    return kind(**{key: _value(types[key], v, f"{stem}{key}") for key, v in content.items()})


def shown(value: Any) -> str:
    """A value of any size in a few words of one line.

    >>> shown([1, "b", 3, 4, 5, 6]), shown(1 << 9999)
    ("[1, 'b', 3, 4, ...]", 'a whole number of 10000 bits')
    """
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    return " ".join(_SHORT.repr(value).split())


def shown_key(key: Any) -> str:
    """A key as itself, where that is harmless."""
    return key if isinstance(key, str) and key.isprintable() and len(key) <= 80 else shown(key)


@cache
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _value(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is Annotated:
        base, *rules = get_args(kind)
        if isinstance(rules[0], ByKey):
            return build(rules[0].of(value, where), value, where)
        built = _value(base, value, where)
        _obey(rules, built, where, value)
        return built
    if get_origin(kind) in (Union, UnionType):  # a table or value that may be left out
        if value is None:
            return None
        kind = next(given for given in get_args(kind) if given is not NoneType)
        return _value(kind, value, where)
    if dataclasses.is_dataclass(kind):
        return build(cast(Any, kind), value, where)
    holder = _HOLDERS.get(get_origin(kind))
    return holder(get_args(kind), value, where) if holder else _scalar(kind, value, where)


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise MisfitError(f"{where}: expected a list, got {shown(value)}")
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise MisfitError(f"{where}: expected {len(kinds)} values, got {shown(value)}")
    return tuple(_value(kind, item, where) for kind, item in zip(kinds, value, strict=True))


def _dict(kinds: tuple[Any, ...], value: Any, where: str) -> dict[str, Any]:
    of_key, of_value = kinds
    return {
        _value(of_key, key, f"{where}, a key"): _value(of_value, v, f"{where}.{shown_key(key)}")
        for key, v in _table(value, where).items()
    }


_HOLDERS: dict[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {tuple: _tuple, dict: _dict}


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if type(value) is int and abs(value) > LARGEST_INT:
        raise MisfitError(f"{where}: expected a number of at most 2^53, got {shown(value)}")
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise MisfitError(f"{where}: expected {kind.__name__}, got {shown(value)}")
    if kind is float and not math.isfinite(value):
        raise MisfitError(f"{where}: expected a finite number, got {value}")
    return value


def _obey(rules: Iterable[Rule], built: Any, where: str, given: Any) -> None:
    for rule in rules:
        if not rule.holds(built):
            raise MisfitError(f"{where}: expected {rule.accepted}, got {shown(given)}")


def _table(content: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        what = f"{where}: expected a table" if where else "expected one table of keys and values"
        raise MisfitError(f"{what}, got {shown(content)}")
    return content


def _items(holder: Any) -> Iterable[Any]:
    if isinstance(holder, Mapping):
        return holder.values()
    return holder if isinstance(holder, list | tuple) else ()


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in keys if keys.count(key) > 1)
        raise MisfitError(f"the key {shown(twin)} is given twice")
    return table


def _no_number(constant: str) -> Any:
    raise MisfitError(f"{constant} is no number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MisfitError(f"{text[:40]} is too large a number")
    return value
