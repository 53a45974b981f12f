"""Networks on disk: weights with the description they cannot do without, one safetensors file."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from affekt.errors import BundleError, ConfigError, one_line
from affekt.files import write_atomically
from affekt.models.backbones import is_finite
from affekt.models.encoder import build_encoder
from affekt.models.heads import FusedHeads, MeanHeads
from affekt.models.network import CropEncoder, Network
from affekt.models.spec import NetworkSpec
from affekt.typed import MisfitError, build, parse_json, shown, shown_key

DESCRIPTION = "affekt"
"""Where in a safetensors file's metadata the description lies."""

VERSION = 2
"""Of the description; 1 were those of faces and of people, each in its own form."""

log = logging.getLogger(__name__)


def save_network(
    path: Path,
    network: Network,
    weights: Mapping[str, Tensor] | None = None,
    history: Mapping[str, Any] | None = None,
) -> None:
    """Writes a network with its spec inside, as one safetensors file, atomically.

    Args:
        path: the file.
        network: whose weights and spec to write.
        weights: taken in place of the network's own, by name in its state.
        history: taken in place of the spec's own.
    """
    spec = network.spec if history is None else replace(network.spec, history=dict(history))
    own = {**network.state_dict(), **(weights or {})}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in own.items()}
    described = json.dumps({"version": VERSION, **asdict(spec)})
    write_atomically(path, save(tensors, metadata={DESCRIPTION: described}))


def load_network(path: Path, external: Mapping[str, CropEncoder] | None = None) -> Network:
    """Reads what `save_network` wrote; the network is in evaluation mode.

    Args:
        path: the file.
        external: encoders from outside by name; without one that is needed, `encode` refuses.

    Raises:
        BundleError: no such file, or not one that `save_network` wrote.
    """
    spec, weights = load_described(path)
    encoders = {
        name: build_encoder(e.backbone, "random", _size(spec, name), e.train)[0]
        for name, e in spec.owned.items()
    }
    members = [FusedHeads(spec) for _ in range(spec.averaged)]
    heads = MeanHeads(members) if len(members) > 1 else members[0]
    network = Network(spec, encoders, heads, external or {})
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise BundleError(
            f"{path}: its weights do not fit its description ({one_line(error)})"
        ) from None
    return network.to(memory_format=torch.channels_last).eval()


def load_described(path: Path) -> tuple[NetworkSpec, dict[str, Tensor]]:
    """The description and the weights, in single precision, that `save_network` wrote.

    Raises:
        BundleError: no such file, not one of ours or of another version, a field is missing or
            wrong, or a weight is not finite.
    """
    spec = read_spec(path)
    with safe_open(path, framework="pt") as stream:
        weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    for name, values in weights.items():
        if not is_finite(values):
            raise BundleError(f"{path}: {shown_key(name)} is not finite everywhere; train anew")
    return spec, {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}


def read_spec(path: Path) -> NetworkSpec:
    """The description of a saved network.

    Raises:
        BundleError: see `load_described`.
    """
    described = _description(path)
    version = described.pop("version", 1)
    if version != VERSION:
        raise BundleError(
            f"{path}: a network of version {shown(version)}, this Affekt reads {VERSION}: train "
            "it again"
        )
    try:
        spec = build(NetworkSpec, described)
    except MisfitError as error:
        raise BundleError(f"{path}: {error}") from None
    _check(spec, path)
    return spec


def take_over(network: Network, path: Path) -> None:
    """Takes the weights of a saved network over, where names, shapes and labels are the same.

    What stays new is said in the log.

    Raises:
        ConfigError: no encoder or head is the same.
        BundleError: see `load_described`.
    """
    spec, weights = load_described(path)
    own, heads = network.state_dict(), network.spec.heads
    other = tuple(f"heads.heads.{n}." for n, head in spec.heads.items() if heads.get(n) != head)
    fitting = {
        name: tensor
        for name, tensor in weights.items()
        if name in own and tensor.shape == own[name].shape and not name.startswith(other)
    }
    if not fitting:
        raise ConfigError(f"run.start: {path} has no encoder or head of this recipe's")
    network.load_state_dict(fitting, strict=False)
    new = sorted({name.rpartition(".")[0] for name in own if name not in fitting})
    if new:
        log.warning("%s: taken over but for %s, which start anew", path, ", ".join(new[:3]))


def _check(spec: NetworkSpec, path: Path) -> None:
    used = {stream.encoder for stream in spec.streams.values()}
    if used != {*spec.encoders}:
        raise BundleError(
            f"{path}: its streams use the encoders {sorted(map(str, used))}, but it describes "
            f"{sorted(spec.encoders)}"
        )
    for name, stream in spec.streams.items():
        if stream.colour != "RGB":
            raise BundleError(f"{path}: streams.{name}.colour: expected RGB, got {stream.colour!r}")
    if not spec.heads:
        raise BundleError(f"{path}: it describes no head")
    if spec.box_prior is not None and spec.box_prior not in spec.heads:
        raise BundleError(f"{path}: its box_prior is of no head")


def _description(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as stream:
            described = parse_json((stream.metadata() or {})[DESCRIPTION])
    except KeyError:
        raise BundleError(f"{path}: not a network saved by affekt train") from None
    except (OSError, SafetensorError, MisfitError) as error:
        raise BundleError(
            f"{path}: not a network saved by affekt train ({one_line(error)})"
        ) from None
    if not isinstance(described, dict):
        raise BundleError(f"{path}: its description is no table")
    return described


def _size(spec: NetworkSpec, encoder: str) -> int:
    return next(s.size for s in spec.streams.values() if s.encoder == encoder)
