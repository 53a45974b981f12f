"""timm's networks by name: which there are, what each of them takes, and its first weights."""

from __future__ import annotations

import difflib
import logging
from typing import Any

import timm
import torch
from huggingface_hub import get_session, hf_hub_url, try_to_load_from_cache
from torch import Tensor, nn

from affekt.errors import ConfigError, nearest, one_line

OPTIONS = {
    "drop_path_rate": "no stochastic depth",
    "img_size": None,
}
"""What is offered to every network, and what to say of one that does not take it: most take any
size of crops and need not be told."""

WEIGHTS_FILE = "model.safetensors"
LOOKUP_S = 5.0
"""How long to look for timm's weights before saying that there is no connection."""

_log = logging.getLogger(__name__)


def check_name(name: str) -> None:
    """Refuses what is no network of timm, or no tag of its weights.

    Raises:
        ConfigError: with the nearest names.
    """
    network, dot, tag = name.partition(".")
    if network not in timm.list_models():
        raise ConfigError(f"unknown backbone {name!r}: {_nearest(network, timm.list_models())}")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{network}.*")]
    if dot and tag not in tags:
        known = nearest(tag, tags) if tags else "timm has no weights of it, leave the tag out"
        raise ConfigError(f"unknown weights {tag!r} of {network}: {known}")


def create(name: str, classes: int, size: int, *, pretrained: bool, **options: float) -> nn.Module:
    """A network of timm, told the size of its crops where it must know it.

    What a network takes is known to its own constructor alone: it is offered every option, and
    what it refuses by name is left out, which is said where the option was set.

    Args:
        name: one that `check_name` accepts.
        classes: outputs.
        size: side of the crops in pixels.
        pretrained: with timm's own weights.
        options: keys of `OPTIONS`; 0 is not offered.

    Raises:
        ConfigError: a network that cannot be built for that size, or weights that cannot be had.
    """
    offered: dict[str, Any] = {k: v for k, v in options.items() if v} | {"img_size": size}
    source = _weights_source(name) if pretrained else {}
    while True:
        try:
            return timm.create_model(name, pretrained, num_classes=classes, **source, **offered)
        except TypeError as error:
            refused = [key for key in offered if f"'{key}'" in str(error)]
            if not refused:
                raise ConfigError(f"{name} cannot be built: {one_line(error)}") from None
            for key in refused:
                _say_left_out(name, key, offered.pop(key))
        except (OSError, RuntimeError) as error:
            if pretrained:
                raise no_weights(name, error) from None
            raise ConfigError(cannot_take(name, size, error)) from None
        except (ArithmeticError, AssertionError, ValueError) as error:
            raise ConfigError(cannot_take(name, size, error)) from None


@torch.no_grad()
def output_shape(network: nn.Module, name: str, size: int) -> tuple[int, ...]:
    """What a network in evaluation mode makes of one empty crop, without the batch.

    Raises:
        ConfigError: it cannot take crops of that size.
    """
    device = next(network.parameters()).device
    try:
        found: Tensor = network(torch.zeros(1, 3, size, size, device=device))
    except (ArithmeticError, AssertionError, LookupError, RuntimeError, ValueError) as error:
        raise ConfigError(cannot_take(name, size, error)) from None
    return tuple(found.shape[1:])


def cannot_take(name: str, size: int, error: Exception) -> str:
    """One line for a network that fails at crops of a size."""
    made_for = timm.get_pretrained_cfg(name)
    side = made_for.input_size[-1] if made_for is not None else None
    remedy = f"{side}, which it was made for" if side else "one that it was made for"
    return (
        f"{name} cannot take crops of {size} x {size} pixels ({one_line(error)}); set the size to "
        f"{remedy}"
    )


def no_weights(name: str, error: Exception) -> ConfigError:
    """The error for timm's weights that cannot be had."""
    return ConfigError(
        f"{name}: timm's weights cannot be fetched or used ({one_line(error)}); set weights to "
        "random or the path of a safetensors file"
    )


def _say_left_out(name: str, key: str, value: float) -> None:
    if OPTIONS[key] is not None:
        recipe_key = key.removesuffix("_rate") if key == "drop_path_rate" else key
        _log.warning("%s has %s: %s = %s is left out", name, OPTIONS[key], recipe_key, value)


def _weights_source(name: str) -> dict[str, Any]:
    """Where timm shall take weights from: those in the cache need no connection.

    One quick look tells a missing connection, over which timm would wait for a minute.
    """
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id:
        return {}
    cached = try_to_load_from_cache(config.hf_hub_id, WEIGHTS_FILE)
    if isinstance(cached, str) and not config.custom_load:
        return {"pretrained_cfg_overlay": {"file": cached}}
    if not isinstance(cached, str):
        _log.warning("%s: first weights are fetched from huggingface.co/%s", name, config.hf_hub_id)
        try:
            get_session().head(hf_hub_url(config.hf_hub_id, WEIGHTS_FILE), timeout=LOOKUP_S)
        except Exception as error:  # of whichever client the hub uses
            raise no_weights(name, error) from None
    return {}


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=5)
    return nearest(name, close) if close else "timm.list_models() names them all"
