"""The public names exist, are few, and cost nothing until they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import affekt
from affekt import errors

HEAVY = (
    "numpy",
    "PIL",
    "onnxruntime",
    "torch",
    "pyarrow",
    "scipy",
    "sklearn",
    "matplotlib",
    "rich",
    "typer",
    "pydantic",
)


def modules_after(code: str) -> set[str]:
    """Names of the modules that a fresh interpreter has loaded after some code."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_every_public_name_is_there_and_documented() -> None:
    assert affekt.__all__ == sorted(affekt.__all__, key=lambda name: (not name.isupper(), name))
    for name in affekt.__all__:
        value = getattr(affekt, name)
        assert value is getattr(affekt, name)
        assert not callable(value) or value.__doc__
    assert {*affekt.__all__} <= {*dir(affekt)}


def test_type_checkers_see_the_names_that_are_there() -> None:
    seen = ast.parse(Path(affekt.__file__).read_text())
    imports = [node for node in ast.walk(seen) if isinstance(node, ast.ImportFrom)]
    homes = {a.name: node.module for node in imports for a in node.names if node.module}
    for name in {*affekt.__all__} - {"__version__"}:
        value = getattr(affekt, name)
        assert getattr(import_module(homes[name]), name) is value
    assert homes.keys() >= {*affekt.__all__} - {"__version__"}


def test_every_error_is_public() -> None:
    own = {k for k in vars(errors).values() if getattr(k, "__module__", "") == errors.__name__}
    assert {k.__name__ for k in own if isinstance(k, type)} <= {*affekt.__all__}


WITHOUT_TRAINING = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "pydantic", "lightning_fabric"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import affekt
"""


def test_a_name_whose_extra_is_missing_says_so() -> None:
    asked = ("train", "export_network", "read_recipe")
    code = f"""{WITHOUT_TRAINING}
affekt.evaluate, affekt.write_report, affekt.make_ensemble, affekt.prepare_folders
for name in {asked}:
    try:
        getattr(affekt, name)
    except affekt.MissingExtraError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    said = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert said == [f"affekt.{name} needs the 'train' extra" for name in asked]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = affekt.lod


def test_the_version_is_the_project_s() -> None:
    project = Path(__file__).parents[1] / "pyproject.toml"
    assert tomllib.loads(project.read_text())["project"]["version"] == affekt.__version__


def test_importing_affekt_imports_nothing_heavy() -> None:
    assert not {*HEAVY} & modules_after("import affekt")


def test_the_predictor_needs_no_extra() -> None:
    loaded = modules_after("import affekt; affekt.Predictor; affekt.load")
    assert {"numpy", "PIL", "onnxruntime"} <= loaded
    assert not {"torch", "pyarrow", "scipy", "sklearn", "matplotlib"} & loaded


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "affekt", "--version"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == f"affekt {affekt.__version__}\n"
