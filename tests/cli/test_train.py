"""``affekt train``: what it says on standard error, and where it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.programs import Program

pytest.importorskip("torch")

RECIPE = """
[run]
out = "{out}"
accelerator = "cpu"
threads = 1
[data]
manifests = ["{faces}"]
workers = 0
[heads.primary]
labels = ["anger", "happiness", "contempt"]
[streams.face]
backbone = "test_nfnet"
weights = "random"
size = 32
train = "all"
[fusion]
kind = "none"
[optim]
epochs = 1
batch = 8
"""


@pytest.fixture
def recipe(tmp_path: Path, write_faces: Callable[..., object]) -> Path:
    write_faces(tmp_path / "faces", "drawn", ("anger", "happiness"), {"train": 4, "val": 2})
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(out=tmp_path / "run", faces=tmp_path / "faces"))
    return path


def test_a_run_says_what_it_leaves_out_and_how_to_go_on(affekt: Program, recipe: Path) -> None:
    words = ["train", recipe]
    best = f"{recipe.parent / 'run' / 'best.safetensors'}\n"
    code, out, err = affekt(*words)
    assert (code, out) == (0, best), err
    assert [line.partition(" has the label contempt: ")[0] for line in err.splitlines()] == [
        "affekt: no row in train",
        "affekt: no row in val",
    ]
    code, out, err = affekt(*words)
    assert (code, out) == (0, best)
    assert err.splitlines()[-1].endswith("all 1 epochs are done; raise optim.epochs to go on")


def test_a_divergence_is_one_line_and_exit_code_1(affekt: Program, recipe: Path) -> None:
    words = ["train", recipe, "--set", "optim.encoder_lr=1e30", "--set", "optim.epochs=3"]
    code, out, err = affekt(*words)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("affekt: error: the loss is not a finite number in ep")
    assert not list(recipe.parent.glob("run/*.partial"))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("run = 3", "run: expected a table, got 3"),
        ("run = [1]", "run: expected a table, got [1]"),
        ('kind = "face"', "kind: no longer a key, leave it out: streams and heads"),
    ],
)
def test_a_recipe_that_is_no_recipe_is_one_line(
    affekt: Program, tmp_path: Path, content: str, line: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(content)
    code, out, err = affekt("train", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"affekt: error: {line}")
