"""Every network of timm, built as a face model and as an encoder, without memory for its weights.

On torch's meta device shapes are computed and numbers are not: a network counts as built where a
training step's forward pass gives one logit per label, and the encoder one vector per crop. One
that cannot take the recipe's crops must say so in one line, and is tried at the size it names.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import timm
import torch

import output
from affekt.errors import ConfigError
from affekt.models.encoder import build_encoder
from affekt.training.recipe.model import DEFAULT_SIZE
from affekt.training.recipe.recipe import read_recipe

RECIPE = "configs/face.toml"


def main() -> None:
    """Build, print and write."""
    model = read_recipe(RECIPE).crops["face"]
    options = _options()
    names = timm.list_models(options.filter)
    started = time.perf_counter()
    try_one = partial(
        _try, size=options.size or model.size or DEFAULT_SIZE, drop_path=model.drop_path
    )
    with ProcessPoolExecutor(options.jobs, initializer=_quiet) as pool:
        found = list(pool.map(try_one, names, chunksize=8))
    seconds = round(time.perf_counter() - started)
    figures = {
        "timm": timm.__version__,
        "size": options.size or model.size,
        "seconds": seconds,
        "outcomes": dict(Counter(one["outcome"] for one in found)),
        "left_out": dict(Counter(key for one in found for key in one["left_out"])),
        "others": [one for one in found if one["outcome"] != "built"],
    }
    output.write("backbones", figures, _page(figures, len(names)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--size", type=int, help=f"of the crops; that of {RECIPE}")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--filter", default="", help="a pattern of names")
    return parser.parse_args()


def _quiet() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def _try(name: str, size: int, drop_path: float) -> dict[str, Any]:
    """What becomes of one network."""
    said = _Said()
    logging.getLogger("affekt").addHandler(said)
    try:
        return {"name": name, **_outcome(name, size, drop_path), "left_out": said.keys}
    finally:
        logging.getLogger("affekt").removeHandler(said)


def _outcome(name: str, size: int, drop_path: float) -> dict[str, Any]:
    try:
        _build(name, size, drop_path)
    except ConfigError as error:
        config = timm.get_pretrained_cfg(name)
        own = config.input_size[-1] if config is not None else size
        return {"said": str(error), **_at_own_size(name, own, drop_path)}
    except Exception as error:
        return {"outcome": "failed", "said": f"{type(error).__name__}: {error}"}
    return {"outcome": "built"}


def _at_own_size(name: str, size: int, drop_path: float) -> dict[str, Any]:
    try:
        _build(name, size, drop_path)
    except ConfigError as error:
        return {"outcome": "refused", "said": str(error)}
    return {"outcome": "built at its own size", "size": size}


def _build(name: str, size: int, drop_path: float) -> None:
    crops = torch.zeros(2, 3, size, size, device="meta")
    with torch.device("meta"):
        encoder, _ = build_encoder(name, "random", size, "all", drop_path=drop_path)
        shapes = {encoder.train()(crops).shape, encoder.eval()(crops).shape}
    if shapes != {(2, encoder.width)}:
        raise ValueError(f"features {shapes}")


class _Said(logging.Handler):
    """Remembers which options were left out."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the option's name."""
        self.keys.append(str(record.args[2]))  # type: ignore[index]


def _page(figures: dict[str, Any], count: int) -> str:
    size = figures["size"]
    counts = ", ".join(f"{outcome}: {n}" for outcome, n in figures["outcomes"].items())
    left = ", ".join(f"{key} by {n}" for key, n in figures["left_out"].items())
    rows = [
        (one["name"], f"{one['outcome']} {one.get('size', '')}", one["said"].replace("|", "/"))
        for one in figures["others"]
    ]
    return (
        f"The {count} networks of timm {figures['timm']} at {size} x {size} pixels in "
        f"{figures['seconds']} seconds: {counts}. Options not taken: {left or 'none'}.\n\n"
        + output.table(["network", "outcome", "what is said"], rows)
    )


if __name__ == "__main__":
    main()
