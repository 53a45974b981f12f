import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affekt import __version__
from affekt.bundle import Bundle
from affekt.cli import main
from affekt.errors import BundleError, ConfigError, DataError, MediaError, UsageError
from affekt.labels import PRIMARY

HEAVY = {
    "numpy", "PIL", "onnxruntime", "pyarrow", "scipy", "sklearn", "matplotlib", "torch", "timm",
}  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom affekt.cli import main\n"
        "try: main(['predict', '--help'])\nexcept SystemExit: pass\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_help_and_version(affekt) -> None:
    for words in (["--help"], []):
        code, out, err = affekt(*words)
        assert (code, err) == (0, "")
        for name in ("predict", "prepare", "train", "evaluate", "export", "models", "demo"):
            assert f" {name} " in out
    assert affekt("--version") == (0, f"affekt {__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [["paint"], ["predict"], ["prepare", "emotic"], ["models", "--format", "xml"], ["--loud"]],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(affekt, words: list[str]) -> None:
    code, out, err = affekt(*words)
    assert (code, out) == (2, "")
    assert err.startswith("affekt: error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UsageError("x"), 2),
        (ConfigError("x"), 2),
        (BundleError("x"), 2),
        (MediaError("x"), 1),
        (DataError("x\ny"), 1),
        (PermissionError(13, "Permission denied", "f"), 1),
        (ValueError("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_error_is_one_line(affekt, monkeypatch, error, expected: int) -> None:
    def fail() -> list[Bundle]:
        raise error

    monkeypatch.setattr("affekt.bundle.list_bundles", fail)
    code, out, err = affekt("models")
    assert (code, out) == (expected, "")
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [["--debug", "models"], ["models", "--debug"]])
def test_debug_shows_where(monkeypatch, words: list[str]) -> None:
    def fail() -> list[Bundle]:
        raise DataError("here")

    monkeypatch.setattr("affekt.bundle.list_bundles", fail)
    with pytest.raises(DataError, match="here"):
        main(words)


def test_models_lists_licence_and_figures(
    affekt, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFEKT_MODELS", str(tiny_bundle.folder.parent))
    code, out, err = affekt("models")
    assert (code, err) == (0, "")
    assert "tiny  (primary; 0.0 MB)" in out and "  primary  anger, disgust, fear" in out
    assert "CC0-1.0" in out
    code, out, _ = affekt("models", "--format", "json")
    tiny = next(item for item in json.loads(out) if item["name"] == "tiny")
    assert tiny["licence"] == "CC0-1.0"
    assert tiny["folder"] == str(tiny_bundle.folder)


def test_models_names_a_broken_one(affekt, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "bundle.json").write_text("{}")
    monkeypatch.setenv("AFFEKT_MODELS", str(tmp_path))
    code, _, err = affekt("models")
    assert code == 1
    assert err.startswith("affekt: error: ")
    assert "broken" in err


def test_demo_reads_the_photo_and_draws_it(affekt, tiny_bundle: Bundle, tmp_path: Path) -> None:
    code, out, err = affekt("demo", "--model", tiny_bundle.folder, "--out", tmp_path / "made")
    assert code == 0
    assert "people found: 1" in out
    assert out.count("%") == 7
    assert "public domain" in err
    with Image.open(tmp_path / "made" / "astronaut.jpg") as picture:
        assert picture.size == (512, 512)


def test_prepare_then_evaluate(affekt, tiny_bundle: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for label in ("happy", "sad"):
            folder = tmp_path / "set" / split / label
            folder.mkdir(parents=True)
            for i in range(3):
                pixels = rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    code, out, err = affekt("prepare", "folders", tmp_path / "set", "--out", tmp_path / "m.parquet")
    assert (code, json.loads(out)["used"]) == (0, 12)
    words = ["evaluate", "--model", tiny_bundle.folder, "--data", json.loads(out)["manifest"]]
    figures = tmp_path / "c.png", tmp_path / "r.png", tmp_path / "p.parquet"
    code, out, err = affekt(
        *words, "--split", "val", "--confusion", figures[0], "--reliability", figures[1],
        "--predictions", figures[2],
    )  # fmt: skip
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["n"], result["split"]) == (6, "val")
    assert {"model", "data", "accuracy", "balanced_accuracy", "per_class", "ece"} <= set(result)
    assert all(path.stat().st_size > 500 for path in figures)
    code, out, _ = affekt(*words, "--split", "val", "--format", "md")
    assert code == 0
    assert "| accuracy" in out


def test_unknown_label_folder_is_named(affekt, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "set" / "hungry").mkdir(parents=True)
    code, out, err = affekt("prepare", "folders", tmp_path / "set", "--out", tmp_path / "m.parquet")
    assert (code, out) == (1, "")
    assert err.startswith("affekt: error: ")
    assert "hungry" in err
    assert "happiness" in err


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[run]\nout = 'x'\nspeed = 3\n[data]\nmanifests = ['m']\n", "run.speed"),
        ("not toml", "TOML"),
    ],
)
def test_a_wrong_recipe_is_refused(affekt, tmp_path: Path, text: str, part: str) -> None:
    pytest.importorskip("torch")
    (tmp_path / "r.toml").write_text(text)
    code, out, err = affekt("train", tmp_path / "r.toml")
    assert (code, out) == (2, "")
    assert err.startswith("affekt: error: ")
    assert part in err


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A network with random weights, and a manifest of random pictures."""
    pytest.importorskip("torch")
    from affekt.data.sets.faces import prepare_folders  # noqa: PLC0415
    from affekt.models.build import StreamPlan, build_network  # noqa: PLC0415
    from affekt.models.saved import save_network  # noqa: PLC0415
    from affekt.models.spec import FusionSpec, HeadSpec  # noqa: PLC0415

    root = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for label in PRIMARY:
            folder = root / "set" / split / label
            folder.mkdir(parents=True)
            for i in range(2):
                pixels = rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    made = prepare_folders(root / "set", root / "m.parquet", detect=lambda image: [])
    face = StreamPlan("test_efficientnet", "random", 64, "face-square")
    heads = {"primary": HeadSpec(PRIMARY, "single-label")}
    network = build_network({"face": face}, heads, FusionSpec("none"))
    save_network(root / "best.safetensors", network)
    return root / "best.safetensors", made.manifest


def test_export_gives_a_bundle_that_models_lists(
    *, affekt, tiny_bundle: Bundle, checkpoint: tuple[Path, Path], tmp_path: Path, monkeypatch
) -> None:
    network, manifest = checkpoint
    out, figures = tmp_path / "mine", tmp_path / "e.json"
    measure = ("evaluate", "--data", manifest, "--split", "val", "--model")
    figures.write_text(affekt(*measure, tiny_bundle.folder)[1])
    words = ["export", network, "--out", out, "--name", "mine", "--data", manifest]
    code, printed, err = affekt(
        *words, "--precision", "fp16", "--licence", "CC0-1.0", "--figures", f"mine={figures}"
    )
    assert (code, printed) == (0, f"{out}\n"), err
    assert json.loads(affekt(*measure, out)[1])["n"] == 14
    monkeypatch.setenv("AFFEKT_MODELS", str(tmp_path))
    assert "figures  mine val, n = 14: accuracy " in affekt("models")[1]
    code, _, err = affekt(*words, "--figures", "mine")
    assert (code, err.count("\n")) == (2, 1)
