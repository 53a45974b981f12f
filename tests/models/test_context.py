"""A context network: shared and frozen encoders, encoders from outside, one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from affekt.bundle import StreamSpec
from affekt.errors import BundleError, ConfigError
from affekt.models.build import build_network, load_network, save_network, saved_kind
from affekt.models.context import (
    ContextNetwork,
    ExternalEncoder,
    StreamPlan,
    build_context,
    load_context,
    new_head,
    save_context,
    with_heads,
)
from affekt.models.fusion import FusionSpec

BODY = StreamPlan("test_efficientnet", "random", 32, "square")
SCENE = StreamPlan(None, "auto", 32, "stretch", share="body", blank_person=True)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def outside() -> ExternalEncoder:
    """A face encoder from outside whose features are the mean colours."""
    stream = StreamSpec(16, (0.5,) * 3, (0.5,) * 3, kind="face", encoder="bundle:tiny")
    return ExternalEncoder(lambda crops: crops.float().mean(dim=(2, 3)), stream, 3, "abc")


def network(**plans: StreamPlan) -> ContextNetwork:
    chosen = plans or {"body": BODY, "scene": SCENE}
    built = build_context(chosen, FusionSpec(hidden=8), geometry=True, external=[outside()])
    torch.nn.init.normal_(built.head.categories.weight)
    return built.eval()


def images(n: int = 4) -> dict[str, Tensor]:
    sizes = {"body": 32, "scene": 32, "face": 16}
    return {k: torch.randint(0, 256, (n, 3, s, s), dtype=torch.uint8) for k, s in sizes.items()}


def outputs(built: ContextNetwork, given: dict[str, Tensor]) -> Tensor:
    everybody = torch.ones(4, dtype=torch.bool)
    with torch.inference_mode():
        return built(built.encode(given), everybody, everybody, torch.zeros(4, 13))[0]


def test_streams_share_one_encoder_and_keep_their_own_crop_rules() -> None:
    built = network()
    assert list(built.encoders) == ["body"]
    streams = built.spec.streams
    assert {name: stream.encoder for name, stream in streams.items()} == {
        "body": "body",
        "scene": "body",
        "face": "bundle:tiny",
    }
    assert (streams["scene"].crop, streams["scene"].blank_person) == ("stretch", True)
    assert (streams["body"].crop, streams["body"].blank_person) == ("square", False)
    assert built.spec.needs == {"tiny": "abc"}
    given = images()
    features = built.encode({**given, "scene": given["body"]})
    torch.testing.assert_close(features["body"], features["scene"])
    assert features["face"].shape == (4, 3)


def test_a_network_comes_back_from_its_file_with_its_outputs(tmp_path: Path) -> None:
    built, given = network(), images()
    save_context(tmp_path / "c.safetensors", built, history={"epoch": 2})
    assert saved_kind(tmp_path / "c.safetensors") == "context"
    loaded = load_context(tmp_path / "c.safetensors", {"bundle:tiny": outside().encode})
    assert loaded.spec == replace(built.spec, history={"epoch": 2})
    assert not loaded.training
    assert torch.equal(outputs(loaded, given), outputs(built, given))


def test_weights_given_for_saving_take_the_place_of_the_networks_own(tmp_path: Path) -> None:
    built = network()
    bias = torch.arange(26.0)
    save_context(tmp_path / "c.safetensors", built, {"head.categories.bias": bias})
    assert torch.equal(load_context(tmp_path / "c.safetensors").head.categories.bias, bias)


def test_several_heads_travel_in_one_file(tmp_path: Path) -> None:
    built = network()
    several = with_heads(built, [new_head(built.spec) for _ in range(3)]).eval()
    save_context(tmp_path / "c.safetensors", several)
    loaded = load_context(tmp_path / "c.safetensors", {"bundle:tiny": outside().encode})
    given = images()
    assert torch.equal(outputs(loaded, given), outputs(several, given))


def test_a_saved_network_takes_red_first(tmp_path: Path) -> None:
    built = network()
    body = replace(built.spec.streams["body"], colour="BGR")
    built.spec = replace(built.spec, streams={**built.spec.streams, "body": body})
    save_context(tmp_path / "c.safetensors", built)
    with pytest.raises(BundleError, match=r"streams\.body\.colour: expected RGB, got 'BGR'"):
        load_context(tmp_path / "c.safetensors")


def test_an_encoder_from_outside_that_is_not_given_is_named(tmp_path: Path) -> None:
    save_context(tmp_path / "c.safetensors", network())
    with pytest.raises(BundleError, match="'face' needs the encoder 'bundle:tiny'"):
        load_context(tmp_path / "c.safetensors").encode(images())


def test_files_of_the_two_kinds_are_told_apart(tmp_path: Path) -> None:
    face = build_network("test_efficientnet", "random", ("a", "b"), 32)
    save_network(tmp_path / "face.safetensors", face.backbone.state_dict(), face.spec)
    save_context(tmp_path / "context.safetensors", network())
    with pytest.raises(BundleError, match="a 'face' network; a 'context' network is needed"):
        load_context(tmp_path / "face.safetensors")
    with pytest.raises(BundleError, match="a 'context' network; a 'face' network is needed"):
        load_network(tmp_path / "context.safetensors")


def test_a_file_whose_weights_do_not_fit_is_refused(tmp_path: Path) -> None:
    built = network()
    built.spec = replace(built.spec, fusion=FusionSpec(hidden=9))
    save_context(tmp_path / "c.safetensors", built)
    with pytest.raises(BundleError, match=r"weights do not fit its description[^\n]*$"):
        load_context(tmp_path / "c.safetensors")


def test_absent_crops_are_neither_encoded_nor_counted_in_batch_statistics() -> None:
    plan = StreamPlan("test_efficientnet", "random", 32, "face-square", train="all")
    built = build_context({"face": plan}, FusionSpec(), geometry=False).train()
    given, has = images(), torch.tensor([True, False, True, True])
    crops = torch.nn.functional.interpolate(given["face"].float(), 32).byte()
    first = built.encode({"face": crops}, has)["face"]
    other = build_context({"face": plan}, FusionSpec(), geometry=False).train()
    other.load_state_dict(built.state_dict())
    changed = crops.clone()
    changed[1] = 255 - changed[1]
    second = built.encode({"face": changed}, has)["face"]
    assert torch.equal(first, second)
    assert not first[1].any() and first[0].any()


def test_a_batch_without_any_face_still_gives_every_weight_a_gradient() -> None:
    """Or several processes would wait for each other."""
    plan = StreamPlan("test_efficientnet", "random", 32, "face-square", train="all")
    built = build_context({"face": plan}, FusionSpec(stream_dropout=0.0), geometry=False).train()
    none = torch.zeros(2, dtype=torch.bool)
    crops = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    features = built.encode({"face": crops}, none)
    logits, vad = built(features, none, ~none, torch.zeros(2, 13))
    (logits.sum() + vad.sum()).backward()
    assert all(p.grad is not None for p in built.parameters())


@pytest.mark.parametrize(
    ("plans", "message"),
    [
        ({"scene": SCENE}, r"streams\.scene\.share: expected a stream with its own backbone"),
        (
            {"body": BODY, "scene": replace(SCENE, size=64)},
            r"streams\.scene\.size: expected 32, the size of 'body'.* got 64",
        ),
        ({"body": replace(BODY, backbone=None)}, r"streams\.body: expected one of backbone"),
        (
            {"body": StreamPlan("crossvit_tiny_240", "random", 64, "square")},
            r"^crossvit_tiny_240 cannot take crops of 64 x 64 pixels \([^\n]*$",
        ),
        ({"body": replace(BODY, train="last")}, r"train: 'last'; expected none, all, or last:N"),
        ({"body": replace(BODY, train="last:99")}, r"'last:99'; this network has \d+ groups"),
    ],
)
def test_plans_that_cannot_be_built_are_one_line(plans: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build_context(plans, FusionSpec(), geometry=True)
    assert "\n" not in str(caught.value)


def test_a_frozen_encoder_stays_in_evaluation_mode() -> None:
    built = network().train()
    assert built.head.training
    assert not any(module.training for module in built.encoders["body"].network.modules())
    assert not any(p.requires_grad for p in built.encoders.parameters())
    before = {k: v.clone() for k, v in built.state_dict().items()}
    built.encode(images())
    assert all(torch.equal(before[k], v) for k, v in built.state_dict().items())


def test_the_last_groups_of_layers_are_trained_and_the_first_stay_as_they_are() -> None:
    built = network(body=replace(BODY, train="last:2")).train()
    encoder = built.encoders["body"]
    trained = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert trained and len(trained) < len(list(encoder.parameters()))
    assert "network.bn2.weight" in trained and "network.conv_stem.weight" not in trained
    assert encoder.network.bn2.training and not encoder.network.bn1.training
    assert encoder.network.get_submodule("bn2").weight.requires_grad
