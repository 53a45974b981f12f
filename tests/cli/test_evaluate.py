"""``affekt evaluate`` and ``affekt report`` on people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from affekt.bundle import Bundle
from affekt.data.manifests.manifest import Manifest
from fakes.programs import Program


@pytest.fixture(scope="module")
def manifest(
    write_drawn_people: Callable[..., Manifest], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("people")
    return write_drawn_people(folder, {"train": (2,), "test": (1, 2, 2)}).path


def test_people_are_measured(
    affekt: Program, tiny_context: Bundle, manifest: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.parquet"
    words = ("evaluate", "--model", tiny_context.folder, "--data", manifest)
    code, out, err = affekt(*words, "--predictions", rows)
    figures = json.loads(out)
    assert (code, err) == (0, "") and figures["n"] == 5 and len(figures["ap"]) == 26
    assert pq.read_metadata(rows).num_rows == 5
    named = ("evaluate", "--model", tiny_context.folder, "--data", manifest.parent)
    assert json.loads(affekt(*named)[1])["map"] == figures["map"]
    assert affekt(*words, "--format", "md")[1].startswith("# tiny-context on ")


def test_two_models_are_compared(
    affekt: Program, tiny_context: Bundle, write_context: Callable[..., Bundle], manifest: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    other = write_context(tmp_path / "other", seed=3, name="other")
    words = (
        "evaluate",
        "--model",
        tiny_context.folder,
        "--model",
        other.folder,
        "--data",
        manifest,
    )
    code, out, _ = affekt(*words)
    assert code == 0 and json.loads(out)["models"] == ["tiny-context", "other"]
    code, _, err = affekt(*words, "--predictions", tmp_path / "p.parquet")
    assert code == 2 and "two are compared" in err
    code, _, err = affekt(*words, "-m", "third")
    assert code == 2 and "3 models given" in err


@pytest.mark.parametrize("option", ["--confusion", "--reliability"])
def test_drawings_of_a_single_label_need_such_a_head(
    affekt: Program, tiny_context: Bundle, manifest: Path, tmp_path: Path, option: str
) -> None:
    words = (
        "evaluate",
        "--model",
        tiny_context.folder,
        "--data",
        manifest,
        option,
        tmp_path / "a.png",
    )
    code, out, err = affekt(*words)
    assert (code, out) == (2, "") and "the heads are multi-label and dimensional" in err


def test_two_face_models_are_compared_and_reported(
    affekt: Program, tiny_bundle: Bundle, write_face_model: Callable[..., Bundle],
    write_faces: Callable[..., Any], tmp_path: Path,
) -> None:  # fmt: skip
    data = write_faces(tmp_path / "faces", counts={"test": 3}).path
    other = write_face_model(tmp_path / "other", temperature=4.0, name="other")
    words = ("evaluate", "-m", tiny_bundle.folder, "-m", other.folder, "--data", data)
    code, out, _ = affekt(*words)
    found = json.loads(out)
    assert code == 0 and found["models"] == ["tiny", "other"]
    assert found["differences"]["accuracy"]["difference"] == 0
    code, out, _ = affekt(*words, "--format", "md")
    assert code == 0 and "| negative log-likelihood (nats) |" in out
    page = tmp_path / "page.html"
    words = ("report", "--model", tiny_bundle.folder, "--data", data, "--output", page)
    code, out, err = affekt(*words, "--gallery", 1, "--blur")
    assert (code, out, err) == (0, "", "")
    text = page.read_text(encoding="utf-8")
    assert "Recall by label" in text and text.count("data:image/jpeg") == 3


def test_options_of_faces_are_refused(
    affekt: Program, tiny_context: Bundle, manifest: Path
) -> None:
    code, out, err = affekt(
        "evaluate", "--model", tiny_context.folder, "--data", manifest, "--protocol", "majority"
    )
    assert (code, out) == (2, "") and "protocols are for single-label heads" in err


def test_models_and_manifests_that_do_not_fit(
    *, affekt: Program, tiny_bundle: Bundle, tiny_context: Bundle, manifest: Path,
    write_faces: Callable[..., Any], tmp_path: Path,
) -> None:  # fmt: skip
    face = tiny_bundle.folder
    code, _, err = affekt("evaluate", "--model", face, "--data", manifest)
    assert code == 2 and "says primary; the persons of" in err
    faces = write_faces(tmp_path, counts={"test": 1}).path
    code, _, err = affekt("evaluate", "-m", face, "-m", face, "--data", faces)
    assert code == 2 and "the same model" in err
    code, _, err = affekt("report", "--model", tiny_context.folder, "--data", faces, "-o", "x")
    assert code == 2 and "have primary" in err


def test_report_writes_one_page(
    affekt: Program, tiny_context: Bundle, manifest: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words = ("report", "--model", tiny_context.folder, "--data", manifest, "--output", page)
    code, out, err = affekt(*words, "--gallery", 1, "--blur")
    assert (code, out, err) == (0, "", "")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>") and text.count("data:image/jpeg") == 3
    assert text.endswith("</html>\n") and list(tmp_path.iterdir()) == [page]


def test_a_page_that_cannot_be_written_is_refused_before_any_work(
    affekt: Program, tiny_context: Bundle, manifest: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("affekt.evaluation.evaluate.evaluate", None)
    page = tmp_path / "none" / "page.html"
    code, _, err = affekt(
        "report", "--model", tiny_context.folder, "--data", manifest, "--output", page
    )
    assert code == 2 and "cannot be written" in err
