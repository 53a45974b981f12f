"""``affekt prepare emotic`` from the command line: result, report, exit codes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from affekt.data.manifests.manifest import Manifest
from fakes.programs import Program


@pytest.fixture
def prepare(affekt: Program) -> Program:
    return partial(affekt, "prepare", "emotic")


def test_the_summary_and_the_report_are_written(
    prepare: Program, tiny_emotic: Path, tmp_path: Path
) -> None:
    code, out, err = prepare(
        tiny_emotic, "--out", tmp_path / "out", "--report", tmp_path / "a" / "b"
    )
    assert code == 0
    summary = json.loads(out)
    assert summary["used"] == {"train": 7, "val": 3, "test": 2}
    assert not summary["reused"]
    assert "read from the official layout" in err
    assert Manifest.open(summary["manifest"]).count() == 12
    names = {path.name for path in (tmp_path / "a" / "b").iterdir()}
    assert {"survey.json", "survey.txt", "labels.png", "agreement.png"} <= names
    survey = json.loads((tmp_path / "a" / "b" / "survey.json").read_text())
    assert survey["people"] == summary["used"]
    code, out, _ = prepare(tiny_emotic, "--out", tmp_path / "out")
    assert (code, json.loads(out)["reused"]) == (0, True)


def test_labels_only_needs_no_picture(prepare: Program, tiny_emotic: Path, tmp_path: Path) -> None:
    code, out, _ = prepare(tiny_emotic, "--out", tmp_path / "out", "--labels-only")
    assert code == 0
    assert json.loads(out)["used"]["train"] == 10


def test_options_that_do_not_fit_are_refused(
    prepare: Program, tiny_emotic: Path, tmp_path: Path
) -> None:
    words = (tiny_emotic, "--out", tmp_path / "out", "--face-detector", "x.onnx", "--no-faces")
    code, out, err = prepare(*words)
    assert (code, out) == (2, "")
    assert "does not go with" in err


def test_a_set_that_is_none_is_one_line(prepare: Program, tmp_path: Path) -> None:
    code, out, err = prepare(tmp_path, "--out", tmp_path / "out")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("affekt: error: no annotations of EMOTIC")
