"""Trained models made into bundles."""
