"""One row per scored row, with a column for everything that was said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from affekt.errors import OutputError
from affekt.evaluation.predictions import UNKNOWN, Predictions
from affekt.labels import CATEGORIES, PRIMARY, VAD
from affekt.report.parquet import write_predictions
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people

SAID = [said_of_faces(9), said_of_people(10), said_of_fruit(11)]


def written(said: Predictions, folder: Path) -> tuple[list[str], list[dict[str, object]]]:
    write_predictions(folder / "p.parquet", said)
    assert [path.name for path in folder.iterdir()] == ["p.parquet"]
    table = pq.read_table(folder / "p.parquet")
    return table.column_names, table.to_pylist()


def test_faces_have_both_labels_and_every_probability(tmp_path: Path) -> None:
    names, rows = written(SAID[0], tmp_path)
    shares = [f"p_{label}" for label in PRIMARY]
    own = ["id", "source", "split", "subject", "gender"]
    assert names == [*own, "label", "predicted", *shares, "spread"]
    for row, truth in zip(rows, SAID[0].outputs["primary"].truth, strict=True):
        assert sum(row[name] for name in shares) == pytest.approx(1, abs=1e-5)
        assert row[f"p_{row['predicted']}"] == max(row[name] for name in shares)
        assert row["label"] == PRIMARY[truth] and row["spread"] is None


def test_people_have_names_of_categories_and_both_values(tmp_path: Path) -> None:
    names, rows = written(SAID[1], tmp_path)
    output, vad = SAID[1].outputs.values()
    assert {"picture", "gender", "categories", *VAD} <= {*names}
    for i, row in enumerate(rows):
        own = [output.truth[i, CATEGORIES.index(c)] for c in row["categories"]]
        assert all(own) and len(own) == output.truth[i].sum()
        assert row["p_Peace"] == pytest.approx(output.predicted[i, CATEGORIES.index("Peace")])
        assert row["valence"] == vad.predicted[i, 0]
        unknown = np.isnan(vad.truth[i, 1])
        assert row["true_arousal"] == (None if unknown else vad.truth[i, 1])
        assert row["id"] == SAID[1].ids[i]


def test_three_heads_share_a_row_and_an_unknown_class_is_null(tmp_path: Path) -> None:
    _, rows = written(SAID[2], tmp_path)
    truth = SAID[2].outputs["fruit"].truth
    assert [row["label"] is None for row in rows] == (truth == UNKNOWN).tolist()
    assert {"shape", "p_apple", "p_round", "weight", "true_weight"} <= {*rows[0]}


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="missing"):
        write_predictions(tmp_path / "missing" / "p.parquet", SAID[0])
