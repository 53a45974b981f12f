"""What `make mutants` changes in a module, and which tests it lets judge."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mutants import PURE, mutants_of, own_tests, pure_modules


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("y = a < b", {"a <= b", "a >= b"}),
        ("y = a == b", {"a != b"}),
        ("y = a and b", {"a or b"}),
        ("y = a - b", {"a + b"}),
        ("y = not a", {"a"}),
        ("y = 2", {"3", "1"}),
        ("y = True", {"False"}),
        ("if a:\n    f()", {"not a", "pass"}),
        ("while a:\n    break", {"not a", "continue"}),
        ("def f(a: int = b) -> int | None:\n    return a", {"return None"}),
        ("@f(a=True)\nclass C:\n    b: int | None = c", set()),
        ("zip(a, b, strict=True)", {"pass"}),
        ("y = [a for a in b if c]", {"not c"}),
        ('"""Says 1 < 2."""', set()),
    ],
)
def test_operators_numbers_conditions_and_statements_are_changed_and_types_are_not(
    source: str, changes: set[str]
) -> None:
    mutants = list(mutants_of(Path("x.py"), source))
    assert {mutant.after for mutant in mutants} == changes
    for mutant in mutants:
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(source))


def test_a_module_is_judged_by_its_doctests_and_what_mirrors_it_and_its_package() -> None:
    spec = Path("src/affekt/bundle/spec.py")
    assert own_tests(spec) == [
        spec,
        Path("tests/bundle/test_spec.py"),
        Path("tests/test_bundle.py"),
    ]
    geometry = Path("src/affekt/geometry.py")
    assert own_tests(geometry) == [geometry, Path("tests/test_geometry.py")]


def test_the_pure_modules_are_there() -> None:
    found = pure_modules()
    for pattern in PURE:
        assert any(path.match(pattern) for path in found), pattern
