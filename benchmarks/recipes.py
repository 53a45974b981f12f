"""Every recipe for EMOTIC, run on real people: can it learn by heart, and what does it reach?

    python benchmarks/recipes.py --data data/emotic-part --random vgg16 resnet50 kosti2019

A recipe first learns 24 people by heart (without augmentation, dropout and weight decay): a mean
average precision of 100% on these very people shows that every part of it is trained. Then it is
trained as it stands on the training split, those that train encoders for ``--epochs``, and
measured on the validation split. ``--random`` names the recipes to start from random weights,
where timm's cannot be fetched: what they reach then says nothing about the network.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import output
from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.row import Row
from affekt.training.checkpoints import METRICS, read_metrics
from affekt.training.recipe.recipe import Recipe, read_recipe
from affekt.training.train import train

CONFIGS = Path(__file__).parents[1] / "configs"
RECIPES = ("vgg16", "resnet50", "inception_v3", "efficientnet", "three_stream", "kosti2019")
BY_HEART = 24


def main() -> None:
    """Train, measure, print and write."""
    options = _options()
    manifest = Manifest.open(options.data)
    figures: dict[str, Any] = {
        "data": manifest.note.get("set", manifest.path.parent.name),
        "people": {split: manifest.count(split) for split in ("train", "val")},
        "recipes": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "few"
        root = str(manifest.root.resolve())
        write_manifest(few, _few(manifest), labels=manifest.labels, root=root, note={})
        for name in options.recipes:
            config = _config(name, options.data, Path(folder) / name, name in options.random)
            figures["recipes"][name] = {
                "weights": "random" if name in options.random else "ImageNet",
                "by_heart": _run(_by_heart(config, few, options.heart_epochs)),
                "trained": _run(_shortened(config, options.epochs)),
            }
            print(name, figures["recipes"][name], flush=True)
    output.write("recipes", figures, _page(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", required=True, help="a folder written by affekt prepare emotic")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--random", nargs="+", default=[], choices=RECIPES)
    parser.add_argument("--epochs", type=int, default=1, help="of recipes that train encoders")
    parser.add_argument("--heart-epochs", type=int, default=40, help="likewise, on the few people")
    return parser.parse_args()


def _few(manifest: Manifest) -> Iterator[Row]:
    """The same first people as training and as validation split."""
    rows = list(islice(manifest.rows("train"), BY_HEART))
    yield from rows
    yield from (replace(row, id=f"val/{row.id}", split="val") for row in rows)


def _config(name: str, data: str, out: Path, random: bool) -> Recipe:
    config = read_recipe(CONFIGS / f"{name}.toml")
    streams = config.streams
    if random:
        streams = config.streams | {
            key: replace(stream, weights="random") if stream.backbone else stream
            for key, stream in config.crops.items()
        }
    return replace(
        config,
        run=replace(config.run, out=str(out)),
        data=replace(config.data, manifests=(data,)),
        folds=None,
        streams=streams,
        features=replace(config.features, folder=str(out.parent / "features")),
    )


def _trains_encoders(config: Recipe) -> bool:
    return bool(config.trained)


def _by_heart(config: Recipe, few: Path, epochs: int) -> Recipe:
    epochs = epochs if _trains_encoders(config) else 200
    return replace(
        config,
        run=replace(config.run, out=f"{config.run.out}-by-heart"),
        data=replace(config.data, manifests=(str(few),)),
        fusion=replace(config.fusion, dropout=0.0, stream_dropout=0.0),
        optim=replace(
            config.optim, epochs=epochs, patience=0, weight_decay=0.0, ema=0.0, step_epochs=epochs
        ),
        features=replace(config.features, views=1),
        augment=None,
    )


def _shortened(config: Recipe, epochs: int) -> Recipe:
    if not _trains_encoders(config):
        return config
    return replace(config, optim=replace(config.optim, epochs=epochs))


def _run(config: Recipe) -> dict[str, float]:
    started = time.perf_counter()
    train(config)
    records = read_metrics(Path(config.run.out) / METRICS)
    return {
        "epochs": len(records),
        "seconds": round(time.perf_counter() - started, 1),
        "first_loss": records[0]["train_loss"],
        "last_loss": records[-1]["train_loss"],
        "map": max(record["score"] for record in records),
    }


def _page(figures: dict[str, Any]) -> str:
    rows = [
        [
            name,
            run["weights"],
            f"{run['by_heart']['map']:.0%} after {run['by_heart']['epochs']} epochs",
            str(run["trained"]["epochs"]),
            f"{run['trained']['seconds']:.0f}",
            f"{100 * run['trained']['map']:.1f}",
        ]
        for name, run in figures["recipes"].items()
    ]
    head = [
        "recipe",
        "first weights",
        f"mAP on {BY_HEART} people learnt by heart",
        "epochs",
        "seconds",
        "mAP of the best epoch (%)",
    ]
    people = figures["people"]
    note = (
        f"Trained on {people['train']} people, measured on {people['val']} validation people, on "
        "whom the best epoch was chosen too."
    )
    return f"{note}\n\n{output.table(head, rows)}"


if __name__ == "__main__":
    main()
