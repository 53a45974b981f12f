"""The registry: every figure of every kind of head, in range, and equal to its draws' own rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from affekt.evaluation.figures import FIGURES, MAIN, Figure, Use, entries, measure
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.heads import Kind
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people

ALL = [(kind, name) for kind in Kind for name in FIGURES[kind]]
FRUIT = said_of_fruit()
HEADS = {output.kind: name for name, output in FRUIT.outputs.items()}


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_draw_gives_the_figure_of_the_rows_drawn(kind: Kind, name: str) -> None:
    draws = np.random.default_rng(3).integers(0, 3, (4, len(FRUIT))).astype(float)
    key = (HEADS[kind], name)
    found = measure(FRUIT.outputs, [key], draws)[key]
    output = FRUIT.outputs[HEADS[kind]]
    shape = (4, len(output.labels)) if FIGURES[kind][name].per_label else (4,)
    assert found.shape == shape
    low, high = FIGURES[kind][name].range
    assert (found >= low).all() and (found <= high).all()
    if name in ("lift", "above_chance"):
        return  # of a draw, what chance is above the share of positives is that of all rows
    for own, weights in zip(found, draws, strict=True):
        rows = np.repeat(np.arange(len(FRUIT)), weights.astype(int))
        drawn = {HEADS[kind]: output.part(rows)}
        once = measure(drawn, [key], np.ones((1, len(rows))))[key]
        np.testing.assert_allclose(own, once[0], atol=1e-9)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_mean_is_that_of_its_figure_per_label(kind: Kind, name: str) -> None:
    figure = FIGURES[kind][name]
    if figure.mean_of:
        names = [(HEADS[kind], own) for own in (name, figure.mean_of)]
        found = measure(FRUIT.outputs, names, np.ones((1, len(FRUIT))))
        assert FIGURES[kind][figure.mean_of].per_label and not figure.per_label
        np.testing.assert_allclose(found[names[0]], mean_over_labels(found[names[1]]))
        assert figure.rule == FIGURES[kind][figure.mean_of].rule or name in ("map", "map_official")


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_what_is_compared_by_label_can_be_named(kind: Kind, name: str) -> None:
    figure = FIGURES[kind][name]
    named = bool(figure.per_label and figure.use & Use.COMPARISON)
    assert named == ("{label}" in figure.label_title)
    if figure.use & Use.GAPS:
        assert figure.use & Use.GROUPS


@pytest.mark.parametrize("use", [*Use])
@pytest.mark.parametrize("said", [said_of_people(), said_of_faces(), FRUIT])
def test_no_two_figures_of_a_model_have_one_key(said, use: Use) -> None:
    found = [(entry.key, entry.figure.per_label) for entry in entries(said.outputs, use)]
    assert len(set(found)) == len(found)


def test_a_later_heads_figure_of_the_same_key_bears_the_heads_name() -> None:
    keys = [entry.key for entry in entries(FRUIT.outputs, Use.EVALUATION)]
    assert "ece" in keys and "shape_ece" in keys and "scale_mae" in keys and "f1" in keys
    alone = {"shape": FRUIT.outputs["shape"]}
    assert "ece" in [entry.key for entry in entries(alone, Use.EVALUATION)]


def test_models_are_chosen_by_what_grows_with_skill() -> None:
    for kind, name in MAIN.items():
        key = (HEADS[kind], name)
        scores = []
        for skill in (0.0, 1.0, 3.0):
            outputs = said_of_fruit(skill=skill).outputs
            scores.append(measure(outputs, [key], np.ones((1, 90)))[key][0])
        assert all(a <= b for a, b in pairwise(scores))


GIVEN = {
    Use.COMPARISON: {
        Kind.SINGLE_LABEL: "accuracy balanced_accuracy ece nll recall f1",
        Kind.MULTI_LABEL: "map map_official jaccard f1 ece ece_mean ap",
        Kind.DIMENSIONAL: "mae ccc",
    },
    Use.GROUPS: {
        Kind.SINGLE_LABEL: "accuracy balanced_accuracy nll",
        Kind.MULTI_LABEL: "map above_chance jaccard",
        Kind.DIMENSIONAL: "mean_mae",
    },
    Use.GAPS: {
        Kind.SINGLE_LABEL: "balanced_accuracy nll",
        Kind.MULTI_LABEL: "above_chance jaccard",
        Kind.DIMENSIONAL: "mean_mae",
    },
}


@pytest.mark.parametrize("use", GIVEN)
@pytest.mark.parametrize("kind", [*Kind])
def test_where_each_figure_is_given(use: Use, kind: Kind) -> None:
    assert [name for name, own in FIGURES[kind].items() if own.use & use] == GIVEN[use][
        kind
    ].split()


def written(figure: Figure, value: float) -> str:
    return f"{figure.scale.factor * value:.{figure.scale.digits}f}{figure.scale.unit}"


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (Kind.SINGLE_LABEL, "accuracy", "12.3 (%)"), (Kind.SINGLE_LABEL, "ece", "0.123"),
        (Kind.SINGLE_LABEL, "nll", "0.123 (nats)"), (Kind.MULTI_LABEL, "map", "12.3 (%)"),
        (Kind.MULTI_LABEL, "f1_per_category", "0.12"), (Kind.DIMENSIONAL, "mae", "0.12"),
    ],
)  # fmt: skip
def test_a_figure_is_written_with_the_digits_it_deserves(kind: Kind, name: str, text: str) -> None:
    assert written(FIGURES[kind][name], 0.1234) == text


def test_what_tables_show_without_an_interval() -> None:
    brief = {own.name for figures in FIGURES.values() for own in figures.values() if own.brief}
    assert brief == {"ap_official", "f1_per_category", "ece_per_category"}


@pytest.mark.parametrize(
    ("kind", "name", "bounds"),
    [
        (Kind.SINGLE_LABEL, "accuracy", (0, 1)), (Kind.SINGLE_LABEL, "nll", (0, np.inf)),
        (Kind.MULTI_LABEL, "above_chance", (-1, 1)), (Kind.DIMENSIONAL, "mae", (0, np.inf)),
        (Kind.DIMENSIONAL, "ccc", (-1, 1)),
    ],
)  # fmt: skip
def test_an_interval_is_cut_to_what_the_figure_can_be(
    kind: Kind, name: str, bounds: tuple[float, float]
) -> None:
    assert FIGURES[kind][name].range == bounds
