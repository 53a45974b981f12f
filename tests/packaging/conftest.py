"""What the tests of packaging share: tiny trained networks, traced once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import pytest
import torch
from torch import nn

from affekt.data.manifests.manifest import Manifest
from fakes.recipes import LABELS


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _no_curves() -> Iterator[None]:
    """A picture of a run takes longer than a tiny run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("affekt.training.curves.plot_training", lambda *_: None)
        yield


@pytest.fixture(scope="session")
def traced_once() -> Iterator[None]:
    """A network that several tests export is traced for the first: that takes seconds."""
    from affekt.packaging import graphs  # noqa: PLC0415 (torch is slow to import)

    known: dict[str, bytes] = {}
    trace = graphs.to_onnx

    def once(network: nn.Module, inputs: dict[str, Any], outputs: Any) -> bytes:
        digest = sha256(repr((str(network), inputs, tuple(outputs))).encode())
        digest.update(repr(getattr(network, "mirror", None)).encode())
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        key = digest.hexdigest()
        if key not in known:
            known[key] = trace(network, inputs, outputs)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "to_onnx", once)
        yield


@pytest.fixture(scope="session")
def faces(
    tmp_path_factory: pytest.TempPathFactory, write_faces: Callable[..., Manifest]
) -> Manifest:
    """A manifest of three labels: 24 faces to learn from, 9 to check on."""
    return write_faces(tmp_path_factory.mktemp("faces"), "drawn", LABELS, {"train": 8, "val": 3})


@pytest.fixture(scope="session")
def people(
    tmp_path_factory: pytest.TempPathFactory, write_drawn_people: Callable[..., Manifest]
) -> Manifest:
    """A manifest of people: 18 in 9 pictures to learn from, 8 to check on."""
    counts = {"train": (2, 1, 3, 2, 2, 1, 3, 1, 3), "val": (1, 2, 3, 2)}
    return write_drawn_people(tmp_path_factory.mktemp("people"), counts)
