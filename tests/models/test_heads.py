"""Fusion and heads: what they look at, and what they must not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from affekt.bundle import StreamSpec
from affekt.errors import ConfigError
from affekt.models.fusion import MIXTURES
from affekt.models.heads import FusedHeads, MeanHeads, start_output
from affekt.models.spec import EncoderSpec, FusionSpec, HeadSpec, NetworkSpec

WIDTHS = {"body": 6, "face": 5, "scene": 4}
LABELS = tuple(f"label {number}" for number in range(26))
HEADS = {
    "categories": HeadSpec(LABELS, "multi-label"),
    "vad": HeadSpec(("valence", "arousal", "dominance"), "dimensional", (1.0, 10.0)),
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def spec_of(fusion: FusionSpec, widths: dict[str, int] = WIDTHS, **changes: Any) -> NetworkSpec:
    half = (0.5, 0.5, 0.5)
    return NetworkSpec(
        streams={n: StreamSpec(32, half, half, kind=n, encoder=n) for n in widths},
        encoders={n: EncoderSpec("test_resnet", width, "random") for n, width in widths.items()},
        heads=HEADS,
        fusion=fusion,
        **changes,
    )


def heads(kind: str = "mlp", **changes: Any) -> FusedHeads:
    spec = FusionSpec(
        **{"kind": kind, "hidden": 8, "dropout": 0.0, "stream_dropout": 0.0} | changes
    )
    made = FusedHeads(spec_of(spec, numbers={"geometry": 13}))
    torch.nn.init.normal_(made.output("categories").weight)
    for vector in made.fusion.missing.values():
        torch.nn.init.normal_(vector)
    return made.eval()


def inputs(n: int = 3) -> dict[str, Any]:
    features = {name: torch.randn(n, width) for name, width in WIDTHS.items()}
    present = {name: torch.ones(n, dtype=torch.bool) for name in WIDTHS}
    return {"features": features | {"geometry": torch.randn(n, 13)}, "present": present}


def changed(given: dict[str, Any], name: str) -> dict[str, Any]:
    own = given["features"][name]
    return {**given, "features": {**given["features"], name: own + torch.randn(own.shape[1])}}


def differs(made: FusedHeads, a: dict[str, Any], b: dict[str, Any]) -> Tensor:
    return (made(**a)["categories"] - made(**b)["categories"]).abs().amax(dim=1) > 1e-6


def test_the_boxs_prior_is_added_to_its_heads_logits_and_knows_no_company() -> None:
    made = FusedHeads(spec_of(FusionSpec(), box_prior="categories")).eval()
    given = inputs()
    before = made(**given)
    weights, bias = torch.randn(26, 22), torch.randn(26)
    assert made.prior is not None
    made.prior.set(weights, bias)
    box = given["features"]["geometry"][:, :11]
    expected = before["categories"] + torch.cat([box, box**2], dim=1) @ weights.T + bias
    torch.testing.assert_close(made(**given)["categories"], expected)
    torch.testing.assert_close(made(**given)["vad"], before["vad"])
    given["features"]["geometry"][:, 11:] += 1
    torch.testing.assert_close(made(**given)["categories"], expected)
    assert not any(p.requires_grad for p in made.prior.parameters())


@pytest.mark.parametrize("kind", MIXTURES)
def test_every_fusion_looks_at_every_stream(kind: str) -> None:
    made, given = heads(kind), inputs()
    said = made(**given)
    assert said["categories"].shape == (3, 26) and said["vad"].shape == (3, 3)
    for name in (*WIDTHS, "geometry"):
        assert differs(made, given, changed(given, name)).all()


@pytest.mark.parametrize("kind", MIXTURES)
def test_a_missing_stream_is_the_learned_vector_whatever_its_features(kind: str) -> None:
    made, given = heads(kind), inputs()
    given["present"]["face"] = torch.tensor([True, False, True])
    assert differs(made, given, changed(given, "face")).tolist() == [True, False, True]
    before = made(**given)["categories"]
    with torch.no_grad():
        made.fusion.missing["face"] += torch.randn(5)
    moved = (made(**given)["categories"] - before).abs().amax(dim=1) > 1e-6
    assert moved.tolist() == [False, True, False]


def test_a_person_without_a_picture_is_read_from_geometry_alone() -> None:
    made, given = heads(), inputs()
    other = given
    for name in WIDTHS:
        given["present"][name] = torch.tensor([False, False, True])
        other = changed(other, name)
    assert differs(made, given, other).tolist() == [False, False, True]
    assert differs(made, given, changed(given, "geometry")).all()


def test_a_gate_shares_out_its_streams_person_by_person() -> None:
    fused = heads("gated").fusion.fuse
    parts = {name: torch.zeros(3, width) for name, width in {**WIDTHS, "geometry": 32}.items()}
    with torch.no_grad():
        for layer in fused.project.values():
            layer.weight.zero_()
            layer.bias.fill_(10.0)
    torch.testing.assert_close(fused(parts), torch.full((3, 8), 10.0))  # shares sum to 1


def test_without_a_hidden_layer_the_model_is_linear_in_a_stream() -> None:
    made = FusedHeads(spec_of(FusionSpec(hidden=0, dropout=0.0), {"body": 6})).eval()
    x = torch.randn(1, 6)
    x = (x - x.mean()) / x.std(correction=0)  # its own layer norm
    layer = made.output("categories")
    found = made({"body": x}, {"body": torch.ones(1, dtype=torch.bool)})["categories"]
    torch.testing.assert_close(found, x @ layer.weight.T + layer.bias, atol=1e-4, rtol=1e-4)


def test_stream_dropout_takes_streams_away_in_training_alone() -> None:
    made, given = heads(stream_dropout=0.5), inputs(400)
    assert not differs(made, given, given).any()
    fusion = made.train().fusion
    kept = fusion._kept(torch.ones(10_000, dtype=torch.bool)).float().mean().item()
    assert kept == pytest.approx(0.5, abs=0.03)
    assert not fusion._kept(torch.zeros(50, dtype=torch.bool)).any()


def test_the_mean_of_heads_is_the_mean_of_what_they_say() -> None:
    both, given = [heads(), heads("gated")], inputs()
    said = MeanHeads(both)(**given)
    for name in HEADS:
        expected = (both[0](**given)[name] + both[1](**given)[name]) / 2
        torch.testing.assert_close(said[name], expected)


def test_a_new_head_starts_from_what_is_frequent() -> None:
    made, first = heads(hidden=4), torch.linspace(-4, 4, 26)
    start_output(made.output("categories"), first)
    start_output(made.output("vad"), torch.tensor([5.0, 6.0, 7.0]))
    said = made(**inputs(200))
    torch.testing.assert_close(said["categories"].mean(dim=0), first, atol=0.1, rtol=0)
    vad = said["vad"].mean(dim=0)
    torch.testing.assert_close(vad, torch.tensor([5.0, 6.0, 7.0]), atol=0.1, rtol=0)


@pytest.mark.parametrize(
    ("fusion", "message"),
    [
        (FusionSpec("mpl"), "unknown fusion 'mpl': did you mean 'mlp'"),
        (FusionSpec("gated", hidden=0), "fusion.hidden"),
        (FusionSpec("none"), "fusion.kind: none is of one stream of crops alone"),
    ],
)
def test_a_fusion_that_cannot_be_is_refused(fusion: FusionSpec, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FusedHeads(spec_of(fusion))


def test_nothing_to_fuse_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one stream"):
        FusedHeads(spec_of(FusionSpec(), {}))
