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
from affekt.models.build import load_network
from affekt.models.context import load_context
from affekt.training.config import TrainConfig
from affekt.training.context_config import ContextConfig
from affekt.training.processes import Progress
from affekt.training.tasks.face_data import face_dataset
from affekt.training.train import train
from fakes.runs import assert_same_run, records

Recipe = Callable[..., TrainConfig]
ContextRecipe = Callable[..., ContextConfig]

KILLED = """
import json, os, pathlib, signal, sys
from affekt.training.config import parse_config
from affekt.training.context_config import parse_context_config
from affekt.training.processes import Progress
from affekt.training.train import train

def report(epoch, step, steps):
    if (epoch, step) == (1, 2):
        os.kill(os.getpid(), signal.SIGKILL)

parts = (parse_config, parse_context_config)
for path, parse in zip(sys.argv[1:], parts, strict=True):
    process = os.fork()
    if not process:
        train(parse(json.loads(pathlib.Path(path).read_text())), Progress(report))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""
TORCHRUN = """
import json, pathlib, sys
from affekt.training.context_config import parse_context_config
from affekt.training.train import train

train(parse_context_config(json.loads(pathlib.Path(sys.argv[1]).read_text())))
"""
"""A file of its own, and not a module's name, is what torchrun starts in each process."""


def written(path: Path, config: TrainConfig | ContextConfig) -> Path:
    """The recipe's content again as JSON, without the keys that were left out."""

    def given(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: given(v) for k, v in value.items() if v is not None}
        return value

    kind = {"kind": "context"} if isinstance(config, ContextConfig) else {}
    path.write_text(json.dumps(kind | given(asdict(config))))
    return path


def test_a_killed_run_leaves_what_can_be_read_and_goes_on(
    recipe: Recipe, context_recipe: ContextRecipe, tmp_path: Path
) -> None:
    def recipes(name: str) -> tuple[TrainConfig, ContextConfig]:
        people = {"run": {"out": str(tmp_path / f"people-{name}")}, "features": {"cache": True}}
        return recipe(run={"out": str(tmp_path / f"faces-{name}")}), context_recipe(**people)

    faces, people = recipes("killed")
    paths = [written(tmp_path / f"{i}.json", config) for i, config in enumerate((faces, people))]
    call = [sys.executable, "-c", KILLED, *map(str, paths)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(call, env=environment, check=False, capture_output=True, text=True)
    assert done.stdout.split() == [str(-signal.SIGKILL)] * 2, done.stderr
    load_network(Path(faces.run.out) / "best.safetensors")
    load_context(Path(people.run.out) / "best.safetensors")
    whole = recipes("whole")
    train(whole[0])
    train(whole[1])
    for out in (faces.run.out, people.run.out):
        assert [record["epoch"] for record in records(out)] == [0]
    train(faces)
    train(people)
    for killed, uncut in zip((faces, people), whole, strict=True):
        assert_same_run(uncut.run.out, killed.run.out)


def test_two_processes_validate_each_face_once_and_an_error_in_one_is_that_of_the_run(
    recipe: Recipe, tmp_path: Path, write_faces: Callable[..., Manifest]
) -> None:
    """Odd numbers of faces must leave no process waiting for the other."""
    write_faces(tmp_path / "odd", "odd", ("anger", "neutral", "fear"), {"train": 11, "val": 3})
    labels = ["anger", "neutral", "fear"]
    config = recipe(
        run={"devices": 2},
        optim={"epochs": 2, "batch": 16},
        data={"manifests": [str(tmp_path / "odd")], "labels": labels},
    )
    out = Path(config.run.out)
    (out / "curves.png").mkdir(parents=True)
    seen: list[tuple[int, int, int]] = []
    with pytest.raises(OutputError, match=r"^[^\n]*curves\.png: the figure cannot be written"):
        train(config, Progress(lambda *step: seen.append(step)))
    assert seen == [(epoch, step, 2) for epoch in (0, 1) for step in (1, 2)]  # 33 faces
    network = load_network(out / "best.safetensors")  # the one that was validated
    manifests = [Manifest.open(path) for path in config.data.manifests]
    dataset = face_dataset(manifests, "val", config.data.labels, 32)
    with torch.inference_mode():
        logits = network(torch.stack([sample.images()["face"][0] for sample in dataset]))
    expected = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(dataset.targets["primary"])
    )
    recorded = network.spec.history["val"]["odd"]
    assert recorded["n"] == 9
    assert recorded["loss"] == pytest.approx(expected.item(), rel=1e-4)


def test_two_processes_of_torchrun_give_what_one_gives(
    context_recipe: ContextRecipe, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Odd numbers of pictures: nobody is counted twice, no process waits for the other."""
    one, two = (
        context_recipe(
            run={"out": str(tmp_path / name)},
            fusion={"hidden": 16, "dropout": 0.0, "stream_dropout": 0.0},
            optim={"epochs": 2, "optimizer": "sgd", "batch": 5},
            features={"cache": True},
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
