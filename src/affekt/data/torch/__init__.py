"""Manifests as torch data sets: the only place of this room that knows torch."""
