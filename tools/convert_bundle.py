"""Bundles of version 1 as those of version 2: description and card anew, networks untouched.

    python tools/convert_bundle.py FOLDER…

Each folder is converted in place, the members of an ensemble with it. Version 1 had one list of
labels and one kind (``face``, ``context`` or ``ensemble``) where version 2 describes what goes in
and what comes out, by head. The names of what a network takes are read from its file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from affekt.bundle import (
    CARD_FILE,
    INFO_FILE,
    MODEL_FILE,
    BundleInfo,
    Dimensional,
    InputSpec,
    MultiLabel,
    NumbersSpec,
    OutputSpec,
    SingleLabel,
    StreamSpec,
    write_bundle,
)
from affekt.heads import CATEGORIES_HEAD, PRIMARY_HEAD, VAD_HEAD
from affekt.inference.session import open_session
from affekt.labels import VAD, VAD_RANGE
from affekt.packaging.card import card_of

FACE, ENSEMBLE = "face", "ensemble"


def main() -> None:
    """Converts the folders that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    for folder in parser.parse_args().folders:
        convert_folder(folder)
        print(f"{folder}: version 2")


def convert_folder(folder: Path) -> None:
    """Converts one bundle in place."""
    old = json.loads((folder / INFO_FILE).read_bytes())
    if old.get("version") != 1:
        raise SystemExit(f"{folder}: version {old.get('version')}; expected 1")
    for member in old["members"]:
        convert_folder(folder / member)
    alone = old["kind"] != ENSEMBLE
    takes = open_session(folder / MODEL_FILE).inputs if alone else ()
    info = convert(old, takes)
    files = {name: (folder / name).read_bytes() for name in old["files"]}
    if alone:
        files[CARD_FILE] = card_of(info).encode()
    write_bundle(folder, info, files)


def convert(old: dict[str, Any], takes: Iterable[str]) -> BundleInfo:
    """The description of version 2.

    Args:
        old: that of version 1.
        takes: the names of the network's inputs; none of an ensemble.
    """
    flipped = bool(old["streams"]) and all(spec["flip"] for spec in old["streams"].values())
    outputs = _outputs(old)
    face = next(iter(old["needs"]), FACE)
    info = BundleInfo(
        name=old["name"],
        inputs={name: _input(name, old["streams"], flipped) for name in takes},
        outputs=outputs,
        licence=old["licence"],
        borrowed={} if PRIMARY_HEAD in outputs else {PRIMARY_HEAD: face},
    )
    kept = ("needs", "members", "training", "metrics")
    return replace(info, **{name: old[name] for name in kept})


def _input(name: str, streams: dict[str, Any], flipped: bool) -> InputSpec:
    if name not in streams:
        return NumbersSpec(name, flipped)
    return StreamSpec(kind=name, **streams[name])


def _outputs(old: dict[str, Any]) -> dict[str, OutputSpec]:
    labels = tuple(old["labels"])
    if old["kind"] == FACE:
        return {PRIMARY_HEAD: SingleLabel(labels, old["temperature"], node="logits")}
    categories = MultiLabel(labels, old["calibration"], old["thresholds"])
    return {CATEGORIES_HEAD: categories, VAD_HEAD: Dimensional(VAD, VAD_RANGE)}


if __name__ == "__main__":
    main()
