"""The one network: shared and frozen encoders, encoders from outside, any heads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from affekt.bundle import StreamSpec
from affekt.errors import BundleError, ConfigError
from affekt.models.build import ExternalEncoder, StreamPlan, build_network
from affekt.models.network import Network
from affekt.models.spec import FusionSpec, HeadSpec

BODY = StreamPlan("test_efficientnet", "random", 32, "square")
SCENE = StreamPlan(None, "auto", 32, "stretch", share="body", blank_person=True)
FACE = StreamPlan("test_efficientnet", "random", 32, "face-square", train="all")
PLACE = {"geometry": 13}
HEADS = {
    "primary": HeadSpec(("anger", "fear", "neutral"), "single-label"),
    "vad": HeadSpec(("valence", "arousal", "dominance"), "dimensional", (1.0, 10.0)),
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def outside() -> ExternalEncoder:
    """A face encoder from outside whose features are the mean colours."""
    stream = StreamSpec(16, (0.5,) * 3, (0.5,) * 3, kind="face", encoder="bundle:tiny")
    return ExternalEncoder(lambda crops: crops.float().mean(dim=(2, 3)), stream, 3, "abc")


def network(fusion: FusionSpec | None = None, **plans: StreamPlan) -> Network:
    fusion = fusion or FusionSpec(hidden=8)
    chosen = plans or {"body": BODY, "scene": SCENE}
    external = [] if "face" in plans else [outside()]
    return build_network(
        chosen, HEADS, fusion, numbers=PLACE if external else {}, external=external
    )


def given(built: Network, n: int = 4) -> dict[str, Any]:
    """What a network takes, as a data set gives it: crops with a time axis of 1."""
    inputs: dict[str, Tensor] = {
        name: torch.randint(0, 256, (n, 1, 3, spec.size, spec.size), dtype=torch.uint8)
        for name, spec in built.spec.streams.items()
    }
    inputs["geometry"] = torch.randn(n, 13)
    present = {name: torch.ones(n, dtype=torch.bool) for name in ("face", "body", "scene")}
    return {"inputs": inputs, "present": present}


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
    crops = given(built)["inputs"]["body"][:, 0]
    torch.testing.assert_close(built.encode("body", crops), built.encode("scene", crops))


def test_each_head_says_as_much_as_it_has_labels() -> None:
    built = network()
    said = built(**given(built))
    assert {name: tuple(part.shape) for name, part in said.items()} == {
        "primary": (4, 3),
        "vad": (4, 3),
    }
    torch.testing.assert_close(said["vad"].mean(), torch.tensor(5.5), atol=0.2, rtol=0)


def test_features_that_were_computed_before_give_the_same() -> None:
    built = network()
    all_of = given(built)
    features = {
        name: part if name == "geometry" else built.encode(name, part[:, 0])
        for name, part in all_of["inputs"].items()
    }
    over = built.over_features().eval()
    assert not list(over.encoders)
    for name, said in built(**all_of).items():
        torch.testing.assert_close(over(features, all_of["present"])[name], said)


def test_a_face_model_is_one_stream_whose_features_go_to_the_heads_as_they_are() -> None:
    built = network(FusionSpec("none", dropout=0.0), face=FACE)
    all_of = given(built)
    features = built.encode("face", all_of["inputs"]["face"][:, 0])
    layer = built.heads.output("primary")
    expected = features @ layer.weight.T + layer.bias
    torch.testing.assert_close(built(**all_of)["primary"], expected)


def test_an_encoder_from_outside_that_is_not_given_is_named() -> None:
    built = network()
    built.external.clear()
    with pytest.raises(BundleError, match="'face' needs the encoder 'bundle:tiny'"):
        built(**given(built))


def test_absent_crops_are_neither_encoded_nor_counted_in_batch_statistics() -> None:
    built = network(face=FACE).train()
    other = network(face=FACE).train()
    other.load_state_dict(built.state_dict())
    has = torch.tensor([True, False, True, True])
    crops = given(built)["inputs"]["face"][:, 0]
    changed = crops.clone()
    changed[1] = 255 - changed[1]
    first, second = built.encode("face", crops, has), other.encode("face", changed, has)
    assert torch.equal(first, second)
    assert not first[1].any() and first[0].any()
    torch.testing.assert_close(built.state_dict(), other.state_dict(), rtol=0, atol=0)


def test_a_crop_that_is_alone_in_training_is_seen_with_the_running_statistics() -> None:
    built = network(face=FACE).train()
    before = {k: v.clone() for k, v in built.state_dict().items()}
    crops = given(built, 1)["inputs"]["face"][:, 0]
    alone = built.encode("face", crops)
    assert built.encoders["face"].training and alone.requires_grad
    torch.testing.assert_close(alone, built.eval().encode("face", crops))
    assert all(torch.equal(before[k], v) for k, v in built.state_dict().items())


def test_a_batch_without_any_face_still_gives_every_weight_a_gradient() -> None:
    """Or several processes would wait for each other."""
    built = network(FusionSpec(stream_dropout=0.0), face=FACE).train()
    all_of = given(built, 2)
    all_of["present"]["face"] = torch.zeros(2, dtype=torch.bool)
    sum(part.sum() for part in built(**all_of).values()).backward()
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
        build_network(plans, HEADS, FusionSpec(), numbers=PLACE)
    assert "\n" not in str(caught.value)


def test_a_frozen_encoder_stays_in_evaluation_mode() -> None:
    built = network().train()
    assert built.heads.training
    assert not any(module.training for module in built.encoders["body"].network.modules())
    assert not any(p.requires_grad for p in built.encoders.parameters())
    before = {k: v.clone() for k, v in built.state_dict().items()}
    built(**given(built))
    assert all(torch.equal(before[k], v) for k, v in built.state_dict().items())


def test_the_last_groups_of_layers_are_trained_and_the_first_stay_as_they_are() -> None:
    built = network(body=replace(BODY, train="last:2")).train()
    encoder = built.encoders["body"]
    trained = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert trained and len(trained) < len(list(encoder.parameters()))
    assert "network.bn2.weight" in trained and "network.conv_stem.weight" not in trained
    assert encoder.network.bn2.training and not encoder.network.bn1.training
