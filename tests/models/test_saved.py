"""A network and its description travel as one file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from affekt.errors import BundleError, ConfigError
from affekt.models.backbones import start_network
from affekt.models.build import StreamPlan, build_network
from affekt.models.heads import FusedHeads
from affekt.models.network import Network
from affekt.models.saved import load_network, save_network, take_over
from affekt.models.spec import FusionSpec, HeadSpec

FACE = StreamPlan("test_efficientnet", "random", 32, "face-square", train="all")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def network(*labels: str, kind: str = "none") -> Network:
    head = HeadSpec(labels or ("anger", "happiness"), "single-label")
    built = build_network({"face": FACE}, {"primary": head}, FusionSpec(kind, hidden=8))
    with torch.no_grad():  # so that the running statistics are not those of a new network
        said(built.train())
    return built.eval()


def said(built: Network) -> torch.Tensor:
    crops = torch.arange(4 * 3 * 32 * 32).reshape(4, 1, 3, 32, 32).remainder(251).byte()
    present = {"face": torch.ones(4, dtype=torch.bool)}
    with torch.no_grad():
        return built({"face": crops}, present)["primary"]


@pytest.mark.parametrize("kind", ["none", "mlp", "gated"])
def test_a_network_comes_back_with_what_it_says_and_its_description(
    tmp_path: Path, kind: str
) -> None:
    built, history = network(kind=kind), {"epoch": 3, "val": {"drawn": {"accuracy": 0.5}}}
    save_network(tmp_path / "net.safetensors", built, history=history)
    loaded = load_network(tmp_path / "net.safetensors")
    assert loaded.spec == replace(built.spec, history=history)
    assert not loaded.training
    assert torch.equal(said(loaded), said(built))


def test_weights_given_for_saving_take_the_place_of_the_networks_own(tmp_path: Path) -> None:
    bias = torch.tensor([1.0, 2.0])
    save_network(tmp_path / "net.safetensors", network(), {"heads.heads.primary.bias": bias})
    loaded = load_network(tmp_path / "net.safetensors")
    assert torch.equal(loaded.heads.output("primary").bias, bias)


def test_several_heads_travel_in_one_file(tmp_path: Path) -> None:
    built = network()
    several = built.with_heads([FusedHeads(built.spec) for _ in range(3)]).eval()
    save_network(tmp_path / "net.safetensors", several)
    assert torch.equal(said(load_network(tmp_path / "net.safetensors")), said(several))


def test_a_file_that_is_no_saved_network_is_refused_by_name(tmp_path: Path) -> None:
    garbage, plain, cut = (tmp_path / f"{name}.safetensors" for name in ("garbage", "plain", "cut"))
    garbage.write_bytes(b"not a network at all")
    save_file({"weight": torch.zeros(2)}, plain)
    save_network(cut, network())
    cut.write_bytes(cut.read_bytes()[:-100])
    for path in (garbage, plain, cut, tmp_path / "absent.safetensors"):
        with pytest.raises(BundleError, match=rf"{path.name}: not a network saved by"):
            load_network(path)


def test_a_network_of_an_earlier_version_is_to_be_trained_again(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata={"affekt": '{"kind": "context"}'})
    with pytest.raises(BundleError, match=r"a network of version 1, this Affekt reads 2"):
        load_network(path)


def test_a_description_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path, built = tmp_path / "net.safetensors", network()
    for change, message in (
        ({"fusion": FusionSpec("mlp", hidden=9)}, "weights do not fit its description"),
        ({"heads": {}}, "describes no head"),
        ({"encoders": {}}, r"its streams use the encoders \['face'\]"),
        (
            {"streams": {"face": replace(built.spec.streams["face"], colour="BGR")}},
            r"streams\.face\.colour: expected RGB, got 'BGR'",
        ),
    ):
        other = network()
        other.spec = replace(built.spec, **change)
        save_network(path, other)
        with pytest.raises(BundleError, match=message):
            load_network(path)


@pytest.mark.parametrize("labels", [("anger", "fear", "neutral"), ("happiness", "anger")])
def test_what_has_other_names_shapes_or_labels_stays_new_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, labels: tuple[str, ...]
) -> None:
    first, path = network(), tmp_path / "net.safetensors"
    save_network(path, first)
    second = network(*labels)
    before = second.heads.output("primary").weight.clone()
    take_over(second, path)
    taken, own = first.encoders["face"].state_dict(), second.encoders["face"].state_dict()
    assert all(torch.equal(taken[name], own[name]) for name in taken)
    assert torch.equal(second.heads.output("primary").weight, before)
    assert "taken over but for heads.heads.primary, which start anew" in caplog.text
    other = {"body": replace(FACE, backbone="test_resnet", crop="square")}
    heads = {"vad": HeadSpec(("valence",), "dimensional", (1.0, 10.0))}
    with pytest.raises(ConfigError, match=r"run\.start: .* has no encoder or head"):
        take_over(build_network(other, heads, FusionSpec()), path)


def test_a_backbone_starts_from_the_encoder_of_a_saved_network(tmp_path: Path) -> None:
    built, path = network(), tmp_path / "net.safetensors"
    save_network(path, built)
    backbone, start = start_network("test_efficientnet", str(path), 1, 32)
    assert start.weights == str(path)
    own = load_file(path)["encoders.face.network.conv_stem.weight"]
    assert torch.equal(backbone.state_dict()["conv_stem.weight"], own)
    with safe_open(path, "pt") as stream:
        assert json.loads(stream.metadata()["affekt"])["version"] == 2
