"""Descriptions read strictly: what each type takes, and the line for the next value over it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.typed import (
    LARGEST_INT,
    ByKey,
    MisfitError,
    Name,
    Share,
    Text,
    build,
    one_of,
    parse_json,
    parse_toml,
    shown,
    shown_key,
    within,
)


@dataclass(frozen=True)
class Circle:
    kind: str
    radius: float


@dataclass(frozen=True)
class Square:
    kind: str
    side: int = 1


Shape = Annotated[Circle | Square, ByKey("kind", {"circle": Circle, "square": Square})]


@dataclass(frozen=True)
class Everything:
    text: Text = "a"
    name: Name = "a"
    share: Share = 0.5
    count: int = 1
    size: float = 1.0
    is_on: bool = False
    anything: Any = None
    pair: tuple[int, int] = (1, 2)
    many: tuple[float, ...] = ()
    table: dict[str, int] = field(default_factory=dict)
    square: Square | None = None
    shape: Shape = field(default_factory=lambda: Square("square"))
    colour: Annotated[str, one_of("red", "green")] = "red"
    named: dict[Name, Share] = field(default_factory=dict)


@dataclass(frozen=True)
class Needy:
    needed: int
    listed: list[int] = field(default_factory=list)


TOO_LARGE = r"expected a number of at most 2\^53"


@pytest.mark.parametrize(
    ("key", "value", "is_taken_as"),
    [
        ("share", 0, 0.0), ("share", 1, 1.0), ("share", 0.25, 0.25), ("name", "a" * 200, "a" * 200),
        ("text", "", ""), ("count", LARGEST_INT, LARGEST_INT),
        ("count", -LARGEST_INT, -LARGEST_INT),
        ("size", 3, 3.0), ("size", -1e300, -1e300), ("is_on", True, True), ("anything", [1], [1]),
        ("pair", [3, 4], (3, 4)), ("pair", (3, 4), (3, 4)), ("many", [], ()),
        ("many", [1, 2.5, 3], (1.0, 2.5, 3.0)), ("table", {"a": 1}, {"a": 1}),
        ("square", None, None), ("square", {"kind": "x"}, Square("x")),
        ("shape", {"kind": "circle", "radius": 2}, Circle("circle", 2.0)),
        ("shape", {"kind": "square"}, Square("square")), ("colour", "green", "green"),
        ("named", {"b": 1}, {"b": 1.0}),
    ],
)  # fmt: skip
def test_what_fits_is_taken(key: str, value: Any, is_taken_as: Any) -> None:
    taken = getattr(build(Everything, {key: value}), key)
    assert taken == is_taken_as and type(taken) is type(is_taken_as)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"share": -0.001}, "share: expected a number from 0 to 1, got -0.001"),
        ({"share": 1.001}, "share: expected a number from 0 to 1, got 1.001"),
        ({"name": ""}, "name: expected a name, got ''"),
        ({"name": "a\nb"}, "name: expected a name, got "),
        ({"name": "a" * 201}, "name: expected a name, got 'aaa"),
        ({"text": "a\x1b"}, "text: expected text of one line"),
        ({"count": LARGEST_INT + 1}, f"count: {TOO_LARGE}, got 9007199254740993"),
        ({"count": -LARGEST_INT - 1}, f"count: {TOO_LARGE}"),
        ({"size": 2 * LARGEST_INT}, f"size: {TOO_LARGE}"),
        ({"count": True}, "count: expected int, got True"),
        ({"count": 1.0}, "count: expected int, got 1.0"),
        ({"size": "1"}, "size: expected float, got '1'"),
        ({"size": True}, "size: expected float, got True"),
        ({"size": math.nan}, "size: expected a finite number, got nan"),
        ({"size": -math.inf}, "size: expected a finite number, got -inf"),
        ({"is_on": 1}, "is_on: expected bool, got 1"),
        ({"pair": [1]}, r"pair: expected 2 values, got \[1\]"),
        ({"pair": [1, 2, 3]}, r"pair: expected 2 values, got \[1, 2, 3\]"),
        ({"pair": "ab"}, "pair: expected a list, got 'ab'"),
        ({"many": [1, "x"]}, "many: expected float, got 'x'"),
        ({"table": {"a": "b"}}, "table.a: expected int, got 'b'"),
        ({"table": []}, r"table: expected a table, got \[\]"),
        ({"named": {"": 1}}, "named, a key: expected a name, got ''"),
        ({"named": {"a\nb": 2}}, "named, a key: expected a name"),
        ({"square": {"kind": "x", "sides": 4}}, "unknown key square.sides: did you mean 'side'"),
        ({"square": {}}, "missing key square.kind"),
        ({"shape": {"radius": 2}}, "missing key shape.kind"),
        ({"shape": {"kind": "line"}}, "shape.kind: expected circle or square, got 'line'"),
        ({"shape": {"kind": 1}}, "shape.kind: expected str, got 1"),
        ({"shape": 1}, "shape: expected a table, got 1"),
        ({"shape": {"kind": "circle", "radius": "x"}}, "shape.radius: expected float"),
        ({"colour": "blue"}, "colour: expected red or green, got 'blue'"),
        ({"coulor": "red"}, "unknown key coulor: did you mean 'colour'"),
        ([], r"expected one table of keys and values, got \[\]"),
    ],
)
def test_what_does_not_fit_is_told_by_its_key(content: Any, line: str) -> None:
    with pytest.raises(MisfitError, match=f"^{line}"):
        build(Everything, content)


def test_only_what_has_no_default_is_needed_and_a_place_stands_before_every_key() -> None:
    assert build(Needy, {"needed": 1}) == Needy(1, [])
    with pytest.raises(MisfitError, match=r"^missing key needed$"):
        build(Needy, {})
    with pytest.raises(MisfitError, match=r"^missing key here\.needed$"):
        build(Needy, {}, "here")
    with pytest.raises(MisfitError, match=r"^here: expected a table, got 1$"):
        build(Needy, 1, "here")


@pytest.mark.parametrize("low_high", [(0, 1), (-2.5, 7)])
def test_a_range_includes_its_ends(low_high: tuple[float, float]) -> None:
    low, high = low_high
    rule = within(low, high)
    assert rule.holds(low) and rule.holds(high)
    assert not rule.holds(math.nextafter(low, -9)) and not rule.holds(math.nextafter(high, 9))
    assert rule.accepted == f"a number from {low:g} to {high:g}"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=40)
@given(JSON_VALUES)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value).encode("utf-8-sig")) == value


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "not JSON: "), ("{", "not JSON: "), (b"\xff", "not JSON: "), ("'a'", "not JSON: "),
        ("[NaN]", "NaN is no number in JSON"), ("[-Infinity]", "-Infinity is no number in JSON"),
        ("[1e999]", "1e999 is too large a number"), (f"[{'9' * 50}.0e999]", "9{40} is too large"),
        ('{"a": {"b": 1, "c": 2, "b": 1}}', "the key 'b' is given twice"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_told(content: str | bytes, line: str) -> None:
    with pytest.raises(MisfitError, match=f"^{line}"):
        parse_json(content)


def deep_list(levels: int) -> str:
    return "[" * levels + "]" * levels


def deep_table(levels: int) -> str:
    return '{"a": ' * (levels - 1) + "{}" + "}" * (levels - 1)


def deep_toml(levels: int) -> str:
    return "a = " + deep_list(levels - 1)


@pytest.mark.parametrize(
    ("parse", "deep"),
    [(parse_json, deep_list), (parse_json, deep_table), (parse_toml, deep_toml)],
)
def test_no_more_than_so_many_levels(
    parse: Callable[[str], Any], deep: Callable[[int], str]
) -> None:
    assert parse(deep(40)) is not None
    for levels in (41, 100_000):
        with pytest.raises(MisfitError, match=r"^more than 40 levels deep$"):
            parse(deep(levels))


def test_what_is_no_toml_is_told() -> None:
    with pytest.raises(MisfitError, match=r"^not valid TOML: "):
        parse_toml("a = ")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1 << 199, str(1 << 199)[:5]), (1 << 200, "a whole number of 201 bits"),
        ((1, 2, 3, 4, 5), r"\(1, 2, 3, 4, \.\.\.\)"), ([1, 2, 3, 4], r"\[1, 2, 3, 4\]"),
        ([[[1]]], r"\[\[\[\.\.\.\]\]\]"),
        ({i: i for i in range(5)}, r"\{0: 0, 1: 1, 2: 2, 3: 3, \.\.\.\}"),
    ],
)  # fmt: skip
def test_a_value_is_shown_in_a_few_words(value: Any, words: str) -> None:
    assert re.match(words, shown(value))
    assert len(shown(value)) <= 80


def test_a_long_text_is_cut_and_a_key_is_itself_where_harmless() -> None:
    assert len(shown("a" * 78)) == 80 and "..." not in shown("a" * 78)
    assert len(shown("a" * 79)) == 80 and "..." in shown("a" * 79)
    assert shown_key("a" * 80) == "a" * 80
    assert "..." in shown_key("a" * 81)
    assert (shown_key("a\nb"), shown_key(1)) == (r"'a\nb'", "1")
