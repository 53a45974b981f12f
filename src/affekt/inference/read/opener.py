"""The networks of a bundle, opened and checked, none opened twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from affekt.bundle import (
    FROM_BUNDLE,
    INFO_FILE,
    MODEL_FILE,
    Bundle,
    InputSpec,
    OutputSpec,
    StreamSpec,
    find_bundle,
    model_roots,
    read_bundle,
)
from affekt.errors import BundleError
from affekt.files import is_file
from affekt.inference.read.members import Encoding, Fused, Member, Whole
from affekt.inference.read.networks import FEATURES, CropNetwork, widths
from affekt.inference.read.views import View, view_of
from affekt.inference.session import Session, open_part

Parts = Sequence[tuple[Bundle, float]]
"""The members of an ensemble and their weights."""


@dataclass(frozen=True, slots=True)
class Opened:
    """All that a model runs.

    Attributes:
        members: one or more; each says every head of the bundle.
        lenders: of the borrowed heads, each of whose weight is 1.
        borrowed: the borrowed heads, by name.
    """

    members: tuple[Member, ...]
    lenders: tuple[Member, ...]
    borrowed: dict[str, OutputSpec]


def open_members(bundle: Bundle, threads: int | None = None, parts: Parts | None = None) -> Opened:
    """Opens what a bundle needs.

    Args:
        bundle: one model, or an ensemble.
        threads: for one run of one network.
        parts: the members, of an ensemble that is not written yet.

    Raises:
        BundleError: see `affekt.inference.read.model.Model`.
    """
    opener = _Opener(bundle, threads)
    heads = bundle.info.outputs
    if parts is None:
        parts = _parts(bundle) if bundle.info.members else [(bundle, 1.0)]
    members = tuple(opener.member(part, weight, heads) for part, weight in parts)
    lenders = []
    borrowed: dict[str, OutputSpec] = {}
    for name in dict.fromkeys(bundle.info.borrowed.values()):
        lender = opener.lender(name)
        wanted = [head for head, lent_by in bundle.info.borrowed.items() if lent_by == name]
        lent = {head: _head_of(lender, head) for head in wanted}
        lenders.append(opener.member(lender, 1.0, lent))
        borrowed |= lent
    return Opened(members, tuple(lenders), borrowed)


def open_whole(bundle: Bundle, threads: int | None = None) -> tuple[CropNetwork, StreamSpec]:
    """The network of a bundle that takes one kind of crop as it is, and how its crops are made.

    Raises:
        BundleError: it takes something else, or cannot be run.
    """
    model = _Opener(bundle, threads).model(bundle)
    if not isinstance(model, Whole) or model.encoding.network is None:
        takes = ", ".join(bundle.info.inputs) or "what its members take"
        raise BundleError(f"{bundle.folder}: takes {takes}; expected a model of one crop alone")
    return model.encoding.network, next(iter(bundle.info.streams.values()))


def _parts(bundle: Bundle) -> list[tuple[Bundle, float]]:
    """The members of an ensemble."""
    parts = []
    for folder, weight in bundle.info.members.items():
        part = read_bundle(bundle.folder / folder)
        if part.info.members:
            raise BundleError(f"{part.folder}: an ensemble; its own members can be members alone")
        parts.append((part, weight))
    return parts


def _head_of(bundle: Bundle, name: str) -> OutputSpec:
    if name not in bundle.info.outputs:
        known = [*bundle.info.outputs]
        raise BundleError(f"{bundle.folder}: expected to say {name!r}; it says {known}")
    return bundle.info.outputs[name]


def _orders(bundle: Bundle, heads: Mapping[str, OutputSpec]) -> dict[str, tuple[int, ...]]:
    """Where each label of these heads is among those that a bundle says.

    Raises:
        BundleError: it says another kind of head, or not all of the labels.
    """
    orders = {}
    for name, head in heads.items():
        own = _head_of(bundle, name)
        if own.kind != head.kind:
            raise BundleError(
                f"{bundle.folder}: says {name!r} as {own.kind}; the ensemble expects {head.kind}"
            )
        missing = [label for label in head.labels if label not in own.labels]
        if missing:
            raise BundleError(f"{bundle.folder}: {name!r} has no label {missing[0]!r}")
        orders[name] = tuple(own.labels.index(label) for label in head.labels)
    return orders


class _Opener:
    """Opens each file once, by its checksum, and encodes each view of it once."""

    def __init__(self, root: Bundle, threads: int | None) -> None:
        self._root = root
        self._threads = threads
        self._sessions: dict[str, Session] = {}
        self._encodings: dict[tuple[str, View], Encoding] = {}
        self._others: dict[str, Bundle] = {}

    def member(self, bundle: Bundle, weight: float, heads: Mapping[str, OutputSpec]) -> Member:
        """The model of a bundle, asked for these heads."""
        return Member(weight, self.model(bundle), _orders(bundle, heads))

    def model(self, bundle: Bundle) -> Whole | Fused:
        """The model of a bundle that is no ensemble."""
        if MODEL_FILE not in bundle.info.files:
            raise BundleError(f"{bundle.folder}: an ensemble; expected a model with {MODEL_FILE}")
        session = self._session(bundle, MODEL_FILE)
        _check_names(session, "inputs", session.inputs, bundle.info.inputs)
        alone = [spec for spec in bundle.info.streams.values() if spec.encoder is None]
        if alone:  # and then it is the only input, see `affekt.bundle.BundleInfo`
            encoding = self._encoding(bundle.info.files[MODEL_FILE], session, alone[0])
            _check_heads(session, bundle.info.outputs)
            return Whole(encoding, bundle.info.outputs)
        inputs = {n: self._input(bundle, n, spec) for n, spec in bundle.info.inputs.items()}
        for name, encoding in inputs.items():
            _check_width(session, name, encoding.width, bundle.info.inputs[name])
        _check_heads(session, bundle.info.outputs)
        return Fused(inputs, session, bundle.info.outputs)

    def lender(self, name: str) -> Bundle:
        """The bundle of that name that heads are borrowed from."""
        needed = name in self._root.info.needs
        return self._needed(self._root, name) if needed else find_bundle(name)

    def _session(self, holder: Bundle, name: str) -> Session:
        checksum = holder.info.files[name]
        if checksum not in self._sessions:
            self._sessions[checksum] = open_part(holder, name, self._threads)
        return self._sessions[checksum]

    def _encoding(self, checksum: str, session: Session, spec: StreamSpec) -> Encoding:
        view = view_of(spec)
        if (checksum, view) not in self._encodings:
            self._encodings[checksum, view] = Encoding(view, CropNetwork(session, spec))
        return self._encodings[checksum, view]

    def _input(self, bundle: Bundle, name: str, spec: InputSpec) -> Encoding:
        if not isinstance(spec, StreamSpec):
            return Encoding(view_of(spec))
        holder, file = self._encoder(bundle, name, str(spec.encoder))
        session = self._session(holder, file)
        if FEATURES not in session.outputs:
            raise BundleError(
                f"{session.path}: outputs {[*session.outputs]}; input {name!r} of {bundle.folder} "
                f"needs {FEATURES!r} among them; export it anew with affekt export"
            )
        return self._encoding(holder.info.files[file], session, spec)

    def _encoder(self, bundle: Bundle, name: str, encoder: str) -> tuple[Bundle, str]:
        """Where the encoder of an input lies: the bundle, and the file in it.

        Its own files may lie in the ensemble around it, where members share them.
        """
        other = encoder.removeprefix(FROM_BUNDLE)
        if other != encoder:
            return self._needed(bundle, other), MODEL_FILE
        holder = next((b for b in (bundle, self._root) if encoder in b.info.files), None)
        if holder is None:
            raise BundleError(
                f"{bundle.folder}: input {name!r} needs the encoder {encoder!r}, which is not in "
                "the bundle"
            )
        return holder, encoder

    def _needed(self, bundle: Bundle, name: str) -> Bundle:
        """The bundle of that name that a model was trained with, found once for all members."""
        checksum = bundle.info.needs[name]
        if checksum not in self._others:
            self._others[checksum] = self._search(bundle, name, checksum)
        return self._others[checksum]

    def _search(self, bundle: Bundle, name: str, checksum: str) -> Bundle:
        """The bundle of that name and checksum.

        It is looked for beside the member, beside the ensemble, among the user's bundles and
        among the embedded ones.
        """
        parents = (bundle.folder.parent, self._root.folder.parent, *model_roots())
        folders = [p / name for p in dict.fromkeys(parents) if is_file(p / name / INFO_FILE)]
        there = []
        for found in map(read_bundle, folders):
            if found.info.files.get(MODEL_FILE) == checksum:
                return found
            there.append(f"the one in {found.folder} is another")
        raise BundleError(
            f"{bundle.folder}: needs the bundle {name!r} that it was trained with, whose "
            f"{MODEL_FILE} has the SHA-256 {checksum[:12]}…; {', '.join(there) or 'there is none'}"
        )


def _check_names(
    session: Session, what: str, there: Iterable[str], described: Iterable[str]
) -> None:
    if {*there} != {*described}:
        raise BundleError(
            f"{session.path}: {what} {[*there]}, but {INFO_FILE} describes {[*described]}"
        )


def _check_heads(session: Session, heads: Mapping[str, OutputSpec]) -> None:
    for name, head in heads.items():
        node = head.node or name
        width = widths(session, [node])[node]
        if width != len(head.labels):
            raise BundleError(
                f"{session.path}: output {node!r} is {width} wide, but {name!r} has "
                f"{len(head.labels)} labels"
            )


def _check_width(session: Session, name: str, width: int, spec: InputSpec) -> None:
    """Refuses an input that takes something else than what is behind it."""
    node = session.inputs[name]
    takes = node.shape[-1] if node.shape else None
    if not isinstance(takes, int) or not node.is_like(None, takes):
        raise BundleError(
            f"{session.path}: takes {node.describe()} as {name!r}; it must say tensor(float) "
            "[n, width], the width as a number"
        )
    if takes != width:
        source = spec.encoder if isinstance(spec, StreamSpec) else f"this Affekt's {spec.kind}"
        raise BundleError(
            f"{session.path}: takes {takes} numbers as {name!r}, but {source} gives {width}"
        )
