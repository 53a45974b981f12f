"""A new family of models is an entry in the table of each room, and no other change of the source.

The family here reads three numbers of a person's box and says a posture, a head of its own with
labels of its own. CONTRIBUTING.md tells the same in words.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from affekt import Frame
from affekt.arrays import FloatArray32
from affekt.bundle import NUMBERS, NumbersSpec
from affekt.bundle.inputs import INPUT_KINDS
from affekt.cli.app import app
from affekt.data.manifests.manifest import write_manifest
from affekt.data.manifests.row import Row
from affekt.data.torch import views as training_views
from affekt.data.torch.views import Look
from affekt.errors import ConfigError
from affekt.evaluation.reading.kind import SetKind
from affekt.evaluation.reading.sets import SETS
from affekt.heads import KINDS_OF_HEADS, Kind
from affekt.inference.read import views as reading_views
from affekt.inference.read.views import People, Taken
from affekt.results import BoxXyxy
from affekt.training.recipe.model import STREAMS, NumbersTable
from affekt.training.recipe.recipe import read_recipe

POSTURES = ("lying", "sitting", "standing")
SIZES = {"lying": (60.0, 20.0), "sitting": (30.0, 40.0), "standing": (15.0, 60.0)}


def measures(boxes_xyxy: Sequence[BoxXyxy], width: int, height: int) -> FloatArray32:
    """Width and height of each box as shares of the picture, and their ratio: shape (n, 3)."""
    x1, y1, x2, y2 = np.reshape(boxes_xyxy, (-1, 4)).T
    shares = [(x2 - x1) / width, (y2 - y1) / height, (x2 - x1) / (y2 - y1)]
    return np.stack(shares, axis=1).astype(np.float32)


# data.sets: rows of the family, whose labels stand by the head's name


def prepare_postures(folder: Path, counts: dict[str, int]) -> Path:
    """A set of pictures of one person each, from files that a set of one's own might have."""
    folder.mkdir()
    (folder / "grey.png").write_bytes(grey_png())
    rows = [row for split, count in counts.items() for row in drawn_rows(split, count)]
    write_manifest(folder, rows, labels={"posture": POSTURES}, root=".", note={"set": "postures"})
    return folder


def drawn_rows(split: str, count: int) -> Iterator[Row]:
    random = np.random.default_rng(len(split))
    for number in range(count):
        posture = POSTURES[number % 3]
        wide, high = np.multiply(SIZES[posture], random.uniform(0.9, 1.1, 2))
        yield Row(
            id=f"{split}-{number}", source="postures", split=split, content=grey_png(), width=80,
            height=70, box_xyxy=(4.0, 2.0, 4.0 + wide, 2.0 + high),
            others={"posture": {posture: 1.0}}, groups={"half": "ab"[number % 2]},
        )  # fmt: skip


def grey_png() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (80, 70), "grey").save(content, "png")
    return content.getvalue()


# data.torch: what training sees of the subjects of a picture


def measures_of_rows(look: Look, spec: None) -> FloatArray32:
    first = look.rows[0]
    return measures([row.person_xyxy for row in look.rows], first.width, first.height)


TRAINING_VIEW = training_views.View(
    measures_of_rows, present=lambda row: True, boxed=lambda spec: True, pixels=False
)


# inference.read: what a finished model sees of the people of a picture


@dataclass(frozen=True, slots=True)
class MeasuresView:
    needs_face = False
    width = 3

    def take(self, people: People) -> Taken:
        height, width = people.image_rgb.shape[:2]
        values = measures(people.boxes_xyxy, width, height)
        return Taken(values, np.arange(len(values)))


# evaluation.reading: which rows count


ROWS = SetKind(
    noun="persons",
    model="postures",
    heads=(Kind.SINGLE_LABEL,),
    reason_to_skip=lambda row, labels, protocol: row.exclude,
    says=lambda protocol, labels: "the posture that was written down",
)


@pytest.fixture
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry per room."""
    monkeypatch.setitem(KINDS_OF_HEADS, "posture", Kind.SINGLE_LABEL)
    monkeypatch.setitem(NUMBERS, "measures", 3)
    monkeypatch.setitem(INPUT_KINDS, "measures", NumbersSpec)
    monkeypatch.setitem(training_views.VIEWS, "measures", TRAINING_VIEW)
    monkeypatch.setitem(reading_views.VIEWS, "measures", lambda spec: MeasuresView())
    monkeypatch.setitem(STREAMS, "measures", NumbersTable)
    monkeypatch.setitem(SETS, "posture", ROWS)


RECIPE = """
[run]
out = "{run}"
accelerator = "cpu"
threads = 1
[data]
manifests = ["{data}"]
workers = 0
[streams.measures]
[heads.posture]
labels = ["lying", "sitting", "standing"]
[fusion]
hidden = 8
dropout = 0.0
[optim]
epochs = 12
batch = 24
lr = 0.05
ema = 0.5
"""


def boxed(*corners: int) -> dict[str, Any]:
    return {"source": "grey.png", **dict(zip(("x1", "y1", "x2", "y2"), corners, strict=True))}


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.usefixtures("_registered")
def test_a_family_trains_exports_evaluates_reports_and_predicts(tmp_path: Path) -> None:
    data = prepare_postures(tmp_path / "data", {"train": 72, "val": 24, "test": 18})
    recipe, bundle = tmp_path / "recipe.toml", tmp_path / "postures"
    recipe.write_text(RECIPE.format(run=tmp_path / "run", data=data))
    run("train", recipe)
    run(
        "export", tmp_path / "run" / "best.safetensors", "--out", bundle, "--name", "postures",
        "--data", data,
    )  # fmt: skip
    assert "takes measures" in (bundle / "CARD.md").read_text()

    figures = json.loads(run("evaluate", "--model", bundle, "--data", data))
    assert figures["balanced_accuracy"] == 1.0 and figures["n"] == 18
    assert figures["heads"] == {"posture": {"kind": "single-label", "labels": [*POSTURES], "n": 18}}
    assert {*figures["groups"]["half"]} == {"a", "b"}
    page = tmp_path / "page.html"
    run("report", "--model", bundle, "--data", data, "--output", page)
    assert "the posture that was written down" in page.read_text()

    boxes = tmp_path / "boxes.json"
    photo = tmp_path / "data" / "grey.png"
    boxes.write_text(json.dumps([boxed(5, 5, 65, 25), boxed(5, 5, 20, 65)]))
    call = ["predict", photo, "--model", bundle, "--boxes", boxes, "--format"]
    frame = Frame.from_dict(json.loads(run(*call, "json"))[0])
    said = [person.emotion.others["posture"] for person in frame.people]
    chosen = [max(own, key=lambda label: own[label] or 0) for own in said]
    assert sorted(chosen) == ["lying", "standing"]
    header, *lines = run(*call, "csv").splitlines()
    assert header.endswith("posture_lying,posture_sitting,posture_standing") and len(lines) == 2


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("streams.measurs={}", "unknown key streams.measurs: did you mean 'measures'?"),
        ("heads.postur={}", "unknown key heads.postur: did you mean 'posture'?"),
        ("loss.posture.kind='bce'", "unknown key loss.posture.kind: "),
        ("heads.posture={}", "missing key heads.posture.labels"),
    ],
)
def test_its_names_are_known_to_recipes(tmp_path: Path, given: str, line: str) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(run=tmp_path / "run", data=tmp_path / "data"))
    with pytest.raises(ConfigError) as caught:
        read_recipe(recipe, [given])
    assert str(caught.value).startswith(line)
