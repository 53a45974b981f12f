"""Everything that can be read as Markdown, and what its tables hold."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.evaluation.comparison import compare_predictions
from affekt.evaluation.evaluate import judge
from affekt.evaluation.predictions import Predictions
from affekt.evaluation.resampling import Bootstrap
from affekt.report.markdown import to_markdown
from affekt.report.tables import confusion_table, figures_table, labels_table
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people

DRAWS = Bootstrap(10)


def markdown(said: Predictions) -> str:
    return to_markdown(judge(said, model="m", data="d", bootstrap=DRAWS))


@pytest.mark.parametrize("said", [said_of_people(60), said_of_faces(60), said_of_fruit(60)])
def test_every_table_has_as_many_cells_in_every_row(said: Predictions) -> None:
    tables = [part for part in markdown(said).split("\n\n") if part.startswith("|")]
    assert len(tables) >= 3
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_page_says_what_was_drawn_and_by_which_rule() -> None:
    page = markdown(said_of_people(60))
    assert "60 persons in 30 pictures, 30 of them with a face." in page
    assert "bootstrap 95% by picture, 10 resamples. Basic: mAP; mAP, official code's; " in page
    assert "All others: percentile." in page
    assert "by fruit, 10 resamples" in markdown(said_of_fruit(60))
    assert "Protocol: as made." in markdown(said_of_faces(60))


def test_warnings_and_skipped_rows_come_last() -> None:
    said = said_of_faces(60)
    said.skipped["no votes"] = 2
    parts = markdown(said).split("\n\n")
    assert parts[-1] == "Skipped: no votes (2)."
    assert "Warning: 1 of the 60 faces were seen in training." in parts


def test_figures_stand_beside_their_floors() -> None:
    evaluation = judge(said_of_fruit(60), model="m", data="d", bootstrap=DRAWS)
    table = figures_table(evaluation)
    assert table.titles == ["figure", "value (95% interval)", "commonest label", "chance"]
    rows = {row[0]: row for row in table.rows}
    floor = evaluation.floors["commonest_label"].figures["accuracy"].value
    assert rows["accuracy (%)"][2:] == [f"{100 * floor:.1f}", ""]
    floor = evaluation.floors["chance"].figures["map"].value
    assert rows["mAP (%)"][2:] == ["", f"{100 * floor:.1f}"]


def test_labels_and_confusions_are_those_of_the_head() -> None:
    evaluation = judge(said_of_fruit(60), model="m", data="d", bootstrap=DRAWS)
    output = evaluation.predictions.outputs["fruit"]
    table = labels_table(evaluation, "fruit")
    assert [row[0] for row in table.rows] == list(output.labels)
    assert [int(row[1]) for row in table.rows] == output.support.tolist()
    counts = np.array([row[1:] for row in confusion_table(evaluation, "fruit").rows], dtype=int)
    assert counts.sum(axis=1).tolist() == output.support.tolist()
    values = labels_table(evaluation, "scale")
    assert values.titles == ["dimension", "mean absolute error", "CCC"]


def test_a_comparison_gives_every_figure_of_both() -> None:
    found = compare_predictions(
        said_of_people(60), said_of_people(60, seed=1), models=("a", "b"), data="d",
        bootstrap=DRAWS,
    )  # fmt: skip
    page = to_markdown(found)
    assert "# b against a on d, test" in page and "| AP Embarrassment (%) | - | - | - | - |" in page
    assert "paired basic bootstrap by picture, 10 resamples" in page
    assert len(page.splitlines()) == 6 + len(found.differences)


def test_nothing_else_can_be_written() -> None:
    with pytest.raises(TypeError, match="int cannot be written"):
        to_markdown(1)
