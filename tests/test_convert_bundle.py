"""A bundle of version 1 becomes the one of version 2 that says the same, its networks untouched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from affekt.bundle import Bundle, MultiLabel, SingleLabel, StreamSpec, read_bundle
from affekt.errors import BundleError
from affekt.inference.read.model import Model

TOOL = Path(__file__).parents[1] / "tools" / "convert_bundle.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = spec_from_file_location("convert_bundle", TOOL)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def old_stream(spec: StreamSpec) -> dict[str, Any]:
    names = ("size", "mean", "std", "colour", "crop", "encoder", "blank_person", "flip")
    return {name: getattr(spec, name) for name in names}


def make_old(folder: Path, **says: Any) -> None:
    """Takes a bundle's description back to version 1."""
    bundle = read_bundle(folder)
    info, head = bundle.info, next(iter(bundle.info.outputs.values()))
    content = {
        "name": info.name,
        "kind": "context",
        "labels": head.labels,
        "streams": {name: old_stream(spec) for name, spec in info.streams.items()},
        "temperature": head.temperature if isinstance(head, SingleLabel) else 1.0,
        "licence": info.licence,
        "thresholds": head.thresholds if isinstance(head, MultiLabel) else {},
        "calibration": head.platt if isinstance(head, MultiLabel) else {},
        **{name: getattr(info, name) for name in ("needs", "members", "training", "metrics")},
        "files": info.files,
        "version": 1,
    }
    (folder / "bundle.json").write_text(json.dumps(content | says))


@pytest.mark.parametrize("kind", ["face", "context"])
def test_it_says_the_same(
    tool: ModuleType, tiny_bundle: Bundle, write_context: Callable[..., Bundle], tmp_path: Path,
    kind: str,
) -> None:  # fmt: skip
    given = write_context(tmp_path / "a") if kind == "context" else tiny_bundle
    folder = Path(shutil.copytree(given.folder, tmp_path / "old"))
    make_old(folder, kind=kind)
    with pytest.raises(BundleError, match="version 1; this Affekt reads version 2: export it"):
        read_bundle(folder)
    tool.convert_folder(folder)
    found = read_bundle(folder).info
    assert (found.inputs, found.outputs) == (given.info.inputs, given.info.outputs)
    assert (found.borrowed, found.needs) == (given.info.borrowed, given.info.needs)
    assert found.files["model.onnx"] == given.info.files["model.onnx"]
    assert f"- says {next(iter(found.outputs))} (" in (folder / "CARD.md").read_text()
    with pytest.raises(SystemExit, match="version 2; expected 1"):
        tool.convert_folder(folder)


def test_members_are_converted_with_their_ensemble(
    tool: ModuleType, write_context: Callable[..., Bundle], tmp_path: Path
) -> None:
    folder = tmp_path / "all"
    given = write_context(folder / "a", seed=1)
    make_old(folder / "a")
    shutil.copy(folder / "a" / "CARD.md", folder)
    files = {"CARD.md": given.info.files["CARD.md"]}
    content = json.loads((folder / "a" / "bundle.json").read_text())
    content |= {"kind": "ensemble", "streams": {}, "members": {"a": 2.0}, "files": files}
    (folder / "bundle.json").write_text(json.dumps(content))
    tool.convert_folder(folder)
    assert read_bundle(folder).info.outputs == given.info.outputs
    assert [*Model(read_bundle(folder), 1).heads] == ["categories", "vad", "primary"]
