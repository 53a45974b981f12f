"""Checkpoints are whole or not there, and taken over exactly or refused in a line."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.files import WorkingFile
from affekt.training.averaging import copy_exactly
from affekt.training.checkpoints import (
    load_state,
    read_metrics,
    restore_optimizer,
    restore_progress,
    restoring,
    save_state,
)

CPU = torch.device("cpu")
NAMES = ("epoch", "best_score")


class Runs:
    """A pickle that would run something."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


def test_nothing_in_a_checkpoint_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"config": "{}", "network": Runs()}, tmp_path / "last.ckpt")
    with pytest.raises(ConfigError, match=r"last\.ckpt: not a checkpoint of affekt train"):
        load_state(tmp_path / "last.ckpt", "{}", CPU)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [[1], {"network": {}}, {"config": 3}, torch.ones(2)])
def test_a_file_that_names_no_recipe(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(ConfigError, match="names no recipe"):
        load_state(tmp_path / "last.ckpt", "{}", CPU)


@pytest.mark.parametrize("part", ["network", "averaged", "optimizer", "heads"])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, part: str) -> None:
    save_state(tmp_path / "last.ckpt", "{}", {part: [{"a": torch.tensor([1.0, math.nan])}]})
    with pytest.raises(ConfigError, match="its weights are not finite; remove it"):
        load_state(tmp_path / "last.ckpt", "{}", CPU)


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ({"a": torch.ones(2)}, "b is there once only"),
        ({"a": torch.ones(2), "b": torch.ones(1), "c": torch.ones(1)}, "c is there once only"),
        ({"a": torch.ones(()), "b": torch.ones(1)}, r"a: shape \[\], not \[2\]"),
    ],
)
def test_weights_of_another_network_are_refused(saved: dict[str, Tensor], said: str) -> None:
    own = {"a": torch.zeros(2), "b": torch.zeros(1)}
    line = rf"last\.ckpt: not the state of this run .*{said}"
    with pytest.raises(ConfigError, match=line), restoring(Path("last.ckpt")):
        copy_exactly(own, saved)


def test_an_optimizer_of_other_weights_is_refused() -> None:
    saved = torch.optim.AdamW(nn.Linear(3, 2).parameters())
    for group in saved.param_groups:
        for weight in group["params"]:
            weight.grad = torch.ones_like(weight)
    saved.step()
    own = torch.optim.AdamW(nn.Linear(4, 2).parameters())
    line = r"exp_avg of \[2, 3\] for a weight of \[2, 4\]"
    with pytest.raises(ConfigError, match=line), restoring(Path("last.ckpt")):
        restore_optimizer(own, saved.state_dict())


@pytest.mark.parametrize(
    "progress",
    [{"epoch": 1}, {"epoch": 1, "best_score": math.nan}, {"epoch": "1", "best_score": 0.5},
     {"epoch": 1, "best_score": 0.5, "network": 1}, {"epoch": True, "best_score": 0.5}],
)  # fmt: skip
def test_progress_is_numbers_by_their_names(progress: dict[str, object]) -> None:
    run = SimpleNamespace(epoch=0, best_score=-math.inf)
    line = "not the state of this run"
    with pytest.raises(ConfigError, match=line), restoring(Path("last.ckpt")):
        restore_progress(run, progress, NAMES)
    restore_progress(run, {"epoch": 3, "best_score": 0.5}, NAMES)
    assert (run.epoch, run.best_score) == (3, 0.5)


@pytest.mark.parametrize("text", ["{", "[1]", '{"epoch": "x"}', "[" * 100_000])
def test_metrics_of_something_else(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(text)
    with pytest.raises(ConfigError, match=r"metrics\.jsonl"):
        read_metrics(tmp_path / "metrics.jsonl")


def test_what_a_killed_run_left_of_a_checkpoint_is_taken_away(tmp_path: Path) -> None:
    for name in ("last.ckpt", "best.safetensors"):
        left = WorkingFile(tmp_path / name)
        left.stream.close()  # as the system does for a process that is killed
    save_state(tmp_path / "last.ckpt", "recipe", {"step": 3})
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    assert load_state(tmp_path / "last.ckpt", "recipe", CPU) == {
        "config": "recipe",
        "step": 3,
    }


def test_a_full_disk_is_an_error_of_the_system_and_leaves_the_old_checkpoint(
    tmp_path: Path,
) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "last.ckpt"
    save_state(path, "recipe", {"step": 3})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*last\.ckpt'"):
            save_state(path, "recipe", {"weights": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert load_state(path, "recipe", CPU)["step"] == 3
    assert list(tmp_path.iterdir()) == [path]
