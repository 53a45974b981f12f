"""Families of models as tasks of the one training loop."""
