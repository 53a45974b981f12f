"""Augmentation: everything random is drawn once per sample, then pure kernels apply it."""
