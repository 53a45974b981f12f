"""The public names exist, are few, and cost nothing until they are used."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import affekt

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
)


def modules_after(code: str) -> set[str]:
    """Names of the modules that a fresh interpreter has loaded after some code."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_every_public_name_is_there_and_documented() -> None:
    assert affekt.__all__ == sorted(affekt.__all__, key=lambda name: (not name.isupper(), name))
    assert len(affekt.__all__) <= 16
    for name in affekt.__all__:
        value = getattr(affekt, name)
        assert value is getattr(affekt, name)
        assert not callable(value) or value.__doc__
    assert {*affekt.__all__} <= {*dir(affekt)}


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
