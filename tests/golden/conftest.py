"""Golden files: what the program said before, in JSON files beside this one.

``pytest tests/golden --record-golden`` records them anew.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest

from affekt.cli import main
from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.labels import PRIMARY_AND_CONTEMPT
from fakes.rows import FACES

FOLDER = Path(__file__).parent / "files"
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e-?\d+)?|(?<![\w.-])-?\d+(?![\w.-])")
TOLERANCE = 1e-3
DIGITS = 5
SHOWN = 20
SAID = {"anger": "neutral", "fear": "sadness", "happiness": "fear", "sadness": "anger"}
"""What the tiny bundle mostly says of some drawn faces; as their label, so that some are right."""

Golden = Callable[..., None]
Program = Callable[..., str]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-golden", action="store_true", help="record the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """``golden(name, value)`` fails with every path at which the value is not what it was."""
    temporary = str(tmp_path_factory.getbasetemp())

    def check(name: str, got: object, *, tolerance: float = TOLERANCE) -> None:
        path, said = FOLDER / f"{name}.json", portable(json.loads(json.dumps(got)), temporary)
        if request.config.getoption("record_golden", False):
            path.parent.mkdir(exist_ok=True)
            path.write_text(pretty(said) + "\n", encoding="utf-8")
            return
        expected = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        found = [f"  {line}" for line in differences(expected, said, tolerance)]
        if found:
            more = [f"  and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
            title = f"{path.name}: {len(found)} differ (pytest tests/golden --record-golden)"
            pytest.fail("\n".join([title, *found[:SHOWN], *more]), pytrace=False)

    return check


def differences(
    expected: Any, got: Any, tolerance: float = TOLERANCE, path: str = ""
) -> Iterator[str]:
    """Every path at which two JSON values differ; floats, in texts too, may by a tolerance.

    >>> list(differences({"a": [1.0, "x 0.5"], "b": 1}, {"a": [1.0004, "x 0.7"]}))
    ['a[1]: expected "x 0.5", got "x 0.7"', 'b: expected 1, got nothing']
    >>> list(differences({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    ['keys in another order: expected a b, got b a']
    >>> list(differences(["n 1", "x", "y"], ["n 1", "y"]))
    ['[1:2]: expected ["x"], got []']
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        yield from _differing_keys(expected, got, tolerance, path)
    elif isinstance(expected, list) and isinstance(got, list):
        yield from _differing_items(expected, got, tolerance, path)
    elif not _same(expected, got, tolerance):
        yield f"{path or 'the whole'}: expected {_short(expected)}, got {_short(got)}"


def _differing_keys(
    expected: dict[str, Any], got: dict[str, Any], tolerance: float, path: str
) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for key in expected | got:
        if key not in got:
            yield f"{prefix}{key}: expected {_short(expected[key])}, got nothing"
        elif key not in expected:
            yield f"{prefix}{key}: expected nothing, got {_short(got[key])}"
        else:
            yield from differences(expected[key], got[key], tolerance, f"{prefix}{key}")
    if expected.keys() == got.keys() and list(expected) != list(got):
        where = f"{path}: " if path else ""
        yield f"{where}keys in another order: expected {' '.join(expected)}, got {' '.join(got)}"


def _differing_items(
    expected: list[Any], got: list[Any], tolerance: float, path: str
) -> Iterator[str]:
    if len(expected) == len(got):
        for place, pair in enumerate(zip(expected, got, strict=True)):
            yield from differences(*pair, tolerance, f"{path}[{place}]")
        return
    old, new = ([NUMBER.sub("#", json.dumps(own)) for own in side] for side in (expected, got))
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield f"{path}[{a}:{b}]: expected {_short(expected[a:b])}, got {_short(got[c:d])}"


def _same(expected: Any, got: Any, tolerance: float) -> bool:
    if isinstance(expected, float) and isinstance(got, float):
        return math.isclose(expected, got, rel_tol=TOLERANCE, abs_tol=tolerance)
    if isinstance(expected, str) and isinstance(got, str):
        return _same_text(expected, got, tolerance)
    return type(expected) is type(got) and bool(expected == got)


def _same_text(expected: str, got: str, tolerance: float) -> bool:
    """Whether two texts differ in nothing but their numbers' last digit."""
    if NUMBER.sub("#", expected) != NUMBER.sub("#", got):
        return False
    pairs = zip(NUMBER.findall(expected), NUMBER.findall(got), strict=True)
    return all(a == b or _same_number(a, b, tolerance) for a, b in pairs)


def _same_number(expected: str, got: str, tolerance: float) -> bool:
    digits = len(expected.partition(".")[2])
    last = 10.0**-digits if digits else 0.0
    return len(got.partition(".")[2]) == digits and math.isclose(
        float(expected), float(got), rel_tol=tolerance, abs_tol=1.01 * last
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."


def portable(value: Any, temporary: str) -> Any:
    """Floats with `DIGITS` decimals, and of files in a temporary folder the name alone.

    >>> portable({"a": [0.1234567, 2, "in /tmp/x/y.md"]}, "/tmp")
    {'a': [0.12346, 2, 'in y.md']}
    """
    if isinstance(value, dict):
        return {key: portable(own, temporary) for key, own in value.items()}
    if isinstance(value, list):
        return [portable(own, temporary) for own in value]
    if isinstance(value, str):
        return re.sub(rf"{re.escape(temporary)}/([^\s/]+/)*", "", value)
    return round(value, DIGITS) if isinstance(value, float) else value


def pretty(value: Any, indent: str = "") -> str:
    """JSON with a line for each key, and short values on one.

    >>> print(pretty({"a": {"b": [1, 2]}, "c": 3}))
    {"a": {"b": [1, 2]}, "c": 3}
    """
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= 96 or not isinstance(value, dict | list) or not value:
        return line
    deeper = indent + " "
    if isinstance(value, list):
        items = [pretty(own, deeper) for own in value]
        opened, closed = "[", "]"
    else:
        items = [f"{json.dumps(k)}: {pretty(own, deeper)}" for k, own in value.items()]
        opened, closed = "{", "}"
    return f"{opened}\n{deeper}" + f",\n{deeper}".join(items) + f"\n{indent}{closed}"


@pytest.fixture
def affekt(capfd: pytest.CaptureFixture[str]) -> Program:
    """Runs the program with words, which must go well, and gives its standard output."""

    def run(*words: object) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        assert stopped.value.code == 0, err
        return out

    return run


@pytest.fixture(scope="session")
def voted_faces(
    tmp_path_factory: pytest.TempPathFactory, write_faces: Callable[..., Manifest]
) -> Path:
    """Faces in ``val`` and ``test``: some without a majority or votes, one excluded, contempt."""
    drawn = write_faces(
        tmp_path_factory.mktemp("drawn"),
        labels=PRIMARY_AND_CONTEMPT,
        counts={"val": 1, "test": 5},
    )
    rows = [
        replace(
            row,
            majority=(True, True, False, True, None)[place % 5],
            label=SAID.get(row.label or "", row.label) if place % 3 else row.label,
        )
        for place, row in enumerate(drawn.rows())
    ]
    rows[-1] = replace(rows[-1], exclude="no face found")
    rows[-2] = replace(rows[-2], label=None)
    folder = tmp_path_factory.mktemp("voted")
    write_manifest(folder, rows, labels=FACES, root=".", note={})
    return folder
