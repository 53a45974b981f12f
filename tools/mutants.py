"""Changes one operator, number, condition or statement of a pure module at a time, at random.

Each mutant is judged by the module's own tests: its doctests, ``test_<module>.py`` at the same
place in ``tests``, and that of its package. ``make mutants`` draws 200 from all pure modules; with
paths it draws from these alone:

    python tools/mutants.py --count 50 src/affekt/geometry.py

It prints where each survivor lies and how many were killed; 1 if these are fewer than 85%. mutmut
judges by every test that covers a line, cosmic-ray by one command for all modules, and neither
draws: hence this file.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = Path("src/affekt")
PURE = (
    "arrays.py", "crops.py", "geometry.py", "heads.py", "labels.py", "matching.py", "results.py",
    "typed.py", "bundle/*.py", "data/sets/emotic/*.py", "data/sets/framing.py",
    "data/sets/naming.py", "data/sets/splits.py", "evaluation/*.py", "evaluation/ensembles/*.py",
    "evaluation/fitting/*.py", "evaluation/metrics/*.py", "inference/boxes_file.py",
    "inference/find/*.py", "inference/yolox.py",
)  # fmt: skip
"""Modules that need no torch and keep no state."""

COPIED = ("src", "tests", "tools", "configs", "docs", "examples", "benchmarks")
GOAL = 0.85
MOST_BYTES = 8 << 30
"""Of memory, for a mutant that never has enough."""

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
UNTOUCHED = {"annotation", "returns", "decorator_list"}
CHECKS = {"strict"}
"""Keywords that only guard against a mistake of the caller, as an assertion does."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module: ``path`` from the root, ``line``, what stood there, what stands."""

    path: Path
    line: int
    before: str
    after: str
    source: str


def main() -> int:
    """Draws, judges and reports; 1 if too few are killed."""
    asked = _arguments()
    paths = asked.paths or [path.relative_to(ROOT) for path in pure_modules()]
    every = [mutant for path in paths for mutant in mutants_of(path, (ROOT / path).read_text())]
    drawn = random.Random(asked.seed).sample(every, min(asked.count, len(every)))
    drawn.sort(key=lambda mutant: (mutant.path, mutant.line))
    survivors = []
    for mutant, killed in judged(drawn):
        if not killed:
            survivors.append(mutant)
            print(f"{mutant.path}:{mutant.line}: {mutant.before}  ->  {mutant.after}", flush=True)
    killed_count = len(drawn) - len(survivors)
    share = killed_count / max(len(drawn), 1)
    print(
        f"{killed_count} of {len(drawn)} killed ({share:.1%}), of {len(every)}; seed {asked.seed}"
    )
    return 0 if share >= GOAL else 1


def pure_modules() -> list[Path]:
    """The files of ``PURE``."""
    return sorted(path for pattern in PURE for path in (ROOT / PACKAGE).glob(pattern))


def own_tests(path: Path) -> list[Path]:
    """The module itself, for its doctests, and the test files that mirror it and its package."""
    place = Path("tests") / path.relative_to(PACKAGE).parent
    mirrors = [place / f"test_{path.stem}.py", place.parent / f"test_{place.name}.py"]
    return [path, *(mirror for mirror in mirrors if (ROOT / mirror).exists())]


def mutants_of(path: Path, source: str) -> Iterator[Mutant]:
    """Every mutant of a module.

    >>> [f"{m.before} -> {m.after}" for m in mutants_of(Path("x.py"), "y = a < 1")]
    ['a < 1 -> a <= 1', 'a < 1 -> a >= 1', '1 -> 2', '1 -> 0']
    """
    tree = ast.parse(source)
    for parent, field, index in list(_places(tree)):
        value = getattr(parent, field)
        node = value if index is None else value[index]
        for other in _others(node, is_condition=field in ("test", "ifs")):
            _put(parent, field, index, other)
            before, after = (ast.unparse(said) for said in (node, other))
            yield Mutant(path, node.lineno, before, after, ast.unparse(tree))
        _put(parent, field, index, node)


def _places(parent: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Every expression and statement below, but in types and decorators: where it stands."""
    for field, value in ast.iter_fields(parent):
        if field in UNTOUCHED or (isinstance(parent, ast.keyword) and parent.arg in CHECKS):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.expr | ast.stmt):
                yield parent, field, index
            if isinstance(node, ast.AST):
                yield from _places(node)


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _others(node: ast.expr | ast.stmt, *, is_condition: bool) -> Iterator[ast.expr | ast.stmt]:
    if isinstance(node, ast.expr):
        yield from _expressions(node)
        if is_condition and not isinstance(node, ast.Compare):
            yield ast.UnaryOp(ast.Not(), node)
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.AugAssign | ast.Raise) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield ast.Pass()
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, ops, comparators):
            for index, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:index], other(), *ops[index + 1 :]], comparators)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.BinOp(left, op, right) if type(op) in ARITHMETIC:
            yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield operand
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def judged(mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant with whether its module's own tests fail on it, in a copy of the tree.

    Raises:
        SystemExit: if these tests fail on the module as it is.
    """
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        root = Path(folder)
        for name in COPIED:
            if (ROOT / name).exists():
                without = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, root / name, ignore=without)
        for path in ROOT.glob("*.*"):
            if path.is_file():
                shutil.copy(path, root)
        for path, group in groupby(mutants, key=lambda mutant: mutant.path):
            yield from _judged_together(root, path, list(group))


def _judged_together(
    root: Path, path: Path, mutants: list[Mutant]
) -> Iterator[tuple[Mutant, bool]]:
    """The mutants of one module: a process loads what its tests import, and forks for each."""
    reading, writing = os.pipe()
    if not os.fork():
        os.close(reading)
        try:
            _judge(root, path, [mutant.source for mutant in mutants], writing)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as verdicts:
        for mutant in mutants:
            verdict = verdicts.read(1)
            if not verdict:
                raise SystemExit(f"mutants: the tests of {path} fail without a mutation")
            yield mutant, verdict == b"k"
    os.wait()


def _judge(root: Path, path: Path, sources: Iterable[str], verdicts: int) -> None:
    """Writes a letter for each source; none if the tests fail on the module as it is."""
    os.chdir(root)
    os.environ["PYTHONPATH"] = str(root / "src")
    sys.path.insert(0, str(root / "src"))
    sys.dont_write_bytecode = True
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silence, stream)
    tests = [str(test) for test in own_tests(path)]
    if not _passes(tests):  # and now all that they need is loaded
        return
    _forget(root)
    original = (root / path).read_text()
    start = time.monotonic()
    if _dies(tests, seconds=600):
        return
    seconds = 20 + 5 * (time.monotonic() - start)
    for source in sources:
        (root / path).write_text(source)
        os.write(verdicts, b"k" if _dies(tests, seconds) else b"s")
    (root / path).write_text(original)


def _passes(tests: list[str]) -> bool:
    import pytest  # noqa: PLC0415  (in the judge alone: it loads what the tests need)

    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    return pytest.main([*options, *tests]) in (
        pytest.ExitCode.OK,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    )


def _dies(tests: list[str], seconds: float) -> bool:
    """Whether the tests fail, or end in no time, in a process of their own."""
    child = os.fork()
    if not child:
        os.setsid()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        os._exit(0 if _passes(tests) else 1)
    return os.waitpid(child, 0)[1] != 0


def _forget(root: Path) -> None:
    """Unloads every module of the copy: a fork reads it anew."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(root)):
            del sys.modules[name]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("paths", nargs="*", type=Path, help="of modules, from the root")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
