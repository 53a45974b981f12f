"""Any bundle as a model that reads people: crops of a picture in, what each head says out.

A bundle is one model, or an ensemble of several in its subfolders: what it says is the weighted
mean over its members, and what several members see and encode alike is cropped and encoded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affekt.arrays import FloatArray32
from affekt.bundle import Bundle, Dimensional, OutputSpec
from affekt.inference.read.members import Said, wanted_by
from affekt.inference.read.opener import Parts, open_members
from affekt.inference.read.outputs import combine_heads, spread_of
from affekt.inference.read.views import People, Taken, View, join


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """The n people of a picture as a model wants them; nothing else of it is kept.

    Attributes:
        people: how many.
        views: what each view sees of them.
    """

    people: int
    views: dict[View, Taken]

    def __len__(self) -> int:
        return self.people


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says of n people.

    Attributes:
        values: by head, shape (n, k): calibrated probabilities, or values of dimensions within
            their range; NaN of people of whom it says nothing, such as those without a face.
        spread: shape (n,), of an ensemble: how far its members lie apart in the first head of
            probabilities, see `affekt.inference.read.outputs.spread_of`. None where there is one
            model, or no such head.
    """

    values: Said
    spread: FloatArray32 | None


@dataclass(frozen=True, slots=True)
class MembersReading:
    """What each member says of n people.

    Attributes:
        members: of each, by head, calibrated by the member itself; see `Reading`.
        borrowed: by head, what another bundle says.
    """

    members: tuple[Said, ...]
    borrowed: Said


class Model:
    """A bundle ready to run; it keeps no state between calls and may be shared by threads.

    Args:
        bundle: one model, or an ensemble.
        threads: for one run of one network; all cores by default.
        parts: the members and weights of an ensemble that is not written yet; those in the
            bundle's folder by default.

    Attributes:
        heads: what it says, by name: the bundle's own heads, then those that it borrows.
        needs_face: whether it sees nothing of a person without a face.

    Raises:
        BundleError: a file or a bundle it needs is missing or another one, or its files do not
            fit each other.
    """

    def __init__(
        self, bundle: Bundle, threads: int | None = None, parts: Parts | None = None
    ) -> None:
        opened = open_members(bundle, threads, parts)
        self.heads: dict[str, OutputSpec] = bundle.info.outputs | opened.borrowed
        self._own, self._borrowed = bundle.info.outputs, opened.borrowed
        self._members, self._lenders = opened.members, opened.lenders
        self._ensemble = bool(bundle.info.members) or parts is not None
        self._wanted = wanted_by((*opened.members, *opened.lenders))
        self._views = {encoding.view for encoding in self._wanted}
        self.needs_face = all(encoding.view.needs_face for encoding in wanted_by(opened.members))

    def take(self, people: People) -> ModelInputs:
        """What the model needs of a picture; cheap beside `run`, and safe in several threads."""
        views = {view: view.take(people) for view in self._views}
        return ModelInputs(len(people.boxes_xyxy), views)

    def run(self, batch: Sequence[ModelInputs]) -> Reading:
        """The people of several pictures at once, in order.

        Args:
            batch: from `take`; may be empty.
        """
        return self.combine(self.run_members(batch))

    def run_members(self, batch: Sequence[ModelInputs]) -> MembersReading:
        """What each member says, the only one where there is no ensemble; see `run`."""
        if not sum(map(len, batch)):
            return MembersReading(
                tuple(_nothing(self._own) for _ in self._members), _nothing(self._borrowed)
            )
        seen = {view: join([item.views[view] for item in batch]) for view in self._views}
        found = {own: own.run(seen[own.view], outputs) for own, outputs in self._wanted.items()}
        members = tuple(member.say(found) for member in self._members)
        borrowed: Said = {}
        for lender in self._lenders:
            borrowed |= lender.say(found)
        return MembersReading(members, borrowed)

    def combine(self, said: MembersReading) -> Reading:
        """The weighted mean of what the members say, calibrated."""
        weights = [member.weight for member in self._members]
        values = {
            name: combine_heads(
                head, [own[name] for own in said.members], weights, ensemble=self._ensemble
            )
            for name, head in self._own.items()
        }
        for name, head in self._borrowed.items():
            values[name] = combine_heads(head, [said.borrowed[name]], [1.0], ensemble=False)
        return Reading(values, self._spread(said, weights))

    def _spread(self, said: MembersReading, weights: Sequence[float]) -> FloatArray32 | None:
        heads = [n for n, head in self._own.items() if not isinstance(head, Dimensional)]
        if len(self._members) < 2 or not heads:
            return None
        return spread_of([own[heads[0]] for own in said.members], weights)


def _nothing(heads: dict[str, OutputSpec]) -> Said:
    return {name: np.zeros((0, len(head.labels)), np.float32) for name, head in heads.items()}
