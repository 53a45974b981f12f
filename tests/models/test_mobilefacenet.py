"""MobileFaceNet: the published network's features, under timm's conventions."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.models.backbones import feature_width, start_network, without_classifier
from affekt.models.mobilefacenet import NAME, STAGES


def layer(before: int, after: int, side: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, side, stride, side // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU6())


class Residual(nn.Module):
    """As torchvision's MobileNetV2 has it, whose names the published weights bear."""

    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self.same = stride == 1 and before == after
        self.conv = nn.Sequential(
            layer(before, wide, 1),
            layer(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.same else y


class Separable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False)
        self.pointwise = nn.Conv2d(64, 64, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(64), nn.BatchNorm2d(64)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.depthwise(x)))
        return torch.relu(self.bn2(self.pointwise(x)))


class Published(nn.Module):
    """The published network up to its last 512 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.dw_conv = layer(3, 64, 3, 2), Separable()
        before, blocks = 64, []
        for expansion, after, count, stride in STAGES:
            for i in range(count):
                blocks.append(Residual(before, after, stride if i == 0 else 1, expansion))
                before = after
        self.features, self.conv2 = nn.Sequential(*blocks), layer(before, 512, 1)
        self.conv3, self.bn = nn.Conv2d(512, 128, 1), nn.BatchNorm2d(128)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.conv2(self.features(self.dw_conv(self.conv1(x)))))


@pytest.fixture(scope="module")
def published() -> Published:
    """With statistics other than those that networks start with."""
    torch.manual_seed(0)
    network = Published().train()
    with torch.no_grad():
        network(torch.randn(4, 3, 64, 64) + 0.3)
    return network.eval()


@pytest.mark.parametrize("size", [32, 96, 112])
def test_published_weights_give_the_published_features(
    published: Published, tmp_path: Path, size: int
) -> None:
    save_file(published.state_dict(), tmp_path / "w.safetensors")
    network, start = start_network(NAME, str(tmp_path / "w.safetensors"), 3, size)
    network = without_classifier(network).eval()
    assert feature_width(network, NAME, size) == 512
    assert start.mean == (0.485, 0.456, 0.406)
    with torch.inference_mode():
        faces = torch.randn(2, 3, size, size)
        torch.testing.assert_close(network(faces), published(faces).mean(dim=(2, 3)))


def test_its_own_weights_come_back(tmp_path: Path) -> None:
    saved, _ = start_network(NAME, "random", 5, 64)
    save_file(saved.state_dict(), tmp_path / "own.safetensors")
    network, _ = start_network(NAME, str(tmp_path / "own.safetensors"), 5, 64)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, saved.state_dict()[name]), name


def test_it_keeps_timms_conventions() -> None:
    network = timm.create_model(NAME, num_classes=7, drop_path_rate=0.2)
    faces = torch.randn(1, 3, 64, 64)
    features = network.eval().forward_features(faces)
    assert features.shape == (1, 512, 4, 4)
    assert network.forward_head(features, pre_logits=True).shape == (1, network.num_features)
    assert network(faces).shape == (1, 7) and network.get_classifier().out_features == 7
    network.reset_classifier(0)
    assert network(faces).shape == (1, 512) and network.num_classes == 0


@pytest.mark.parametrize("weights", ["auto", "timm"])
def test_weights_that_nobody_publishes_for_timm_are_said(weights: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{NAME}: .* set weights to random or the path of"):
        start_network(NAME, weights, 7, 64)
