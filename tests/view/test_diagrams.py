"""Figures for a page: valid SVG in the page's own colour, with ids of their own."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from affekt.labels import PRIMARY as LABELS
from affekt.view import diagrams as plots

K = len(LABELS)
"""Seven: one row of small figures is full, one is not."""
VALUES = np.linspace(5, 80, K)
VALUES[3] = np.nan
LINE = (np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.4, 0.2]))


def ids(svg):
    return {element.get("id") for element in ET.fromstring(svg).iter()} - {None}


FIGURES = {
    "bars": lambda: plots.plot_bars(
        LABELS,
        plots.Bars(VALUES, VALUES - 3, VALUES + 3, {"chance": VALUES / 2}),
        "average precision (%)",
        "bars",
    ),
    "recall": lambda: plots.plot_precision_recall(
        LABELS, [None, *[LINE] * (K - 1)], np.full(K, 0.2), "recall"
    ),
    "reliability": lambda: plots.plot_reliability_curves(
        LABELS, [LINE] * K, np.full(K, 0.02), "share", "reliability"
    ),
    "shares": lambda: plots.plot_shares(LABELS, np.full((K, K), np.nan), "of all", "true"),
    "dimensions": lambda: plots.plot_dimensions(
        ("weight",), np.full((4, 1), np.nan), np.full((4, 1), 5.0), (0.0, 9.0), "weight"
    ),
}


@pytest.fixture(scope="module")
def drawn():
    return {name: make() for name, make in FIGURES.items()}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_valid_svg_that_names_no_ink(name, drawn):
    assert ET.fromstring(drawn[name]).tag.endswith("svg")
    assert "currentColor" in drawn[name] and plots.INK not in drawn[name]


def test_a_figure_is_the_same_every_time(drawn):
    assert FIGURES["bars"]() == drawn["bars"]


def test_figures_of_one_page_share_no_id(drawn):
    found = [ids(svg) for svg in drawn.values()]
    found.append(ids(plots.plot_shares(LABELS, np.eye(K), "of all", "predicted")))
    assert all(a.isdisjoint(b) for i, a in enumerate(found) for b in found[i + 1 :])


def test_bars_stand_from_best_to_worst(drawn):
    places = [drawn["bars"].index(f"<!-- {LABELS[i]} -->") for i in (-1, 0, 3)]
    assert places == sorted(places)  # the undefined one comes last
