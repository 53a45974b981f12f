"""What the tests of training share: tiny recipes and networks on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from affekt.data.manifests.manifest import Manifest
from affekt.training import context_export, onnx_graph
from affekt.training.config import TrainConfig, parse_config
from affekt.training.context_config import ContextConfig, parse_context_config

LABELS = ["anger", "happiness", "neutral"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def traced_once() -> Iterator[None]:
    """A network that several tests export is traced for the first: that takes seconds."""
    graphs: dict[str, bytes] = {}
    trace = onnx_graph.to_onnx

    def once(network: nn.Module, inputs: dict[str, Any], outputs: Any) -> bytes:
        digest = sha256(repr((str(network), inputs, tuple(outputs))).encode())
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        key = digest.hexdigest()
        if key not in graphs:
            graphs[key] = trace(network, inputs, outputs)
        return graphs[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in (onnx_graph, context_export):
            patch.setattr(module, "to_onnx", once)
        yield


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory, write_faces: Callable[..., Manifest]) -> Path:
    """A folder with a manifest of three labels: 24 faces to learn from, 9 to check on."""
    folder = tmp_path_factory.mktemp("faces")
    write_faces(folder, "drawn", tuple(LABELS), {"train": 8, "val": 3})
    return folder


@pytest.fixture
def recipe(tmp_path: Path, faces: Path) -> Callable[..., TrainConfig]:
    """A tiny recipe; tables given as keywords replace its values, key by key."""

    def build(**changes: dict[str, Any]) -> TrainConfig:
        content: dict[str, dict[str, Any]] = {
            "run": {"out": str(tmp_path / "run"), "accelerator": "cpu", "threads": 1, "seed": 3},
            "data": {"manifests": [str(faces)], "labels": LABELS, "workers": 0},
            "model": {"backbone": "test_efficientnet", "weights": "random", "size": 32},
            "optim": {"epochs": 3, "batch": 8, "lr": 3e-3, "encoder_lr": 3e-3, "ema": 0.5},
        }
        for table, values in changes.items():
            content[table] = {**content.get(table, {}), **values}
        return parse_config(content)

    return build


@pytest.fixture(scope="session")
def drawn_people(
    tmp_path_factory: pytest.TempPathFactory, write_drawn_people: Callable[..., Manifest]
) -> Path:
    """A folder with a manifest of people: 18 in 9 pictures to learn from, 8 to check on."""
    folder = tmp_path_factory.mktemp("drawn-people")
    write_drawn_people(folder, {"train": (2, 1, 3, 2, 2, 1, 3, 1, 3), "val": (1, 2, 3, 2)})
    return folder


@pytest.fixture
def context_recipe(tmp_path: Path, drawn_people: Path) -> Callable[..., ContextConfig]:
    """A tiny recipe of body and scene; keywords replace tables' values as in `recipe`."""

    def build(**changes: dict[str, Any] | None) -> ContextConfig:
        content: dict[str, Any] = {
            "kind": "context",
            "run": {"out": str(tmp_path / "run"), "accelerator": "cpu", "threads": 1, "seed": 3},
            "data": {"manifests": [str(drawn_people)], "workers": 0},
            "streams": {
                "body": {"backbone": "test_efficientnet", "weights": "random", "size": 32},
                "scene": {"share": "body"},
            },
            "fusion": {"hidden": 16},
            "optim": {"epochs": 3, "batch": 6, "lr": 1e-2, "ema": 0.5},
            "features": {"folder": str(tmp_path / "features")},
        }
        for table, values in changes.items():
            content[table] = None if values is None else {**content.get(table, {}), **values}
        return parse_context_config({k: v for k, v in content.items() if v is not None})

    return build
