"""A network and its description travel as one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from affekt.errors import AffektError, BundleError
from affekt.models.build import FaceNetwork, build_network, load_network, save_network

LABELS = ("anger", "happiness", "neutral")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def network() -> FaceNetwork:
    torch.manual_seed(0)
    network = build_network("test_efficientnet", "random", LABELS, 32)
    with torch.no_grad():  # so that the running statistics are not those of a new network
        network.train()(torch.randn(8, 3, 32, 32))
    return network.eval()


@pytest.fixture
def crops() -> torch.Tensor:
    return torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)


def test_a_network_comes_back_with_its_logits_and_its_description(
    network: FaceNetwork, crops: torch.Tensor, tmp_path: Path
) -> None:
    spec = replace(network.spec, history={"epoch": 3, "val": {"drawn": {"accuracy": 0.5}}})
    save_network(tmp_path / "net.safetensors", network.backbone.state_dict(), spec)
    loaded = load_network(tmp_path / "net.safetensors")
    assert loaded.spec == spec
    assert not loaded.training
    with torch.inference_mode():
        assert torch.equal(loaded(crops), network(crops))


def test_bytes_and_normalised_floats_give_the_same_logits(
    network: FaceNetwork, crops: torch.Tensor
) -> None:
    spec = network.spec
    planes = crops.numpy() / 255
    mean, std = (np.reshape(v, (1, 3, 1, 1)) for v in (spec.mean, spec.std))
    floats = torch.from_numpy(((planes - mean) / std).astype(np.float32))
    with torch.inference_mode():
        torch.testing.assert_close(network(floats), network(crops), rtol=1e-4, atol=1e-4)
        assert network(crops).shape == (4, 3)


def test_a_file_that_is_no_saved_network_is_refused_by_name(tmp_path: Path) -> None:
    garbage, plain = tmp_path / "garbage.safetensors", tmp_path / "plain.safetensors"
    garbage.write_bytes(b"not a network at all")
    save_file({"weight": torch.zeros(2)}, plain)
    for path in (garbage, plain, tmp_path / "absent.safetensors"):
        with pytest.raises(BundleError, match=rf"{path.name}: not a network saved by"):
            load_network(path)


def test_a_file_that_was_cut_off_is_refused(network: FaceNetwork, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_network(path, network.backbone.state_dict(), network.spec)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BundleError, match="not a network saved by"):
        load_network(path)


def test_weights_that_do_not_fit_the_description_are_refused(
    network: FaceNetwork, tmp_path: Path
) -> None:
    path = tmp_path / "net.safetensors"
    save_network(path, network.backbone.state_dict(), replace(network.spec, backbone="test_resnet"))
    with pytest.raises(AffektError, match="not weights of this network"):
        load_network(path)
