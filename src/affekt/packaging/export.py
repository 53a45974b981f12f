"""A trained network made into a bundle: ONNX, checked on real pictures, calibrated, documented."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from affekt.bundle import (
    CARD_FILE,
    Bundle,
    BundleInfo,
    InputSpec,
    NumbersSpec,
    write_bundle,
)
from affekt.data.manifests.manifest import Manifest
from affekt.errors import UsageError
from affekt.heads import PRIMARY_HEAD
from affekt.models.network import Network
from affekt.packaging.agreement import compare, fit_head, output_of
from affekt.packaging.card import card_of
from affekt.packaging.graphs import file_of, graphs_of, head_inputs, is_direct
from affekt.packaging.precision import check_precision
from affekt.packaging.prepared import (
    add_prior,
    default_labels,
    keep_labels,
    open_network,
    single_label_head,
)

LENDER = "face"
"""The bundle that says the primary emotions where a model does not."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to make of a trained network.

    Attributes:
        name: of the bundle; that of its folder by default.
        precision: of what takes crops, one of `affekt.packaging.precision.PRECISIONS`.
        head_precision: of what comes after encoders, ``fp32`` or ``fp16``.
        licence: of the weights.
        metrics: figures to put into the description and the card, by the name of their data.
        labels: outputs of the single-label head to keep; where none are given, `PRIMARY` if it
            has them all, else its own.
        prior: strength with which the label prior of ``prior_manifest`` is put into the logits of
            the single-label head; 0 leaves them as for equally frequent labels.
        prior_manifest: whose training split gives that prior.
        mirror: the model of one stream looks at every crop as it is and mirrored, and takes the
            mean: a little more accurate, and half as fast.
    """

    name: str | None = None
    precision: str = "fp16"
    head_precision: str = "fp32"
    licence: str = "not stated"
    metrics: Mapping[str, Any] | None = None
    labels: tuple[str, ...] | None = None
    prior: float = 0.0
    prior_manifest: Manifest | None = None
    mirror: bool = False


def export_network(
    checkpoint: str | Path, out: str | Path, manifests: Sequence[Manifest], options: ExportOptions
) -> Bundle:
    """Writes a bundle from ``best.safetensors``.

    The bundle's model is run as any user would run it on the pictures of the validation splits,
    and compared with torch; the leaked ones are left out. Heads are fitted on the same subjects,
    but for a network of folds, which brings its own calibration and thresholds.

    Args:
        checkpoint: what ``affekt train`` wrote.
        out: the bundle's folder.
        manifests: int8 ranges are taken from their training splits.
        options: see `ExportOptions`.

    Raises:
        BundleError: the exported model does not agree with torch, or a bundle it needs is missing.
        UsageError: an unknown precision, a label that the network was not trained for, or an
            option that is not for such a network.
    """
    check_precision(options.precision)
    check_precision(options.head_precision, ("fp32", "fp16"))
    network = _prepared(open_network(Path(checkpoint)), options)
    files = graphs_of(
        network,
        manifests,
        precision=options.precision,
        head_precision=options.head_precision,
        mirror=options.mirror,
    )
    info, out = _description(network, options, Path(out)), Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:  # beside it: other bundles are
        draft = write_bundle(Path(folder) / out.name, info, {**files, CARD_FILE: b""})
        info = _fitted(info, draft, network, manifests, options)
    return write_bundle(out, info, {**files, CARD_FILE: card_of(info).encode()})


def _prepared(network: Network, options: ExportOptions) -> Network:
    head = single_label_head(network)
    if head is None:
        if options.labels or options.prior:
            raise UsageError("--label and --prior are for a model with primary emotions")
    else:
        labels = options.labels or default_labels(network.spec.heads[head].labels)
        network = keep_labels(network, head, labels)
        _add_prior(network, head, options)
    if options.mirror and not is_direct(network):
        raise UsageError("--mirror is for a model of one stream without fusion")
    return network


def _add_prior(network: Network, head: str, options: ExportOptions) -> None:
    if not options.prior:
        return
    if options.prior_manifest is None:
        raise UsageError("a prior strength needs the manifest whose prior it is")
    add_prior(network, head, options.prior_manifest, options.prior)


def _description(network: Network, options: ExportOptions, out: Path) -> BundleInfo:
    spec = network.spec
    export = {
        "precision": options.precision,
        "head_precision": options.head_precision,
        "prior": options.prior,
        "prior_manifest": _prior_name(options),
        "mirror": options.mirror,
    }
    made = {name: asdict(encoder) for name, encoder in spec.encoders.items()}
    lender = next(iter(spec.needs), LENDER)
    return BundleInfo(
        name=options.name or out.resolve().name,
        inputs=_inputs(network),
        outputs={name: output_of(head) for name, head in spec.heads.items()},
        licence=options.licence,
        borrowed={} if PRIMARY_HEAD in spec.heads else {PRIMARY_HEAD: lender},
        needs=dict(spec.needs),
        training={"encoders": made, "heads": spec.averaged, **spec.history, "export": export},
        metrics=dict(options.metrics or {}),
    )


def _inputs(network: Network) -> dict[str, InputSpec]:
    streams = network.spec.streams
    if is_direct(network):
        return {name: replace(stream, encoder=None) for name, stream in streams.items()}
    return {
        name: _stream(network, name) if name in streams else NumbersSpec(name)
        for name in head_inputs(network)
    }


def _stream(network: Network, name: str) -> InputSpec:
    stream = network.spec.streams[name]
    encoder = str(stream.encoder)
    return replace(stream, encoder=file_of(encoder) if encoder in network.encoders else encoder)


def _prior_name(options: ExportOptions) -> str | None:
    if not options.prior or options.prior_manifest is None:
        return None
    return next(options.prior_manifest.rows("train")).source


def _fitted(
    info: BundleInfo,
    draft: Bundle,
    network: Network,
    manifests: Sequence[Manifest],
    options: ExportOptions,
) -> BundleInfo:
    """Adds the agreement with torch and what was fitted, head by head."""
    said = compare(draft, network, manifests)
    fitted = {
        name: fit_head(name, head, said, options.precision, network.spec.history)
        for name, head in network.spec.heads.items()
    }
    export = {
        **info.training["export"],
        "torch_agreement": {
            "subjects": len(said.source_of),
            **{name: one.agreement for name, one in fitted.items()},
        },
        "calibrated_on": {name: one.on for name, one in fitted.items() if one.on},
    }
    training = {k: v for k, v in info.training.items() if k != "calibration"}
    outputs = {name: one.output for name, one in fitted.items()}
    return replace(info, outputs=outputs, training={**training, "export": export})
