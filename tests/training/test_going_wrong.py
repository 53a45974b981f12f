"""What ends a training, in one line that says why and what to do."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from torch.utils.data import Dataset

from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.errors import ConfigError, DataError, DivergenceError
from affekt.training.loading import batches_of, loader_of
from affekt.training.processes import Progress
from affekt.training.recipe.recipe import Recipe
from affekt.training.train import train
from fakes.backbones import TWO_BLOCKS
from fakes.rows import FACES

Build = Callable[..., Recipe]
Faces = Callable[..., Manifest]

ONE_LINE = r"^[^\n]*$"


def run(recipe: Build, people_recipe: Build, kind: str, **changes: Any) -> None:
    if kind == "face":
        train(recipe(**changes))
    else:
        folds = {"count": 2} if kind == "folds" else None
        body = {"body": {"backbone": TWO_BLOCKS, "weights": "random", "size": 32}}
        cached = {"cache": kind != "people"}
        train(people_recipe(folds=folds, features=cached, streams=body, **changes))


@pytest.mark.parametrize("kind", ["face", "people", "folds"])
def test_a_loss_that_diverges_says_where_and_what_to_lower(
    recipe: Build, people_recipe: Build, kind: str
) -> None:
    with pytest.raises(DivergenceError, match=ONE_LINE) as caught:
        run(
            recipe,
            people_recipe,
            kind,
            optim={"lr": 1e30, "encoder_lr": 1e30, "ema": 0.0, "epochs": 2},
        )
    said = (
        r"the loss is not a finite number in epoch \d \(.*\), (step \d of \d|after its last step)"
    )
    assert re.match(said, str(caught.value))
    assert "lower optim.lr (1e+30)" in str(caught.value)


def test_a_loss_that_is_not_finite_from_the_start_is_no_matter_of_the_rate(
    recipe: Build, tmp_path: Path
) -> None:
    weights = load_file(train(recipe(optim={"epochs": 1})))
    weights["encoders.face.network.blocks.0.weight"][:] = 3e38
    save_file(weights, tmp_path / "huge.safetensors")
    out, start = str(tmp_path / "again"), str(tmp_path / "huge.safetensors")
    with pytest.raises(DivergenceError, match=r"step 1 of 3, before anything was learnt"):
        face = {"backbone": TWO_BLOCKS, "weights": start, "size": 32, "train": "all"}
        train(recipe(run={"out": out}, streams={"face": face}))


class _Failing(Dataset[int]):
    """Fails in the way of the error it is given."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError("face 'a' of 'b': truncated"), r"^face 'a' of 'b': truncated$"),
        (ConfigError("data: x"), r"^data: x$"),
        (MemoryError("no room"), r"^a batch could not be prepared: MemoryError: no room$"),
        (KeyError("x"), r"^a batch could not be prepared: KeyError: 'x'$"),
    ],
)
def test_what_a_worker_raises_is_one_line(error: Exception, expected: str) -> None:
    with pytest.raises((DataError, ConfigError), match=expected):
        list(batches_of(loader_of(_Failing(error), 1)))


class _Killed(Dataset[int]):
    """Ends its process, as a system short of memory does."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_a_worker_that_is_killed_says_what_to_lower() -> None:
    with pytest.raises(DataError, match=r"^a process .*: if memory is short, lower data\.workers"):
        list(batches_of(loader_of(_Killed(), 1)))


class _Orphaned(Dataset[int]):
    """Says that it is there and outlives the process that asked for it."""

    def __init__(self, there: Connection) -> None:
        self.there = there

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        self.there.send(os.getpid())
        time.sleep(60)
        return index


def _load(there: Connection) -> None:
    list(loader_of(_Orphaned(there), 1))


def test_a_worker_ends_with_the_training_that_is_killed() -> None:
    context = multiprocessing.get_context("fork")
    alive, there = context.Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads
        process = context.Process(target=_load, args=(there,))
        process.start()
    there.close()
    alive.recv()
    process.kill()
    process.join()
    assert alive.poll(20)
    with pytest.raises(EOFError):  # nobody holds the other end
        alive.recv()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_cannot_be_read_is_named(
    recipe: Build, faces: Path, tmp_path: Path, workers: int
) -> None:
    rows = list(Manifest.open(faces).rows())
    rows[5] = replace(rows[5], content=rows[5].content[:60])
    write_manifest(tmp_path / "set", rows, labels=FACES, root=".", note={})
    name = re.escape(repr(rows[5].id))
    with pytest.raises(DataError, match=rf"^row {name} of 'drawn': [^\n]*$"):
        train(recipe(data={"manifests": [str(tmp_path / "set")], "workers": workers}))


def test_labels_without_a_face_are_said(
    recipe: Build, caplog: pytest.LogCaptureFixture, tmp_path: Path, write_faces: Faces
) -> None:
    write_faces(tmp_path / "set", "drawn", ("anger", "fear"), {"train": 4})
    write_faces(tmp_path / "more", "more", ("anger", "sadness"), {"train": 2, "val": 2})
    manifests = [str(tmp_path / name) for name in ("set", "more")]
    labels = ["anger", "fear", "sadness", "contempt"]
    train(
        recipe(
            data={"manifests": manifests},
            heads={"primary": {"labels": labels}},
            optim={"epochs": 1},
        )
    )
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "no row in train has the label contempt",
        "no row in val has the label fear, contempt",
    ]


def test_categories_without_a_person_are_said(
    people_recipe: Build, caplog: pytest.LogCaptureFixture
) -> None:
    train(people_recipe(optim={"epochs": 1}))
    said = [message for message in caplog.messages if message.startswith("no row in train has")]
    assert len(said) == 1
    assert "Yearning: it cannot be learnt" in said[0]
    assert "Peace" not in said[0]


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ((("anger",), {"train": 4, "val": 2}), "all rows to train on have one label of primary"),
        ((("anger", "neutral"), {"val": 2}), "no rows with a label of primary in the splits train"),
        ((("contempt", "disgust"), {"train": 2, "val": 2}), "no rows with a label"),
    ],
)
def test_sets_that_teach_nothing_are_refused(
    recipe: Build, tmp_path: Path, write_faces: Faces, faces: tuple[Any, Any], message: str
) -> None:
    write_faces(tmp_path / "set", "drawn", *faces)
    with pytest.raises(DataError, match=message):
        train(recipe(data={"manifests": [str(tmp_path / "set")]}))


def test_a_batch_larger_than_the_set_is_the_set(recipe: Build) -> None:
    seen: list[tuple[int, int, int]] = []
    train(recipe(optim={"epochs": 1, "batch": 999}), Progress(lambda *step: seen.append(step)))
    assert seen == [(0, 1, 1)]


def test_early_sizes_need_a_network_of_any_size(recipe: Build) -> None:
    vit = {"backbone": "vit_tiny_patch16_224", "weights": "random", "size": 64, "early_size": 32}
    with pytest.raises(ConfigError, match=r"^streams\.face\.early_size: vit_.* crops of one size"):
        train(recipe(streams={"face": vit}, optim={"early_epochs": 1}))


def test_a_vision_transformer_learns_at_the_size_of_the_recipe(recipe: Build) -> None:
    vit = {"backbone": "test_vit", "weights": "random", "size": 64, "train": "all"}
    made = recipe(streams={"face": vit}, optim={"epochs": 1})
    train(made)
    line = json.loads((Path(made.run.out) / "metrics.jsonl").read_text())
    assert np.isfinite(line["train_loss"])
