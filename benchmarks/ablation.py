"""What each stream of a cross-trained context model brings, by leaving it out.

    python benchmarks/ablation.py configs/context.toml --set 'data.manifests=["data/emotic-part"]'

Every variant of the recipe, its prior of the box included, is cross-trained with several seeds:
what is measured of a person was said by a head that never saw their picture. No test split is
touched. Features are computed once, for all variants. Intervals are by picture; differences are
from the recipe, on the same draws.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric import Fabric

import output
from affekt.arrays import FloatArray
from affekt.data.torch.dataset import RowDataset
from affekt.errors import UsageError
from affekt.evaluation.figures import PERCENT, measure
from affekt.evaluation.predictions import Output
from affekt.evaluation.resampling import Bootstrap, Estimate, Rule, Sampled, estimate, sample
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD, Kind
from affekt.labels import CATEGORIES, VAD
from affekt.report.cells import interval_text
from affekt.training.folds.crossing import OUT_OF_FOLD, train_heads
from affekt.training.labels_only.hook import labels_only
from affekt.training.networks import network_of
from affekt.training.processes import Progress
from affekt.training.recipe.experiment import FoldsTable
from affekt.training.recipe.model import NumbersTable, StreamTable
from affekt.training.recipe.recipe import Recipe, read_recipe
from affekt.training.samples import Subjects
from affekt.training.supervised import read_subjects

PLACE = {"geometry": NumbersTable()}

Outputs = list[tuple[FloatArray, FloatArray]]
"""Of every seed: probabilities (n, 26) and VAD (n, 3)."""


def main() -> None:
    """Train, measure, print and write."""
    options = _options()
    config = read_recipe(options.recipe, options.set)
    _folds(config)
    people = _people(config)
    variants, samples = dict(_variants(config)), {}
    for name, variant in variants.items():
        outputs = [_outputs(variant, seed, people) for seed in options.seeds]
        samples[name] = _samples(people.dataset, outputs)
        print(name, f"{samples[name].own['map']:.4f}", flush=True)
    figures = _figures(samples) | {"people": people.dataset.subjects, "seeds": options.seeds}
    output.write("ablation", figures, _page(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("recipe", help="such as configs/context.toml")
    parser.add_argument("--set", action="append", default=[], help="as for affekt train")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    return parser.parse_args()


def _people(config: Recipe) -> Subjects:
    """Everybody with the features of all streams, and geometry."""
    fabric = Fabric(accelerator="cpu", devices=1)
    whole = replace(config, streams=config.streams | PLACE)
    return read_subjects(fabric, whole, network_of(whole), ("train", "val"), Progress())


def _variants(config: Recipe) -> Iterator[tuple[str, Recipe]]:
    config = replace(config, folds=replace(_folds(config), refit=0))
    yield "the recipe: " + _names(config), config
    streams = config.crops
    parts = [
        *({k: v for k, v in streams.items() if k != name} for name in streams),
        *({name: streams[name]} for name in streams),
    ]
    for part in parts:
        chosen = replace(config, streams={k: _own(v, streams) for k, v in part.items()})
        yield _names(chosen), chosen
    yield f"{_names(config)}, geometry", replace(config, streams=config.streams | PLACE)
    yield "geometry", replace(config, streams=PLACE)
    gated = replace(config.fusion, kind="gated")
    yield "the recipe, gated fusion", replace(config, fusion=gated)
    table = config.labels_only
    if table is not None and table.box_prior:
        unaware = replace(table, box_prior=0.0)
        yield "the recipe, without the box's prior", replace(config, labels_only=unaware)
    if table is not None and table.teacher:
        alone = replace(table, teacher=0.0)
        yield "the recipe, without the teacher", replace(config, labels_only=alone)


def _folds(config: Recipe) -> FoldsTable:
    if config.crossed is None:
        raise UsageError("an ablation needs a recipe with folds")
    return config.crossed


def _own(stream: StreamTable, streams: dict[str, StreamTable]) -> StreamTable:
    """A stream with an encoder of its own, for it may stand without the one it shares."""
    if stream.share is None:
        return stream
    owner = streams[stream.share]
    return replace(stream, share=None, backbone=owner.backbone, size=owner.size)


def _names(config: Recipe) -> str:
    return ", ".join(config.crops)


def _outputs(config: Recipe, seed: int, people: Subjects) -> tuple[FloatArray, FloatArray]:
    """What the heads say of the pictures they never saw."""
    with tempfile.TemporaryDirectory() as folder:
        config = replace(config, run=replace(config.run, out=folder, seed=seed))
        fabric = Fabric(accelerator="cpu", devices=1)
        fabric.seed_everything(seed, verbose=False)
        network = network_of(config)
        folds, hook = _folds(config), labels_only(config)
        train_heads(fabric, config, network, people, folds=folds, hook=hook, progress=Progress())
        with np.load(Path(folder) / OUT_OF_FOLD) as held:
            logits, vad = held["logits"].astype(float), held["vad"].astype(float)
    return 1 / (1 + np.exp(-logits)), vad


def _samples(dataset: RowDataset, outputs: Outputs) -> Sampled[str]:
    pictures = np.unique([row.unit or row.picture for row in dataset.rows], return_inverse=True)[1]
    return sample(partial(_mean_figures, dataset, outputs), pictures, Bootstrap())


def _mean_figures(
    dataset: RowDataset, outputs: Outputs, weights: FloatArray
) -> dict[str, FloatArray]:
    """Mean over the seeds; VAD's error is the mean over its dimensions."""
    truth, vad_truth = dataset.targets["categories"] > 0.5, dataset.targets["vad"].astype(float)
    heads = [
        {
            CATEGORIES_HEAD: Output(Kind.MULTI_LABEL, CATEGORIES, truth, p),
            VAD_HEAD: Output(Kind.DIMENSIONAL, VAD, vad_truth, vad),
        }
        for p, vad in outputs
    ]
    names = {"map": (CATEGORIES_HEAD, "map"), "vad_mae": (VAD_HEAD, "mean_mae")}
    found = [measure(own, names.values(), weights) for own in heads]
    return {key: np.mean([each[name] for each in found], axis=0) for key, name in names.items()}


RULES = {"map": Rule.BASIC, "vad_mae": Rule.PERCENTILE}


def _figures(samples: dict[str, Sampled[str]]) -> Any:
    """Each figure with its interval, and how far it lies from the first variant's."""
    first = next(iter(samples.values()))
    return {
        "variants": {
            name: {
                "value": {k: estimate(own.own[k], own.draws[k], RULES[k]) for k in RULES},
                "difference": {k: _gap(own, first, k) for k in RULES},
            }
            for name, own in samples.items()
        }
    }


def _gap(own: Sampled[str], first: Sampled[str], key: str) -> Estimate:
    return estimate(own.own[key] - first.own[key], own.draws[key] - first.draws[key])


def _page(figures: dict[str, Any]) -> str:
    rows: list[list[str]] = []
    for name, both in figures["variants"].items():
        value, gap = both["value"], both["difference"]
        own = not rows
        rows.append([
            name,
            interval_text(value["map"], PERCENT),
            "" if own else interval_text(gap["map"], PERCENT),
            interval_text(value["vad_mae"]),
            "" if own else interval_text(gap["vad_mae"]),
        ])  # fmt: skip
    head = ["streams", "mAP (%)", "difference", "VAD error", "difference"]
    note = (
        f"{figures['people']} training and validation persons, each judged by heads that never saw "
        f"their picture; mean of {len(figures['seeds'])} seeds. In brackets: 95% intervals."
    )
    return f"{note}\n\n{output.table(head, rows)}"


if __name__ == "__main__":
    main()
