"""Recipes, checkpoints, networks and feature stores, damaged."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from affekt.cli.export import named_figures
from affekt.errors import BundleError, ConfigError, DataError, UsageError
from affekt.models.backbones import load_matching, read_weights
from affekt.models.build import StreamPlan, build_network
from affekt.models.saved import load_described, save_network
from affekt.models.spec import FusionSpec, HeadSpec
from affekt.packaging.card import check_figures
from affekt.training.averaging import averaged_copy, learnt_state
from affekt.training.checkpoints import load_state, read_metrics, restoring, save_state
from affekt.training.features.store import StoreLayout, append_chunk, create_store, finished_chunks
from affekt.training.loop import Run
from affekt.training.recipe.recipe import read_recipe
from fakes.feeding import MANY, feed_all, write_then
from fakes.mutations import mutate_bytes, mutate_json, mutate_values


@pytest.mark.parametrize("name", ["index.json", "body.npy"])
def test_feature_stores(tmp_path: Path, name: str) -> None:
    shapes = {"body": (1, 4, 3), "geometry": (1, 4, 13)}
    chunks = ((slice(0, 1), slice(0, 2)), (slice(1, 2), slice(2, 4)))
    kinds = dict.fromkeys(shapes, "float32")
    layout = StoreLayout({"of": "a test"}, shapes, kinds, frozenset(), chunks, 1)
    create_store(tmp_path, layout)
    checks: list[int] = []
    for _ in chunks:
        values = {n: np.ones((2, shape[2]), np.float32) for n, shape in shapes.items()}
        append_chunk(tmp_path, layout, checks, values)

    def read(path: Path) -> None:
        found = finished_chunks(path.parent, layout)
        assert found == checks[: len(found)]

    content = (tmp_path / name).read_bytes()
    variants = (
        mutate_json(json.loads(content), MANY)
        if name == "index.json"
        else mutate_bytes(content, MANY)
    )
    feed_all(variants, write_then(tmp_path / name, read), DataError)


def test_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    weights = {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}
    progress = {"epoch": 1, "best_score": 0.5, "best_epoch": 0}
    save_state(path, "{}", {"network": weights, "progress": progress})

    def read(path: Path) -> None:
        state = load_state(path, "{}", torch.device("cpu"))
        assert state is not None and state["config"] == "{}"

    feed_all(mutate_bytes(path.read_bytes(), MANY), write_then(path, read), ConfigError)


def test_saved_networks(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    face = StreamPlan("test_resnet", "random", 32, "face-square")
    heads = {"primary": HeadSpec(("anger", "fear"), "single-label")}
    network = build_network({"face": face}, heads, FusionSpec("none"))
    save_network(path, network, history={"epoch": 1})

    def read(path: Path) -> None:
        spec, weights = load_described(path)
        assert all(bool(torch.isfinite(values).all()) for values in weights.values())
        assert spec.streams["face"].size >= 8

    feed_all(mutate_bytes(path.read_bytes(), MANY), write_then(path, read), BundleError)


def test_weights_that_a_recipe_names(tmp_path: Path) -> None:
    path, network = tmp_path / "first.safetensors", nn.Linear(3, 2)
    network.default_cfg = {"classifier": ()}
    save_file(network.state_dict(), path)

    def read(path: Path) -> None:
        load_matching(network, read_weights(path), str(path))
        assert all(bool(torch.isfinite(values).all()) for values in network.state_dict().values())

    feed_all(mutate_bytes(path.read_bytes(), MANY), write_then(path, read), ConfigError)


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64])
def test_weights_of_any_type_are_read_or_refused(kind: torch.dtype, tmp_path: Path) -> None:
    first, last = tmp_path / "first.safetensors", tmp_path / "last.ckpt"
    weights = {"weight": torch.ones(3, 2).to(kind)}
    save_file(weights, first)
    save_state(last, "{}", {"network": weights})
    for read in (lambda: read_weights(first), lambda: load_state(last, "{}", torch.device("cpu"))):
        with pytest.raises(ConfigError, match="finite") if kind.is_complex else nullcontext():
            read()


def test_a_checkpoint_that_holds_itself(tmp_path: Path) -> None:
    knot: list[object] = []
    knot += [knot, knot]
    save_state(tmp_path / "last.ckpt", "{}", {"network": {"weight": knot}})
    state, run = (
        load_state(tmp_path / "last.ckpt", "{}", torch.device("cpu")),
        run_of(nn.Linear(3, 2)),
    )
    assert state is not None
    with pytest.raises(ConfigError, match="not the state of this run"), restoring(tmp_path):
        run.restore(state)


def test_recipes(tmp_path: Path) -> None:
    content = Path(__file__).parents[2].joinpath("configs", "face.toml").read_bytes()
    feed = write_then(tmp_path / "recipe.toml", read_recipe)
    feed_all(mutate_bytes(content, MANY), feed, ConfigError)


def test_figures_for_the_card(tmp_path: Path) -> None:
    plain = {
        **{"model": "m", "data": "d", "split": "test", "n": 9, "protocol": "plurality"},
        **dict.fromkeys(("accuracy", "balanced_accuracy", "ece"), 0.5),
        **{f"{name}_ci95": [0.4, 0.6] for name in ("accuracy", "balanced_accuracy", "ece")},
        "per_class": {"fear": {"recall": 0.5, "recall_ci95": [0.1, 0.9], "support": 3}},
    }

    def read(path: Path) -> None:
        check_figures(dict([named_figures(f"FER+={path}")]))

    feed_all(mutate_json(plain, MANY), write_then(tmp_path / "f.json", read), UsageError)


def run_of(network: nn.Module) -> Run:
    return Run(network, averaged_copy(network, 0.5), torch.optim.AdamW(network.parameters()))


def step(run: Run) -> None:
    run.optimizer.zero_grad()
    run.network(torch.ones(2, 3)).sum().backward()
    run.optimizer.step()
    run.averaged.update_parameters(run.network)


def test_what_checkpoints_hold(tmp_path: Path) -> None:
    """Files that are whole, in which a weight, a count or a name is another one."""
    path = tmp_path / "last.ckpt"
    before = run_of(nn.Linear(3, 2))
    step(before)
    before.epoch, before.best_score, before.best_epoch = 1, 0.5, 0

    def damaged() -> Iterator[bytes]:
        for state in mutate_values({"config": "{}", **before.state()}, MANY):
            stream = io.BytesIO()
            torch.save(state, stream)
            yield stream.getvalue()

    def read(path: Path) -> None:
        state, run = load_state(path, "{}", torch.device("cpu")), run_of(nn.Linear(3, 2))
        assert state is not None
        with restoring(path):
            run.restore(state)
        step(run)
        assert type(run.epoch) is int and run.epoch >= 0 and run.best_epoch >= -1
        assert all(
            bool(torch.isfinite(v).all()) for v in learnt_state(run.averaged.module).values()
        )

    save_state(path, "{}", before.state())
    read(path)
    feed_all(damaged(), write_then(path, read), ConfigError)


def test_metrics_of_runs(tmp_path: Path) -> None:
    lines = [{"epoch": epoch, "train_loss": 0.5, "val": {"map": 0.25}} for epoch in (1, 2)]

    def damaged() -> Iterator[bytes]:
        for content in mutate_values(lines, MANY):
            records = content if isinstance(content, list) else [content]
            yield "\n".join(map(json.dumps, records)).encode()

    def read(path: Path) -> None:
        assert all(type(record["epoch"]) is int for record in read_metrics(path))

    feed_all(damaged(), write_then(tmp_path / "metrics.jsonl", read), ConfigError)
