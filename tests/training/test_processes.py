"""Processes of a training: killed at any moment, started by the recipe or by torchrun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from affekt.data.manifests.manifest import Manifest
from affekt.errors import OutputError
from affekt.models.saved import load_network
from affekt.training.processes import Progress
from affekt.training.recipe.recipe import Recipe
from affekt.training.train import train
from fakes.reading import read, samples_of
from fakes.runs import assert_same_run, records

Build = Callable[..., Recipe]

KNOWN = {"backbone": "test_resnet", "weights": "random", "size": 32}
FACE, BODY = {"face": {**KNOWN, "train": "all"}}, {"body": KNOWN}
"""Other processes know the networks of timm alone."""

KILLED = """
import json, os, pathlib, signal, sys
from affekt.training.processes import Progress
from affekt.training.recipe.recipe import parse_recipe
from affekt.training.train import train

def report(epoch, step, steps):
    if (epoch, step) == (1, 2):
        os.kill(os.getpid(), signal.SIGKILL)

for path in sys.argv[1:]:
    process = os.fork()
    if not process:
        train(parse_recipe(json.loads(pathlib.Path(path).read_text())), Progress(report))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""
TORCHRUN = """
import json, pathlib, sys
from affekt.training.recipe.recipe import parse_recipe
from affekt.training.train import train

train(parse_recipe(json.loads(pathlib.Path(sys.argv[1]).read_text())))
"""
"""A file of its own, and not a module's name, is what torchrun starts in each process."""


def written(path: Path, config: Recipe) -> Path:
    """The recipe's content again as JSON, without the keys that were left out."""

    def given(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: given(v) for k, v in value.items() if v is not None}
        return value

    path.write_text(json.dumps(given(asdict(config))))
    return path


def test_a_killed_run_leaves_what_can_be_read_and_goes_on(
    recipe: Build, people_recipe: Build, tmp_path: Path
) -> None:
    def recipes(name: str) -> tuple[Recipe, Recipe]:
        people = {"run": {"out": str(tmp_path / f"people-{name}")}, "features": {"cache": True}}
        faces = {"run": {"out": str(tmp_path / f"faces-{name}")}, "streams": FACE}
        return recipe(**faces), people_recipe(**people, streams=BODY)

    faces, people = recipes("killed")
    paths = [written(tmp_path / f"{i}.json", config) for i, config in enumerate((faces, people))]
    call = [sys.executable, "-c", KILLED, *map(str, paths)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(call, env=environment, check=False, capture_output=True, text=True)
    assert done.stdout.split() == [str(-signal.SIGKILL)] * 2, done.stderr
    load_network(Path(faces.run.out) / "best.safetensors")
    load_network(Path(people.run.out) / "best.safetensors")
    whole = recipes("whole")
    train(whole[0])
    train(whole[1])
    for out in (faces.run.out, people.run.out):
        assert [record["epoch"] for record in records(out)] == [0]
    train(faces)
    train(people)
    for killed, uncut in zip((faces, people), whole, strict=True):
        assert_same_run(uncut.run.out, killed.run.out)


@pytest.mark.curves
def test_two_processes_validate_each_face_once_and_an_error_in_one_is_that_of_the_run(
    recipe: Build, tmp_path: Path, write_faces: Callable[..., Manifest]
) -> None:
    """Odd numbers of faces must leave no process waiting for the other."""
    write_faces(tmp_path / "odd", "odd", ("anger", "neutral", "fear"), {"train": 11, "val": 3})
    labels = ["anger", "neutral", "fear"]
    config = recipe(
        run={"devices": 2},
        optim={"epochs": 2, "batch": 16},
        data={"manifests": [str(tmp_path / "odd")]},
        heads={"primary": {"labels": labels}},
        streams=FACE,
    )
    out = Path(config.run.out)
    (out / "curves.png").mkdir(parents=True)
    seen: list[tuple[int, int, int]] = []
    with pytest.raises(OutputError, match=r"^[^\n]*curves\.png: the figure cannot be written"):
        train(config, Progress(lambda *step: seen.append(step)))
    assert seen == [(epoch, step, 2) for epoch in (0, 1) for step in (1, 2)]  # 33 faces
    network = load_network(out / "best.safetensors")  # the one that was validated
    _, sample = samples_of(network, config.data.manifests, "val")
    logits = read(network, sample)["primary"]
    expected = torch.nn.functional.cross_entropy(logits, sample.targets["primary"])
    recorded = network.spec.history["val"]["odd"]
    assert recorded["n"] == 9
    assert recorded["loss"] == pytest.approx(expected.item(), rel=1e-4)


def test_two_processes_of_torchrun_give_what_one_gives(
    people_recipe: Build, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Odd numbers of pictures: nobody is counted twice, no process waits for the other."""
    one, two = (
        people_recipe(
            run={"out": str(tmp_path / name)},
            fusion={"hidden": 16, "dropout": 0.0, "stream_dropout": 0.0},
            optim={"epochs": 2, "optimizer": "sgd", "batch": 5},
            features={"cache": True},
            streams=BODY,
        )
        for name in ("one", "two")
    )
    assert train(one) == tmp_path / "one" / "best.safetensors"
    script = tmp_path / "train.py"
    script.write_text(TORCHRUN)
    start = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--no-python"]
    words = [sys.executable, script, written(tmp_path / "config.json", two)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *start, *words], env=environment, check=False)
    assert done.returncode == 0, capfd.readouterr()
    for a, b in zip(records(one.run.out), records(two.run.out), strict=True):
        assert b["val"]["people"]["n"] == 8
        assert a["val"]["people"] == pytest.approx(b["val"]["people"], rel=1e-4)
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-4)
    weights = [load_file(Path(config.run.out) / "best.safetensors") for config in (one, two)]
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)
