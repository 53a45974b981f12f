"""A saved network made ready for export: what it borrows, which labels it keeps, its prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from affekt.bundle import FROM_BUNDLE
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.targets import targets_of
from affekt.errors import BundleError, UsageError, nearest
from affekt.heads import Kind
from affekt.labels import PRIMARY
from affekt.models.heads import FusedHeads, MeanHeads
from affekt.models.network import Network
from affekt.models.saved import load_network
from affekt.training.features.external import bundle_encoder

RAREST = 1e-4
"""No label counts as rarer in a prior."""


def open_network(checkpoint: Path) -> Network:
    """A network with the bundles that it was trained with.

    Raises:
        BundleError: no such network, or another bundle is installed under that name.
    """
    network = load_network(checkpoint)
    for stream, spec in network.spec.streams.items():
        key = str(spec.encoder)
        if not key.startswith(FROM_BUNDLE):
            continue
        name = key.removeprefix(FROM_BUNDLE)
        outside = bundle_encoder(name, stream)
        if outside.sha256 != network.spec.needs.get(name):
            raise BundleError(
                f"{checkpoint}: was trained with another bundle {name!r} than the one that is "
                "installed; train it anew, or install that one"
            )
        network.external[key] = outside.encode
    return network


def single_label_head(network: Network) -> str | None:
    """The name of the head that says which one label holds, None without one."""
    heads = network.spec.heads.items()
    return next((name for name, head in heads if head.kind == Kind.SINGLE_LABEL), None)


def default_labels(trained: Sequence[str]) -> tuple[str, ...]:
    """What is exported of a head's labels where none are named: contempt is an extra.

    >>> default_labels(("happiness", "sadness")), len(default_labels((*PRIMARY, "contempt")))
    (('happiness', 'sadness'), 7)
    """
    return PRIMARY if set(PRIMARY) <= set(trained) else tuple(trained)


def keep_labels(network: Network, head: str, labels: tuple[str, ...]) -> Network:
    """The same network with only these of a head's outputs.

    The softmax of a single-label head is then the one over all, given these.

    Raises:
        UsageError: a label that it was not trained for.
    """
    trained = network.spec.heads[head].labels
    missing = [label for label in labels if label not in trained]
    if missing:
        raise UsageError(f"label {missing[0]!r}: {nearest(missing[0], trained)}")
    rows = torch.tensor([trained.index(label) for label in labels])
    for member in _members(network):
        layer = member.output(head)
        layer.weight.data, layer.bias.data = layer.weight.data[rows], layer.bias.data[rows]
        layer.out_features = len(labels)
    heads = network.spec.heads | {head: replace(network.spec.heads[head], labels=labels)}
    network.spec = replace(network.spec, heads=heads)
    return network


def add_prior(network: Network, head: str, manifest: Manifest, strength: float) -> None:
    """Puts the label prior of a manifest's training split into a head's logits."""
    labels = network.spec.heads[head].labels
    targets = targets_of([*manifest.rows("train")], {head: labels})[head]
    shares = np.nanmean(targets.astype(np.float64), axis=0)
    prior = torch.from_numpy(strength * np.log(np.clip(shares, RAREST, None))).float()
    for member in _members(network):
        member.output(head).bias.data += prior


def _members(network: Network) -> list[FusedHeads]:
    heads = network.heads
    if isinstance(heads, MeanHeads):
        return [member for member in heads.members if isinstance(member, FusedHeads)]
    return [heads]
