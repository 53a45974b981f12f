"""Figures: PNG files that show what they are given, without pyplot."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from affekt.errors import DataError, OutputError
from affekt.labels import PRIMARY_AND_CONTEMPT
from affekt.report.curves import confidence_bins
from affekt.view.plots import plot_confusion, plot_reliability, plot_training


def pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"), dtype=int)


def record(epoch, sources=("a", "b")):
    val = {s: {"loss": 1 / epoch, "accuracy": 0.5, "balanced_accuracy": 0.4} for s in sources}
    return {"epoch": epoch, "train_loss": 2 / epoch, "lr": 1e-3, "seconds": 3.0, "val": val}


def test_confusion_is_darkest_where_the_share_is_highest(tmp_path):
    labels = PRIMARY_AND_CONTEMPT
    plot_confusion(np.eye(8, dtype=int) * 40, labels, tmp_path / "right.png", "a title")
    plot_confusion(np.ones((8, 8), dtype=int), labels, tmp_path / "chance.png", "a title")
    dark = [(pixels(tmp_path / name)[:, :, 0] < 20).mean() for name in ("right.png", "chance.png")]
    assert dark[0] > dark[1] + 0.05


def test_confusion_with_an_absent_class_is_drawn(tmp_path):
    plot_confusion([[3, 1], [0, 0]], ["fear", "disgust"], tmp_path / "c.png")
    assert pixels(tmp_path / "c.png").std() > 10


def test_confusion_must_fit_its_labels(tmp_path):
    with pytest.raises(DataError, match=r"shape \(2, 2\) for 3 labels"):
        plot_confusion(np.eye(2), ["a", "b", "c"], tmp_path / "c.png")


def test_reliability_shows_the_bins(tmp_path):
    p = np.random.default_rng(0).dirichlet(np.ones(4), size=200)
    plot_reliability(confidence_bins(p, p.argmax(1)), tmp_path / "r.png", ece=0.4, title="t")
    blue = np.abs(pixels(tmp_path / "r.png") - (0x56, 0xB4, 0xE9)).sum(axis=2) < 12
    assert blue.mean() > 0.1


@pytest.mark.parametrize("epochs", [1, 5])
def test_training_is_drawn_from_the_first_epoch_on(tmp_path, epochs):
    plot_training([record(e + 1) for e in range(epochs)], tmp_path / "t.png")
    assert pixels(tmp_path / "t.png").std() > 10


def test_training_copes_with_a_set_measured_only_sometimes_or_never(tmp_path):
    plot_training([record(1, ("a",)), record(2)], tmp_path / "t.png")
    plot_training([record(1, ())], tmp_path / "none.png")


def test_training_needs_an_epoch(tmp_path):
    with pytest.raises(DataError, match="no epoch"):
        plot_training([], tmp_path / "t.png")


def test_an_unwritable_path_is_named(tmp_path):
    with pytest.raises(OutputError, match="missing"):
        plot_training([record(1)], tmp_path / "missing" / "t.png")


def test_pyplot_is_never_imported(tmp_path):
    code = (
        "import sys; from affekt.view.plots import plot_confusion;"
        f"plot_confusion([[1]], ['fear'], {str(tmp_path / 'c.png')!r});"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
