"""What a training run left in its folder, read and compared."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


def records(out: str | Path) -> list[dict[str, Any]]:
    """The metrics of every epoch, but for what the clock says."""
    lines = (Path(out) / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def assert_same_run(left: str | Path, right: str | Path) -> None:
    """The same figures, the same best network, bit for bit, and the same state to go on from."""
    assert records(left) == records(right)
    networks = [load_file(Path(out) / "best.safetensors") for out in (left, right)]
    assert networks[0].keys() == networks[1].keys()
    torch.testing.assert_close(*networks, rtol=0, atol=0)
    states = [torch.load(Path(out) / "last.ckpt", weights_only=True) for out in (left, right)]
    assert states[0].pop("config") == states[1].pop("config")
    torch.testing.assert_close(*states, rtol=0, atol=0)
