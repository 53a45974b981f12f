"""The head over the streams: what it looks at, and what it must not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.models.fusion import FUSIONS, FusionHead, FusionSpec, MeanHead, start_outputs

WIDTHS = {"body": 6, "face": 5, "scene": 4}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def head(kind: str = "mlp", **changes: Any) -> FusionHead:
    spec = FusionSpec(
        **{"kind": kind, "hidden": 8, "dropout": 0.0, "stream_dropout": 0.0} | changes
    )
    made = FusionHead(WIDTHS, True, spec, 26)
    torch.nn.init.normal_(made.categories.weight)
    for vector in made.missing.values():
        torch.nn.init.normal_(vector)
    return made.eval()


def inputs(n: int = 3) -> dict[str, Any]:
    return {
        "features": {name: torch.randn(n, width) for name, width in WIDTHS.items()},
        "has_face": torch.ones(n, dtype=torch.bool),
        "pictured": torch.ones(n, dtype=torch.bool),
        "geometry": torch.randn(n, 13),
    }


def changed(given: dict[str, Any], name: str) -> dict[str, Any]:
    features = {**given["features"], name: given["features"][name] + torch.randn(WIDTHS[name])}
    return {**given, "features": features}


def differs(made: FusionHead, a: dict[str, Any], b: dict[str, Any]) -> Tensor:
    return (made(**a)[0] - made(**b)[0]).abs().amax(dim=1) > 1e-6


def test_the_boxs_prior_is_added_to_the_logits_and_knows_no_company() -> None:
    made, given = FusionHead(WIDTHS, False, FusionSpec(), 26, prior=True).eval(), inputs()
    assert made.prior is not None
    before, vad = made(**given)
    weights, bias = torch.randn(26, 22), torch.randn(26)
    made.prior.set(weights, bias)
    box = given["geometry"][:, :11]
    expected = before + torch.cat([box, box**2], dim=1) @ weights.T + bias
    torch.testing.assert_close(made(**given)[0], expected)
    torch.testing.assert_close(made(**given)[1], vad)
    crowd = given["geometry"].clone()
    crowd[:, 11:] += 1
    torch.testing.assert_close(made(**{**given, "geometry": crowd})[0], expected)
    assert not any(p.requires_grad for p in made.prior.parameters())


@pytest.mark.parametrize("kind", FUSIONS)
def test_every_fusion_looks_at_every_stream(kind: str) -> None:
    made, given = head(kind), inputs()
    logits, vad = made(**given)
    assert logits.shape == (3, 26) and vad.shape == (3, 3)
    for name in WIDTHS:
        assert differs(made, given, changed(given, name)).all()
    assert differs(made, given, {**given, "geometry": torch.randn(3, 13)}).all()


@pytest.mark.parametrize("kind", FUSIONS)
def test_a_missing_face_is_the_learned_vector_whatever_its_features(kind: str) -> None:
    made, given = head(kind), inputs()
    given["has_face"] = torch.tensor([True, False, True])
    assert differs(made, given, changed(given, "face")).tolist() == [True, False, True]
    before = made(**given)[0]
    with torch.no_grad():
        made.missing["face"] += torch.randn(5)
    moved = (made(**given)[0] - before).abs().amax(dim=1) > 1e-6
    assert moved.tolist() == [False, True, False]


def test_a_person_without_a_picture_is_read_from_geometry_alone() -> None:
    made, given = head(), inputs()
    given["pictured"] = torch.tensor([False, False, True])
    other = given
    for name in WIDTHS:
        other = changed(other, name)
    assert differs(made, given, other).tolist() == [False, False, True]
    assert differs(made, given, {**given, "geometry": torch.randn(3, 13)}).all()


def test_a_gate_shares_out_its_streams_person_by_person() -> None:
    made, given = head("gated"), inputs()
    fused = made.fuse
    parts = {name: torch.zeros(3, width) for name, width in {**WIDTHS, "geometry": 32}.items()}
    with torch.no_grad():
        for layer in fused.project.values():
            layer.weight.zero_()
            layer.bias.fill_(10.0)
    torch.testing.assert_close(fused(parts), torch.full((3, 8), 10.0))  # shares sum to 1
    assert made(**given)[0].shape == (3, 26)


def test_without_a_hidden_layer_the_model_is_linear_in_a_stream() -> None:
    made = FusionHead({"body": 6}, False, FusionSpec(hidden=0, dropout=0.0), 26).eval()
    x = torch.randn(1, 6)
    x = (x - x.mean()) / x.std(correction=0)  # its own layer norm
    rest = inputs(1) | {"features": {"body": x}}
    expected = x @ made.categories.weight.T + made.categories.bias
    torch.testing.assert_close(made(**rest)[0], expected, atol=1e-4, rtol=1e-4)


def test_stream_dropout_takes_streams_away_in_training_alone() -> None:
    made, given = head(stream_dropout=0.5), inputs(400)
    assert not differs(made, given, given).any()
    kept = made.train()._kept(torch.ones(10_000, dtype=torch.bool)).float().mean().item()
    assert kept == pytest.approx(0.5, abs=0.03)
    assert not made._kept(torch.zeros(50, dtype=torch.bool)).any()


def test_the_mean_of_heads_is_the_mean_of_their_outputs() -> None:
    heads, given = [head(), head("gated")], inputs()
    logits, vad = MeanHead(heads)(**given)
    torch.testing.assert_close(logits, (heads[0](**given)[0] + heads[1](**given)[0]) / 2)
    torch.testing.assert_close(vad, (heads[0](**given)[1] + heads[1](**given)[1]) / 2)


def test_a_new_head_starts_from_what_is_frequent() -> None:
    made = head(hidden=4)
    start_outputs(made, torch.linspace(-4, 4, 26), torch.tensor([5.0, 6.0, 7.0]))
    logits, vad = made(**inputs(200))
    first = torch.linspace(-4, 4, 26)
    torch.testing.assert_close(logits.mean(dim=0), first, atol=0.1, rtol=0)
    torch.testing.assert_close(vad.mean(dim=0), torch.tensor([5.0, 6.0, 7.0]), atol=0.1, rtol=0)


@pytest.mark.parametrize(
    ("kind", "hidden", "message"),
    [("mpl", 8, "unknown fusion 'mpl': did you mean 'mlp'"), ("gated", 0, "fusion.hidden")],
)
def test_a_fusion_that_cannot_be_is_refused(kind: str, hidden: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FusionHead(WIDTHS, True, FusionSpec(kind=kind, hidden=hidden), 26)


def test_nothing_to_fuse_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one stream"):
        FusionHead({}, False, FusionSpec(), 26)
