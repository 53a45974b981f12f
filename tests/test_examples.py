"""The examples run, say what they promise, and stay short."""

from __future__ import annotations

import ast
import csv
import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import affekt

EXAMPLES = Path(__file__).parents[1] / "examples"
ASTRONAUT = Path(affekt.__file__).parent / "assets" / "astronaut.jpg"
RECIPE = """
run = {accelerator = "cpu", threads = 1}
data.workers = 0
optim = {epochs = 1, batch = 8}
"""
FACE = """
streams.face = {backbone = "two_blocks", weights = "random", size = 32, train = "all"}
fusion.kind = "none"
heads.primary = {}
"""
PEOPLE = """
streams.body = {backbone = "two_blocks", weights = "random", size = 32, train = "all"}
fusion.kind = "none"
heads = {categories = {}, vad = {}}
"""

Example = Callable[..., str]


@pytest.fixture
def example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Example:
    """Runs a script with words in a folder of its own, and gives what it printed."""

    def run(name: str, *words: object) -> str:
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        monkeypatch.chdir(tmp_path)
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains a network of two convolutions; diagrams, which take longer, have their own tests."""
    pytest.importorskip("torch").set_num_threads(1)
    import fakes.backbones  # noqa: F401, PLC0415 (needs torch)

    monkeypatch.setattr("affekt.training.curves.plot_training", lambda *_: None)
    monkeypatch.setattr("affekt.report.page.head_sections", lambda *_: [])


def test_they_are_short_and_take_public_names_alone() -> None:
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert len(scripts) == 5
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 40, script
        nodes = list(ast.walk(ast.parse(text)))
        imported = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
        imported += [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)]
        assert [name for name in imported if name.startswith("affekt")] == ["affekt"], script
        used = [n.attr for n in nodes if isinstance(n, ast.Attribute) and is_affekt(n.value)]
        assert {*used} <= {*affekt.__all__}, script


def is_affekt(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "affekt"


def test_a_photo(example: Example, tmp_path: Path) -> None:
    said = example("photo")
    assert "apparent emotion: happiness" in said and "valence" in said
    drawn = affekt.read_picture(tmp_path / "seen.png")
    assert drawn.shape == affekt.read_picture(ASTRONAUT).shape


def test_a_folder_to_a_table(example: Example, tmp_path: Path) -> None:
    shutil.copy(ASTRONAUT, tmp_path / "a.jpg")
    (tmp_path / "b.png").write_bytes(b"no picture")
    said = example("folder_to_table")
    assert "left out: " in said and "1 people in 1 pictures" in said
    with (tmp_path / "people.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["source"], row["primary_label"]) == ("a.jpg", "happiness")
    (tmp_path / "empty").mkdir()
    assert "0 people in 0 pictures" in example("folder_to_table", "empty")


def test_a_detector_of_ones_own(example: Example) -> None:
    name, _, label = example("own_detector").strip().partition(": ")
    assert name == "astronaut.jpg" and label in affekt.PRIMARY


@pytest.mark.usefixtures("trains")
def test_faces_of_ones_own(example: Example, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for number, label in enumerate(("happy", "sad")):
        (tmp_path / "faces" / label).mkdir(parents=True)
        for i in range(10):
            face = draw.integers(0, 128, (40, 40, 3), dtype=np.uint8) + np.uint8(100 * number)
            Image.fromarray(face).save(tmp_path / "faces" / label / f"{i}.png")
    (tmp_path / "tiny.toml").write_text(RECIPE + FACE)
    said = example("own_faces", "faces", "--recipe", "tiny.toml")
    accuracy, labels = said.splitlines()
    assert accuracy.startswith("accuracy ") and ast.literal_eval(labels)[0] in affekt.PRIMARY
    info = json.loads((tmp_path / "own-faces" / "model" / "bundle.json").read_text())
    assert info["name"] == "own-faces"


@pytest.mark.usefixtures("trains")
def test_emotic_to_a_report(example: Example, tiny_emotic: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE + PEOPLE)
    said = example("emotic_report", tiny_emotic, "--recipe", "tiny.toml", "--split", "val")
    assert said.startswith("map ") and "emotic/report.html has the rest" in said
    assert (tmp_path / "emotic" / "report.html").read_text().startswith("<!DOCTYPE html>")
