"""A model file in ONNX Runtime, opened only if it is one that ends, its answers checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.arrays import FloatArray32
from affekt.bundle import Bundle
from affekt.errors import BundleError, UsageError, one_line
from affekt.inference.engine import InferenceSession, SessionOptions
from affekt.inference.graph import check_graph

FLOATS = "tensor(float)"


@dataclass(frozen=True, slots=True)
class Node:
    """An input or output of a model, as its file declares it.

    Attributes:
        type: of its values, as ONNX Runtime calls it.
        shape: an int for each fixed length, a name or None for one of any length.
    """

    type: str
    shape: tuple[int | str | None, ...]

    def is_like(self, *sides: int | None) -> bool:
        """Whether it takes floats of this shape; None stands for a length that must be free.

        >>> Node(FLOATS, ("n", 3)).is_like(None, 3), Node(FLOATS, (1, 3)).is_like(None, 3)
        (True, False)
        """
        return (
            self.type == FLOATS
            and len(self.shape) == len(sides)
            and all(
                not isinstance(own, int) or own == side
                for own, side in zip(self.shape, sides, strict=True)
            )
        )

    def describe(self) -> str:
        """For error lines.

        >>> Node(FLOATS, ("n", 3, None)).describe()
        'tensor(float) [n, 3, ?]'
        """
        return f"{self.type} [{', '.join('?' if s is None else str(s) for s in self.shape)}]"


class Session:
    """A model ready to run; it may be shared by threads, and is pickled as its file's path.

    Attributes:
        path: its file.
        inputs: by name.
        outputs: by name.
    """

    def __init__(
        self, path: Path, session: Any, threads: int | None, beside: Collection[Path]
    ) -> None:
        self.path = path
        self._given = (path, threads, tuple(beside))
        self.inputs = {node.name: _node(node) for node in session.get_inputs()}
        self.outputs = {node.name: _node(node) for node in session.get_outputs()}
        self._run = session.run

    def __reduce__(self) -> tuple[Any, ...]:
        return open_session, self._given

    def run(
        self, outputs: Sequence[str], feeds: Mapping[str, FloatArray32], rows: int | None = None
    ) -> list[FloatArray32]:
        """The outputs of that name.

        Args:
            outputs: names among `outputs`.
            feeds: a value for every input.
            rows: how long the first axis of each output must be; as the file declares by default.

        Raises:
            BundleError: the model fails, gives another shape than its file declares, or numbers
                that are not finite.
        """
        try:
            values: list[FloatArray32] = self._run(list(outputs), dict(feeds))
        except Exception as error:  # ONNX Runtime has no common base for its errors
            raise BundleError(f"{self.path}: the model fails ({one_line(error)})") from None
        for name, value in zip(outputs, values, strict=True):
            expected = [rows, *self.outputs[name].shape[1:]] if rows is not None else None
            self._check(name, value, expected or self.outputs[name].shape)
        return values

    def _check(self, name: str, value: FloatArray32, shape: Sequence[int | str | None]) -> None:
        if not Node(FLOATS, tuple(shape)).is_like(*value.shape):
            raise BundleError(
                f"{self.path}: gives {list(value.shape)} as {name!r}, not {[*shape]} as it says"
            )
        if not np.isfinite(value).all():
            raise BundleError(f"{self.path}: gives numbers as {name!r} that are not finite")


def open_session(
    path: str | Path, threads: int | None = None, beside: Collection[Path] = ()
) -> Session:
    """A session on the CPU whose threads sleep while there is nothing to do.

    Args:
        path: the ONNX file.
        threads: for one run; all cores by default.
        beside: files that it may take weights from.

    Raises:
        BundleError: the file is missing, is no ONNX model that can be run, may never end, or
            takes weights from other files.
    """
    check_graph(Path(path), beside)
    options = SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return Session(Path(path), session, threads, beside)  # reads names, which may be no text
    except Exception as error:  # ONNX Runtime has no common base for its errors
        raise BundleError(f"{path}: not a model that can be run ({one_line(error)})") from None


def open_detector(path: str | Path, kind: str, threads: int | None = None) -> Session:
    """`open_session` of a detector's file, which the caller names and vouches for.

    Raises:
        UsageError: the file is missing, or no model that can be run.
    """
    if not Path(path).is_file():
        raise UsageError(f"{path}: no such file; give a {kind} model in ONNX format")
    try:
        return open_session(path, threads)
    except BundleError as error:
        raise UsageError(str(error)) from None


def open_part(bundle: Bundle, name: str, threads: int | None = None) -> Session:
    """`open_session` of a bundle's ONNX file, whose weights may lie in the bundle's other files."""
    beside = {bundle.folder / file for file in bundle.info.files}
    return open_session(bundle.folder / name, threads, beside)


def _node(node: Any) -> Node:
    return Node(node.type, tuple(node.shape))
