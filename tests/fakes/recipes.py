"""Tiny recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from affekt.data.manifests.manifest import Manifest

LABELS = ("anger", "happiness", "neutral")


def content_of(out: Path, manifest: Manifest, **tables: Any) -> dict[str, Any]:
    """A tiny recipe."""
    return {
        "run": {"out": str(out), "accelerator": "cpu", "threads": 1},
        "data": {"manifests": [str(manifest.path)], "workers": 0},
        "optim": {"epochs": 4, "batch": 8, "lr": 1e-2, "encoder_lr": 1e-2, "ema": 0.5},
        **tables,
    }
