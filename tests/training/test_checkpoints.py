"""Checkpoints are whole or not there, also where the disk is full or a run was killed."""

from pathlib import Path

import pytest
import torch

from affekt.files import WorkingFile
from affekt.training.checkpoints import load_state, save_state


def test_what_a_killed_run_left_of_a_checkpoint_is_taken_away(tmp_path: Path) -> None:
    for name in ("last.ckpt", "best.safetensors"):
        left = WorkingFile(tmp_path / name)
        left.stream.close()  # as the system does for a process that is killed
    save_state(tmp_path / "last.ckpt", "recipe", {"step": 3})
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    assert load_state(tmp_path / "last.ckpt", "recipe", torch.device("cpu")) == {
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
    assert load_state(path, "recipe", torch.device("cpu"))["step"] == 3
    assert list(tmp_path.iterdir()) == [path]
