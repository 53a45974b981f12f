"""The opened networks of one model, and what they say of the people that were seen.

A network over crops (`Encoding`) is run once for all that read on from it: members of an ensemble
that see and encode alike share it. A model is such a network by itself (`Whole`), or a head over
the features of several inputs (`Fused`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.arrays import FloatArray32
from affekt.bundle import OutputSpec
from affekt.inference.read.networks import FEATURES, CropNetwork
from affekt.inference.read.outputs import read_head
from affekt.inference.read.views import Taken, View
from affekt.inference.session import Session


@dataclass(frozen=True, slots=True)
class Encoding:
    """A view and what encodes it; equal ones are run once.

    Attributes:
        view: what is seen.
        network: takes it as it is; None for numbers, which are their own features.
    """

    view: View
    network: CropNetwork | None = None

    @property
    def width(self) -> int:
        """How many features it gives."""
        return self.network.outputs[FEATURES] if self.network else self.view.width or 0

    def run(self, seen: Taken, outputs: Sequence[str]) -> dict[str, Taken]:
        """These outputs, of all that was seen."""
        if self.network is None:
            return dict.fromkeys(outputs, seen)
        found = self.network.run(seen.values, outputs)
        return {n: Taken(values, seen.rows) for n, values in zip(outputs, found, strict=True)}


Wanted = Mapping[Encoding, set[str]]
"""Which outputs of which encodings."""

Found = Mapping[Encoding, Mapping[str, Taken]]
"""What they gave."""

Said = dict[str, FloatArray32]
"""By head, shape (n, k): probabilities or values, NaN of people of whom nothing is said."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A model that takes its crops as they are.

    Attributes:
        encoding: its crops and itself.
        heads: by name.
    """

    encoding: Encoding
    heads: Mapping[str, OutputSpec]

    def wanted(self) -> Wanted:
        """What is to be run for it."""
        return {self.encoding: {head.node or name for name, head in self.heads.items()}}

    def say(self, found: Found) -> Said:
        """What it says of the people; nothing of those of whom there is no crop."""
        said = {}
        for name, head in self.heads.items():
            given = found[self.encoding][head.node or name]
            said[name] = Taken(read_head(head, given.values), given.rows).spread(np.nan)
        return said


@dataclass(frozen=True, slots=True)
class Fused:
    """A model over the features of its inputs.

    Attributes:
        inputs: what is behind each input of the network.
        network: takes the features, zeros for a person of whom there are none.
        heads: by name.
    """

    inputs: Mapping[str, Encoding]
    network: Session
    heads: Mapping[str, OutputSpec]

    def wanted(self) -> Wanted:
        """What is to be run for it."""
        return {encoding: {FEATURES} for encoding in self.inputs.values()}

    def say(self, found: Found) -> Said:
        """What it says of the people."""
        feeds = {name: found[own][FEATURES].spread(0.0) for name, own in self.inputs.items()}
        people = len(next(iter(feeds.values())))
        nodes = [head.node or name for name, head in self.heads.items()]
        given = self.network.run(nodes, feeds, people)
        pairs = zip(self.heads.items(), given, strict=True)
        return {name: read_head(head, values) for (name, head), values in pairs}


@dataclass(frozen=True, slots=True)
class Member:
    """One model of an ensemble, the only one, or one that heads are borrowed from.

    Attributes:
        weight: of what it says in the mean.
        model: see `Whole` and `Fused`.
        order: for each head that is asked for, where each of the asker's labels is among its own.
    """

    weight: float
    model: Whole | Fused
    order: Mapping[str, tuple[int, ...]]

    def say(self, found: Found) -> Said:
        """What it says by the heads that are asked for, in the order of the asker's labels."""
        said = self.model.say(found)
        return {name: said[name][:, places] for name, places in self.order.items()}


def wanted_by(members: Sequence[Member]) -> dict[Encoding, list[str]]:
    """All that is to be run for these members, each of it once."""
    wanted: dict[Encoding, set[str]] = {}
    for member in members:
        for encoding, outputs in member.model.wanted().items():
            wanted.setdefault(encoding, set()).update(outputs)
    return {encoding: sorted(outputs) for encoding, outputs in wanted.items()}
