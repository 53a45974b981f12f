"""A run that is finished can be made longer, and says what it then does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from affekt.errors import ConfigError
from affekt.training.checkpoints import read_metrics
from affekt.training.optimizing import learning_share
from affekt.training.recipe.recipe import Recipe
from affekt.training.train import train

Build = Callable[..., Recipe]


def rate(config: Recipe, epoch: float) -> float:
    return config.optim.lr * learning_share(config.optim, epoch)


def figures(out: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_metrics(out)]


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_an_extended_run_of_people_is_as_a_longer_one_where_the_schedule_allows(
    people_recipe: Build,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    schedule: str,
) -> None:
    def recipe(name: str, epochs: int) -> Recipe:
        optim = {"schedule": schedule, "step_epochs": 1, "epochs": epochs}
        return people_recipe(run={"out": str(tmp_path / name)}, optim=optim)

    train(recipe("whole", 3))
    train(recipe("extended", 2))
    caplog.clear()
    train(recipe("extended", 3))
    whole, extended = (figures(tmp_path / name / "metrics.jsonl") for name in ("whole", "extended"))
    assert len(extended) == 3
    if schedule == "step":
        assert extended == whole
        states = [
            torch.load(tmp_path / name / "last.ckpt", weights_only=True)
            for name in ("whole", "extended")
        ]
        assert states[0].pop("config") == states[1].pop("config")
        torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    said = [message for message in caplog.messages if "rates" in message]
    assert len(said) == (schedule == "cosine")


def test_an_extended_run_of_faces_goes_on_at_the_rates_of_the_longer_one(
    recipe: Build, caplog: pytest.LogCaptureFixture
) -> None:
    short, long = recipe(optim={"epochs": 1}), recipe(optim={"epochs": 2})
    train(short)
    caplog.clear()
    train(long)
    lines = read_metrics(Path(long.run.out) / "metrics.jsonl")
    assert [line["lr"] for line in lines] == [rate(short, 1), rate(long, 2)]
    assert caplog.messages == [
        f"{long.run.out}: 1 epochs were trained by the learning rates of a run of 1; the others "
        "follow those of a run of 2"
    ]


def test_a_finished_run_says_how_to_go_on(recipe: Build, caplog: pytest.LogCaptureFixture) -> None:
    config = recipe(optim={"epochs": 1})
    train(config)
    caplog.clear()
    train(config)
    assert caplog.messages == [
        f"{config.run.out}: all 1 epochs are done; raise optim.epochs to go on"
    ]


def test_a_run_that_lost_its_patience_goes_on_with_more(
    recipe: Build, caplog: pytest.LogCaptureFixture
) -> None:
    still = {"epochs": 9, "lr": 1e-12, "encoder_lr": 1e-12, "ema": 0.0}
    first = recipe(optim={**still, "patience": 1})
    train(first)
    done = len(read_metrics(Path(first.run.out) / "metrics.jsonl"))
    caplog.clear()
    train(first)
    assert "raise optim.patience to go on" in caplog.text
    train(recipe(optim={**still, "patience": 2}))
    assert len(read_metrics(Path(first.run.out) / "metrics.jsonl")) > done


def test_another_recipe_is_refused_by_what_differs(recipe: Build) -> None:
    train(recipe(optim={"epochs": 1}))
    with pytest.raises(ConfigError, match=r"recipe \(fusion\.dropout, optim\.encoder_lr, optim"):
        train(recipe(optim={"epochs": 2, "lr": 1e-2, "encoder_lr": 1e-2}, fusion={"dropout": 0.3}))


def test_folds_are_trained_to_their_end_and_not_extended(people_recipe: Build) -> None:
    def recipe(epochs: int) -> Recipe:
        cached = {"folds": {"count": 2}, "features": {"cache": True}}
        return people_recipe(optim={"epochs": epochs}, **cached)

    train(recipe(1))
    with pytest.raises(ConfigError, match=r"another recipe \(optim\.epochs\)"):
        train(recipe(2))
