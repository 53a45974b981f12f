"""No command that writes puts its output over a file that it reads, by whatever name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.bundle import Bundle
from affekt.data.manifests.manifest import Manifest
from fakes.programs import Program

RECIPE = """
run.out = {out}
data.manifests = [{faces}]
[heads.primary]
[streams.face]
backbone = "test_resnet"
"""


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def people(write_drawn_people: Callable[..., Manifest], tmp_path: Path) -> Path:
    return write_drawn_people(tmp_path / "people", {"val": (1,), "test": (1, 2)}).path


@pytest.fixture
def faces(write_faces: Callable[..., Manifest], tmp_path: Path) -> Path:
    return write_faces(tmp_path / "faces").path


@pytest.fixture
def own(tiny_context: Bundle, tmp_path: Path) -> Path:
    """A context bundle of one's own, with the face bundle that it needs beside it."""
    shutil.copytree(tiny_context.folder.parent, tmp_path / "models")
    return tmp_path / "models" / tiny_context.folder.name


def refused(run: Program, folder: Path, *words: object) -> str:
    before = contents(folder)
    code, _, err = run(*words)
    assert code == 2, err
    assert err.startswith("affekt: error: ") and err.count("\n") == 1
    assert "would overwrite" in err or "is also" in err
    assert contents(folder) == before
    return err


@pytest.mark.parametrize("option", ["--output", "--predictions"])
@pytest.mark.parametrize("what", ["manifest", "picture", "bundle"])
def test_evaluate(
    affekt: Program, people: Path, own: Path, tmp_path: Path, *, what: str, option: str
):
    target = {
        "manifest": people, "picture": people.parent / "test-0.png", "bundle": own / "CARD.md",
    }[what]  # fmt: skip
    (tmp_path / "link").symlink_to(target)
    for name in (target, tmp_path / "link"):
        refused(affekt, tmp_path, "evaluate", "--model", own, "--data", people, option, name)


@pytest.mark.parametrize("option", ["--confusion", "--reliability"])
def test_evaluate_faces(
    affekt: Program, faces: Path, tiny_bundle: Bundle, tmp_path: Path, option: str
):
    (tmp_path / "link").hardlink_to(faces)
    words = ("evaluate", "--model", tiny_bundle.folder, "--data", faces, "--split", "val")
    refused(affekt, tmp_path, *words, option, tmp_path / "link")
    (tmp_path / "old.png").touch()
    same = ("--confusion", tmp_path / "old.png", "--reliability", tmp_path / "old.png")
    assert "is also" in refused(affekt, tmp_path, *words, *same)


def test_report(affekt: Program, people: Path, own: Path, tmp_path: Path) -> None:
    words = ("report", "--model", own, "--data", people, "--output")
    for target in (people, people.parent / "test-1.png", own / "bundle.json"):
        refused(affekt, tmp_path, *words, target)


def test_ensemble(affekt: Program, people: Path, own: Path, tmp_path: Path) -> None:
    refused(affekt, tmp_path, "ensemble", "-m", own, "-m", own, "--data", people, "--out", own)


def test_demo(affekt: Program, tiny_bundle: Bundle, tmp_path: Path) -> None:
    bundle = shutil.copytree(tiny_bundle.folder, tmp_path / "bundle")
    (tmp_path / "astronaut.jpg").symlink_to(bundle / "model.onnx")
    refused(affekt, tmp_path, "demo", "--model", bundle, "--out", tmp_path)


def test_prepare(affekt: Program, tmp_path: Path) -> None:
    picture = tmp_path / "set" / "train" / "happy" / "a.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"picture")
    (tmp_path / "m.parquet").symlink_to(picture)
    for kind in ("folders", "ferplus", "emotic"):
        words = ("prepare", kind, tmp_path / "set", "--out", tmp_path / "m.parquet")
        refused(affekt, tmp_path, *words)


def test_export_and_train(affekt: Program, faces: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "out"
    out.mkdir()
    (out / "model.safetensors").write_bytes(b"weights")
    words = ("--name", "mine", "--data", faces, "--out", out)
    refused(affekt, tmp_path, "export", out / "model.safetensors", *words)
    recipe = out / "best.safetensors"
    content = RECIPE.format(out=json.dumps(str(out)), faces=json.dumps(str(faces)))
    recipe.write_text(content)
    refused(affekt, tmp_path, "train", recipe)
    weights = f"weights = {json.dumps(str(recipe))}\n"
    (tmp_path / "r.toml").write_text(f"{content}{weights}")
    refused(affekt, tmp_path, "train", tmp_path / "r.toml")
