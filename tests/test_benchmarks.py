import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from affekt.data.manifests.manifest import Manifest
from affekt.data.sets.emotic.prepare import prepare_emotic
from affekt.training.recipe.recipe import parse_recipe
from affekt.typed import parse_toml

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = sys.modules[name] = module_from_spec(spec)  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A grouped convolution with stride 2, its weights cast from fp16, then one linear layer."""
    weights = {
        "w16": np.ones((8, 2, 3, 3), np.float16),
        "head": np.ones((5, 8 * 4 * 4), np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["w16"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "w"], ["maps"], strides=[2, 2], pads=[1, 1, 1, 1], group=2),
        helper.make_node("Flatten", ["maps"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


def test_flops_are_those_counted_by_hand(model_file):
    convolution = (8 * 4 * 4) * (2 * 3 * 3)
    linear = 5 * 128
    assert script("flops").count_flops(model_file) == 2 * (convolution + linear)


def test_a_table_is_markdown():
    table = script("output").table(["a", "b"], [["1", "2"], ["3", "4"]])
    assert table.splitlines() == ["| a | b |", "|---|---|", "| 1 | 2 |", "| 3 | 4 |"]


def test_a_made_up_emotic_has_emotics_counts_and_goes_through_preparation(tmp_path, monkeypatch):
    fake = script("fake_emotic")
    assert fake.split_counts(fake.FULL) == fake.COUNTS
    small = {"mscoco": {(64, 48): 0.8}, "emodb_small": {(48, 72): 0.2}}
    monkeypatch.setattr(fake, "SIZES", small)
    monkeypatch.setattr(fake, "LARGEST", ("framesdb", 90, 70))
    fake.write_emotic(tmp_path / "EMOTIC", 20)
    summary = prepare_emotic(tmp_path / "EMOTIC", tmp_path / "out", detect=None)
    rows = list(Manifest.open(tmp_path / "out").rows())
    assert summary.used == {"train": 14, "val": 2, "test": 4}
    assert not summary.excluded
    assert {row.split: len(row.votes) for row in rows} == fake.ANNOTATORS
    assert (rows[0].source, rows[0].width, rows[0].height) == ("framesdb", 90, 70)
    assert {row.source for row in rows} == {"mscoco", "emodb_small", "framesdb"}
    assert all(row.categories and row.vad for row in rows)


def test_the_recipe_that_is_measured_is_one(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    named = {"out": '"out"', "manifest": '"set"', "features": '"features"'}
    recipe = parse_recipe(parse_toml(script("emotic_scale").RECIPE.format(**named)))
    assert recipe.features.cache and recipe.heads.keys() == {"categories", "vad"}
